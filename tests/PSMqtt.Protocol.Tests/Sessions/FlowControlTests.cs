using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Tests.Scripted;

namespace PSMqtt.Protocol.Tests.Sessions;

public sealed class FlowControlTests : SessionTest
{
    private const MqttQualityOfService QoS0 = MqttQualityOfService.AtMostOnce;
    private const MqttQualityOfService QoS1 = MqttQualityOfService.AtLeastOnce;
    private const MqttQualityOfService QoS2 = MqttQualityOfService.ExactlyOnce;

    [Fact(DisplayName = "[MQTT-3.3.4-7] [MQTT-4.9.0-1] [MQTT-4.9.0-2] never more than the server's Receive Maximum in flight; each PUBACK and PUBCOMP, but no PUBREC, lets one more go")]
    public async Task Receive_maximum_of_the_server()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(MqttProtocolVersion.V500, new ConnAckPacket { ReceiveMaximum = 3 });
        var publishes = new List<Task<MqttPublishResult>>();
        for (int i = 0; i < 8; i++)
        {
            publishes.Add(Publish(client, $"{i}", i % 2 == 0 ? QoS1 : QoS2));
        }

        var identifiers = new List<ushort>();
        for (int i = 0; i < 3; i++)
        {
            identifiers.Add((await ExpectPublishAsync(peer, $"{i}")).PacketIdentifier);
        }

        await ExpectNothingSentAsync(client, peer);
        Assert.Equal((3, 5), (client.Counters.InFlight, client.Counters.Queued));

        await peer.SendAcknowledgementAsync(MqttPacketType.PubRec, identifiers[1]);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubRel, identifiers[1]);
        await BarrierAsync(peer);
        await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, identifiers[0]);
        identifiers.Add((await ExpectPublishAsync(peer, "3")).PacketIdentifier);
        await BarrierAsync(peer);
        await peer.SendAcknowledgementAsync(MqttPacketType.PubComp, identifiers[1]);
        identifiers.Add((await ExpectPublishAsync(peer, "4")).PacketIdentifier);
        await BarrierAsync(peer);
        await peer.SendAsync(new AcknowledgementPacket(MqttPacketType.PubRec, identifiers[3], MqttReasonCode.UnspecifiedError));
        identifiers.Add((await ExpectPublishAsync(peer, "5")).PacketIdentifier);
        await BarrierAsync(peer);
        await FailsAsync<MqttOperationException>(publishes[3]);
    }

    [Fact(DisplayName = "[MQTT-3.3.4-8] [MQTT-4.9.0-3] a used-up quota holds back neither QoS 0, nor SUBSCRIBE and UNSUBSCRIBE, nor acknowledgements")]
    public async Task Others_are_not_held_back()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(MqttProtocolVersion.V500, new ConnAckPacket { ReceiveMaximum = 1 });
        _ = Publish(client, "in flight");
        _ = Publish(client, "waits");
        await ExpectPublishAsync(peer, "in flight");
        await Soon(Publish(client, "zero", QoS0));
        await ExpectPublishAsync(peer, "zero");
        MqttSubscription subscription = await SubscribeAsync(client, peer, "a");
        await peer.SendPublishAsync("a", "x", QoS1, 1);
        await ReadAsync(subscription);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubAck, 1);
        Task unsubscribe = client.UnsubscribeAsync(subscription);
        await ConfirmUnsubscribeAsync(peer);
        await Soon(unsubscribe);
        Assert.Equal(1, client.Counters.Queued);
    }

    [Theory(DisplayName = "our own bound on messages in flight holds in every version, and a server's larger Receive Maximum does not lift it")]
    [MemberData(nameof(Versions))]
    public async Task In_flight_maximum(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(version) with { InFlightMaximum = 2 }, new ConnAckPacket { ReceiveMaximum = 100 });
        List<Task> publishes = [.. Enumerable.Range(0, 5).Select(i => Publish(client, $"{i}"))];
        for (int i = 0; i < 5; i++)
        {
            ReceivedPublish publish = await ExpectPublishAsync(peer, $"{i}");
            if (i == 1)
            {
                await ExpectNothingSentAsync(client, peer);
            }

            if (i >= 1)
            {
                await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, publish.PacketIdentifier);
            }
        }

        await Soon(Task.WhenAll(publishes.Skip(1)));
    }

    [Theory(DisplayName = "before 5.0, where no server can say what it takes, 20 messages are in flight at most by default")]
    [MemberData(nameof(VersionsBefore5))]
    public async Task Default_before_5(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(version);
        List<Task> publishes = [.. Enumerable.Range(0, 25).Select(i => Publish(client, $"{i}"))];
        for (int i = 0; i < 20; i++)
        {
            await ExpectPublishAsync(peer, $"{i}");
        }

        await ExpectNothingSentAsync(client, peer);
        Assert.Equal(5, client.Counters.Queued);
        Assert.All(publishes, p => Assert.False(p.IsCompleted));
    }

    [Theory(DisplayName = "[MQTT-3.3.4-7] what is sent again on a new connection obeys its smaller Receive Maximum, and nothing new overtakes it")]
    [InlineData(QoS1)]
    [InlineData(QoS2)]
    public async Task Smaller_maximum_after_reconnect(MqttQualityOfService qos)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(MqttProtocolVersion.V500);
        List<Task> publishes = [.. Enumerable.Range(0, 5).Select(i => Publish(client, $"{i}", qos))];
        for (int i = 0; i < 5; i++)
        {
            await ExpectPublishAsync(peer, $"{i}");
        }

        ScriptedPeer second = await ReconnectAsync(peer, true, new ConnAckPacket { SessionPresent = true, ReceiveMaximum = 2 });
        ReceivedPublish[] again = [await ExpectPublishAsync(second, "0", true), await ExpectPublishAsync(second, "1", true)];
        await UntilAsync(() => client.State == MqttConnectionState.Connected);
        publishes.Add(Publish(client, "new", qos));
        await ExpectNothingSentAsync(client, second);

        var sent = new Queue<ReceivedPublish>(again);
        int next = 2;
        while (sent.TryDequeue(out ReceivedPublish? publish))
        {
            if (qos == QoS2)
            {
                await second.SendAcknowledgementAsync(MqttPacketType.PubRec, publish.PacketIdentifier);
                await ExpectAcknowledgementAsync(second, MqttPacketType.PubRel, publish.PacketIdentifier);
            }

            await second.SendAcknowledgementAsync(qos == QoS1 ? MqttPacketType.PubAck : MqttPacketType.PubComp, publish.PacketIdentifier);
            if (next <= 5)
            {
                sent.Enqueue(await (next < 5 ? ExpectPublishAsync(second, $"{next}", true) : ExpectPublishAsync(second, "new")));
                next++;
                await BarrierAsync(second);
            }
        }

        await Soon(Task.WhenAll(publishes));
    }

    [Fact(DisplayName = "[MQTT-3.3.4-9] our Receive Maximum is announced, and a server that goes beyond it is disconnected with 0x93")]
    public async Task Our_receive_maximum()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(MqttProtocolVersion.V500) with { ReceiveMaximum = 2 });
        Assert.Equal((ushort)2, peer.Connect!.ReceiveMaximum);
        MqttSubscription subscription = await SubscribeAsync(client, peer, "a");

        // A PUBREC does not free a place, PUBCOMP does.
        await peer.SendPublishAsync("a", "1", QoS2, 1);
        await ReadAsync(subscription);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubRec, 1);
        await peer.SendAcknowledgementAsync(MqttPacketType.PubRel, 1);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubComp, 1);
        await peer.SendPublishAsync("a", "2", QoS2, 2);
        await ReadAsync(subscription);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubRec, 2);
        await peer.SendPublishAsync("a", "3", QoS1, 3);
        await peer.SendPublishAsync("a", "zero");
        await BarrierAsync(peer);
        Assert.Equal(2, subscription.QueuedCount);
        await peer.SendPublishAsync("a", "4", QoS1, 4);
        await peer.ExpectDisconnectAsync(MqttReasonCode.ReceiveMaximumExceeded);
        peer.Dispose();
        Assert.Equal(2, subscription.QueuedCount);
        await Server.AcceptConnectedAsync(new ConnAckPacket { SessionPresent = true });
        Assert.Contains("Receive Maximum", client.LastError?.Message ?? "Receive Maximum", StringComparison.Ordinal);
    }

    [Fact(DisplayName = "a server that goes beyond our Receive Maximum is put up with when it is not enforced: all is queued, and acknowledged in order")]
    public async Task Our_receive_maximum_not_enforced()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(MqttProtocolVersion.V500) with { ReceiveMaximum = 2, EnforceReceiveMaximum = false });
        Assert.Equal((ushort)2, peer.Connect!.ReceiveMaximum);
        MqttSubscription subscription = await SubscribeAsync(client, peer, "a");
        for (ushort i = 1; i <= 5; i++)
        {
            await peer.SendPublishAsync("a", $"{i}", QoS1, i);
        }

        await BarrierAsync(peer);
        Assert.Equal(5, subscription.QueuedCount);
        Assert.Same(subscription, client.BlockedBy);
        for (ushort i = 1; i <= 5; i++)
        {
            await ReadAsync(subscription);
            await ExpectAcknowledgementAsync(peer, MqttPacketType.PubAck, i);
        }

        Assert.Null(client.BlockedBy);
    }

    [Fact(DisplayName = "what a server sends beyond our Receive Maximum, when that is not enforced, stays bounded by the queue, at most twice its limit; nothing is lost")]
    public async Task Our_receive_maximum_not_enforced_is_bounded()
    {
        const int Count = 5000;
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(MqttProtocolVersion.V500) with
        {
            ReceiveMaximum = 2,
            EnforceReceiveMaximum = false,

            // The acknowledgement is read behind thousands of messages: on a slow machine that is later than the default.
            OperationTimeout = Timeout.InfiniteTimeSpan,
        });
        MqttSubscription subscription = await SubscribeAsync(client, peer, "a", new MqttSubscriptionOptions { QueueLimit = 10 });
        Task send = Task.Run(async () =>
        {
            for (int i = 1; i <= Count; i++)
            {
                await peer.SendPublishAsync("a", $"{i}", QoS1, (ushort)i);
            }
        });
        await UntilAsync(() => subscription.QueuedCount == 10);

        // An operation that waits for its answer has the reader read on: up to twice the limit.
        Task<MqttPublishResult> publish = Publish(client, "own");
        ushort identifier = (await ExpectPublishAsync(peer, "own")).PacketIdentifier;
        await UntilAsync(() => subscription.QueuedCount >= 20);
        await Soon(send);
        await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, identifier);
        int most = 0;
        for (int i = 1; i <= Count; i++)
        {
            most = Math.Max(most, subscription.QueuedCount);
            Assert.Equal($"{i}", (await ReadAsync(subscription)).Text);
            await ExpectAcknowledgementAsync(peer, MqttPacketType.PubAck, i);
        }

        Assert.InRange(most, 20, 20);
        await Soon(publish);
        Assert.Equal(0, client.Counters.MessagesDropped);
    }

    [Fact(DisplayName = "the server's window begins anew with each connection: what it sends again counts there, once")]
    public async Task Our_receive_maximum_after_reconnect()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(MqttProtocolVersion.V500) with { ReceiveMaximum = 2 });
        MqttSubscription subscription = await SubscribeAsync(client, peer, "a");
        await peer.SendAsync(new ServerPublish("a", "1", QoS2, 1), new ServerPublish("a", "2", QoS1, 2));
        await BarrierAsync(peer);
        await ReadAsync(subscription);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubRec, 1);

        ScriptedPeer second = await ReconnectAsync(peer, sessionPresent: true);
        await second.SendAsync(new ServerPublish("a", "1", QoS2, 1) { Duplicate = true }, new ServerPublish("a", "2", QoS1, 2) { Duplicate = true });
        await ExpectAcknowledgementAsync(second, MqttPacketType.PubRec, 1);
        await second.SendAsync(new ServerPublish("a", "1", QoS2, 1) { Duplicate = true });
        await ExpectAcknowledgementAsync(second, MqttPacketType.PubRec, 1);
        await second.SendAcknowledgementAsync(MqttPacketType.PubRel, 1);
        await ExpectAcknowledgementAsync(second, MqttPacketType.PubComp, 1);
        await second.SendPublishAsync("a", "3", QoS1, 3);
        await BarrierAsync(second);
        Assert.Equal(2, subscription.QueuedCount);
        await second.SendPublishAsync("a", "4", QoS1, 4);
        await second.ExpectDisconnectAsync(MqttReasonCode.ReceiveMaximumExceeded);
    }

    [Fact(DisplayName = "a message that was taken and not acknowledged by hand is released when its subscription ends, in its turn, and names it until then")]
    public async Task Unconfirmed()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(MqttProtocolVersion.V500) with { ReceiveMaximum = 2 });
        Task<MqttSubscription> subscribe = client.SubscribeAsync([new("manual", QoS1)], new MqttSubscriptionOptions { ManualAcknowledge = true });
        SubscribePacket asked = await peer.ExpectAsync<SubscribePacket>();
        await peer.SendAsync(new SubAckPacket { PacketIdentifier = asked.PacketIdentifier, ReasonCodes = [MqttReasonCode.GrantedQoS1] });
        MqttSubscription manual = await Soon(subscribe);
        MqttSubscription other = await SubscribeAsync(client, peer, "other");
        await peer.SendPublishAsync("manual", "1", QoS1, 1);
        MqttMessage taken = await ReadAsync(manual);
        await peer.SendPublishAsync("other", "2", QoS1, 2);
        await ReadAsync(other);
        await BarrierAsync(peer);
        Assert.Same(manual, client.BlockedBy);

        Task unsubscribe = client.UnsubscribeAsync(manual);
        UnsubscribePacket request = await peer.ExpectAsync<UnsubscribePacket>();
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubAck, 1);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubAck, 2);
        await peer.SendAsync(new UnsubAckPacket { PacketIdentifier = request.PacketIdentifier, ReasonCodes = [MqttReasonCode.Success] });
        await Soon(unsubscribe);
        Assert.Null(client.BlockedBy);
        Assert.Equal(1, manual.DroppedCount);

        // Too late to be of use, and no fault.
        await client.AcknowledgeAsync(taken);
        await BarrierAsync(peer);
    }

    [Fact(DisplayName = "the subscription that holds back the server's window is named, and no other")]
    public async Task Blocked_by()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(MqttProtocolVersion.V500) with { ReceiveMaximum = 3 });
        MqttSubscription unread = await SubscribeAsync(client, peer, "unread");
        MqttSubscription read = await SubscribeAsync(client, peer, "read");
        await peer.SendPublishAsync("unread", "1", QoS1, 1);
        await peer.SendPublishAsync("read", "2", QoS1, 2);
        await ReadAsync(read);
        await BarrierAsync(peer);
        Assert.Null(client.BlockedBy);
        await peer.SendPublishAsync("read", "3", QoS1, 3);
        await ReadAsync(read);
        await BarrierAsync(peer);
        Assert.Same(unread, client.BlockedBy);

        // Ending it releases what it held, acknowledged and counted.
        Task unsubscribe = client.UnsubscribeAsync(unread);
        UnsubscribePacket request = await peer.ExpectAsync<UnsubscribePacket>();
        for (ushort i = 1; i <= 3; i++)
        {
            await ExpectAcknowledgementAsync(peer, MqttPacketType.PubAck, i);
        }

        await peer.SendAsync(new UnsubAckPacket { PacketIdentifier = request.PacketIdentifier, ReasonCodes = [MqttReasonCode.Success] });
        await Soon(unsubscribe);
        Assert.Null(client.BlockedBy);
        Assert.Equal((1, 0), (unread.DroppedCount, unread.QueuedCount));
    }
}
