using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Time.Testing;
using PSMqtt.Protocol.Transports;

namespace PSMqtt.Protocol.Tests.Transports;

public class TcpTransportTests
{
    private const string NeedsLinux = "only Linux has all of 127.0.0.0/8, and listeners whose queue fills";

    private static readonly MqttClientOptions s_options = new();

    [Fact(DisplayName = "bytes travel both ways, and the end of sending reaches the peer after the last of them")]
    public async Task BothWays()
    {
        using var listener = new Listener();
        await using ITransport transport = await ConnectAsync(listener.Endpoint);
        using Socket peer = await listener.AcceptAsync();
        Assert.Equal($"tcp 127.0.0.1:{listener.Port}", transport.Description);
        Assert.True(((IPEndPoint)peer.RemoteEndPoint!).Port > 0);

        byte[] sent = new byte[4 * 1024 * 1024];
        Random.Shared.NextBytes(sent);
        Task<byte[]> received = ReadToEndAsync(peer);
        await transport.SendAsync(sent, CancellationToken.None);
        await transport.ShutdownAsync(CancellationToken.None);
        Assert.Equal(sent, await received);

        await peer.SendAsync(new byte[] { 1, 2, 3 });
        byte[] buffer = new byte[16];
        Assert.Equal(3, await transport.ReceiveAsync(buffer, CancellationToken.None));
        peer.Shutdown(SocketShutdown.Send);
        Assert.Equal(0, await transport.ReceiveAsync(buffer, CancellationToken.None));
        await transport.ShutdownAsync(CancellationToken.None);
    }

    [Fact(DisplayName = "a connection that the peer resets is an IOException")]
    public async Task Reset()
    {
        using var listener = new Listener();
        await using ITransport transport = await ConnectAsync(listener.Endpoint);
        using (Socket peer = await listener.AcceptAsync())
        {
            peer.LingerState = new LingerOption(true, 0);
        }

        await Assert.ThrowsAsync<IOException>(async () => await transport.ReceiveAsync(new byte[1], CancellationToken.None));
        await transport.ShutdownAsync(CancellationToken.None);
    }

    [Fact(DisplayName = "Abort ends a pending receive and a pending send, and what comes after is an IOException")]
    public async Task AbortEndsEverything()
    {
        using var listener = new Listener();
        await using ITransport transport = await ConnectAsync(listener.Endpoint);
        using Socket peer = await listener.AcceptAsync();
        Task<int> receive = transport.ReceiveAsync(new byte[1], CancellationToken.None).AsTask();
        Task send = SendForEverAsync(transport);
        Assert.False(receive.IsCompleted);

        await Task.Run(transport.Abort);
        await EndsAsync(receive);
        await Assert.ThrowsAsync<IOException>(() => send);
        await Assert.ThrowsAsync<IOException>(async () => await transport.ReceiveAsync(new byte[1], CancellationToken.None));
        await Assert.ThrowsAsync<IOException>(async () => await transport.SendAsync(new byte[1], CancellationToken.None));
        await transport.ShutdownAsync(CancellationToken.None);
        transport.Abort();
    }

    [Fact(DisplayName = "a receive can be cancelled")]
    public async Task ReceiveCancelled()
    {
        using var listener = new Listener();
        await using ITransport transport = await ConnectAsync(listener.Endpoint);
        using var stop = new CancellationTokenSource();
        Task<int> receive = transport.ReceiveAsync(new byte[1], stop.Token).AsTask();
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => receive);
    }

    [Fact(DisplayName = "sending and receiving allocate nothing in steady state")]
    public async Task AllocatesNothing()
    {
        using var listener = new Listener();
        await using ITransport transport = await ConnectAsync(listener.Endpoint);
        using Socket peer = await listener.AcceptAsync();
        byte[] bytes = new byte[64];
        long least = long.MaxValue;
        for (int round = 0; round < 20 && least > 0; round++)
        {
            bool synchronous = true;
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 100; i++)
            {
                ValueTask send = transport.SendAsync(bytes, CancellationToken.None);
                synchronous &= send.IsCompletedSuccessfully;
                await send;
                for (int left = bytes.Length; left > 0; left -= peer.Receive(bytes, 0, left, SocketFlags.None))
                {
                }

                // On loopback, what was sent is nearly always there when Send returns. Then everything happens on this thread, and is counted.
                peer.Send(bytes);
                for (int left = bytes.Length; left > 0;)
                {
                    ValueTask<int> receive = transport.ReceiveAsync(bytes.AsMemory(0, left), CancellationToken.None);
                    synchronous &= receive.IsCompletedSuccessfully;
                    left -= await receive;
                }
            }

            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            least = synchronous ? Math.Min(least, allocated) : least;
        }

        Assert.Equal(0, least);
    }

    [Fact(DisplayName = "a name that does not exist is HostNotFound, and the message says what to check")]
    public async Task HostNotFound()
    {
        var exception = await FailsAsync(MqttEndpoint.Parse("mqtt://no-such-host.invalid"));
        Assert.Equal(MqttConnectPhase.Resolve, exception.Phase);
        Assert.Equal(MqttConnectFailure.HostNotFound, exception.Failure);
        Assert.Contains("no-such-host.invalid", exception.Message, StringComparison.Ordinal);
        Assert.Equal("no-such-host.invalid:1883", exception.Server);
    }

    [Fact(DisplayName = "a closed port is ConnectionRefused, and the message names host and port")]
    public async Task Refused()
    {
        int port;
        using (var listener = new Listener())
        {
            port = listener.Port;
        }

        var exception = await FailsAsync(MqttEndpoint.Parse($"mqtt://localhost:{port}"));
        Assert.Equal(MqttConnectPhase.Connect, exception.Phase);
        Assert.Equal(MqttConnectFailure.ConnectionRefused, exception.Failure);
        Assert.Contains($"localhost:{port} refused the connection", exception.Message, StringComparison.Ordinal);
        Assert.IsType<SocketException>(exception.InnerException);
    }

    [Fact(DisplayName = "a host without an address of the local address's family is Unreachable")]
    public async Task Unreachable()
    {
        var options = s_options with { LocalAddress = IPAddress.IPv6Loopback };
        var exception = await FailsAsync(MqttEndpoint.Parse("mqtt://127.0.0.1:1883"), options);
        Assert.Equal(MqttConnectFailure.Unreachable, exception.Failure);
        Assert.Contains("local address ::1", exception.Message, StringComparison.Ordinal);
    }

    [Fact(DisplayName = "the local address is bound, and one that the machine does not have is named")]
    public async Task LocalAddress()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), NeedsLinux);
        using var listener = new Listener();
        await using ITransport transport = await ConnectAsync(listener.Endpoint, s_options with { LocalAddress = IPAddress.Parse("127.0.0.5") });
        using Socket peer = await listener.AcceptAsync();
        Assert.Equal("127.0.0.5", ((IPEndPoint)peer.RemoteEndPoint!).Address.ToString());

        var exception = await FailsAsync(listener.Endpoint, s_options with { LocalAddress = IPAddress.Parse("192.0.2.1") });
        Assert.Equal(MqttConnectPhase.Connect, exception.Phase);
        Assert.Contains("local address 192.0.2.1", exception.Message, StringComparison.Ordinal);
    }

    [Fact(DisplayName = "the socket has no Nagle delay, keep-alive, and on Linux a user timeout of 1.5 keep-alive times")]
    public async Task Settings()
    {
        using var listener = new Listener();
        using Socket socket = await new TcpConnector().ConnectAsync("127.0.0.1", listener.Port, s_options, CancellationToken.None);
        Assert.True(socket.NoDelay);
        Assert.NotEqual(0, socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive));
        Assert.Equal(60, socket.GetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime));
        if (OperatingSystem.IsLinux())
        {
            byte[] value = new byte[4];
            socket.GetRawSocketOption(6, 18, value);
            Assert.Equal(90_000, BitConverter.ToInt32(value));
        }
    }

    [Fact(DisplayName = "a dead address costs a quarter of a second, not the whole timeout")]
    public async Task RacesPastDeadAddress()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), NeedsLinux);
        using var dead = DeadListener.Create();
        using var alive = new Listener(IPAddress.Loopback, dead.Port);
        var time = new FakeTimeProvider();
        var connector = new TcpConnector((_, _) => Task.FromResult(new[] { dead.Address, IPAddress.Loopback }));
        Task<Socket> connecting = connector.ConnectAsync("two", dead.Port, s_options with { TimeProvider = time }, CancellationToken.None).AsTask();
        Assert.False(connecting.IsCompleted);
        time.Advance(TcpConnector.Stagger - TimeSpan.FromMilliseconds(1));
        Assert.False(connecting.IsCompleted);
        time.Advance(TimeSpan.FromMilliseconds(1));
        using Socket socket = await connecting;
        Assert.Equal(IPAddress.Loopback, ((IPEndPoint)socket.RemoteEndPoint!).Address);
    }

    [Fact(DisplayName = "an address that refuses lets the next one begin at once, without any clock")]
    public async Task RacesPastRefusal()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), NeedsLinux);
        using var alive = new Listener();
        var connector = new TcpConnector((_, _) => Task.FromResult(new[] { IPAddress.Parse("127.0.0.9"), IPAddress.Loopback }));
        using Socket socket = await connector.ConnectAsync("two", alive.Port, s_options with { TimeProvider = new FakeTimeProvider() }, CancellationToken.None);
        Assert.Equal(IPAddress.Loopback, ((IPEndPoint)socket.RemoteEndPoint!).Address);
    }

    [Fact(DisplayName = "cancellation ends the lookup and the connect at once")]
    public async Task Cancelled()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), NeedsLinux);
        using var stop = new CancellationTokenSource();
        var never = new TaskCompletionSource<IPAddress[]>(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<Socket> resolving = new TcpConnector((_, _) => never.Task).ConnectAsync("h", 1, s_options, stop.Token).AsTask();
        using var dead = DeadListener.Create();
        Task<Socket> connecting = new TcpConnector().ConnectAsync(dead.Address.ToString(), dead.Port, s_options, stop.Token).AsTask();
        Assert.False(resolving.IsCompleted);
        Assert.False(connecting.IsCompleted);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => resolving);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => connecting);
    }

    [Fact(DisplayName = "the families of the addresses alternate, beginning with the system's first")]
    public void Interleaves()
    {
        IPAddress[] addresses = [.. new[] { "::1", "::2", "::3", "10.0.0.1", "10.0.0.2", "::1" }.Select(IPAddress.Parse)];
        Assert.Equal(["::1", "10.0.0.1", "::2", "10.0.0.2", "::3"], TcpConnector.Interleave(addresses).Select(address => address.ToString()));
    }

    private static ValueTask<ITransport> ConnectAsync(MqttEndpoint endpoint, MqttClientOptions? options = null) =>
        TransportFactory.Default.ConnectAsync(endpoint, options ?? s_options, MqttProtocolVersion.V500, CancellationToken.None);

    private static Task<MqttConnectException> FailsAsync(MqttEndpoint endpoint, MqttClientOptions? options = null) =>
        Assert.ThrowsAsync<MqttConnectException>(async () => await ConnectAsync(endpoint, options));

    private static async Task<byte[]> ReadToEndAsync(Socket socket)
    {
        using var stream = new NetworkStream(socket);
        using var all = new MemoryStream();
        await stream.CopyToAsync(all);
        return all.ToArray();
    }

    private static async Task SendForEverAsync(ITransport transport)
    {
        while (true)
        {
            await transport.SendAsync(new byte[1024 * 1024], CancellationToken.None);
        }
    }

    private static async Task EndsAsync(Task<int> receive)
    {
        try
        {
            Assert.Equal(0, await receive);
        }
        catch (IOException)
        {
            // Either is what ITransport promises.
        }
    }
}
