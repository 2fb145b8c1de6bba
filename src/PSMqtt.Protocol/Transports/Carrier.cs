using System.Net.Security;
using System.Net.Sockets;

namespace PSMqtt.Protocol.Transports;

/// <summary>A connected socket on its way to become a transport: what the next layer is put on.</summary>
/// <param name="Socket">The socket.</param>
/// <param name="Route">Where it leads, for people: an address, a path, or a server and the proxy before it.</param>
internal sealed record Carrier(Socket Socket, string Route) : IDisposable
{
    /// <summary>TLS, where it was put on.</summary>
    public SecureLayer? Secure { get; init; }

    /// <summary>What the next layer reads and writes.</summary>
    public Stream Stream => _stream ??= Secure is { } secure ? secure.Stream : new NetworkStream(Socket, ownsSocket: true);

    private Stream? _stream;

    public void Dispose() => Socket.Dispose();
}

/// <summary>TLS on a carrier.</summary>
internal sealed record SecureLayer(SslStream Stream, TlsHandshake Handshake, MqttTlsDetails Details);
