namespace PSMqtt.Protocol.Transports;

/// <summary>Opens connections: chooses, by the endpoint's scheme, what lies on top of what.</summary>
internal sealed class BuiltInTransportFactory(TcpConnector tcp) : ITransportFactory
{
    public async ValueTask<ITransport> ConnectAsync(
        MqttEndpoint endpoint, MqttClientOptions options, MqttProtocolVersion protocolVersion, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        ArgumentNullException.ThrowIfNull(options);
        return endpoint.Scheme switch
        {
            "mqtt" => new SocketTransport(await tcp.ConnectAsync(endpoint.Host, endpoint.Port, options, cancellationToken).ConfigureAwait(false), "tcp"),
            _ => throw new MqttConnectException(
                MqttConnectPhase.Connect, MqttConnectFailure.Unspecified, $"'{endpoint}': the scheme {endpoint.Scheme} cannot be connected to; use mqtt://."),
        };
    }
}
