using PSMqtt.Dependencies;
using PSMqtt.Protocol;
using PSMqtt.Protocol.Transports;

namespace PSMqtt.Connections;

/// <summary>Looks up DNS service records with a library that is loaded at the first look-up, so that nobody pays for it who names servers.</summary>
internal sealed class ServiceRecords : IServiceRecordResolver
{
    private static readonly Lazy<IServiceRecordResolver> s_resolver = new(
        static () => DependencyLoadContext.Create<IServiceRecordResolver>("PSMqtt.Dns", "PSMqtt.Dns.ServiceRecordResolver"));

    private ServiceRecords()
    {
    }

    /// <summary>The one there is.</summary>
    public static ServiceRecords Instance { get; } = new();

    /// <inheritdoc />
    public ValueTask<IReadOnlyList<ServiceRecord>> ResolveAsync(string name, CancellationToken cancellationToken)
    {
        try
        {
            return s_resolver.Value.ResolveAsync(name, cancellationToken);
        }
        catch (FileNotFoundException exception)
        {
            // Not a failure of DNS, which the engine would take it for.
            throw new MqttConnectException(
                MqttConnectPhase.Resolve,
                MqttConnectFailure.Unspecified,
                $"The service records {name} could not be looked up. {exception.Message} Install the module again, or name the server itself (mqtt:// or mqtts://).",
                exception);
        }
    }
}
