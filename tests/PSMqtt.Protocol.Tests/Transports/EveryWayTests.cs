using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using MQTTnet.Server;
using PSMqtt.Protocol.Transports;
using static PSMqtt.Protocol.Tests.Transports.TestCertificates;

namespace PSMqtt.Protocol.Tests.Transports;

/// <summary>The client and a real broker, by every kind of connection; what the broker does not speak itself, a front before it does.</summary>
public sealed class EveryWayTests : IAsyncLifetime
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("psmqtt");
    private readonly int _brokerPort;
    private readonly MqttServer _broker;

    public EveryWayTests()
    {
        using (var listener = new Listener())
        {
            _brokerPort = listener.Port;
        }

        _broker = new MqttServerFactory().CreateMqttServer(
            new MqttServerOptionsBuilder()
                .WithDefaultEndpoint()
                .WithDefaultEndpointBoundIPAddress(IPAddress.Loopback)
                .WithDefaultEndpointBoundIPV6Address(IPAddress.None)
                .WithDefaultEndpointPort(_brokerPort)
                .Build());
    }

    public async ValueTask InitializeAsync() => await _broker.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await _broker.StopAsync();
        _broker.Dispose();
        _directory.Delete(recursive: true);
    }

    [Theory(DisplayName = "a message of QoS 2 goes to a broker and comes back, and the client disconnects cleanly")]
    [InlineData("mqtt", null)]
    [InlineData("mqtt", "http")]
    [InlineData("mqtt", "socks5")]
    [InlineData("mqtts", null)]
    [InlineData("mqtts", "http")]
    [InlineData("ws", null)]
    [InlineData("ws", "socks5")]
    [InlineData("wss", null)]
    [InlineData("wss", "http")]
    [InlineData("unix", null)]
    public async Task RoundTrip(string scheme, string? proxyScheme)
    {
        Assert.SkipUnless(scheme != "unix" || Socket.OSSupportsUnixDomainSockets, "this system has no Unix domain sockets");
        using var proxy = new ProxyServer();
        (MqttEndpoint endpoint, IDisposable? front) = Front(scheme);
        using (front)
        {
            var options = new MqttClientOptions
            {
                Servers = [endpoint],
                ClientId = "every-way",
                Tls = new MqttTlsOptions { CertificateAuthorities = Public(Root), ClientCertificate = scheme == "mqtts" ? Client : null },
                Proxy = proxyScheme is null ? null : new ProxyOptions { Address = new Uri($"{proxyScheme}://127.0.0.1:{proxy.Port}") },
                Reconnect = new ReconnectPolicy { Enabled = false },
            };
            byte[] payload = new byte[300_000];
            Random.Shared.NextBytes(payload);
            await using var client = new MqttClient(options);
            await client.ConnectAsync();
            MqttSubscription subscription = await client.SubscribeAsync("every/way", MqttQualityOfService.ExactlyOnce);
            await client.PublishAsync("every/way", payload, MqttQualityOfService.ExactlyOnce);
            Assert.True(await subscription.WaitToReadAsync());
            Assert.True(subscription.TryRead(out MqttMessage? message));
            Assert.Equal(payload, message.Payload);
            await client.DisconnectAsync();
            Assert.Equal(proxyScheme is null ? 0 : 1, proxy.Asked.Count);
        }
    }

    private (MqttEndpoint Endpoint, IDisposable? Front) Front(string scheme)
    {
        switch (scheme)
        {
            case "mqtts":
                var tls = new TlsListener(
                    Server,
                    [Intermediate],
                    options =>
                    {
                        options.ClientCertificateRequired = true;
                        options.RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate?.Subject == "CN=Test Client";
                    });
                _ = PumpAsync(async () => (await tls.AcceptAsync())!);
                return (tls.Endpoint, tls);
            case "ws" or "wss":
                var listener = new WebSocketListener(scheme == "wss" ? Server : null);
                _ = PumpAsync(async () => new FrameStream(await listener.AcceptWebSocketAsync()));
                return (MqttEndpoint.Parse($"{scheme}://localhost:{listener.Port}/mqtt"), listener);
            case "unix":
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                string path = Path.Combine(_directory.FullName, "broker");
                socket.Bind(new UnixDomainSocketEndPoint(path));
                socket.Listen();
                _ = PumpAsync(async () => new NetworkStream(await socket.AcceptAsync(), ownsSocket: true));
                return (new MqttEndpoint { Scheme = scheme, Path = path }, socket);
            default:
                return (new MqttEndpoint { Port = _brokerPort }, null);
        }
    }

    private async Task PumpAsync(Func<Task<Stream>> accept)
    {
        try
        {
            await using Stream client = await accept();
            using var server = new TcpClient();
            await server.ConnectAsync(IPAddress.Loopback, _brokerPort);
            await using NetworkStream broker = server.GetStream();
            Task up = client.CopyToAsync(broker);
            await Task.WhenAny(up, broker.CopyToAsync(client));
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException or WebSocketException)
        {
            // The test has ended.
        }
    }

    /// <summary>A server's WebSocket as a stream, each write a frame.</summary>
    private sealed class FrameStream(WebSocket webSocket) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            (await webSocket.ReceiveAsync(buffer, cancellationToken)).Count;

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            webSocket.SendAsync(buffer, WebSocketMessageType.Binary, endOfMessage: true, cancellationToken);

        public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            webSocket.Dispose();
            base.Dispose(disposing);
        }
    }
}
