using System.Net.Security;
using System.Net.Sockets;

namespace PSMqtt.Protocol.Transports;

/// <summary>Opens connections: chooses, by the endpoint's scheme, what lies on top of what.</summary>
internal sealed class BuiltInTransportFactory(TcpConnector tcp) : ITransportFactory
{
    public async ValueTask<ITransport> ConnectAsync(
        MqttEndpoint endpoint, MqttClientOptions options, MqttProtocolVersion protocolVersion, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        ArgumentNullException.ThrowIfNull(options);
        Socket socket = await tcp.ConnectAsync(endpoint.Host, endpoint.Port, options, cancellationToken).ConfigureAwait(false);
        if (!endpoint.IsTls)
        {
            return new SocketTransport(socket, "tcp");
        }

        try
        {
            string description = $"tls {socket.RemoteEndPoint}";
            var handshake = new TlsHandshake(endpoint.Authority, [endpoint.Host], options.Tls);
            (SslStream stream, MqttTlsDetails details) = await handshake
                .AuthenticateAsync(new NetworkStream(socket, ownsSocket: true), cancellationToken).ConfigureAwait(false);
            return new TlsTransport(socket, stream, handshake, details, description);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
