namespace PSMqtt.Protocol.Transports;

/// <summary>Opens connections.</summary>
public interface ITransportFactory
{
    /// <summary>Opens a connection to a server: the phases before CONNECT.</summary>
    /// <param name="endpoint">The server.</param>
    /// <param name="options">The client's options, of which those about connections are used.</param>
    /// <param name="protocolVersion">The version of MQTT that will be spoken (it names the WebSocket subprotocol).</param>
    /// <param name="cancellationToken">Ends the attempt, when its time has run out too.</param>
    /// <returns>The connection.</returns>
    /// <exception cref="MqttConnectException">It could not be opened; says which phase failed and why.</exception>
    ValueTask<ITransport> ConnectAsync(
        MqttEndpoint endpoint, MqttClientOptions options, MqttProtocolVersion protocolVersion, CancellationToken cancellationToken);
}
