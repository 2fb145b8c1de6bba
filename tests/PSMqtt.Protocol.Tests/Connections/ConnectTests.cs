using System.Net.Sockets;
using System.Text;
using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Tests.Scripted;
using PSMqtt.Protocol.Tests.Transports;

namespace PSMqtt.Protocol.Tests.Connections;

/// <summary>CONNECT as it arrives at the server, and what CONNACK makes of the connection.</summary>
public sealed class ConnectTests : ConnectionTest
{
    private static readonly MqttUserProperty[] s_properties = [new("k", "1"), new("k", "2"), new("a", "")];

    [Theory(DisplayName = "[MQTT-3.1.0-1] [MQTT-3.1.0-2] CONNECT is the first packet, and comes once; a message waits for CONNACK"), MemberData(nameof(All))]
    public async Task First_packet(MqttProtocolVersion version)
    {
        MqttClient client = Client(Options(version));
        client.Start();
        Task<MqttPublishResult> publish = client.PublishAsync("t", "x"u8.ToArray(), MqttQualityOfService.AtLeastOnce).AsTask();
        Task<MqttSubscription> subscribe = client.SubscribeAsync("f");
        using ScriptedPeer peer = await Server.AcceptAsync();
        ConnectPacket connect = await peer.ExpectAsync<ConnectPacket>();
        Assert.Equal(version, connect.ProtocolVersion);
        await peer.ExpectNothingBufferedAsync();
        await peer.SendAsync(new ConnAckPacket());
        await GrantAsync(peer);
        ReceivedPublish received = await peer.ExpectPublishAsync();
        Assert.Equal("t", received.Topic);
        await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, received.PacketIdentifier);
        await publish.WaitAsync(Limit);
        await subscribe.WaitAsync(Limit);
    }

    [Fact(DisplayName = "the bytes of CONNECT in MQTT 3.1: protocol MQIsdp, level 3")]
    public Task Bytes_31() => BytesAsync(MqttProtocolVersion.V310, "10 11 0006 4D5149736470 03 02 003C 0003 636174");

    [Fact(DisplayName = "[MQTT-3.1.1: MQTT-3.1.2-1] [MQTT-3.1.1: MQTT-3.1.2-2] [MQTT-3.1.1: MQTT-3.1.2-3] [MQTT-3.1.1: MQTT-3.1.2-11] [MQTT-3.1.1: MQTT-3.1.2-13] [MQTT-3.1.1: MQTT-3.1.2-15] [MQTT-3.1.1: MQTT-3.1.2-18] [MQTT-3.1.1: MQTT-3.1.2-20] [MQTT-3.1.1: MQTT-3.1.3-3] the bytes of CONNECT in MQTT 3.1.1: protocol MQTT, level 4, no flag for what is not there")]
    public Task Bytes_311() => BytesAsync(MqttProtocolVersion.V311, "10 0F 0004 4D515454 04 02 003C 0003 636174");

    [Fact(DisplayName = "[MQTT-3.1.2-1] [MQTT-3.1.2-3] [MQTT-3.1.2-11] [MQTT-3.1.2-13] [MQTT-3.1.2-16] [MQTT-3.1.2-18] [MQTT-3.1.3-3] the bytes of CONNECT in MQTT 5.0: protocol MQTT, level 5, the defaults of this client as properties")]
    public Task Bytes_5() => BytesAsync(
        MqttProtocolVersion.V500, "10 1B 0004 4D515454 05 02 003C 0B 11 0000012C 21 03E8 22 0040 0003 636174");

    [Theory(DisplayName = "[MQTT-3.1.2-9] [MQTT-3.1.2-12] [MQTT-3.1.2-17] [MQTT-3.1.2-19] [MQTT-3.1.3-1] [MQTT-3.1.3-4] [MQTT-3.1.3-11] [MQTT-3.1.3-12] [MQTT-3.1.1: MQTT-3.1.2-14] [MQTT-3.1.1: MQTT-3.1.2-19] [MQTT-3.1.1: MQTT-3.1.2-21] [MQTT-3.1.1: MQTT-3.1.3-10] will, user name and password are sent as they were given"), MemberData(nameof(All))]
    public async Task Will_and_credential(MqttProtocolVersion version)
    {
        (_, ScriptedPeer peer) = await ConnectAsync(Options(version) with
        {
            Credential = new MqttCredential("user", "p\u00E4ss"),
            Will = new MqttMessage("state/me", "gone", MqttQualityOfService.ExactlyOnce, retain: true),
            KeepAlive = TimeSpan.FromSeconds(17),
        });
        ConnectPacket connect = peer.Connect!;
        Assert.Equal(("me", (ushort)17), (connect.ClientId, connect.KeepAliveSeconds));
        Assert.Equal(("user", "p\u00E4ss"), (connect.UserName, Encoding.UTF8.GetString(connect.Password!)));
        Assert.Equal(("state/me", "gone", MqttQualityOfService.ExactlyOnce, true), (connect.Will!.Topic, connect.Will.Text, connect.Will.QoS, connect.Will.Retain));
    }

    [Theory(DisplayName = "[MQTT-3.1.2-12] [MQTT-3.1.1: MQTT-3.1.2-14] what CONNECT cannot carry, a will of QoS 3 among it, is refused before there is a connection"), MemberData(nameof(All))]
    public async Task What_CONNECT_cannot_carry(MqttProtocolVersion version)
    {
        MqttClientOptions good = Options(version);
        byte[] tooLong = new byte[65_536];
        MqttClientOptions[] wrong =
        [
            good with { Will = new MqttMessage("t", "x", (MqttQualityOfService)3) },
            good with { Will = new MqttMessage("t", tooLong) },
            good with { Will = new MqttMessage("t", "x") { ResponseTopic = "a/#" } },
            good with { Will = new MqttMessage("t", "x") { ResponseTopic = "" } },
            good with { Will = new MqttMessage("t", "x") { ContentType = "\uD800" } },
            good with { ClientId = "a\0" },
            good with { ClientId = "\uD800" },
            good with { Credential = new MqttCredential("a\0", "p") },
            good with { Credential = new MqttCredential("u", tooLong) },
            good with { UserProperties = [new MqttUserProperty("k", "\uDC00")] },
        ];
        foreach (MqttClientOptions options in wrong)
        {
            await Assert.ThrowsAnyAsync<ArgumentException>(async () => await Client(options).ConnectAsync().WaitAsync(Limit));
        }

        Assert.False(Server.HasPendingConnection);
    }

    [Fact(DisplayName = "[MQTT-3.1.3-1] every option of MQTT 5.0 is in CONNECT: properties, will properties, will delay")]
    public async Task Every_option_of_5()
    {
        (_, ScriptedPeer peer) = await ConnectAsync(Options() with
        {
            CleanStart = false,
            SessionExpiry = TimeSpan.FromHours(1),
            ReceiveMaximum = 12,
            MaximumPacketSize = 50_000,
            TopicAliasMaximum = 7,
            RequestProblemInformation = false,
            RequestResponseInformation = true,
            UserProperties = s_properties,
            WillDelay = TimeSpan.FromSeconds(90),
            Will = new MqttMessage("state/me", "gone")
            {
                PayloadFormat = MqttPayloadFormat.Utf8,
                MessageExpiry = TimeSpan.FromMinutes(2),
                ContentType = "text/plain",
                ResponseTopic = "answer",
                CorrelationData = [1, 2],
                UserProperties = s_properties,
            },
        });
        ConnectPacket connect = peer.Connect!;
        Assert.False(connect.CleanStart);
        Assert.Equal(3600u, connect.SessionExpirySeconds);
        Assert.Equal((ushort)12, connect.ReceiveMaximum);
        Assert.Equal(50_000u, connect.MaximumPacketSize);
        Assert.Equal((ushort)7, connect.TopicAliasMaximum);
        Assert.False(connect.RequestProblemInformation);
        Assert.True(connect.RequestResponseInformation);
        Assert.Equal(s_properties, connect.UserProperties);
        Assert.Equal(90u, connect.WillDelaySeconds);
        MqttMessage will = connect.Will!;
        Assert.Equal(
            (MqttPayloadFormat.Utf8, TimeSpan.FromMinutes(2), "text/plain", "answer"),
            (will.PayloadFormat, will.MessageExpiry!.Value, will.ContentType, will.ResponseTopic));
        Assert.Equal([1, 2], will.CorrelationData!);
        Assert.Equal(s_properties, will.UserProperties);
    }

    [Theory(DisplayName = "a session that shall never expire is 0xFFFFFFFF, one that shall not be kept has no Session Expiry Interval"), InlineData(-1, 0xFFFFFFFF), InlineData(0, null)]
    public async Task Session_expiry(int seconds, uint? expected)
    {
        TimeSpan expiry = seconds < 0 ? Timeout.InfiniteTimeSpan : TimeSpan.FromSeconds(seconds);
        (_, ScriptedPeer peer) = await ConnectAsync(Options() with { SessionExpiry = expiry });
        Assert.Equal(expected, peer.Connect!.SessionExpirySeconds);
    }

    [Fact(DisplayName = "a password without user name is sent on 5.0")]
    public async Task Password_alone_on_5()
    {
        (_, ScriptedPeer peer) = await ConnectAsync(Options() with { Credential = new MqttCredential(null, "token") });
        Assert.Null(peer.Connect!.UserName);
        Assert.Equal("token"u8.ToArray(), peer.Connect.Password!);
    }

    [Theory(DisplayName = "[MQTT-3.1.1: MQTT-3.1.2-22] a password without user name is refused before 5.0, before anything is sent"), MemberData(nameof(Older))]
    public async Task Password_alone_before_5(MqttProtocolVersion version)
    {
        MqttClientOptions options = Options(version) with { Credential = new MqttCredential(null, "token") };
        Assert.Contains("user name", Assert.Throws<ArgumentException>(() => new MqttClient(options)).Message, StringComparison.Ordinal);

        // Where the version is only found out on the way, so is the problem.
        MqttClient client = Client(options with { ProtocolVersion = null });
        Task connect = client.ConnectAsync();
        using ScriptedPeer peer = await Server.AcceptConnectedAsync(new ConnAckPacket { ReasonCode = MqttReasonCode.UnsupportedProtocolVersion });
        var error = await FailsAsync<MqttConnectException>(connect);
        Assert.Equal(MqttConnectFailure.UnsupportedVersion, error.Failure);
        Assert.Contains("user name", error.Message, StringComparison.Ordinal);
    }

    [Theory(DisplayName = "what only 5.0 can carry is refused in an older version, by name, before anything is sent"), MemberData(nameof(Older))]
    public void Only_5(MqttProtocolVersion version)
    {
        MqttClientOptions options = Options(version);
        Check(options with { UserProperties = s_properties }, "user properties");
        Check(options with { RequestResponseInformation = true }, "response information");
        Check(options with { Authentication = new ScramSha256("u", "p") }, "enhanced authentication");
        Check(options with { Will = new MqttMessage("t", "x") { ContentType = "c" } }, "will");
        Check(options with { Will = new MqttMessage("t", "x"), WillDelay = TimeSpan.FromSeconds(1) }, "will delay");

        static void Check(MqttClientOptions options, string what) =>
            Assert.Contains(what, Assert.Throws<ArgumentException>(() => new MqttClient(options)).Message, StringComparison.Ordinal);
    }

    [Fact(DisplayName = "a credential provider is asked before each attempt, and what it says is sent")]
    public async Task Credential_provider()
    {
        int asked = 0;
        (_, ScriptedPeer peer) = await ConnectAsync(Options() with
        {
            CredentialProvider = _ => ValueTask.FromResult<MqttCredential?>(new MqttCredential("user", $"{++asked}")),
        });
        Assert.Equal("1"u8.ToArray(), peer.Connect!.Password!);
        peer.Abort();
        using ScriptedPeer second = await Server.AcceptConnectedAsync();
        Assert.Equal("2"u8.ToArray(), second.Connect!.Password!);
    }

    [Theory(DisplayName = "[MQTT-3.1.2-4] [MQTT-3.1.1: MQTT-3.1.2-6] Clean Start first, not on the reconnect of a 5.0 session; always before 5.0, unless persistent"), MemberData(nameof(All))]
    public async Task Clean_start(MqttProtocolVersion version)
    {
        (_, ScriptedPeer peer) = await ConnectAsync(Options(version));
        Assert.True(peer.Connect!.CleanStart);
        peer.Abort();
        using ScriptedPeer second = await Server.AcceptConnectedAsync();
        Assert.Equal(version != MqttProtocolVersion.V500, second.Connect!.CleanStart);
    }

    [Theory(DisplayName = "a persistent session that is not to start clean is asked for at once"), MemberData(nameof(All))]
    public async Task Persistent_session(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(
            Options(version) with { PersistentSession = true, CleanStart = false }, new ConnAckPacket { SessionPresent = true });
        Assert.False(peer.Connect!.CleanStart);
        Assert.Equal(version != MqttProtocolVersion.V310, client.ConnectResult!.SessionPresent);
    }

    [Theory(DisplayName = "before 5.0 a persistent session that starts clean is made by two connections: one removes the old, one keeps the new"), MemberData(nameof(Older))]
    public async Task Persistent_session_started_clean(MqttProtocolVersion version)
    {
        MqttClient client = Client(Options(version) with { PersistentSession = true });
        Task<MqttConnectResult> connect = client.ConnectAsync();
        using ScriptedPeer first = await Server.AcceptConnectedAsync();
        Assert.True(first.Connect!.CleanStart);
        await first.ExpectDisconnectAsync(MqttReasonCode.Success);
        using ScriptedPeer second = await Server.AcceptConnectedAsync();
        Assert.False(second.Connect!.CleanStart);
        await connect.WaitAsync(Limit);
    }

    [Theory(DisplayName = "[MQTT-3.1.3-5] [MQTT-3.1.1: MQTT-3.1.3-7] before 5.0 a client identifier is made where none was given: 23 characters at most, letters and digits"), MemberData(nameof(Older))]
    public async Task Made_client_identifier(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(version) with { ClientId = "" });
        Assert.Matches("^[0-9A-Za-z]{1,23}$", peer.Connect!.ClientId);
        Assert.Equal(peer.Connect.ClientId, client.ClientId);
        peer.Abort();
        using ScriptedPeer second = await Server.AcceptConnectedAsync();
        Assert.Equal(client.ClientId, second.Connect!.ClientId);
    }

    [Fact(DisplayName = "[MQTT-3.1.3-6] [MQTT-3.2.2-16] on 5.0 an empty client identifier is sent, and the one that the server assigns is used from then on")]
    public async Task Assigned_client_identifier()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(
            Options() with { ClientId = "" }, new ConnAckPacket { AssignedClientIdentifier = "given" });
        Assert.Equal(("", "given", "given"), (peer.Connect!.ClientId, client.ClientId, client.ConnectResult!.ClientId));
        peer.Abort();
        using ScriptedPeer second = await Server.AcceptConnectedAsync(new ConnAckPacket { SessionPresent = true });
        Assert.Equal("given", second.Connect!.ClientId);
    }

    [Fact(DisplayName = "a server that assigns no client identifier, and refuses an empty one, is given one that we make")]
    public async Task Server_that_assigns_none()
    {
        MqttClient client = Client(Options() with { ClientId = "" });
        Task<MqttConnectResult> connect = client.ConnectAsync();
        using ScriptedPeer first = await Server.AcceptConnectedAsync(new ConnAckPacket { ReasonCode = MqttReasonCode.ClientIdentifierNotValid });
        Assert.Equal("", first.Connect!.ClientId);
        using ScriptedPeer second = await Server.AcceptConnectedAsync();
        Assert.Matches("^[0-9A-Za-z]{1,23}$", second.Connect!.ClientId);
        await connect.WaitAsync(Limit);
        Assert.Equal(second.Connect.ClientId, client.ClientId);
    }

    [Fact(DisplayName = "[MQTT-3.1.2-21] [MQTT-3.2.2-21] [MQTT-3.2.2-22] everything that CONNACK says of the server is known, and its keep-alive is used")]
    public async Task Limits_of_the_server()
    {
        (MqttClient client, _) = await ConnectAsync(
            Options() with { TimeProvider = Time, KeepAlive = TimeSpan.FromSeconds(60) },
            new ConnAckPacket
            {
                SessionExpirySeconds = 10,
                ReceiveMaximum = 5,
                MaximumQoS = MqttQualityOfService.AtLeastOnce,
                RetainAvailable = false,
                MaximumPacketSize = 2000,
                TopicAliasMaximum = 3,
                ReasonString = "hello",
                UserProperties = s_properties,
                WildcardSubscriptionAvailable = false,
                SubscriptionIdentifiersAvailable = false,
                SharedSubscriptionAvailable = false,
                ServerKeepAlive = 20,
                ResponseInformation = "answers/",
                ServerReference = "other",
            });
        MqttConnectResult result = client.ConnectResult!;
        Assert.Equal(
            (TimeSpan.FromSeconds(10), 5, MqttQualityOfService.AtLeastOnce, false, 2000L, 3),
            (result.SessionExpiry, result.ReceiveMaximum, result.MaximumQoS, result.RetainAvailable, result.MaximumPacketSize, result.TopicAliasMaximum));
        Assert.Equal(
            ("hello", false, false, false, TimeSpan.FromSeconds(20), "answers/", "other"),
            (result.ReasonString, result.WildcardSubscriptionAvailable, result.SubscriptionIdentifiersAvailable, result.SharedSubscriptionAvailable,
                result.KeepAlive, result.ResponseInformation, result.ServerReference));
        Assert.Equal(s_properties, result.UserProperties);
        await Time.TimerAsync(TimeSpan.FromSeconds(15));
    }

    [Theory(DisplayName = "without limits in CONNACK those of the protocol hold"), MemberData(nameof(All))]
    public async Task Limits_of_the_protocol(MqttProtocolVersion version)
    {
        (MqttClient client, _) = await ConnectAsync(Options(version) with { KeepAlive = TimeSpan.FromSeconds(33) });
        MqttConnectResult result = client.ConnectResult!;
        Assert.Equal(
            (version, TimeSpan.FromSeconds(33), 65_535, MqttQualityOfService.ExactlyOnce, true, 268_435_460L, 0),
            (result.ProtocolVersion, result.KeepAlive, result.ReceiveMaximum, result.MaximumQoS, result.RetainAvailable, result.MaximumPacketSize,
                result.TopicAliasMaximum));
        Assert.Equal(
            (true, version == MqttProtocolVersion.V500, true, "me", Server.Endpoint.ToString()),
            (result.WildcardSubscriptionAvailable, result.SubscriptionIdentifiersAvailable, result.SharedSubscriptionAvailable, result.ClientId, result.Server));
    }

    [Theory(DisplayName = "a bridge says so in bit 7 of the protocol level, before 5.0"), MemberData(nameof(Older))]
    public async Task Bridge(MqttProtocolVersion version)
    {
        (_, ScriptedPeer peer) = await ConnectAsync(Options(version) with { Bridge = true });
        Assert.True(peer.Connect!.Bridge);
    }

    private async Task BytesAsync(MqttProtocolVersion version, string expected)
    {
        using var listener = new Listener();
        MqttClient client = Client(Options(version) with { Servers = [listener.Endpoint], ClientId = "cat" });
        Task connect = client.ConnectAsync();
        using Socket socket = await listener.AcceptAsync();
        byte[] bytes = new byte[expected.Replace(" ", "", StringComparison.Ordinal).Length / 2];
        await using var stream = new NetworkStream(socket);
        await stream.ReadExactlyAsync(bytes);
        Assert.Equal(expected.Replace(" ", "", StringComparison.Ordinal), Convert.ToHexString(bytes));
        await stream.WriteAsync(version == MqttProtocolVersion.V500 ? new byte[] { 0x20, 3, 0, 0, 0 } : [0x20, 2, 0, 0]);
        await connect.WaitAsync(Limit);
    }
}
