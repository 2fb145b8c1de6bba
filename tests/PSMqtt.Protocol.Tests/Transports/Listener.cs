using System.Net;
using System.Net.Sockets;
using PSMqtt.Protocol.Transports;

namespace PSMqtt.Protocol.Tests.Transports;

/// <summary>A listening socket on loopback, on a free port unless one is given.</summary>
internal sealed class Listener : IDisposable
{
    private readonly Socket _socket;

    public Listener(IPAddress? address = null, int port = 0)
    {
        address ??= IPAddress.Loopback;
        _socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        _socket.Bind(new IPEndPoint(address, port));
        _socket.Listen(64);
    }

    public int Port => ((IPEndPoint)_socket.LocalEndPoint!).Port;

    public MqttEndpoint Endpoint => MqttEndpoint.Parse($"mqtt://{_socket.LocalEndPoint}");

    public Task<Socket> AcceptAsync() => _socket.AcceptAsync();

    public void Dispose() => _socket.Dispose();
}
