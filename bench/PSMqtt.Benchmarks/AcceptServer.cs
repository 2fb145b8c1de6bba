using System.Net;
using System.Net.Sockets;

namespace PSMqtt.Benchmarks;

/// <summary>A peer that accepts thousands of connections, says CONNACK to each, and keeps them: no thread and no buffer a connection.</summary>
internal sealed class AcceptServer : IDisposable
{
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly List<Socket> _accepted = [];

    public AcceptServer()
    {
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(512);
        Port = ((IPEndPoint)_listener.LocalEndPoint!).Port;
        new Thread(Accept) { IsBackground = true }.Start();
    }

    /// <summary>Whether it waits for each connection to end before it takes the next.</summary>
    public bool OneAfterTheOther { get; init; }

    public int Port { get; }

    public void Dispose()
    {
        _listener.Dispose();
        lock (_accepted)
        {
            _accepted.ForEach(static socket => socket.Dispose());
        }
    }

    private void Accept()
    {
        byte[] buffer = new byte[1024];
        while (true)
        {
            try
            {
                Socket socket = _listener.Accept();
                socket.NoDelay = true;
                int count = socket.Receive(buffer);
                bool is5 = count > 8 && buffer[8] == 5;
                socket.Send(is5 ? [0x20, 3, 0, 0, 0] : [0x20, 2, 0, 0]);
                if (OneAfterTheOther)
                {
                    using (socket)
                    {
                        while (socket.Receive(buffer) > 0)
                        {
                            // DISCONNECT, and the end.
                        }
                    }
                }
                else
                {
                    lock (_accepted)
                    {
                        _accepted.Add(socket);
                    }
                }
            }
            catch (ObjectDisposedException)
            {
                return;
            }
            catch (SocketException)
            {
                if (!_listener.IsBound)
                {
                    return;
                }
            }
        }
    }
}
