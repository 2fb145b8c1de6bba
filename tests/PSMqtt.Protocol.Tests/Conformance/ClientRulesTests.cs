using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Tests.Connections;
using PSMqtt.Protocol.Tests.Packets;
using PSMqtt.Protocol.Tests.Scripted;
using static PSMqtt.Protocol.Tests.Packets.PacketBytes;

namespace PSMqtt.Protocol.Tests.Conformance;

/// <summary>Statements that bind a client and that no other group of tests is about: what leaves the client, byte by byte.</summary>
public sealed class ClientRulesTests : ConnectionTest
{
    private const MqttProtocolVersion V311 = MqttProtocolVersion.V311;
    private const MqttProtocolVersion V500 = MqttProtocolVersion.V500;
    private const string HalfASurrogatePair = "a\ud800";

    [Theory(DisplayName = "[MQTT-3.8.1-1] [MQTT-3.10.1-1] [MQTT-2.2.2-1] SUBSCRIBE and UNSUBSCRIBE have the flag bits 0010, and say that there are no properties")]
    [InlineData(V311, "82 06 0001 0001 61 01", "A2 05 0001 0001 61")]
    [InlineData(V500, "82 07 0001 00 0001 61 01", "A2 06 0001 00 0001 61")]
    public void Flag_bits_of_subscribing(MqttProtocolVersion version, string subscribe, string unsubscribe)
    {
        var subscribing = new SubscribePacket
        {
            PacketIdentifier = 1,
            Subscriptions = [new MqttTopicSubscription("a", MqttQualityOfService.AtLeastOnce)],
        };
        Assert.Equal(Hex(subscribe), Encode(subscribing, version));
        Assert.Equal(Hex(unsubscribe), Encode(new UnsubscribePacket { PacketIdentifier = 1, Filters = ["a"] }, version));
    }

    [Theory(DisplayName = "[MQTT-3.3.2-1] [MQTT-2.2.2-1] PUBLISH begins with the topic name in UTF-8, and says that there are no properties")]
    [InlineData(V311, "32 07 0002 C3A9 0001 31")]
    [InlineData(V500, "32 08 0002 C3A9 0001 00 31")]
    public async Task Topic_name_first(MqttProtocolVersion version, string expected)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(version));
        _ = client.PublishAsync(new MqttMessage("é", "1", MqttQualityOfService.AtLeastOnce)).AsTask();
        ReceivedPublish received = await peer.ExpectPublishAsync();
        Assert.Equal(("é", "1"), (received.Topic, received.Text));
        Assert.Equal(Hex(expected), Encode(new ServerPublish(received.Topic, received.Payload, received.QoS, received.PacketIdentifier), version));
    }

    [Theory(DisplayName = "[MQTT-3.8.3-1] [MQTT-3.10.3-1] [MQTT-4.7.3-2] topic filters leave as UTF-8; what UTF-8 or MQTT cannot carry is the caller's error")]
    [InlineData(V311)]
    [InlineData(V500)]
    public async Task Topic_filters_are_text(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(version));
        await Assert.ThrowsAsync<ArgumentException>(() => client.SubscribeAsync("a\0b"));
        await Assert.ThrowsAsync<ArgumentException>(() => client.SubscribeAsync(HalfASurrogatePair));
        MqttSubscription subscription = await SubscribeAsync(client, peer, "é/日本");
        Task unsubscribe = client.UnsubscribeAsync(subscription);
        Assert.Equal("é/日本", (await AnswerUnsubscribeAsync(peer)).Filters[0]);
        await unsubscribe.WaitAsync(Limit);
    }

    [Theory(DisplayName = "[MQTT-4.7.0-1] [MQTT-4.7.3-1] [MQTT-4.7.3-2] [MQTT-4.7.3-3] what no topic name may hold is the caller's error, and is not sent")]
    [InlineData(V311)]
    [InlineData(V500)]
    public async Task Topic_names(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(version));
        foreach (string topic in (string[])["a/#", "+/a", "", "a\0", HalfASurrogatePair, new string('x', 65_536)])
        {
            await Assert.ThrowsAsync<ArgumentException>(() => client.PublishAsync(topic, default).AsTask());
        }

        await client.PublishAsync("good", default);
        Assert.Equal("good", (await peer.ExpectPublishAsync()).Topic);
    }

    [Fact(DisplayName = "[MQTT-1.5.7-1] [MQTT-3.3.2-13] [MQTT-3.3.2-19] text in properties that UTF-8 or MQTT cannot carry is the caller's error")]
    public async Task Text_in_properties()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(V500));
        foreach (string text in (string[])["a\0", HalfASurrogatePair])
        {
            MqttMessage[] wrong =
            [
                new("t", "1") { UserProperties = [new MqttUserProperty(text, "v")] },
                new("t", "1") { UserProperties = [new MqttUserProperty("k", text)] },
                new("t", "1") { ResponseTopic = text },
                new("t", "1") { ContentType = text },
            ];
            foreach (MqttMessage message in wrong)
            {
                await Assert.ThrowsAsync<ArgumentException>(() => client.PublishAsync(message).AsTask());
            }
        }

        await client.PublishAsync(new MqttMessage("t", "1") { ResponseTopic = "é", ContentType = "日", UserProperties = [new MqttUserProperty("ä", "ö")] });
        MqttMessageProperties properties = (await peer.ExpectPublishAsync()).Properties!;
        Assert.Equal(("é", "日", new MqttUserProperty("ä", "ö")), (properties.ResponseTopic, properties.ContentType, properties.UserProperties[0]));
    }

    [Theory(DisplayName = "[MQTT-3.1.2-20] [MQTT-3.1.1: MQTT-3.1.2-23] PINGREQ is sent when nothing else is")]
    [InlineData(V311)]
    [InlineData(V500)]
    public async Task Pings(MqttProtocolVersion version)
    {
        (MqttClient _, ScriptedPeer peer) = await ConnectAsync(Options(version) with { KeepAlive = TimeSpan.FromSeconds(3) });
        for (int time = 0; time < 2; time++)
        {
            await peer.ExpectPingReqAsync();
            await peer.SendPingRespAsync();
        }
    }

    [Theory(DisplayName = "[MQTT-3.1.2-23] [MQTT-3.1.3-2] [MQTT-3.1.1: MQTT-3.1.2-4] the session state outlives the connection, under the same client identifier")]
    [InlineData(V311)]
    [InlineData(V500)]
    public async Task Session_state_outlives_the_connection(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(version) with { PersistentSession = true, CleanStart = false });
        Assert.False(peer.Connect!.CleanStart);
        Task<MqttPublishResult> publish = client.PublishAsync("t", default, MqttQualityOfService.AtLeastOnce).AsTask();
        ReceivedPublish first = await peer.ExpectPublishAsync();
        peer.Abort();

        ScriptedPeer second = await Server.AcceptConnectedAsync(new ConnAckPacket { SessionPresent = true });
        Assert.Equal((peer.Connect.ClientId, false), (second.Connect!.ClientId, second.Connect.CleanStart));
        ReceivedPublish again = await second.ExpectPublishAsync();
        Assert.Equal((first.PacketIdentifier, true), (again.PacketIdentifier, again.Duplicate));
        await second.SendAcknowledgementAsync(MqttPacketType.PubAck, again.PacketIdentifier);
        await publish.WaitAsync(Limit);
    }

    [Fact(DisplayName = "[MQTT-3.1.3-2] the client identifier that the server assigned names the session from then on")]
    public async Task Assigned_client_identifier()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(
            Options(V500) with { ClientId = string.Empty }, new ConnAckPacket { AssignedClientIdentifier = "given" });
        Assert.Equal(("", "given"), (peer.Connect!.ClientId, client.ClientId));
        peer.Abort();
        ScriptedPeer second = await Server.AcceptConnectedAsync(new ConnAckPacket { SessionPresent = true });
        Assert.Equal(("given", false), (second.Connect!.ClientId, second.Connect.CleanStart));
    }

    [Fact(DisplayName = "[MQTT-3.4.2-2] [MQTT-3.4.2-3] [MQTT-3.5.2-2] [MQTT-3.5.2-3] [MQTT-3.6.2-2] [MQTT-3.6.2-3] [MQTT-3.7.2-2] [MQTT-3.7.2-3] "
        + "an acknowledgement has no reason string and no user properties that could make it too large")]
    public async Task Acknowledgements_are_short()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(V500), new ConnAckPacket { MaximumPacketSize = 30 });
        Task<MqttSubscription> subscribe = client.SubscribeAsync(
            [new MqttTopicSubscription("t", MqttQualityOfService.ExactlyOnce)], new MqttSubscriptionOptions { ManualAcknowledge = true });
        await GrantAsync(peer);
        MqttSubscription subscription = await subscribe.WaitAsync(Limit);
        await peer.SendAsync(
            new ServerPublish("t", "1", MqttQualityOfService.AtLeastOnce, 1),
            new ServerPublish("t", "2", MqttQualityOfService.ExactlyOnce, 2),
            new AcknowledgementPacket(MqttPacketType.PubRec, 3),
            new AcknowledgementPacket(MqttPacketType.PubRel, 4));
        AcknowledgementPacket release = await peer.ExpectAcknowledgementAsync(MqttPacketType.PubRel);
        AcknowledgementPacket completed = await peer.ExpectAcknowledgementAsync(MqttPacketType.PubComp);
        await client.AcknowledgeAsync(await ReadAsync(subscription), MqttReasonCode.QuotaExceeded);
        AcknowledgementPacket acknowledged = await peer.ExpectAcknowledgementAsync(MqttPacketType.PubAck);
        await client.AcknowledgeAsync(await ReadAsync(subscription), MqttReasonCode.NotAuthorized);
        AcknowledgementPacket received = await peer.ExpectAcknowledgementAsync(MqttPacketType.PubRec);

        foreach (AcknowledgementPacket packet in (AcknowledgementPacket[])[release, completed, acknowledged, received])
        {
            Assert.True(packet.ReasonCode.IsFailure());
            Assert.Null(packet.ReasonString);
            Assert.Empty(packet.UserProperties);
        }
    }

    [Fact(DisplayName = "[MQTT-3.14.2-1] [MQTT-3.14.2-3] [MQTT-3.14.2-4] a DISCONNECT that would be too large for the server, or with a code it may not have, is refused")]
    public async Task Disconnect_within_the_servers_limit()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(V500), new ConnAckPacket { MaximumPacketSize = 30 });
        MqttDisconnectOptions[] wrong =
        [
            new() { ReasonString = new string('x', 40) },
            new() { UserProperties = [new MqttUserProperty("k", new string('x', 40))] },
            new() { ReasonCode = MqttReasonCode.ServerMoved },
        ];
        foreach (MqttDisconnectOptions options in wrong)
        {
            await Assert.ThrowsAsync<ArgumentException>(() => client.DisconnectAsync(options));
        }

        Task disconnect = client.DisconnectAsync(new MqttDisconnectOptions { ReasonString = "short" });
        Assert.Equal("short", (await peer.ExpectDisconnectAsync(MqttReasonCode.Success)).ReasonString);
        peer.Dispose();
        await disconnect.WaitAsync(Limit);
    }

    [Theory(DisplayName = "[MQTT-3.14.1-1] [MQTT-3.14.4-1] [MQTT-3.14.4-2] DISCONNECT has the flag bits 0000, is the last packet, and the connection is closed after it")]
    [InlineData(V311)]
    [InlineData(V500)]
    public async Task Disconnect_is_the_last_packet(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(version));
        Task disconnect = client.DisconnectAsync();
        Assert.Equal(0xE0, Encode(await peer.ExpectAsync<DisconnectPacket>(), version)[0]);
        await peer.ExpectClosedAsync();
        peer.Dispose();
        await disconnect.WaitAsync(Limit);
    }

    [Fact(DisplayName = "[MQTT-3.15.1-1] [MQTT-3.15.2-1] [MQTT-3.15.2-2] [MQTT-3.15.2-3] AUTH has the flag bits 0000, code 0x18 or 0x19, no reason string and no user properties")]
    public async Task Auth_packets()
    {
        MqttClient client = Client(Options(V500) with { Authentication = new Echo() });
        Task<MqttConnectResult> connect = client.ConnectAsync();
        ScriptedPeer peer = await Server.AcceptAsync();
        await peer.ExpectAsync<ConnectPacket>();
        await peer.SendAsync(new AuthPacket { ReasonCode = MqttReasonCode.ContinueAuthentication, Method = "echo", Data = [1] });
        AuthPacket step = await peer.ExpectAsync<AuthPacket>();
        await peer.SendAsync(new ConnAckPacket { AuthenticationMethod = "echo" });
        await connect.WaitAsync(Limit);
        Task again = client.ReauthenticateAsync();
        AuthPacket begin = await peer.ExpectAsync<AuthPacket>();
        await peer.SendAsync(new AuthPacket { ReasonCode = MqttReasonCode.Success, Method = "echo" });
        await again.WaitAsync(Limit);

        Assert.Equal((MqttReasonCode.ContinueAuthentication, MqttReasonCode.ReAuthenticate), (step.ReasonCode, begin.ReasonCode));
        foreach (AuthPacket packet in (AuthPacket[])[step, begin])
        {
            Assert.Equal(0xF0, Encode(packet, V500)[0]);
            Assert.Null(packet.ReasonString);
            Assert.Empty(packet.UserProperties);
        }
    }

    [Theory(DisplayName = "[MQTT-4.2.0-1] packets are one stream of bytes, however the transport cuts it")]
    [InlineData(V311)]
    [InlineData(V500)]
    public async Task One_stream_of_bytes(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(version));
        MqttSubscription subscription = await SubscribeAsync(client, peer, "t");
        await peer.SendInPiecesAsync(1, new ServerPublish("t", "one"), new ServerPublish("t", "two"));
        Assert.Equal("one", (await ReadAsync(subscription)).Text);
        Assert.Equal("two", (await ReadAsync(subscription)).Text);
    }

    [Fact(DisplayName = "[MQTT-4.3.3-13] a QoS 2 exchange is completed, whatever the message's expiry")]
    public async Task Expiry_does_not_end_an_exchange()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(V500) with { TimeProvider = Time });
        MqttSubscription subscription = await SubscribeAsync(client, peer, "t", MqttQualityOfService.ExactlyOnce);
        await peer.SendAsync(new ServerPublish("t", "old", MqttQualityOfService.ExactlyOnce, 5)
        {
            Properties = new MqttMessageProperties { MessageExpirySeconds = 0 },
        });
        Assert.True(await subscription.WaitToReadAsync(TestContext.Current.CancellationToken));
        Time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal("old", (await ReadAsync(subscription)).Text);
        Assert.Equal(5, (await peer.ExpectAcknowledgementAsync(MqttPacketType.PubRec)).PacketIdentifier);
        await peer.SendAcknowledgementAsync(MqttPacketType.PubRel, 5);
        Assert.Equal(5, (await peer.ExpectAcknowledgementAsync(MqttPacketType.PubComp)).PacketIdentifier);
    }

    [Fact(DisplayName = "[MQTT-3.1.1: MQTT-7.0.0-2] everything works with a server that has nothing but the specification's minimum")]
    public async Task No_extension_is_needed()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(V311));
        Assert.False(peer.Connect!.Bridge);
        Task<MqttPublishResult> publish = client.PublishAsync("t", default, MqttQualityOfService.ExactlyOnce).AsTask();
        ushort identifier = (await peer.ExpectPublishAsync()).PacketIdentifier;
        await peer.SendAcknowledgementAsync(MqttPacketType.PubRec, identifier);
        await peer.ExpectAcknowledgementAsync(MqttPacketType.PubRel);
        await peer.SendAcknowledgementAsync(MqttPacketType.PubComp, identifier);
        await publish.WaitAsync(Limit);
    }

    [Theory(DisplayName = "[MQTT-3.1.2-29] explanations that were not wanted are a protocol error, but in PUBLISH, CONNACK and DISCONNECT")]
    [InlineData("40 08 0009 10 04 1F 0001 61")]
    [InlineData("50 08 0009 80 04 1F 0001 61")]
    [InlineData("62 08 0009 92 04 1F 0001 61")]
    [InlineData("70 0B 0009 92 07 26 0001 61 0001 62")]
    [InlineData("90 08 0009 04 1F 0001 61 00")]
    [InlineData("B0 08 0009 04 1F 0001 61 00")]
    public async Task Explanations_that_were_not_wanted(string packet)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(
            Options(V500) with { RequestProblemInformation = false }, new ConnAckPacket { ReasonString = "welcome" });
        Assert.Equal("welcome", client.ConnectResult!.ReasonString);
        Assert.False(peer.Connect!.RequestProblemInformation);
        await peer.SendRawAsync("30 0B 0001 61 07 26 0001 61 0001 62");
        await peer.SendRawAsync(packet);
        await peer.ExpectDisconnectAsync(MqttReasonCode.ProtocolError);
        peer.Dispose();
        MqttConnectionEventArgs ended = await StepAsync(MqttConnectionState.Reconnecting);
        Assert.Equal("MQTT-3.1.2-29", Assert.IsType<MqttProtocolException>(ended.Error).Statement);
    }

    private sealed class Echo : IEnhancedAuthentication
    {
        public string Method => "echo";

        public ValueTask<ReadOnlyMemory<byte>?> BeginAsync(CancellationToken cancellationToken) => ValueTask.FromResult<ReadOnlyMemory<byte>?>(null);

        public ValueTask<ReadOnlyMemory<byte>?> ContinueAsync(ReadOnlyMemory<byte>? data, CancellationToken cancellationToken) => ValueTask.FromResult(data);

        public ValueTask CompleteAsync(ReadOnlyMemory<byte>? data, CancellationToken cancellationToken) => ValueTask.CompletedTask;
    }
}
