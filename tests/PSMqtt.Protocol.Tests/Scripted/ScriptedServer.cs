using System.Net;
using System.Net.Sockets;
using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Transports;

namespace PSMqtt.Protocol.Tests.Scripted;

/// <summary>A server on loopback that does, packet by packet, what a test says.</summary>
/// <example>
/// <code>
/// await using var server = new ScriptedServer();
/// using var peer = await server.AcceptAsync();
/// var connect = await peer.ExpectAsync&lt;ConnectPacket&gt;();
/// await peer.SendAsync(new ConnAckPacket());
/// ReceivedPublish publish = await peer.ExpectPublishAsync();
/// </code>
/// </example>
internal sealed class ScriptedServer : IAsyncDisposable
{
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly List<ScriptedPeer> _peers = [];

    public ScriptedServer()
    {
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(1024);
    }

    /// <summary>How long a wait may take. Default: 60 seconds. What a script waits for comes at once; the limit only ends a failed test.</summary>
    public TimeSpan TimeLimit { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long a peer may wait until the client takes what it is sent. Default: as <see cref="TimeLimit" />.</summary>
    public TimeSpan? SendLimit { get; init; }

    public int Port => ((IPEndPoint)_listener.LocalEndPoint!).Port;

    /// <summary>Where a client connects to.</summary>
    public MqttEndpoint Endpoint => MqttEndpoint.Parse($"mqtt://127.0.0.1:{Port}");

    /// <summary>Whether a connection waits to be accepted.</summary>
    public bool HasPendingConnection => _listener.Poll(0, SelectMode.SelectRead);

    /// <summary>Waits for the next connection.</summary>
    public async Task<ScriptedPeer> AcceptAsync(CancellationToken cancellationToken = default)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(TimeLimit);
        try
        {
            Socket socket = await _listener.AcceptAsync(limit.Token);
            var peer = new ScriptedPeer(socket, TimeLimit, SendLimit ?? TimeLimit);
            lock (_peers)
            {
                _peers.Add(peer);
            }

            return peer;
        }
        catch (OperationCanceledException exception) when (!cancellationToken.IsCancellationRequested)
        {
            string earlier;
            lock (_peers)
            {
                earlier = string.Concat(_peers.Select((peer, index) => $"{Environment.NewLine}Connection {index + 1}:{peer.Log}"));
            }

            throw new ScriptException($"No connection came within {TimeLimit.TotalSeconds} s.{earlier}", exception);
        }
    }

    /// <summary>Waits for the next connection and its CONNECT, and answers with a CONNACK; success if none is given.</summary>
    public async Task<ScriptedPeer> AcceptConnectedAsync(ConnAckPacket? connAck = null, CancellationToken cancellationToken = default)
    {
        ScriptedPeer peer = await AcceptAsync(cancellationToken);
        await peer.ExpectAsync<ConnectPacket>(cancellationToken);
        await peer.SendAsync(connAck ?? new ConnAckPacket());
        return peer;
    }

    /// <summary>Stops listening; connections that are refused from now on stay refused, those that were accepted stay open.</summary>
    public void StopListening() => _listener.Dispose();

    public ValueTask DisposeAsync()
    {
        _listener.Dispose();
        lock (_peers)
        {
            foreach (ScriptedPeer peer in _peers)
            {
                peer.Dispose();
            }
        }

        return ValueTask.CompletedTask;
    }
}
