using System.Collections.Concurrent;

namespace PSMqtt.Broker;

/// <summary>
/// The packet identifiers of QoS 2 messages that each session has received and not yet released: what tells a repetition from a new message
/// [MQTT-4.3.3-10]. They belong to the session, and so outlive a connection.
/// </summary>
internal sealed class ExactlyOnceLedger
{
    private readonly ConcurrentDictionary<string, ConcurrentDictionary<ushort, bool>> _sessions = new(StringComparer.Ordinal);

    /// <summary>The identifiers of a session that is being connected to.</summary>
    /// <param name="clientId">The session's client identifier.</param>
    /// <param name="isPresent">Whether the session goes on; otherwise it begins with none.</param>
    public ConcurrentDictionary<ushort, bool> Open(string clientId, bool isPresent) => isPresent
        ? _sessions.GetOrAdd(clientId, _ => new())
        : _sessions.AddOrUpdate(clientId, _ => new(), (_, _) => new());
}
