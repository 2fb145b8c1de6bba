using System.Net;
using System.Net.Sockets;

namespace PSMqtt.Protocol.Tests.Transports;

/// <summary>An address that neither accepts nor refuses: a listener that never accepts, with its queue filled until a connection hangs.</summary>
internal sealed class DeadListener : IDisposable
{
    private readonly List<Socket> _sockets = [];

    private DeadListener(int port) => Port = port;

    public IPAddress Address { get; } = IPAddress.Parse("127.0.0.2");

    public int Port { get; }

    public static DeadListener Create()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Parse("127.0.0.2"), 0));
        socket.Listen(1);
        var dead = new DeadListener(((IPEndPoint)socket.LocalEndPoint!).Port);
        dead._sockets.Add(socket);
        for (int i = 0; i < 8; i++)
        {
            var filler = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { Blocking = false };
            dead._sockets.Add(filler);
            try
            {
                filler.Connect(dead.Address, dead.Port);
            }
            catch (SocketException e) when (e.SocketErrorCode is SocketError.WouldBlock or SocketError.InProgress)
            {
                // Under way or, once the queue is full, for ever.
            }
        }

        return dead;
    }

    public void Dispose() => _sockets.ForEach(socket => socket.Dispose());
}
