namespace PSMqtt.Protocol.Transports;

/// <summary>One DNS service record (RFC 2782).</summary>
/// <param name="Host">The host name.</param>
/// <param name="Port">The port.</param>
/// <param name="Priority">Lower ones are tried first.</param>
/// <param name="Weight">Among equal priorities, how often this one comes first, relative to the others.</param>
public readonly record struct ServiceRecord(string Host, int Port, int Priority, int Weight);

/// <summary>Looks up DNS service records; the engine itself has no DNS client.</summary>
public interface IServiceRecordResolver
{
    /// <summary>Looks up a name.</summary>
    /// <param name="name">The full name, such as <c>_mqtt._tcp.example.com</c>.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The records, in any order; empty when there are none.</returns>
    ValueTask<IReadOnlyList<ServiceRecord>> ResolveAsync(string name, CancellationToken cancellationToken);
}
