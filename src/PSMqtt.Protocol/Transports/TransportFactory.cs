namespace PSMqtt.Protocol.Transports;

/// <summary>Holds the factory that <see cref="MqttClientOptions.TransportFactory"/> is by default.</summary>
public static class TransportFactory
{
    /// <summary>Opens connections for every scheme of <see cref="MqttEndpoint"/>.</summary>
    public static ITransportFactory Default { get; } = new BuiltInTransportFactory(new TcpConnector(), Environment.GetEnvironmentVariable);
}
