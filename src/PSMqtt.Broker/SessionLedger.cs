using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using MQTTnet.Packets;

namespace PSMqtt.Broker;

/// <summary>
/// What a session must know beyond what the library keeps, so that it outlives a connection: what tells a repetition from a new message, in both
/// directions.
/// </summary>
internal sealed class SessionLedger
{
    /// <summary>The packet identifiers of QoS 2 messages that were received and not yet released [MQTT-4.3.3-10].</summary>
    public ConcurrentDictionary<ushort, bool> Received { get; } = new();

    /// <summary>The messages that were sent and not yet acknowledged, by the library's object, which it sends again on a new connection.</summary>
    public ConditionalWeakTable<MqttPublishPacket, SentMessage> Sent { get; } = [];

    /// <summary>The same by the identifier under which they were sent.</summary>
    public ConcurrentDictionary<ushort, SentMessage> SentById { get; } = new();

    /// <summary>The Session Expiry Interval in seconds.</summary>
    public uint Expiry { get; set; }
}

/// <summary>A message that is under way to a client.</summary>
/// <param name="PacketIdentifier">What it was sent under. It is sent again under the same [MQTT-4.4.0-1].</param>
internal sealed record SentMessage(ushort PacketIdentifier)
{
    /// <summary>Whether the client has said that it has it (PUBREC): then only the release is repeated.</summary>
    public bool IsReceived { get; set; }
}

/// <summary>The ledgers of all sessions, and the connection that each has now.</summary>
internal sealed class SessionLedgers
{
    private readonly ConcurrentDictionary<string, SessionLedger> _ledgers = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, DeliveryChannel> _connected = new(StringComparer.Ordinal);

    /// <summary>The ledger of a session that is being connected to.</summary>
    /// <param name="clientId">The session's client identifier.</param>
    /// <param name="isPresent">Whether the session goes on; otherwise it begins with an empty one.</param>
    /// <param name="channel">The connection.</param>
    public SessionLedger Open(string clientId, bool isPresent, DeliveryChannel channel)
    {
        _connected[clientId] = channel;
        return isPresent ? _ledgers.GetOrAdd(clientId, static _ => new()) : _ledgers.AddOrUpdate(clientId, static _ => new(), static (_, _) => new());
    }

    /// <summary>The connection that a client has now.</summary>
    public DeliveryChannel? ConnectionOf(string clientId) => _connected.GetValueOrDefault(clientId);

    /// <summary>Ends a connection.</summary>
    /// <returns>Whether it was still the client's: no other has taken its place.</returns>
    public bool Close(string clientId, DeliveryChannel channel) => _connected.TryRemove(new KeyValuePair<string, DeliveryChannel>(clientId, channel));

    /// <summary>Whether a session that has been without a connection has expired [MQTT-3.1.2-23].</summary>
    public bool HasExpired(string clientId, DateTime? disconnected) =>
        disconnected is { } since
        && _ledgers.TryGetValue(clientId, out SessionLedger? ledger)
        && ledger.Expiry != uint.MaxValue
        && DateTime.UtcNow - since > TimeSpan.FromSeconds(ledger.Expiry);
}
