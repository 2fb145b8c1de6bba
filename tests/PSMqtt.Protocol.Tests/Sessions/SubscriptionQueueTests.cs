using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Tests.Scripted;

namespace PSMqtt.Protocol.Tests.Sessions;

public sealed class SubscriptionQueueTests : SessionTest
{
    private const MqttQualityOfService QoS0 = MqttQualityOfService.AtMostOnce;
    private const MqttQualityOfService QoS1 = MqttQualityOfService.AtLeastOnce;
    private const MqttQualityOfService QoS2 = MqttQualityOfService.ExactlyOnce;

    [Theory(DisplayName = "Wait loses nothing: a full queue stops the reading of QoS 0, and every message arrives, in order")]
    [MemberData(nameof(Versions))]
    public async Task Wait_loses_nothing(MqttProtocolVersion version)
    {
        // Small ones, so that one read of the socket brings many times what the queue holds.
        const int Count = 60_000;
        const int Limit = 10;
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(version);
        MqttSubscription subscription = await SubscribeAsync(client, peer, "a", new MqttSubscriptionOptions { QueueLimit = Limit });
        Task send = Task.Run(() => peer.SendAsync(
            [.. Enumerable.Range(0, Count).Select(i => new ServerPublish("a", BitConverter.GetBytes(i)))]));
        await UntilAsync(() => subscription.QueuedCount >= Limit);
        for (int i = 0; i < Count; i++)
        {
            Assert.InRange(subscription.QueuedCount, 0, Limit);
            MqttMessage message = await ReadAsync(subscription);
            Assert.Equal(i, BitConverter.ToInt32(message.Payload));
        }

        await Soon(send);
        Assert.Equal((0, Count), (subscription.DroppedCount, subscription.ReceivedCount));
    }

    [Fact(DisplayName = "while an operation of ours waits for its answer, reading goes on although a queue is full: publish, subscribe and unsubscribe")]
    public async Task Reads_on_for_operations()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(MqttProtocolVersion.V500);
        MqttSubscription subscription = await SubscribeAsync(client, peer, "a", new MqttSubscriptionOptions { QueueLimit = 4 });
        MqttSubscription other = await SubscribeAsync(client, peer, "other");
        for (int i = 0; i < 5; i++)
        {
            await peer.SendPublishAsync("a", $"{i}");
        }

        // The reader stands still now, or soon: each answer below comes after messages that it would have to read first.
        await UntilAsync(() => subscription.QueuedCount >= 4);
        Task<MqttPublishResult> publish = Publish(client, "x");
        ReceivedPublish sent = await ExpectPublishAsync(peer, "x");
        await peer.SendPublishAsync("a", "5");
        await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, sent.PacketIdentifier);
        await Soon(publish);

        publish = Publish(client, "y", QoS2);
        sent = await ExpectPublishAsync(peer, "y");
        await peer.SendAcknowledgementAsync(MqttPacketType.PubRec, sent.PacketIdentifier);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubRel, sent.PacketIdentifier);
        await peer.SendAcknowledgementAsync(MqttPacketType.PubComp, sent.PacketIdentifier);
        await Soon(publish);

        await SubscribeAsync(client, peer, "third");
        Task unsubscribe = client.UnsubscribeAsync(other);
        await ConfirmUnsubscribeAsync(peer);
        await Soon(unsubscribe);
        for (int i = 0; i < 6; i++)
        {
            Assert.Equal($"{i}", (await ReadAsync(subscription)).Text);
        }

        Assert.Equal(0, subscription.DroppedCount);
    }

    [Fact(DisplayName = "a consumer that publishes every message it takes with QoS 1 on the same connection cannot wait for itself")]
    public async Task Echo()
    {
        const int Count = 300;
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(MqttProtocolVersion.V500);
        MqttSubscription subscription = await SubscribeAsync(client, peer, "a", new MqttSubscriptionOptions { QueueLimit = 300 });
        for (int i = 0; i < Count; i++)
        {
            await peer.SendPublishAsync("a", $"{i}");
        }

        Task server = Task.Run(async () =>
        {
            for (int i = 0; i < Count; i++)
            {
                ReceivedPublish publish = await ExpectPublishAsync(peer, $"{i}");
                await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, publish.PacketIdentifier);
            }
        });
        for (int i = 0; i < Count; i++)
        {
            await Soon(Publish(client, (await ReadAsync(subscription)).Text));
        }

        await Soon(server);
        Assert.Equal(0, client.Counters.MessagesDropped);
    }

    [Theory(DisplayName = "at the hard limit, twice the queue's, the oldest QoS 0 message gives way, wherever it stands; counted, and reported once until the handler has run")]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Hard_limit(bool behindQoS1)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(MqttProtocolVersion.V500);
        MqttSubscription subscription = await SubscribeAsync(client, peer, "a", new MqttSubscriptionOptions { QueueLimit = 5 });
        var reports = new List<MqttMessageDroppedEventArgs>();
        using var handler = new SemaphoreSlim(0);
        client.MessageDropped += (_, e) =>
        {
            handler.Wait();
            lock (reports)
            {
                reports.Add(e);
            }
        };

        // An exchange that is never answered keeps the reader reading.
        _ = Publish(client, "open");
        await ExpectPublishAsync(peer, "open");
        if (behindQoS1)
        {
            await peer.SendAsync(new ServerPublish("a", "one", QoS1, 1), new ServerPublish("a", "two", QoS2, 2));
        }

        for (int i = 0; i < 20; i++)
        {
            await peer.SendPublishAsync("a", $"{i}");
        }

        await BarrierAsync(peer);
        int kept = behindQoS1 ? 8 : 10;
        Assert.Equal((10, 20 - kept), (subscription.QueuedCount, subscription.DroppedCount));
        Assert.Equal(20 - kept, client.Counters.MessagesDropped);
        handler.Release(100);
        if (behindQoS1)
        {
            Assert.Equal("one", (await ReadAsync(subscription)).Text);
            Assert.Equal("two", (await ReadAsync(subscription)).Text);
        }

        for (int i = 20 - kept; i < 20; i++)
        {
            Assert.Equal($"{i}", (await ReadAsync(subscription)).Text);
        }

        peer.Dispose();
        await Soon(client.DisposeAsync().AsTask());
        Assert.InRange(reports.Count, 1, 2);
        Assert.Same(subscription, reports[0].Subscription);
        Assert.Equal("0", reports[0].Message.Text);
    }

    [Fact(DisplayName = "QoS 1 and 2 are never dropped by Wait, however full the queue: the server's window bounds them")]
    public async Task Wait_keeps_qos_1()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(MqttProtocolVersion.V500) with { ReceiveMaximum = 50 });
        MqttSubscription subscription = await SubscribeAsync(client, peer, "a", new MqttSubscriptionOptions { QueueLimit = 5 });
        Task<MqttPublishResult> publish = Publish(client, "open");
        ReceivedPublish open = await ExpectPublishAsync(peer, "open");
        for (ushort i = 1; i <= 50; i++)
        {
            await peer.SendPublishAsync("a", $"{i}", i % 2 == 0 ? QoS1 : QoS2, i);
        }

        // A QoS 0 message has no place among them.
        await peer.SendPublishAsync("a", "zero");
        await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, open.PacketIdentifier);
        await Soon(publish);
        Assert.Equal((50, 1), (subscription.QueuedCount, subscription.DroppedCount));
        for (ushort i = 1; i <= 50; i++)
        {
            Assert.Equal($"{i}", (await ReadAsync(subscription)).Text);
            await ExpectAcknowledgementAsync(peer, i % 2 == 0 ? MqttPacketType.PubAck : MqttPacketType.PubRec, i);
        }
    }

    [Theory(DisplayName = "DropOldest and DropNewest keep the limit by count, count what they drop, and acknowledge it")]
    [InlineData(MqttQueueOverflow.DropOldest, QoS0)]
    [InlineData(MqttQueueOverflow.DropOldest, QoS1)]
    [InlineData(MqttQueueOverflow.DropOldest, QoS2)]
    [InlineData(MqttQueueOverflow.DropNewest, QoS0)]
    [InlineData(MqttQueueOverflow.DropNewest, QoS1)]
    [InlineData(MqttQueueOverflow.DropNewest, QoS2)]
    public async Task Drop_by_count(MqttQueueOverflow overflow, MqttQualityOfService qos)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(MqttProtocolVersion.V500);
        MqttSubscription subscription = await SubscribeAsync(client, peer, "a", new MqttSubscriptionOptions { QueueLimit = 3, Overflow = overflow });
        for (ushort i = 1; i <= 10; i++)
        {
            await peer.SendPublishAsync("a", $"{i}", qos, qos == QoS0 ? (ushort)0 : i);
        }

        MqttPacketType answer = qos == QoS1 ? MqttPacketType.PubAck : MqttPacketType.PubRec;
        if (overflow == MqttQueueOverflow.DropOldest && qos != QoS0)
        {
            for (ushort i = 1; i <= 7; i++)
            {
                await ExpectAcknowledgementAsync(peer, answer, i);
            }
        }

        await BarrierAsync(peer);
        Assert.Equal((3, 7, 10), (subscription.QueuedCount, subscription.DroppedCount, subscription.ReceivedCount));
        Assert.Equal(7, client.Counters.MessagesDropped);
        ushort first = overflow == MqttQueueOverflow.DropOldest ? (ushort)8 : (ushort)1;
        for (ushort i = first; i < first + 3; i++)
        {
            Assert.Equal($"{i}", (await ReadAsync(subscription)).Text);
            if (qos != QoS0)
            {
                await ExpectAcknowledgementAsync(peer, answer, i);
            }
        }

        if (overflow == MqttQueueOverflow.DropNewest && qos != QoS0)
        {
            // They came after what was kept, and so their acknowledgements do.
            for (ushort i = 4; i <= 10; i++)
            {
                await ExpectAcknowledgementAsync(peer, answer, i);
            }
        }

        await BarrierAsync(peer);
        Assert.Equal(0, client.Counters.Unacknowledged);
    }

    [Fact(DisplayName = "DropOldest keeps the limit by bytes: as many give way as the newcomer needs; one that is too large alone has its place")]
    public async Task Drop_oldest_by_bytes()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(MqttProtocolVersion.V500);
        MqttSubscription subscription = await SubscribeAsync(
            client, peer, "a", new MqttSubscriptionOptions { QueueByteLimit = 100, Overflow = MqttQueueOverflow.DropOldest });
        for (int i = 0; i < 10; i++)
        {
            await peer.SendAsync(new ServerPublish("a", new byte[10]));
        }

        await BarrierAsync(peer);
        Assert.Equal((10, 100, 0), (subscription.QueuedCount, subscription.QueuedBytes, subscription.DroppedCount));
        await peer.SendAsync(new ServerPublish("a", new byte[75]));
        await BarrierAsync(peer);
        Assert.Equal((3, 95, 8), (subscription.QueuedCount, subscription.QueuedBytes, subscription.DroppedCount));
        await peer.SendAsync(new ServerPublish("a", new byte[500]));
        await BarrierAsync(peer);
        Assert.Equal((1, 500, 11), (subscription.QueuedCount, subscription.QueuedBytes, subscription.DroppedCount));
        Assert.Equal(500, (await ReadAsync(subscription)).Payload.Length);
    }

    [Fact(DisplayName = "DropNewest keeps the limit by bytes")]
    public async Task Drop_newest_by_bytes()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(MqttProtocolVersion.V500);
        MqttSubscription subscription = await SubscribeAsync(
            client, peer, "a", new MqttSubscriptionOptions { QueueByteLimit = 100, Overflow = MqttQueueOverflow.DropNewest });
        foreach (int length in (int[])[90, 20, 10, 1])
        {
            await peer.SendAsync(new ServerPublish("a", new byte[length]));
        }

        await BarrierAsync(peer);
        Assert.Equal((2, 100, 2), (subscription.QueuedCount, subscription.QueuedBytes, subscription.DroppedCount));
    }

    [Fact(DisplayName = "Wait counts bytes too: a full queue stops the reading of QoS 0")]
    public async Task Wait_by_bytes()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(MqttProtocolVersion.V500);
        MqttSubscription subscription = await SubscribeAsync(client, peer, "a", new MqttSubscriptionOptions { QueueByteLimit = 64 * 1024 });
        const int Count = 1000;
        var payload = new byte[16 * 1024];
        Task send = Task.Run(async () =>
        {
            for (int i = 0; i < Count; i++)
            {
                await peer.SendAsync(new ServerPublish("a", payload));
            }
        });
        await UntilAsync(() => subscription.QueuedBytes >= 64 * 1024);
        for (int i = 0; i < Count; i++)
        {
            Assert.InRange(subscription.QueuedBytes, 0, 64 * 1024);
            await ReadAsync(subscription);
        }

        await Soon(send);
        Assert.Equal(0, client.Counters.MessagesDropped);
    }

    [Theory(DisplayName = "disposing a subscription, or the client, with a full queue ends at once, and what was queued can still be taken after a disconnect")]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Ends_while_full(bool disconnect)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(MqttProtocolVersion.V500) with { PersistentSession = false });
        MqttSubscription subscription = await SubscribeAsync(client, peer, "a", new MqttSubscriptionOptions { QueueLimit = 2 });
        for (int i = 0; i < 3; i++)
        {
            await peer.SendPublishAsync("a", $"{i}");
        }

        await UntilAsync(() => subscription.QueuedCount >= 2);
        if (disconnect)
        {
            Task ended = client.DisconnectAsync();
            await peer.ExpectDisconnectAsync(MqttReasonCode.Success);
            peer.Dispose();
            await Soon(ended);
            Assert.False(subscription.IsActive);
            Assert.Equal("0", (await ReadAsync(subscription)).Text);
            Assert.Equal("1", (await ReadAsync(subscription)).Text);
        }
        else
        {
            ValueTask ended = subscription.DisposeAsync();
            await ConfirmUnsubscribeAsync(peer);
            await Soon(ended.AsTask());
            Assert.Equal(0, subscription.QueuedCount);
            Assert.InRange(subscription.DroppedCount, 2, 3);
            Assert.False(await Soon(subscription.WaitToReadAsync().AsTask()));
            await BarrierAsync(peer);
        }
    }

    [Fact(DisplayName = "a waiting reader is told when the subscription ends")]
    public async Task Waiter_is_told()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(MqttProtocolVersion.V500);
        MqttSubscription subscription = await SubscribeAsync(client, peer, "a");
        Task<bool> first = subscription.WaitToReadAsync().AsTask();
        Task<bool> second = subscription.WaitToReadAsync().AsTask();
        Task unsubscribe = client.UnsubscribeAsync(subscription);
        Assert.False(await Soon(first));
        Assert.False(await Soon(second));
        await ConfirmUnsubscribeAsync(peer);
        await Soon(unsubscribe);
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await subscription.WaitToReadAsync(cancelled.Token));
    }

    [Fact(DisplayName = "TryPeek leaves the message, unacknowledged; Advance takes it, unless an overflow has dropped it meanwhile")]
    public async Task Peek()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(MqttProtocolVersion.V500);
        MqttSubscription subscription = await SubscribeAsync(
            client, peer, "a", new MqttSubscriptionOptions { QueueLimit = 2, Overflow = MqttQueueOverflow.DropOldest });
        Assert.False(subscription.TryPeek(out _));
        await peer.SendAsync(new ServerPublish("a", "1", QoS1, 1), new ServerPublish("a", "2", QoS1, 2));
        await BarrierAsync(peer);
        Assert.True(subscription.TryPeek(out MqttMessage? message));
        Assert.Equal("1", message.Text);
        await BarrierAsync(peer);
        await peer.SendAsync(new ServerPublish("a", "3", QoS1, 3));
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubAck, 1);
        subscription.Advance();
        await BarrierAsync(peer);
        Assert.Equal(2, subscription.QueuedCount);
        Assert.True(subscription.TryPeek(out message));
        Assert.Equal("2", message.Text);
        subscription.Advance();
        subscription.Advance();
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubAck, 2);
        await BarrierAsync(peer);
        Assert.Equal(1, subscription.QueuedCount);
    }
}
