using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Tests.Scripted;

namespace PSMqtt.Protocol.Tests.Sessions;

public sealed class ServerLimitTests : SessionTest
{
    private const MqttQualityOfService QoS0 = MqttQualityOfService.AtMostOnce;
    private const MqttQualityOfService QoS1 = MqttQualityOfService.AtLeastOnce;
    private const MqttQualityOfService QoS2 = MqttQualityOfService.ExactlyOnce;

    [Theory(DisplayName = "[MQTT-3.2.2-11] a message beyond the server's Maximum QoS fails, says why, and is not sent")]
    [InlineData(QoS0, QoS1)]
    [InlineData(QoS0, QoS2)]
    [InlineData(QoS1, QoS2)]
    public async Task Maximum_qos(MqttQualityOfService maximum, MqttQualityOfService qos)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(MqttProtocolVersion.V500, new ConnAckPacket { MaximumQoS = maximum });
        MqttOperationException error = await RefusedAsync(client, peer, () => client.PublishAsync("t", new byte[1], qos).AsTask());
        Assert.Contains($"QoS {(int)maximum}", error.Message, StringComparison.Ordinal);

        Task<MqttPublishResult> allowed = Publish(client, "x", maximum);
        ReceivedPublish publish = await ExpectPublishAsync(peer, "x");
        Assert.Equal(maximum, publish.QoS);
        if (maximum == QoS1)
        {
            await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, publish.PacketIdentifier);
        }

        await Soon(allowed);
    }

    [Fact(DisplayName = "A publish that the server does not allow fails by its task, so that many can be begun before the first is awaited")]
    public async Task Fails_by_its_task()
    {
        (MqttClient client, ScriptedPeer _) = await ConnectAsync(MqttProtocolVersion.V500, new ConnAckPacket { MaximumQoS = QoS0 });
        Task<MqttPublishResult>[] all = [client.PublishAsync("t", new byte[1], QoS1).AsTask(), client.PublishAsync("t", new byte[1], QoS0).AsTask()];
        await Assert.ThrowsAsync<MqttOperationException>(() => all[0]);
        await Soon(all[1]);
    }

    [Fact(DisplayName = "[MQTT-3.2.2-14] a retained message fails where the server keeps none")]
    public async Task Retain_available()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(MqttProtocolVersion.V500, new ConnAckPacket { RetainAvailable = false });
        foreach (MqttQualityOfService qos in Enum.GetValues<MqttQualityOfService>())
        {
            MqttOperationException error = await RefusedAsync(client, peer, () => client.PublishAsync("t", new byte[1], qos, retain: true).AsTask());
            Assert.Contains("Retain", error.Message, StringComparison.Ordinal);
        }
    }

    [Theory(DisplayName = "[MQTT-3.2.2-15] a packet of exactly the server's Maximum Packet Size is sent, one byte more fails and says both sizes")]
    [InlineData(QoS0)]
    [InlineData(QoS1)]
    [InlineData(QoS2)]
    public async Task Maximum_packet_size(MqttQualityOfService qos)
    {
        // With aliases allowed, for which an exactly fitting packet has no room.
        const int Maximum = 120;
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(
            MqttProtocolVersion.V500, new ConnAckPacket { MaximumPacketSize = Maximum, TopicAliasMaximum = 10 });
        int overhead = 2 + 2 + "topic".Length + (qos == QoS0 ? 0 : 2) + 1;
        var error = await FailsAsync<MqttOperationException>(Attempt(() => client.PublishAsync("topic", new byte[Maximum - overhead + 1], qos).AsTask()));
        Assert.Equal((MqttOperationFailure.PacketTooLarge, "topic"), (error.Failure, error.Topic));
        Assert.Contains("121", error.Message, StringComparison.Ordinal);
        Assert.Contains("120", error.Message, StringComparison.Ordinal);

        for (int length = Maximum - overhead - 6; length <= Maximum - overhead; length++)
        {
            Task<MqttPublishResult> publish = client.PublishAsync("topic", new byte[length], qos).AsTask();
            ReceivedPublish sent = await peer.ExpectPublishAsync();
            Assert.Equal(length, sent.Payload.Length);
            int size = 2 + 2 + sent.Topic.Length + (qos == QoS0 ? 0 : 2) + 1 + (sent.TopicAlias > 0 ? 3 : 0) + length;
            Assert.InRange(size, 1, Maximum);
            await AcknowledgeAsync(peer, sent);
            await Soon(publish);
        }
    }

    [Fact(DisplayName = "[MQTT-3.2.2-15] a queued message that the next server finds too large fails, and the ones behind it are sent")]
    public async Task Maximum_packet_size_of_next_connection()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(MqttProtocolVersion.V500) with { InFlightMaximum = 1 });
        Task<MqttPublishResult> first = Publish(client, "first");
        ReceivedPublish sent = await ExpectPublishAsync(peer, "first");
        Task<MqttPublishResult> large = Publish(client, new string('x', 200));
        Task<MqttPublishResult> small = Publish(client, "small");
        ScriptedPeer second = await ReconnectAsync(peer, true, new ConnAckPacket { SessionPresent = true, MaximumPacketSize = 100 });
        await ExpectPublishAsync(second, "first", duplicate: true);
        await second.SendAcknowledgementAsync(MqttPacketType.PubAck, sent.PacketIdentifier);
        Assert.Equal(MqttOperationFailure.PacketTooLarge, (await FailsAsync<MqttOperationException>(large)).Failure);
        ReceivedPublish next = await ExpectPublishAsync(second, "small");
        await second.SendAcknowledgementAsync(MqttPacketType.PubAck, next.PacketIdentifier);
        await Soon(Task.WhenAll(first, small));
    }

    [Theory(DisplayName = "[MQTT-2.2.1-3] [MQTT-3.2.2-11] [MQTT-3.2.2-15] what a new connection to the session does not allow any more fails; its identifier stays taken until the session is gone")]
    [InlineData(QoS1)]
    [InlineData(QoS2)]
    public async Task Smaller_limits_of_a_present_session(MqttQualityOfService qos)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(MqttProtocolVersion.V500));
        Task<MqttPublishResult> large = Publish(client, new string('x', 200), qos);
        ushort taken = (await peer.ExpectPublishAsync()).PacketIdentifier;
        ScriptedPeer second = await ReconnectAsync(
            peer, true, new ConnAckPacket { SessionPresent = true, MaximumPacketSize = 100, MaximumQoS = qos == QoS2 ? QoS1 : null });
        Assert.True((await FailsAsync<MqttOperationException>(large)).Failure is MqttOperationFailure.PacketTooLarge or MqttOperationFailure.NotSupportedByServer);
        Assert.DoesNotContain(taken, await IdentifiersAsync(client, second));

        ScriptedPeer third = await ReconnectAsync(second, false);
        Assert.Contains(taken, await IdentifiersAsync(client, third));

        async Task<HashSet<ushort>> IdentifiersAsync(MqttClient client, ScriptedPeer peer)
        {
            var identifiers = new HashSet<ushort>();
            for (int number = 0; number < 200; number++)
            {
                Task<MqttPublishResult> publish = Publish(client, "x");
                ReceivedPublish sent = await peer.ExpectPublishAsync();
                identifiers.Add(sent.PacketIdentifier);
                await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, sent.PacketIdentifier);
                await Soon(publish);
            }

            return identifiers;
        }
    }

    [Theory(DisplayName = "[MQTT-3.1.2-27] our Maximum Packet Size is announced, and a larger packet ends the connection with 0x95 before it is there")]
    [InlineData(100, 101)]
    [InlineData(100, 268_435_460)]
    public async Task Our_maximum_packet_size(int maximum, int size)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(MqttProtocolVersion.V500) with { MaximumPacketSize = maximum });
        Assert.Equal((uint)maximum, peer.Connect!.MaximumPacketSize);
        MqttSubscription subscription = await SubscribeAsync(client, peer, "a");
        await peer.SendAsync(new ServerPublish("a", new byte[maximum - 2 - 2 - 1 - 1]));
        Assert.Equal(maximum - 6, (await ReadAsync(subscription)).Payload.Length);
        await peer.SendRawAsync(size == 101 ? "30 63 0001 61 00" : "30 FFFFFF7F 0001 61 00");
        await peer.ExpectDisconnectAsync(MqttReasonCode.PacketTooLarge);
    }

    [Fact(DisplayName = "wildcard, shared and No Local subscriptions that the server does not have fail, say why, and are not sent")]
    public async Task Subscription_availability()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(
            MqttProtocolVersion.V500, new ConnAckPacket { WildcardSubscriptionAvailable = false, SharedSubscriptionAvailable = false });
        foreach ((string filter, string word) in ((string, string)[])[("a/+", "wildcard"), ("#", "wildcard"), ("$share/g/a", "shared")])
        {
            MqttOperationException error = await RefusedAsync(client, peer, () => client.SubscribeAsync(filter), filter);
            Assert.Contains(word, error.Message, StringComparison.Ordinal);
        }

        Assert.Empty(client.Subscriptions);
        await SubscribeAsync(client, peer, "a");
    }

    [Fact(DisplayName = "subscription identifiers are used where the server has them, and left out where not")]
    public async Task Subscription_identifier_availability()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(MqttProtocolVersion.V500, new ConnAckPacket { SubscriptionIdentifiersAvailable = false });
        Task<MqttSubscription> subscribe = client.SubscribeAsync("a");
        Assert.Null((await GrantAsync(peer)).SubscriptionIdentifier);
        await Soon(subscribe);

        (MqttClient other, ScriptedPeer otherPeer) = await ConnectAsync(Options(MqttProtocolVersion.V500) with { ClientId = "other" });
        subscribe = other.SubscribeAsync("a");
        Assert.NotNull((await GrantAsync(otherPeer)).SubscriptionIdentifier);
        await Soon(subscribe);
    }

    [Theory(DisplayName = "what only 5.0 has is refused on older versions by name, and not sent")]
    [MemberData(nameof(VersionsBefore5))]
    public async Task Only_5(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(version);
        (MqttMessage, string)[] messages =
        [
            (new MqttMessage("t", "x") { ContentType = "text/plain" }, "Content Type"),
            (new MqttMessage("t", "x", QoS1) { MessageExpiry = TimeSpan.FromSeconds(1) }, "Message Expiry"),
            (new MqttMessage("t", "x", QoS2) { ResponseTopic = "r" }, "Response Topic"),
            (new MqttMessage("t", "x") { CorrelationData = [1] }, "Correlation Data"),
            (new MqttMessage("t", "x") { UserProperties = [new MqttUserProperty("a", "b")] }, "User Properties"),
            (new MqttMessage("t", "x") { PayloadFormat = MqttPayloadFormat.Utf8 }, "Payload Format"),
        ];
        foreach ((MqttMessage message, string word) in messages)
        {
            MqttOperationException error = await RefusedAsync(client, peer, () => client.PublishAsync(message).AsTask());
            Assert.Contains(word, error.Message, StringComparison.Ordinal);
        }

        (MqttTopicSubscription, string)[] subscriptions =
        [
            (new MqttTopicSubscription("f") { NoLocal = true }, "No Local"),
            (new MqttTopicSubscription("f") { RetainAsPublished = true }, "Retain As Published"),
            (new MqttTopicSubscription("f") { RetainHandling = MqttRetainHandling.DoNotSend }, "Retain Handling"),
        ];
        foreach ((MqttTopicSubscription subscription, string word) in subscriptions)
        {
            MqttOperationException error = await RefusedAsync(client, peer, () => client.SubscribeAsync([subscription]), "f");
            Assert.Contains(word, error.Message, StringComparison.Ordinal);
        }
    }

    [Theory(DisplayName = "[MQTT-4.7.1-1] [MQTT-3.3.2-2] [MQTT-4.7.3-1] topics and filters that MQTT does not have are the caller's error, and are not sent")]
    [MemberData(nameof(Versions))]
    public async Task Bad_topics(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(version);
        foreach (string topic in (string[])["", "a/+", "#", "a\0b", new string('x', 70_000)])
        {
            await FailsAsync<ArgumentException>(Attempt(() => client.PublishAsync(topic, new byte[1], QoS1).AsTask()));
        }

        foreach (string filter in (string[])["", "a#", "a/#/b", "b+", "$share/g", "$share//a"])
        {
            await FailsAsync<ArgumentException>(Attempt(() => client.SubscribeAsync(filter)));
        }

        await FailsAsync<ArgumentException>(Attempt(() => client.SubscribeAsync([])));
        await FailsAsync<ArgumentException>(Attempt(() => client.PublishAsync("t", new byte[1], (MqttQualityOfService)3).AsTask()));
        await ExpectNothingSentAsync(client, peer);
        Assert.Equal(0, client.Counters.InFlight + client.Counters.Queued);
    }

    private static async Task<MqttOperationException> RefusedAsync(MqttClient client, ScriptedPeer peer, Func<Task> attempt, string topic = "t")
    {
        var error = await FailsAsync<MqttOperationException>(Attempt(attempt));
        Assert.Equal((MqttOperationFailure.NotSupportedByServer, topic), (error.Failure, error.Topic));
        await ExpectNothingSentAsync(client, peer);
        Assert.Equal(0, client.Counters.InFlight + client.Counters.Queued);
        return error;
    }

    /// <summary>An error may come at once or with the task: it is the caller's either way.</summary>
    private static async Task Attempt(Func<Task> attempt) => await attempt();

    private static async Task AcknowledgeAsync(ScriptedPeer peer, ReceivedPublish publish)
    {
        if (publish.QoS == QoS1)
        {
            await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, publish.PacketIdentifier);
        }
        else if (publish.QoS == QoS2)
        {
            await peer.SendAcknowledgementAsync(MqttPacketType.PubRec, publish.PacketIdentifier);
            await ExpectAcknowledgementAsync(peer, MqttPacketType.PubRel, publish.PacketIdentifier);
            await peer.SendAcknowledgementAsync(MqttPacketType.PubComp, publish.PacketIdentifier);
        }
    }
}
