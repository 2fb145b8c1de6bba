using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Tests.Scripted;

namespace PSMqtt.Protocol.Tests.Sessions;

public sealed class PublisherTests : SessionTest
{
    private const MqttQualityOfService QoS0 = MqttQualityOfService.AtMostOnce;
    private const MqttQualityOfService QoS1 = MqttQualityOfService.AtLeastOnce;
    private const MqttQualityOfService QoS2 = MqttQualityOfService.ExactlyOnce;

    [Theory(DisplayName = "a publisher collects failures, and successes where asked to, in the order in which they became known")]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Outcomes(bool keepResults)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(MqttProtocolVersion.V500);
        await using MqttPublisher publisher = client.CreatePublisher(keepResults);
        MqttMessage[] messages = [new("t", "zero"), new("t", "one", QoS1), new("t", "rejected", QoS1), new("t", "two", QoS2)];
        foreach (MqttMessage message in messages)
        {
            await Soon(publisher.PostAsync(message).AsTask());
        }

        await ExpectPublishAsync(peer, "zero");
        ReceivedPublish[] sent = [await ExpectPublishAsync(peer, "one"), await ExpectPublishAsync(peer, "rejected"), await ExpectPublishAsync(peer, "two")];
        Task flush = publisher.FlushAsync();
        Assert.Equal(3, publisher.Outstanding);
        await peer.SendAcknowledgementAsync(MqttPacketType.PubRec, sent[2].PacketIdentifier);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubRel, sent[2].PacketIdentifier);
        await peer.SendAcknowledgementAsync(MqttPacketType.PubComp, sent[2].PacketIdentifier);
        await peer.SendAsync(new AcknowledgementPacket(MqttPacketType.PubAck, sent[1].PacketIdentifier, MqttReasonCode.NotAuthorized, "no"));
        await BarrierAsync(peer);
        Assert.False(flush.IsCompleted);
        await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, sent[0].PacketIdentifier);
        await Soon(flush);
        Assert.Equal(0, publisher.Outstanding);

        var outcomes = new List<MqttPublishOutcome>();
        while (publisher.TryTakeOutcome(out MqttPublishOutcome outcome))
        {
            outcomes.Add(outcome);
        }

        Assert.Equal(keepResults ? ["zero", "two", "rejected", "one"] : ["rejected"], outcomes.Select(o => o.Message.Text));
        foreach (MqttPublishOutcome outcome in outcomes)
        {
            Assert.Contains(outcome.Message, messages);
            if (outcome.Message.Text == "rejected")
            {
                Assert.Equal(MqttReasonCode.NotAuthorized, Assert.IsType<MqttOperationException>(outcome.Error).ReasonCode);
            }
            else
            {
                Assert.Null(outcome.Error);
                Assert.Equal((outcome.Message.Topic, outcome.Message.QoS), (outcome.Result.Topic, outcome.Result.QoS));
            }
        }

        await Soon(publisher.FlushAsync());
    }

    [Fact(DisplayName = "a message that cannot be sent fails when it is posted, and is not counted")]
    public async Task Bad_message()
    {
        (MqttClient client, _) = await ConnectAsync(MqttProtocolVersion.V500, new ConnAckPacket { MaximumQoS = QoS1 });
        await using MqttPublisher publisher = client.CreatePublisher(keepResults: true);
        await FailsAsync<ArgumentException>(Attempt(() => publisher.PostAsync(new MqttMessage("a/+", "x")).AsTask()));
        await FailsAsync<MqttOperationException>(Attempt(() => publisher.PostAsync(new MqttMessage("a", "x", QoS2)).AsTask()));
        Assert.Equal(0, publisher.Outstanding);
        await Soon(publisher.FlushAsync());
        Assert.False(publisher.TryTakeOutcome(out _));
    }

    [Fact(DisplayName = "a publisher waits for room instead of filling the queue: every message arrives, in order")]
    public async Task Waits_for_room()
    {
        const int Count = 500;
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(
            Options(MqttProtocolVersion.V500) with { PublishQueueLimit = 5, InFlightMaximum = 3 });
        await using MqttPublisher publisher = client.CreatePublisher(keepResults: true);
        Task post = Task.Run(async () =>
        {
            for (int i = 0; i < Count; i++)
            {
                await publisher.PostAsync(new MqttMessage("t", $"{i}", QoS1));
                Assert.InRange(client.Counters.Queued, 0, 5);
            }

            await publisher.FlushAsync();
        });
        for (int i = 0; i < Count; i++)
        {
            ReceivedPublish publish = await ExpectPublishAsync(peer, $"{i}");
            await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, publish.PacketIdentifier);
        }

        await Soon(post);
        for (int i = 0; i < Count; i++)
        {
            Assert.True(publisher.TryTakeOutcome(out MqttPublishOutcome outcome));
            Assert.Equal(($"{i}", null), (outcome.Message.Text, outcome.Error));
        }
    }

    [Fact(DisplayName = "its window bounds what is handed over ahead of the acknowledgements; waiting for room can be cancelled, and then nothing is sent")]
    public async Task Window()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(MqttProtocolVersion.V500, new ConnAckPacket { ReceiveMaximum = 1 });

        // The last message waits for thousands of round trips: on a slow machine that is longer than the default.
        await using MqttPublisher publisher = client.CreatePublisher(timeout: Timeout.InfiniteTimeSpan);
        var message = new MqttMessage("t", "x", QoS1);
        int posted = 0;
        ValueTask last = publisher.PostAsync(message);
        while (last.IsCompletedSuccessfully && posted < 100_000)
        {
            posted++;
            last = publisher.PostAsync(message);
        }

        Assert.Equal(4096, posted);
        Assert.Equal(posted, publisher.Outstanding);
        using var cancellation = new CancellationTokenSource();
        Task cancelled = publisher.PostAsync(message, cancellation.Token).AsTask();
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Soon(cancelled));
        Task waiting = last.AsTask();
        Assert.False(waiting.IsCompleted);
        for (int i = 0; i < 4096 / 2; i++)
        {
            ReceivedPublish publish = await ExpectPublishAsync(peer, "x");
            await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, publish.PacketIdentifier);
        }

        await Soon(waiting);
        Assert.Equal((4096 / 2) + 1, publisher.Outstanding);
    }

    [Fact(DisplayName = "without a connection a full queue is an error, not a wait")]
    public async Task Full_offline()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(MqttProtocolVersion.V500) with { PublishQueueLimit = 2 });
        peer.Abort();
        await (await Server.AcceptAsync()).ExpectAsync<ConnectPacket>();
        await using MqttPublisher publisher = client.CreatePublisher();
        await Soon(publisher.PostAsync(new MqttMessage("t", "1", QoS1)).AsTask());
        await Soon(publisher.PostAsync(new MqttMessage("t", "2", QoS1)).AsTask());
        var error = await FailsAsync<MqttOperationException>(Attempt(() => publisher.PostAsync(new MqttMessage("t", "3", QoS1)).AsTask()));
        Assert.Equal(MqttOperationFailure.QueueFull, error.Failure);
        Assert.Equal(2, publisher.Outstanding);
        error = await FailsAsync<MqttOperationException>(Attempt(() => publisher.PostAsync(new MqttMessage("t", "zero", QoS0)).AsTask()));
        Assert.Equal(MqttOperationFailure.NotConnected, error.Failure);
    }

    [Fact(DisplayName = "when the client is disconnected, what is outstanding ends with that error, and Flush ends")]
    public async Task Disconnected()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(MqttProtocolVersion.V500, new ConnAckPacket { ReceiveMaximum = 1 });
        await using MqttPublisher publisher = client.CreatePublisher();
        await publisher.PostAsync(new MqttMessage("t", "1", QoS1));
        await publisher.PostAsync(new MqttMessage("t", "2", QoS2));
        Task flush = publisher.FlushAsync();
        Task disconnect = client.DisconnectAsync(new MqttDisconnectOptions { DrainTimeout = TimeSpan.Zero });
        await ExpectPublishAsync(peer, "1");
        await peer.ExpectDisconnectAsync(MqttReasonCode.Success);
        peer.Dispose();
        await Soon(Task.WhenAll(flush, disconnect));
        for (int i = 1; i <= 2; i++)
        {
            Assert.True(publisher.TryTakeOutcome(out MqttPublishOutcome outcome));
            Assert.Equal(MqttOperationFailure.Disconnected, Assert.IsType<MqttOperationException>(outcome.Error).Failure);
        }
    }

    [Fact(DisplayName = "a disposed publisher keeps no outcomes and takes no messages; what it handed over goes on")]
    public async Task Disposed()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(MqttProtocolVersion.V500);
        MqttPublisher publisher = client.CreatePublisher(keepResults: true);
        await publisher.PostAsync(new MqttMessage("t", "1", QoS1));
        await publisher.DisposeAsync();
        ReceivedPublish publish = await ExpectPublishAsync(peer, "1");
        await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, publish.PacketIdentifier);
        await Soon(publisher.FlushAsync());
        Assert.False(publisher.TryTakeOutcome(out _));
        await FailsAsync<ObjectDisposedException>(Attempt(() => publisher.PostAsync(new MqttMessage("t", "2", QoS1)).AsTask()));
    }

    private static async Task Attempt(Func<Task> attempt) => await attempt();
}
