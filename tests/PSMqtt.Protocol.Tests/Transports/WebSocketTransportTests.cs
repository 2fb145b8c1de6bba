using System.Buffers.Binary;
using System.Net.WebSockets;
using System.Text;
using PSMqtt.Protocol.Transports;
using static PSMqtt.Protocol.Tests.Transports.TestCertificates;

namespace PSMqtt.Protocol.Tests.Transports;

public class WebSocketTransportTests
{
    [Fact(DisplayName = "[MQTT-6.0.0-3] [MQTT-3.1.1: MQTT-6.0.0-3] the request offers the subprotocol mqtt, with path, query and headers, and without the MQTT credential")]
    public async Task Request()
    {
        using var listener = new WebSocketListener();
        var options = new MqttClientOptions
        {
            Credential = new MqttCredential("me", "hunter2"),
            WebSocketHeaders = [new("Authorization", "Bearer abc"), new("X-Empty", "")],
        };
        Task<Stream> accepting = listener.UpgradeAsync();
        await using ITransport transport = await ConnectAsync($"ws://localhost:{listener.Port}/a/m\u00fc?token=1&x=y", options);
        await using Stream peer = await accepting;
        string[] lines = listener.Request.Split("\r\n");
        Assert.Equal("GET /a/m%C3%BC?token=1&x=y HTTP/1.1", lines[0]);
        Assert.Contains($"Host: localhost:{listener.Port}", lines);
        Assert.Contains("Upgrade: websocket", lines);
        Assert.Contains("Connection: Upgrade", lines);
        Assert.Contains("Sec-WebSocket-Version: 13", lines);
        Assert.Contains("Sec-WebSocket-Protocol: mqtt", lines);
        Assert.Contains("Authorization: Bearer abc", lines);
        Assert.Contains("X-Empty: ", lines);
        Assert.DoesNotContain("hunter2", listener.Request, StringComparison.Ordinal);
        Assert.Equal($"ws 127.0.0.1:{listener.Port}", transport.Description);
    }

    [Fact(DisplayName = "[MQTT-6.0.0-3] MQTT 3.1 asks for the subprotocol mqttv3.1")]
    public async Task OldSubprotocol()
    {
        using var listener = new WebSocketListener();
        Task<Stream> accepting = listener.UpgradeAsync("mqttv3.1");
        await using ITransport transport = await ConnectAsync($"ws://localhost:{listener.Port}", null, MqttProtocolVersion.V310);
        await using Stream peer = await accepting;
        Assert.StartsWith("GET /mqtt HTTP/1.1\r\n", listener.Request, StringComparison.Ordinal);
        Assert.Contains("Sec-WebSocket-Protocol: mqttv3.1\r\n", listener.Request, StringComparison.Ordinal);
    }

    [Fact(DisplayName = "[MQTT-6.0.0-1] [MQTT-6.0.0-2] [MQTT-3.1.1: MQTT-6.0.0-1] [MQTT-3.1.1: MQTT-6.0.0-2] bytes travel both ways in binary frames, whatever the frames' borders, over TLS too")]
    public async Task BothWays()
    {
        foreach (bool secure in (bool[])[false, true])
        {
            using var listener = new WebSocketListener(secure ? Server : null);
            Task<WebSocket> accepting = listener.AcceptWebSocketAsync();
            await using ITransport transport = await ConnectAsync($"{(secure ? "wss" : "ws")}://localhost:{listener.Port}/mqtt");
            using WebSocket peer = await accepting;
            Assert.Equal(secure, ((ISecureTransport)transport).Tls is not null);

            byte[] sent = new byte[1024 * 1024 + 17];
            Random.Shared.NextBytes(sent);
            Task send = transport.SendAsync(sent, CancellationToken.None).AsTask();
            byte[] received = new byte[sent.Length];
            for (int at = 0; at < received.Length;)
            {
                ValueWebSocketReceiveResult result = await peer.ReceiveAsync(received.AsMemory(at), CancellationToken.None);
                Assert.Equal(WebSocketMessageType.Binary, result.MessageType);
                at += result.Count;
            }

            await send;
            Assert.Equal(sent, received);

            // One message in two frames, an empty one, and two messages at once.
            await peer.SendAsync(new byte[] { 1, 2 }, WebSocketMessageType.Binary, endOfMessage: false, CancellationToken.None);
            await peer.SendAsync(new byte[] { 3 }, WebSocketMessageType.Binary, endOfMessage: true, CancellationToken.None);
            await peer.SendAsync(Array.Empty<byte>(), WebSocketMessageType.Binary, endOfMessage: true, CancellationToken.None);
            await peer.SendAsync(new byte[] { 4, 5, 6 }, WebSocketMessageType.Binary, endOfMessage: true, CancellationToken.None);
            byte[] buffer = new byte[2];
            var all = new List<byte>();
            while (all.Count < 6)
            {
                int count = await transport.ReceiveAsync(buffer, CancellationToken.None);
                Assert.True(count > 0);
                all.AddRange(buffer.AsSpan(0, count));
            }

            Assert.Equal([1, 2, 3, 4, 5, 6], all);

            Task<int> end = transport.ReceiveAsync(buffer, CancellationToken.None).AsTask();
            await transport.ShutdownAsync(CancellationToken.None);
            Assert.Equal(WebSocketMessageType.Close, (await peer.ReceiveAsync(new byte[8], CancellationToken.None)).MessageType);
            Assert.Equal(WebSocketCloseStatus.NormalClosure, peer.CloseStatus);
            await peer.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
            Assert.Equal(0, await end);
            Assert.Equal(0, await transport.ReceiveAsync(buffer, CancellationToken.None));
        }
    }

    [Fact(DisplayName = "a ping is answered while something is received")]
    public async Task Ping()
    {
        using var listener = new WebSocketListener();
        Task<Stream> accepting = listener.UpgradeAsync();
        await using ITransport transport = await ConnectAsync($"ws://localhost:{listener.Port}");
        await using Stream peer = await accepting;
        Task<int> receive = transport.ReceiveAsync(new byte[8], CancellationToken.None).AsTask();
        await peer.WriteAsync(new byte[] { 0x89, 2, 7, 8 });
        byte[] pong = new byte[8];
        await peer.ReadExactlyAsync(pong);
        Assert.Equal([0x8A, 0x82], pong[..2]);
        Assert.Equal([7, 8], [(byte)(pong[6] ^ pong[2]), (byte)(pong[7] ^ pong[3])]);
        await peer.WriteAsync(new byte[] { 0x82, 1, 9 });
        Assert.Equal(1, await receive);
    }

    [Fact(DisplayName = "[MQTT-6.0.0-1] [MQTT-3.1.1: MQTT-6.0.0-1] a text frame closes the connection")]
    public async Task TextFrame()
    {
        using var listener = new WebSocketListener();
        Task<Stream> accepting = listener.UpgradeAsync();
        await using ITransport transport = await ConnectAsync($"ws://localhost:{listener.Port}");
        await using Stream peer = await accepting;
        await peer.WriteAsync(new byte[] { 0x81, 1, (byte)'a' });
        var lost = await Assert.ThrowsAsync<IOException>(async () => await transport.ReceiveAsync(new byte[8], CancellationToken.None));
        Assert.Contains("[MQTT-6.0.0-1]", lost.Message, StringComparison.Ordinal);
        byte[] close = new byte[8];
        await peer.ReadExactlyAsync(close);
        Assert.Equal(0x88, close[0]);
        Assert.Equal(1003, BinaryPrimitives.ReadUInt16BigEndian([(byte)(close[6] ^ close[2]), (byte)(close[7] ^ close[3])]));
    }

    [Theory(DisplayName = "a close code is turned into a reason, with the server's own words")]
    [InlineData(1008, "not allowed here", "its policy does not allow this (code 1008): 'not allowed here'")]
    [InlineData(1001, "", "it is going away (shutting down) (code 1001).")]
    [InlineData(1013, "", "it is too busy; try again later (code 1013)")]
    [InlineData(4000, "own", "a reason of its own (code 4000): 'own'")]
    public async Task CloseReasons(int code, string words, string expected)
    {
        using var listener = new WebSocketListener();
        Task<Stream> accepting = listener.UpgradeAsync();
        await using ITransport transport = await ConnectAsync($"ws://localhost:{listener.Port}");
        await using Stream peer = await accepting;
        await peer.WriteAsync((byte[])[0x88, (byte)(2 + words.Length), (byte)(code >> 8), (byte)code, .. Encoding.ASCII.GetBytes(words)]);
        var lost = await Assert.ThrowsAsync<IOException>(async () => await transport.ReceiveAsync(new byte[8], CancellationToken.None));
        Assert.Contains(expected, lost.Message, StringComparison.Ordinal);
    }

    [Theory(DisplayName = "what a WebSocket server says instead of CONNACK is in the error, and no other version of MQTT is blamed")]
    [InlineData("8809 03F0 62616420757365", MqttConnectFailure.ClosedByPeer, "(code 1008): 'bad use'")]
    [InlineData("8802 03EA", MqttConnectFailure.ClosedByPeer, "(code 1002)")]
    [InlineData("8101 78", MqttConnectFailure.ProtocolError, "text frame")]
    [InlineData("8281 00000000 20", MqttConnectFailure.ProtocolError, "rules of WebSocket")]
    [InlineData("C201 20", MqttConnectFailure.ProtocolError, "rules of WebSocket")]
    [InlineData("8001 20", MqttConnectFailure.ProtocolError, "rules of WebSocket")]
    public async Task Instead_of_CONNACK(string frame, MqttConnectFailure failure, string expected)
    {
        using var listener = new WebSocketListener();
        Task<Stream> accepting = listener.UpgradeAsync();
        await using var client = new MqttClient(new MqttClientOptions { Servers = [MqttEndpoint.Parse($"ws://127.0.0.1:{listener.Port}/mqtt")] });
        Task connect = client.ConnectAsync();
        await using Stream peer = await accepting;
        Assert.Equal(0x82, peer.ReadByte());
        await peer.WriteAsync(Convert.FromHexString(frame.Replace(" ", "", StringComparison.Ordinal)));
        var error = await Assert.ThrowsAsync<MqttConnectException>(() => connect.WaitAsync(TimeSpan.FromSeconds(60)));
        Assert.Equal(failure, error.Failure);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact(DisplayName = "a WebSocket server that closes each connection plainly is not blamed for the subprotocol of MQTT 3.1")]
    public async Task Plain_close_instead_of_CONNACK()
    {
        using var listener = new WebSocketListener();
        await using var client = new MqttClient(new MqttClientOptions { Servers = [MqttEndpoint.Parse($"ws://127.0.0.1:{listener.Port}/mqtt")] });
        Task connect = client.ConnectAsync();
        for (int i = 0; i < 3; i++)
        {
            await using Stream peer = await listener.UpgradeAsync();
            if (i < 2)
            {
                Assert.Equal(0x82, peer.ReadByte());
                await peer.WriteAsync(new byte[] { 0x88, 0 });
            }
        }

        var error = await Assert.ThrowsAsync<MqttConnectException>(() => connect.WaitAsync(TimeSpan.FromSeconds(60)));
        Assert.Equal(MqttConnectFailure.ClosedByPeer, error.Failure);
    }

    [Fact(DisplayName = "a connection that ends without a close frame has ended")]
    public async Task CutOff()
    {
        using var listener = new WebSocketListener();
        Task<Stream> accepting = listener.UpgradeAsync();
        await using ITransport transport = await ConnectAsync($"ws://localhost:{listener.Port}");
        await (await accepting).DisposeAsync();
        Assert.Equal(0, await transport.ReceiveAsync(new byte[8], CancellationToken.None));
    }

    [Fact(DisplayName = "Abort ends a pending receive, and what comes after is an IOException")]
    public async Task Aborted()
    {
        using var listener = new WebSocketListener();
        Task<Stream> accepting = listener.UpgradeAsync();
        await using ITransport transport = await ConnectAsync($"ws://localhost:{listener.Port}");
        await using Stream peer = await accepting;
        Task<int> receive = transport.ReceiveAsync(new byte[8], CancellationToken.None).AsTask();
        await Task.Run(transport.Abort);
        await Assert.ThrowsAsync<IOException>(() => receive);
        await Assert.ThrowsAsync<IOException>(async () => await transport.ReceiveAsync(new byte[8], CancellationToken.None));
        await Assert.ThrowsAsync<IOException>(async () => await transport.SendAsync(new byte[8], CancellationToken.None));
        await transport.ShutdownAsync(CancellationToken.None);
    }

    [Theory(DisplayName = "an endpoint that does not upgrade says so, with its status and what to do")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "answered 200 OK. At '/x' there is no WebSocket endpoint")]
    [InlineData("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\n\r\n", "answered 401 Unauthorized. It wants other credentials", MqttConnectFailure.WebSocketUnauthorized)]
    [InlineData("HTTP/1.1 404 Not Found\r\n\r\n", "answered 404 Not Found. There is nothing at '/x'", MqttConnectFailure.WebSocketNotFound)]
    [InlineData("HTTP/1.1 301 Moved Permanently\r\nLocation: https://me:hunter2@other/ws?hunter2\r\n\r\n", "It redirects to 'https://***@other/ws?***'")]
    [InlineData("HTTP/1.1 503 Service Unavailable\r\n\r\n", "answered 503 Service Unavailable")]
    [InlineData("HTTP/1.1 426\r\n\r\n", "answered 426")]
    [InlineData(" \u0002\u0000\u0005", "not HTTP")]
    [InlineData("HTTP/1.1 nonsense\r\n\r\n", "not HTTP")]
    [InlineData("", "closed the connection instead of answering")]
    [InlineData("HTTP/1.1 10", "not HTTP")]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n", "without what proves a WebSocket")]
    public async Task Refused(string answer, string expected, MqttConnectFailure failure = MqttConnectFailure.WebSocketRefused)
    {
        using var listener = new WebSocketListener();
        Task peer = AnswerAndCloseAsync(listener, answer);
        var exception = await Assert.ThrowsAsync<MqttConnectException>(async () => await ConnectAsync($"ws://localhost:{listener.Port}/x?hunter2"));
        await peer;
        Assert.Equal(MqttConnectPhase.WebSocket, exception.Phase);
        Assert.Equal(failure, exception.Failure);
        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
        Assert.Contains($"ws://localhost:{listener.Port}/x?***", exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", exception.ToString(), StringComparison.Ordinal);
    }

    [Theory(DisplayName = "[MQTT-6.0.0-4] another subprotocol, or none, is WebSocketSubprotocol")]
    [InlineData(null, "no subprotocol")]
    [InlineData("wamp", "the subprotocol 'wamp'")]
    public async Task OtherSubprotocol(string? subprotocol, string expected)
    {
        using var listener = new WebSocketListener();
        Task<Stream> accepting = listener.UpgradeAsync(subprotocol);
        var exception = await Assert.ThrowsAsync<MqttConnectException>(async () => await ConnectAsync($"ws://localhost:{listener.Port}"));
        await (await accepting).DisposeAsync();
        Assert.Equal(MqttConnectFailure.WebSocketSubprotocol, exception.Failure);
        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
    }

    [Fact(DisplayName = "ws to a port that speaks TLS is PeerSpeaksTls")]
    public async Task PeerSpeaksTls()
    {
        using var listener = new WebSocketListener();
        Task peer = AnswerAndCloseAsync(listener, "\u0015\u0003\u0001\u0000\u0002\u0002F");
        var exception = await Assert.ThrowsAsync<MqttConnectException>(async () => await ConnectAsync($"ws://localhost:{listener.Port}"));
        await peer;
        Assert.Equal(MqttConnectFailure.PeerSpeaksTls, exception.Failure);
        Assert.Contains("wss://", exception.Message, StringComparison.Ordinal);
    }

    [Theory(DisplayName = "headers that would break the request are refused before anything is sent")]
    [InlineData("Bad Name", "x")]
    [InlineData("", "x")]
    [InlineData("X", "a\r\nInjected: hunter2")]
    [InlineData("upgrade", "h2c")]
    [InlineData("Sec-WebSocket-Protocol", "wamp")]
    public async Task BadHeaders(string name, string value)
    {
        var options = new MqttClientOptions { WebSocketHeaders = [new(name, value)] };
        var exception = await Assert.ThrowsAsync<ArgumentException>(async () => await ConnectAsync("ws://localhost:1", options));
        Assert.DoesNotContain("hunter2", exception.Message, StringComparison.Ordinal);
    }

    [Fact(DisplayName = "an upgrade that is never answered can be cancelled, and says its phase")]
    public async Task Cancelled()
    {
        using var listener = new WebSocketListener();
        using var stop = new CancellationTokenSource();
        Task<ITransport> connecting = ConnectAsync($"ws://localhost:{listener.Port}", cancellationToken: stop.Token);
        await using Stream peer = await listener.AcceptAsync();
        await stop.CancelAsync();
        Assert.Equal(MqttConnectPhase.WebSocket, (await Assert.ThrowsAsync<ConnectCanceledException>(() => connecting)).Phase);
    }

    private static async Task AnswerAndCloseAsync(WebSocketListener listener, string answer) => await (await listener.AnswerAsync(answer)).DisposeAsync();

    private static Task<ITransport> ConnectAsync(
        string uri, MqttClientOptions? options = null, MqttProtocolVersion version = MqttProtocolVersion.V500, CancellationToken cancellationToken = default)
    {
        options ??= new MqttClientOptions();
        options = options with { Tls = new MqttTlsOptions { CertificateAuthorities = Public(Root) } };
        return TransportFactory.Default.ConnectAsync(MqttEndpoint.Parse(uri), options, version, cancellationToken).AsTask();
    }
}
