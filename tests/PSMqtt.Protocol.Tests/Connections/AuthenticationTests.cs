using System.Text;
using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Tests.Scripted;

namespace PSMqtt.Protocol.Tests.Connections;

/// <summary>Enhanced authentication (section 4.12), with SCRAM-SHA-256 as the method and the real maths on both sides.</summary>
public sealed class AuthenticationTests : ConnectionTest
{
    private const string Scram = "SCRAM-SHA-256";

    [Fact(DisplayName = "the example speaks SCRAM-SHA-256 as RFC 7677 has it, section 3")]
    public async Task Rfc_7677()
    {
        var client = new ScramSha256("user", "pencil", () => "rOprNGfwEbeRWgbNEkqO");
        Assert.Equal("n,,n=user,r=rOprNGfwEbeRWgbNEkqO", Text(await client.BeginAsync(default)));
        const string ServerFirst = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        Assert.Equal(
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            Text(await client.ContinueAsync(Encoding.UTF8.GetBytes(ServerFirst), default)));
        await client.CompleteAsync("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="u8.ToArray(), default);

        static string Text(ReadOnlyMemory<byte>? data) => Encoding.UTF8.GetString(data!.Value.Span);
    }

    [Fact(DisplayName = "[MQTT-3.1.2-30] [MQTT-4.12.0-2] [MQTT-4.12.0-3] [MQTT-4.12.0-5] SCRAM-SHA-256 at connect: method and data in CONNECT, AUTH until CONNACK, nothing else before it")]
    public async Task Connect()
    {
        MqttClient client = Client(Options() with { Authentication = new ScramSha256("user", "pencil") });
        client.Start();
        Task publish = client.PublishAsync("t", "x"u8.ToArray(), MqttQualityOfService.AtLeastOnce).AsTask();
        using ScriptedPeer peer = await AuthenticateAsync("pencil");
        await StepAsync(MqttConnectionState.Connecting);
        await StepAsync(MqttConnectionState.Connected);
        ReceivedPublish received = await peer.ExpectPublishAsync();
        await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, received.PacketIdentifier);
        await publish.WaitAsync(Limit);
    }

    [Fact(DisplayName = "[MQTT-4.12.0-4] a wrong password is refused by the server")]
    public async Task Wrong_password()
    {
        Task connect = Client(Options() with { Authentication = new ScramSha256("user", "guess") }).ConnectAsync();
        var server = new ScramServer("pencil");
        using ScriptedPeer peer = await Server.AcceptAsync();
        await peer.SendAsync(Step(server.First((await peer.ExpectAsync<ConnectPacket>()).AuthenticationData!)));
        Assert.Null(server.Final((await peer.ExpectAsync<AuthPacket>()).Data!));
        await peer.SendAsync(new ConnAckPacket { ReasonCode = MqttReasonCode.NotAuthorized });
        Assert.Equal(MqttConnectFailure.BadCredentials, (await FailsAsync<MqttConnectException>(connect)).Failure);
    }

    [Theory(DisplayName = "a server that cannot prove that it knows the password is refused, whatever CONNACK says"), InlineData("v=AAAA"), InlineData(null), InlineData("e=other-error")]
    public async Task Wrong_server(string? signature)
    {
        Task connect = Client(Options() with { Authentication = new ScramSha256("user", "pencil") }).ConnectAsync();
        var server = new ScramServer("pencil");
        using ScriptedPeer peer = await Server.AcceptAsync();
        await peer.SendAsync(Step(server.First((await peer.ExpectAsync<ConnectPacket>()).AuthenticationData!)));
        server.Final((await peer.ExpectAsync<AuthPacket>()).Data!);
        await peer.SendAsync(new ConnAckPacket { AuthenticationMethod = Scram, AuthenticationData = signature is null ? null : Encoding.UTF8.GetBytes(signature) });
        var error = await FailsAsync<MqttConnectException>(connect);
        Assert.Equal(MqttConnectFailure.AuthenticationFailed, error.Failure);
        await peer.ExpectClosedAsync();
    }

    [Theory(DisplayName = "a method that fails in a step ends the attempt with its words"), InlineData("r=other,s=AQID,i=4096", "nonce"), InlineData("nonsense", "not one of SCRAM")]
    public async Task Failing_step(string serverFirst, string words)
    {
        Task connect = Client(Options() with { Authentication = new ScramSha256("user", "pencil") }).ConnectAsync();
        using ScriptedPeer peer = await Server.AcceptAsync();
        await peer.ExpectAsync<ConnectPacket>();
        await peer.SendAsync(Step(Encoding.UTF8.GetBytes(serverFirst)));
        var error = await FailsAsync<MqttConnectException>(connect);
        Assert.Equal(MqttConnectFailure.AuthenticationFailed, error.Failure);
        Assert.Contains(words, error.Message, StringComparison.Ordinal);
        await peer.ExpectClosedAsync();
    }

    [Theory(DisplayName = "[MQTT-4.12.0-5] AUTH or CONNACK with another method, or none, is a protocol error"), InlineData(true, "OTHER"), InlineData(false, "OTHER"), InlineData(false, null)]
    public async Task Other_method(bool inAuth, string? method)
    {
        Task connect = Client(Options() with { Authentication = new ScramSha256("user", "pencil") }).ConnectAsync();
        using ScriptedPeer peer = await Server.AcceptAsync();
        await peer.ExpectAsync<ConnectPacket>();
        await (inAuth
            ? peer.SendAsync(new AuthPacket { ReasonCode = MqttReasonCode.ContinueAuthentication, Method = method, Data = [1] })
            : peer.SendAsync(new ConnAckPacket { AuthenticationMethod = method }));
        await peer.ExpectDisconnectAsync(MqttReasonCode.ProtocolError);
        peer.Dispose();
        var error = await FailsAsync<MqttConnectException>(connect);
        Assert.Equal("MQTT-4.12.0-5", Assert.IsType<MqttProtocolException>(error.InnerException).Statement);
    }

    [Theory(DisplayName = "[MQTT-4.12.0-6] AUTH, or an Authentication Method in CONNACK, that nobody asked for is answered with DISCONNECT 0x82"), InlineData(true), InlineData(false)]
    public async Task Not_asked_for(bool isAuth)
    {
        Task connect = Client(Options()).ConnectAsync();
        using ScriptedPeer peer = await Server.AcceptAsync();
        ConnectPacket request = await peer.ExpectAsync<ConnectPacket>();
        Assert.Null(request.AuthenticationMethod);
        await (isAuth ? peer.SendAsync(Step([1])) : peer.SendAsync(new ConnAckPacket { AuthenticationMethod = Scram }));
        await peer.ExpectDisconnectAsync(MqttReasonCode.ProtocolError);
        peer.Dispose();
        var error = await FailsAsync<MqttConnectException>(connect);
        Assert.Equal("MQTT-4.12.0-6", Assert.IsType<MqttProtocolException>(error.InnerException).Statement);
    }

    [Fact(DisplayName = "[MQTT-4.12.0-6] [MQTT-4.12.0-7] AUTH on an open connection that nobody asked for is answered with DISCONNECT 0x82; we send none")]
    public async Task Not_asked_for_later()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options());
        await Assert.ThrowsAsync<InvalidOperationException>(() => client.ReauthenticateAsync());
        await peer.SendAsync(Step([1]));
        await peer.ExpectDisconnectAsync(MqttReasonCode.ProtocolError);
        peer.Dispose();
        Assert.IsType<MqttProtocolException>((await StepAsync(MqttConnectionState.Reconnecting)).Error);
    }

    [Fact(DisplayName = "[MQTT-4.12.1-1] authenticating again: AUTH 0x19 with the same method, while messages flow both ways")]
    public async Task Again()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectedAsync();
        MqttSubscription subscription = await SubscribeAsync(client, peer, "in");
        Task again = client.ReauthenticateAsync();
        var server = new ScramServer("pencil");
        AuthPacket first = await peer.ExpectAsync<AuthPacket>();
        Assert.Equal((MqttReasonCode.ReAuthenticate, Scram), (first.ReasonCode, first.Method));

        Task<MqttPublishResult> publish = client.PublishAsync("out", "x"u8.ToArray(), MqttQualityOfService.AtLeastOnce).AsTask();
        ReceivedPublish received = await peer.ExpectPublishAsync();
        await peer.SendAsync(new ServerPublish("in", "y"), Step(server.First(first.Data!)));
        Assert.Equal("y", (await ReadAsync(subscription)).Text);
        AuthPacket second = await peer.ExpectAsync<AuthPacket>();
        Assert.Equal((MqttReasonCode.ContinueAuthentication, Scram), (second.ReasonCode, second.Method));
        await Assert.ThrowsAsync<InvalidOperationException>(() => client.ReauthenticateAsync());
        await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, received.PacketIdentifier);
        await publish.WaitAsync(Limit);
        Assert.False(again.IsCompleted);

        await peer.SendAsync(new AuthPacket { ReasonCode = MqttReasonCode.Success, Method = Scram, Data = server.Final(second.Data!) });
        await again.WaitAsync(Limit);

        // And once more: nothing of the exchange is left.
        again = client.ReauthenticateAsync();
        await peer.SendAsync(Step(server.First((await peer.ExpectAsync<AuthPacket>()).Data!)));
        await peer.SendAsync(new AuthPacket { Method = Scram, Data = server.Final((await peer.ExpectAsync<AuthPacket>()).Data!) });
        await again.WaitAsync(Limit);
    }

    [Fact(DisplayName = "[MQTT-4.12.1-2] a re-authentication that the server refuses by DISCONNECT fails with its reason, and the client connects again")]
    public async Task Again_refused()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectedAsync();
        Task again = client.ReauthenticateAsync();
        await peer.ExpectAsync<AuthPacket>();
        await peer.SendAsync(new DisconnectPacket { ReasonCode = MqttReasonCode.NotAuthorized, ReasonString = "no more" });
        var error = await FailsAsync<MqttConnectException>(again);
        Assert.Equal((MqttConnectFailure.AuthenticationFailed, MqttReasonCode.NotAuthorized), (error.Failure, error.ReasonCode!.Value));
        Assert.Contains("no more", error.Message, StringComparison.Ordinal);
        MqttConnectionEventArgs step = await StepAsync(MqttConnectionState.Reconnecting);
        Assert.Equal((MqttReasonCode.NotAuthorized, true, TimeSpan.FromSeconds(30)), (step.ReasonCode!.Value, step.ByServer, step.RetryIn!.Value));
    }

    [Theory(DisplayName = "[MQTT-4.12.1-2] a server that fails our check when authenticating again is disconnected from"), InlineData(MqttReasonCode.Success, Scram, MqttReasonCode.UnspecifiedError), InlineData(MqttReasonCode.Success, "OTHER", MqttReasonCode.ProtocolError), InlineData(MqttReasonCode.ReAuthenticate, Scram, MqttReasonCode.ProtocolError)]
    public async Task Again_with_a_wrong_server(MqttReasonCode code, string method, MqttReasonCode expected)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectedAsync();
        Task again = client.ReauthenticateAsync();
        await peer.ExpectAsync<AuthPacket>();
        await peer.SendAsync(new AuthPacket { ReasonCode = code, Method = method, Data = "v=AAAA"u8.ToArray() });
        await peer.ExpectDisconnectAsync(expected);
        peer.Dispose();
        await Assert.ThrowsAnyAsync<Exception>(() => again.WaitAsync(Limit));
        Assert.NotNull((await StepAsync(MqttConnectionState.Reconnecting)).Error);
    }

    [Fact(DisplayName = "[MQTT-3.2.2-15] an AUTH that the server does not take is not sent: authenticating again fails, and so ends the connection")]
    public async Task Again_with_too_much_to_say()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectedAsync(maximumPacketSize: 40);
        Task again = client.ReauthenticateAsync();
        await peer.ExpectDisconnectAsync(MqttReasonCode.UnspecifiedError);
        peer.Dispose();
        var error = await FailsAsync<MqttConnectException>(again);
        Assert.Equal(MqttConnectFailure.AuthenticationFailed, error.Failure);
        Assert.Contains("takes 40 at most", error.Message, StringComparison.Ordinal);
    }

    [Fact(DisplayName = "a re-authentication nobody waits for any more, cancelled or timed out, does not disturb the connection when its answer comes")]
    public async Task Again_abandoned()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectedAsync(Time);
        using var cancellation = new CancellationTokenSource();
        Task cancelled = client.ReauthenticateAsync(cancellation.Token);
        await peer.ExpectAsync<AuthPacket>();
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled.WaitAsync(Limit));
        MqttSubscription subscription = await SubscribeAsync(client, peer, "in");
        await peer.SendAsync(Step([1]), new AuthPacket { Method = Scram }, new ServerPublish("in", "still here"));
        Assert.Equal("still here", (await ReadAsync(subscription)).Text);

        Task late = client.ReauthenticateAsync();
        await peer.ExpectAsync<AuthPacket>();
        Time.Advance(TimeSpan.FromSeconds(30));
        await FailsAsync<TimeoutException>(late);
        Assert.Equal(MqttConnectionState.Connected, client.State);
    }

    [Fact(DisplayName = "a reader that waits for a slow consumer reads the answer to a re-authentication")]
    public async Task Again_with_a_slow_consumer()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectedAsync();
        Task<MqttSubscription> subscribe = client.SubscribeAsync(
            [new MqttTopicSubscription("in", MqttQualityOfService.AtMostOnce)], new MqttSubscriptionOptions { QueueLimit = 1 });
        await GrantAsync(peer);
        MqttSubscription subscription = await subscribe.WaitAsync(Limit);
        await peer.SendPublishAsync("in", "1");
        Assert.True(await subscription.WaitToReadAsync().AsTask().WaitAsync(Limit));
        Task again = client.ReauthenticateAsync();
        var server = new ScramServer("pencil");
        await peer.SendAsync(Step(server.First((await peer.ExpectAsync<AuthPacket>()).Data!)));
        await peer.SendAsync(new AuthPacket { Method = Scram, Data = server.Final((await peer.ExpectAsync<AuthPacket>()).Data!) });
        await again.WaitAsync(Limit);
    }

    private static AuthPacket Step(byte[] data) => new() { ReasonCode = MqttReasonCode.ContinueAuthentication, Method = Scram, Data = data };

    private async Task<(MqttClient Client, ScriptedPeer Peer)> ConnectedAsync(ManualTime? time = null, uint? maximumPacketSize = null)
    {
        MqttClient client = Client(Options() with
        {
            Authentication = new ScramSha256("user", "pencil"),
            TimeProvider = time ?? TimeProvider.System,
            KeepAlive = TimeSpan.Zero,
        });
        Task connect = client.ConnectAsync();
        ScriptedPeer peer = await AuthenticateAsync("pencil", maximumPacketSize);
        await connect.WaitAsync(Limit);
        await StepAsync(MqttConnectionState.Connecting);
        await StepAsync(MqttConnectionState.Connected);
        return (client, peer);
    }

    /// <summary>The server's side of a connect, to its success.</summary>
    private async Task<ScriptedPeer> AuthenticateAsync(string password, uint? maximumPacketSize = null)
    {
        var server = new ScramServer(password);
        ScriptedPeer peer = await Server.AcceptAsync();
        ConnectPacket connect = await peer.ExpectAsync<ConnectPacket>();
        Assert.Equal(Scram, connect.AuthenticationMethod);
        await peer.SendAsync(Step(server.First(connect.AuthenticationData!)));
        AuthPacket answer = await peer.ExpectAsync<AuthPacket>();
        Assert.Equal((MqttReasonCode.ContinueAuthentication, Scram), (answer.ReasonCode, answer.Method));
        byte[]? signature = server.Final(answer.Data!);
        Assert.NotNull(signature);
        await peer.ExpectNothingBufferedAsync();
        await peer.SendAsync(new ConnAckPacket
        {
            AuthenticationMethod = Scram,
            AuthenticationData = signature,
            MaximumPacketSize = maximumPacketSize,
        });
        return peer;
    }
}
