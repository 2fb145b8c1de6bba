using System.Net;
using System.Net.Sockets;

namespace PSMqtt.Protocol.Tests.Chaos;

/// <summary>
/// Stands between a client and a broker on loopback and makes a bad network of it: passes bytes on in other pieces and late, goes silent, and cuts the
/// connection wherever a packet happens to be. What it does follows from its seed and from what comes through.
/// </summary>
internal sealed class ChaosProxy : IAsyncDisposable
{
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly CancellationTokenSource _stop = new();
    private readonly object _gate = new();
    private readonly Random _random;
    private readonly int _brokerPort;
    private readonly int _cutLimit;
    private readonly int _silenceLimit;
    private readonly List<Task> _links = [];
    private readonly Task _accepting;
    private bool _isCalm = true;
    private int _cuts;
    private int _silences;
    private int _connections;

    /// <param name="brokerPort">Where the broker listens.</param>
    /// <param name="seed">What all its moods come from.</param>
    /// <param name="cutLimit">After so many cuts it is only slow.</param>
    /// <param name="silenceLimit">So many of them are a silence that lasts until the client or the broker gives the connection up.</param>
    public ChaosProxy(int brokerPort, int seed, int cutLimit, int silenceLimit = 0)
    {
        _brokerPort = brokerPort;
        _random = new Random(seed);
        _cutLimit = cutLimit;
        _silenceLimit = silenceLimit;
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(128);
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndPoint!).Port;

    /// <summary>Connections that were cut, silences included.</summary>
    public int Cuts => Volatile.Read(ref _cuts);

    public int Silences => Volatile.Read(ref _silences);

    public int Connections => Volatile.Read(ref _connections);

    /// <summary>The bytes, in both directions together, after which a connection is cut: evenly distributed from 1. Default: 16,000.</summary>
    public int BytesBetweenCuts { get; init; } = 16_000;

    /// <summary>How long a silence lasts before the connection is cut, if neither end has given it up by then. Default: for ever.</summary>
    public TimeSpan LongestSilence { get; init; } = Timeout.InfiniteTimeSpan;

    /// <summary>Up to here it was a good network.</summary>
    public void Begin() => Volatile.Write(ref _isCalm, false);

    /// <summary>From here on it is one again.</summary>
    public void Calm() => Volatile.Write(ref _isCalm, true);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        await _accepting;
        await Task.WhenAll(_links);
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                Socket client = await _listener.AcceptAsync(_stop.Token);
                Interlocked.Increment(ref _connections);
                _links.RemoveAll(static link => link.IsCompleted);
                _links.Add(Task.Run(() => LinkAsync(client)));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // No more connections.
        }
    }

    private async Task LinkAsync(Socket client)
    {
        using (client)
        using (var broker = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp))
        using (var over = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token))
        {
            try
            {
                client.NoDelay = broker.NoDelay = true;
                await broker.ConnectAsync(new IPEndPoint(IPAddress.Loopback, _brokerPort), over.Token);
                var budget = new Budget { Bytes = Next(BytesBetweenCuts) + 1 };
                Task forth = PumpAsync(client, broker, budget, over.Token);
                Task back = PumpAsync(broker, client, budget, over.Token);

                // The end of one direction is the end of both: a half-closed connection is no use to MQTT.
                await Task.WhenAny(forth, back);
                await over.CancelAsync();
                await Task.WhenAll(forth, back);
                if (budget.IsReset)
                {
                    client.LingerState = new LingerOption(true, 0);
                }

                client.Dispose();
                await LeaveAsync(broker);
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                // That is what a bad network looks like.
            }
        }
    }

    /// <summary>
    /// The broker hears of the end once it has said all it had to say. mosquitto, to 2.1 at least, forgets that it had a PUBREC when its connection
    /// breaks while it resends (the state "PUBREL to be resent" becomes "PUBLISH to be resent"), and then QoS 2 arrives twice.
    /// </summary>
    private async Task LeaveAsync(Socket broker)
    {
        broker.Shutdown(SocketShutdown.Send);
        var unheard = new byte[8192];
        while (await broker.ReceiveAsync(unheard, _stop.Token) > 0)
        {
        }
    }

    private async Task PumpAsync(Socket from, Socket to, Budget budget, CancellationToken over)
    {
        var buffer = new byte[8192];
        try
        {
            while (true)
            {
                int count = await from.ReceiveAsync(buffer.AsMemory(0, Volatile.Read(ref _isCalm) ? buffer.Length : Next(buffer.Length) + 1), over);
                if (count == 0)
                {
                    return;
                }

                for (int sent = 0; sent < count;)
                {
                    int piece = count - sent;
                    if (!Volatile.Read(ref _isCalm))
                    {
                        piece = Next(4) == 0 ? Next(piece) + 1 : piece;
                        if (Next(32) == 0)
                        {
                            await Task.Delay(Next(3), over);
                        }

                        if (Cuts < _cutLimit && Interlocked.Add(ref budget.Bytes, -piece) <= 0)
                        {
                            await CutAsync(to, buffer.AsMemory(sent, Next(piece)), from, budget, over);
                            return;
                        }
                    }

                    sent += await to.SendAsync(buffer.AsMemory(sent, piece), over);
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The other direction, or one of the two ends, is gone.
        }
    }

    /// <summary>Part of what has come still arrives; the rest never does.</summary>
    private async Task CutAsync(Socket to, ReadOnlyMemory<byte> last, Socket from, Budget budget, CancellationToken over)
    {
        if (Interlocked.Exchange(ref budget.IsCut, 1) != 0)
        {
            // The other direction does it; this one is just deaf from now on.
            await Task.Delay(Timeout.Infinite, over);
        }

        Interlocked.Increment(ref _cuts);
        if (!last.IsEmpty)
        {
            await to.SendAsync(last, over);
        }

        switch (Next(4))
        {
            case 0 when Interlocked.Increment(ref _silences) <= _silenceLimit:
                // Neither end hears anything, nor hears that the other is gone, until one of them gives up.
                await ListenAsync(from, over).WaitAsync(LongestSilence, over).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                break;
            case 0:
                Interlocked.Decrement(ref _silences);
                budget.IsReset = true;
                break;
            case 1:
                await Task.Delay(Next(20), over);
                break;
            case 2:
                budget.IsReset = true;
                break;
        }
    }

    private static async Task ListenAsync(Socket socket, CancellationToken over)
    {
        var unheard = new byte[8192];
        while (await socket.ReceiveAsync(unheard, over) > 0)
        {
        }
    }

    private int Next(int bound)
    {
        lock (_gate)
        {
            return _random.Next(bound);
        }
    }

    /// <summary>What one connection has left.</summary>
    private sealed class Budget
    {
        public int Bytes;

        public int IsCut;

        public bool IsReset { get; set; }
    }
}
