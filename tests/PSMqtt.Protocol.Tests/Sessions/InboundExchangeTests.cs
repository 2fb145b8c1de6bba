using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Tests.Scripted;

namespace PSMqtt.Protocol.Tests.Sessions;

public sealed class InboundExchangeTests : SessionTest
{
    private const MqttQualityOfService QoS0 = MqttQualityOfService.AtMostOnce;
    private const MqttQualityOfService QoS1 = MqttQualityOfService.AtLeastOnce;
    private const MqttQualityOfService QoS2 = MqttQualityOfService.ExactlyOnce;

    private static readonly MqttSubscriptionOptions s_manual = new() { ManualAcknowledge = true };

    [Theory(DisplayName = "[MQTT-3.3.4-1] [MQTT-4.3.2-4] [MQTT-3.1.1: MQTT-4.3.2-2] QoS 1 is answered with PUBACK when it was taken, and not before; QoS 0 is not answered")]
    [MemberData(nameof(Versions))]
    public async Task QoS_1(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(version);
        MqttSubscription subscription = await SubscribeAsync(client, peer, "a");
        await peer.SendPublishAsync("a", "zero");
        await peer.SendPublishAsync("a", "one", QoS1, 12);
        await BarrierAsync(peer);
        Assert.Equal(1, client.Counters.Unacknowledged);

        MqttMessage zero = await ReadAsync(subscription);
        Assert.Equal(("zero", QoS0, false), (zero.Text, zero.QoS, zero.Duplicate));
        await BarrierAsync(peer);
        MqttMessage one = await ReadAsync(subscription);
        Assert.Equal(("one", QoS1), (one.Text, one.QoS));
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubAck, 12);
        Assert.Equal(0, client.Counters.Unacknowledged);
    }

    [Theory(DisplayName = "[MQTT-4.3.3-8] [MQTT-4.3.3-11] [MQTT-4.3.3-12] [MQTT-2.2.1-5] [MQTT-3.1.1: MQTT-4.3.3-2] QoS 2 in: PUBREC, PUBREL, PUBCOMP; then the identifier is a new message's")]
    [MemberData(nameof(Versions))]
    public async Task QoS_2(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(version);
        MqttSubscription subscription = await SubscribeAsync(client, peer, "a");
        foreach (string text in (string[])["first", "second"])
        {
            await peer.SendPublishAsync("a", text, QoS2, 9);
            await BarrierAsync(peer);
            Assert.Equal(text, (await ReadAsync(subscription)).Text);
            await ExpectAcknowledgementAsync(peer, MqttPacketType.PubRec, 9);
            await peer.SendAcknowledgementAsync(MqttPacketType.PubRel, 9);
            await ExpectAcknowledgementAsync(peer, MqttPacketType.PubComp, 9);
        }
    }

    [Theory(DisplayName = "[MQTT-4.3.3-10] a QoS 2 message that comes again before PUBREL, on the same and on a new connection, is answered with PUBREC and not delivered again")]
    [MemberData(nameof(Versions))]
    public async Task QoS_2_duplicates(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(version);
        MqttSubscription subscription = await SubscribeAsync(client, peer, "a");
        var message = new ServerPublish("a", "x", QoS2, 9);
        ServerPublish again = message with { Duplicate = true };
        await peer.SendAsync(message, again, again);
        await BarrierAsync(peer);
        Assert.Equal(1, subscription.QueuedCount);
        await ReadAsync(subscription);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubRec, 9);
        await peer.SendAsync(again);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubRec, 9);

        ScriptedPeer second = await ReconnectAsync(peer, sessionPresent: true);
        await ReceiveSubscribeOf31Async(second, version);
        await second.SendAsync(again);
        await ExpectAcknowledgementAsync(second, MqttPacketType.PubRec, 9);
        await second.SendAcknowledgementAsync(MqttPacketType.PubRel, 9);
        await ExpectAcknowledgementAsync(second, MqttPacketType.PubComp, 9);
        await BarrierAsync(second);
        Assert.Equal(0, subscription.QueuedCount);
        Assert.Equal(1, client.Counters.MessagesReceived);
    }

    [Theory(DisplayName = "[MQTT-4.3.3-11] PUBREL repeated on a new connection is answered with PUBCOMP, and the message is not delivered again")]
    [MemberData(nameof(Versions))]
    public async Task Release_on_new_connection(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(version);
        MqttSubscription subscription = await SubscribeAsync(client, peer, "a");
        await peer.SendPublishAsync("a", "x", QoS2, 9);
        await ReadAsync(subscription);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubRec, 9);

        ScriptedPeer second = await ReconnectAsync(peer, sessionPresent: true);
        await ReceiveSubscribeOf31Async(second, version);
        await second.SendAcknowledgementAsync(MqttPacketType.PubRel, 9);
        AcknowledgementPacket answer = await second.ExpectAcknowledgementAsync(MqttPacketType.PubComp);
        Assert.Equal((9, MqttReasonCode.Success), (answer.PacketIdentifier, answer.ReasonCode));
    }

    [Theory(DisplayName = "PUBREL for an unknown identifier is answered with PUBCOMP, on 5.0 with Packet Identifier Not Found, and counted")]
    [MemberData(nameof(Versions))]
    public async Task Release_unknown(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(version);
        await peer.SendAcknowledgementAsync(MqttPacketType.PubRel, 9);
        AcknowledgementPacket answer = await peer.ExpectAcknowledgementAsync(MqttPacketType.PubComp);
        Assert.Equal(
            (9, version == MqttProtocolVersion.V500 ? MqttReasonCode.PacketIdentifierNotFound : MqttReasonCode.Success),
            (answer.PacketIdentifier, answer.ReasonCode));
        Assert.Equal(1, client.Counters.StrayAcknowledgements);
    }

    [Theory(DisplayName = "[MQTT-4.4.0-1] a message that waits here, unacknowledged, is not delivered again when the server sends it again on a new connection, and is acknowledged there")]
    [MemberData(nameof(Versions))]
    public async Task Redelivery_of_what_waits(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(version);
        MqttSubscription subscription = await SubscribeAsync(client, peer, "a");
        await peer.SendAsync(
            new ServerPublish("a", "taken", QoS1, 1), new ServerPublish("a", "waits", QoS1, 2), new ServerPublish("a", "waits too", QoS2, 3));
        await BarrierAsync(peer);

        ScriptedPeer second = await ReconnectAsync(peer, sessionPresent: true);
        await ReceiveSubscribeOf31Async(second, version);
        Assert.Equal("taken", (await ReadAsync(subscription)).Text);
        await second.SendAsync(
            new ServerPublish("a", "taken", QoS1, 1) { Duplicate = true },
            new ServerPublish("a", "waits", QoS1, 2) { Duplicate = true },
            new ServerPublish("a", "waits too", QoS2, 3) { Duplicate = true });
        await ExpectAcknowledgementAsync(second, MqttPacketType.PubAck, 1);
        Assert.Equal("waits", (await ReadAsync(subscription)).Text);
        await ExpectAcknowledgementAsync(second, MqttPacketType.PubAck, 2);
        Assert.Equal("waits too", (await ReadAsync(subscription)).Text);
        await ExpectAcknowledgementAsync(second, MqttPacketType.PubRec, 3);
        Assert.Equal(3, client.Counters.MessagesReceived);
        Assert.Equal(0, subscription.QueuedCount);
    }

    [Theory(DisplayName = "[MQTT-4.3.2-5] after PUBACK the same identifier is a new message's, whatever its DUP")]
    [MemberData(nameof(Versions))]
    public async Task QoS_1_identifier_again(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(version);
        MqttSubscription subscription = await SubscribeAsync(client, peer, "a");
        for (int i = 0; i < 3; i++)
        {
            await peer.SendAsync(new ServerPublish("a", $"{i}", QoS1, 4) { Duplicate = i == 1 });
            MqttMessage message = await ReadAsync(subscription);
            Assert.Equal(($"{i}", i == 1), (message.Text, message.Duplicate));
            await ExpectAcknowledgementAsync(peer, MqttPacketType.PubAck, 4);
        }
    }

    [Theory(DisplayName = "a new message with the identifier of one that is not acknowledged ends the connection")]
    [MemberData(nameof(Versions))]
    public async Task Identifier_in_use(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(version);
        await SubscribeAsync(client, peer, "a");
        await peer.SendAsync(new ServerPublish("a", "x", QoS1, 4), new ServerPublish("a", "y", QoS1, 4));
        await ExpectProtocolErrorAsync(peer, version);
    }

    [Theory(DisplayName = "[MQTT-4.6.0-2] [MQTT-4.6.0-3] [MQTT-3.1.1: MQTT-4.6.0-2] [MQTT-3.1.1: MQTT-4.6.0-3] acknowledged by hand in any order, PUBACK and PUBREC leave in the order of the messages")]
    [MemberData(nameof(Versions))]
    public async Task Acknowledgement_order(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(version);
        MqttSubscription subscription = await SubscribeAsync(client, peer, "a", s_manual);
        var messages = new List<MqttMessage>();
        for (ushort i = 1; i <= 6; i++)
        {
            await peer.SendPublishAsync("a", $"{i}", i % 2 == 0 ? QoS2 : QoS1, i);
            messages.Add(await ReadAsync(subscription));
        }

        // Nothing leaves before the first is acknowledged; then everything up to the first that is not.
        foreach (int index in (int[])[5, 2, 1])
        {
            await client.AcknowledgeAsync(messages[index]);
        }

        await BarrierAsync(peer);
        await client.AcknowledgeAsync(messages[0]);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubAck, 1);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubRec, 2);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubAck, 3);
        await BarrierAsync(peer);
        await client.AcknowledgeAsync(messages[4]);
        await client.AcknowledgeAsync(messages[3]);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubRec, 4);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubAck, 5);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubRec, 6);

        // A second acknowledgement of a message, and one of QoS 0, do nothing.
        await client.AcknowledgeAsync(messages[0]);
        await BarrierAsync(peer);
    }

    [Theory(DisplayName = "[MQTT-4.6.0-2] acknowledgements of several subscriptions leave in the order of the messages, however their readers take them")]
    [MemberData(nameof(Versions))]
    public async Task Acknowledgement_order_across_subscriptions(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(version);
        MqttSubscription slow = await SubscribeAsync(client, peer, "slow");
        MqttSubscription fast = await SubscribeAsync(client, peer, "fast");
        await peer.SendAsync(new ServerPublish("slow", "1", QoS1, 1), new ServerPublish("fast", "2", QoS1, 2), new ServerPublish("fast", "3", QoS2, 3));
        Assert.Equal("2", (await ReadAsync(fast)).Text);
        Assert.Equal("3", (await ReadAsync(fast)).Text);
        await BarrierAsync(peer);
        await ReadAsync(slow);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubAck, 1);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubAck, 2);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubRec, 3);
    }

    [Fact(DisplayName = "[MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-4.3.3-9] a message is refused by reason code; a refused QoS 2 exchange has ended, and its identifier is a new message's")]
    public async Task Negative_acknowledgement()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(MqttProtocolVersion.V500);
        MqttSubscription subscription = await SubscribeAsync(client, peer, "a", s_manual);
        await peer.SendPublishAsync("a", "x", QoS1, 1);
        await client.AcknowledgeAsync(await ReadAsync(subscription), MqttReasonCode.NotAuthorized);
        AcknowledgementPacket answer = await peer.ExpectAcknowledgementAsync(MqttPacketType.PubAck);
        Assert.Equal((1, MqttReasonCode.NotAuthorized), (answer.PacketIdentifier, answer.ReasonCode));

        for (int i = 0; i < 2; i++)
        {
            await peer.SendPublishAsync("a", $"{i}", QoS2, 2);
            MqttMessage message = await ReadAsync(subscription);
            Assert.Equal($"{i}", message.Text);
            await client.AcknowledgeAsync(message, MqttReasonCode.PayloadFormatInvalid);
            answer = await peer.ExpectAcknowledgementAsync(MqttPacketType.PubRec);
            Assert.Equal((2, MqttReasonCode.PayloadFormatInvalid), (answer.PacketIdentifier, answer.ReasonCode));
        }

        await peer.SendAcknowledgementAsync(MqttPacketType.PubRel, 2);
        Assert.Equal(MqttReasonCode.PacketIdentifierNotFound, (await peer.ExpectAcknowledgementAsync(MqttPacketType.PubComp)).ReasonCode);

        // Not every reason code can refuse a message.
        await peer.SendPublishAsync("a", "y", QoS1, 3);
        MqttMessage last = await ReadAsync(subscription);
        await Assert.ThrowsAsync<ArgumentException>(async () => await client.AcknowledgeAsync(last, MqttReasonCode.Banned));
        await client.AcknowledgeAsync(last);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubAck, 3);
    }

    [Theory(DisplayName = "a message cannot be refused before 5.0: the error says so, and it can still be acknowledged")]
    [MemberData(nameof(VersionsBefore5))]
    public async Task Negative_acknowledgement_before_5(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(version);
        MqttSubscription subscription = await SubscribeAsync(client, peer, "a", s_manual);
        await peer.SendPublishAsync("a", "x", QoS1, 1);
        MqttMessage message = await ReadAsync(subscription);
        var error = await Assert.ThrowsAsync<ArgumentException>(async () => await client.AcknowledgeAsync(message, MqttReasonCode.NotAuthorized));
        Assert.Contains("5.0", error.Message, StringComparison.Ordinal);
        await BarrierAsync(peer);
        await client.AcknowledgeAsync(message);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubAck, 1);
    }

    [Theory(DisplayName = "[MQTT-4.5.0-2] a message for several local subscriptions is acknowledged once, when all have taken it; one for none at once")]
    [MemberData(nameof(Versions))]
    public async Task Several_subscriptions(MqttProtocolVersion version)
    {
        // Without subscription identifiers, so that one copy is for all of them in every version.
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(
            Options(version) with { PersistentSession = false }, new ConnAckPacket { SubscriptionIdentifiersAvailable = false });
        MqttSubscription[] subscriptions =
        [
            await SubscribeAsync(client, peer, "a/+"), await SubscribeAsync(client, peer, "a/b"), await SubscribeAsync(client, peer, "#"),
        ];
        await peer.SendPublishAsync("a/b", "x", QoS2, 5);
        await BarrierAsync(peer);
        foreach (MqttSubscription subscription in subscriptions)
        {
            await BarrierAsync(peer);
            Assert.Equal("x", (await ReadAsync(subscription)).Text);
        }

        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubRec, 5);
        await BarrierAsync(peer);

        // Nobody here wants it: it must be acknowledged all the same.
        Task unsubscribe = client.UnsubscribeAsync(subscriptions[2]);
        await ConfirmUnsubscribeAsync(peer);
        await Soon(unsubscribe);
        await peer.SendPublishAsync("other", "x", QoS1, 6);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubAck, 6);
        Assert.Equal(1, client.Counters.MessagesUnclaimed);
    }

    [Fact(DisplayName = "a failure that one of several takers gives is what the server is told")]
    public async Task Several_takers_one_refuses()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(MqttProtocolVersion.V500, new ConnAckPacket { SubscriptionIdentifiersAvailable = false });
        MqttSubscription first = await SubscribeAsync(client, peer, "a/+", s_manual);
        MqttSubscription second = await SubscribeAsync(client, peer, "a/b", s_manual);
        await peer.SendPublishAsync("a/b", "x", QoS1, 5);
        await client.AcknowledgeAsync(await ReadAsync(first), MqttReasonCode.ImplementationSpecificError);
        await BarrierAsync(peer);
        await client.AcknowledgeAsync(await ReadAsync(second));
        Assert.Equal(MqttReasonCode.ImplementationSpecificError, (await peer.ExpectAcknowledgementAsync(MqttPacketType.PubAck)).ReasonCode);
    }

    [Fact(DisplayName = "a message cannot be acknowledged over another connection than its own")]
    public async Task Other_client()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(MqttProtocolVersion.V500);
        (MqttClient other, _) = await ConnectAsync(Options(MqttProtocolVersion.V500) with { ClientId = "other" });
        MqttSubscription subscription = await SubscribeAsync(client, peer, "a", s_manual);
        await peer.SendPublishAsync("a", "x", QoS1, 1);
        MqttMessage message = await ReadAsync(subscription);
        await Assert.ThrowsAsync<ArgumentException>(async () => await other.AcknowledgeAsync(message));
        await client.AcknowledgeAsync(message);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubAck, 1);
    }

    [Theory(DisplayName = "a message taken by hand before the connection was lost, and acknowledged after, is acknowledged when the server sends it again")]
    [MemberData(nameof(Versions))]
    public async Task Acknowledged_on_later_connection(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(version);
        MqttSubscription subscription = await SubscribeAsync(client, peer, "a", s_manual);
        await peer.SendAsync(new ServerPublish("a", "x", QoS1, 1), new ServerPublish("a", "y", QoS2, 2));
        MqttMessage x = await ReadAsync(subscription);
        MqttMessage y = await ReadAsync(subscription);
        ScriptedPeer second = await ReconnectAsync(peer, sessionPresent: true);
        await ReceiveSubscribeOf31Async(second, version);
        await client.AcknowledgeAsync(y);
        await BarrierAsync(second);
        await second.SendAsync(new ServerPublish("a", "x", QoS1, 1) { Duplicate = true }, new ServerPublish("a", "y", QoS2, 2) { Duplicate = true });
        await BarrierAsync(second);
        await client.AcknowledgeAsync(x);
        await ExpectAcknowledgementAsync(second, MqttPacketType.PubAck, 1);
        await ExpectAcknowledgementAsync(second, MqttPacketType.PubRec, 2);
        Assert.Equal(0, subscription.QueuedCount);
    }

    [Theory(DisplayName = "[MQTT-3.2.2-5] when the session is gone, what waits here stays its reader's, and is not acknowledged to a server that knows nothing of it")]
    [MemberData(nameof(Versions))]
    public async Task Session_gone(MqttProtocolVersion version)
    {
        MqttClientOptions options = Options(version);
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(version == MqttProtocolVersion.V310 ? options with { PersistentSession = false } : options);
        MqttSubscription subscription = await SubscribeAsync(client, peer, "a");
        await peer.SendAsync(new ServerPublish("a", "x", QoS1, 1), new ServerPublish("a", "y", QoS2, 2));
        await BarrierAsync(peer);
        ScriptedPeer second = await ReconnectAsync(peer, sessionPresent: false);
        await GrantAsync(second);
        await second.SendAsync(new ServerPublish("a", "z", QoS1, 1));
        await BarrierAsync(second);
        Assert.Equal("x", (await ReadAsync(subscription)).Text);
        Assert.Equal("y", (await ReadAsync(subscription)).Text);
        await BarrierAsync(second);
        Assert.Equal("z", (await ReadAsync(subscription)).Text);
        await ExpectAcknowledgementAsync(second, MqttPacketType.PubAck, 1);
    }

    private static async Task ExpectProtocolErrorAsync(ScriptedPeer peer, MqttProtocolVersion version)
    {
        if (version == MqttProtocolVersion.V500)
        {
            await peer.ExpectDisconnectAsync(MqttReasonCode.ProtocolError);
        }
        else
        {
            await peer.ExpectClosedAsync();
        }
    }

    /// <summary>MQTT 3.1 does not say whether it has kept the subscriptions: they are made again.</summary>
    private static async Task ReceiveSubscribeOf31Async(ScriptedPeer peer, MqttProtocolVersion version)
    {
        if (version == MqttProtocolVersion.V310)
        {
            await GrantAsync(peer);
        }
    }
}
