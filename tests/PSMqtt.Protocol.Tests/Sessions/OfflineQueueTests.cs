using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Tests.Scripted;

namespace PSMqtt.Protocol.Tests.Sessions;

public sealed class OfflineQueueTests : SessionTest
{
    private const MqttQualityOfService QoS0 = MqttQualityOfService.AtMostOnce;
    private const MqttQualityOfService QoS1 = MqttQualityOfService.AtLeastOnce;
    private const MqttQualityOfService QoS2 = MqttQualityOfService.ExactlyOnce;

    [Theory(DisplayName = "QoS 1 and 2 published without a connection wait for one, in their order; QoS 0 is refused")]
    [MemberData(nameof(Versions))]
    public async Task Queues(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer second) = await OfflineAsync(Options(version));
        List<Task<MqttPublishResult>> publishes = [.. Enumerable.Range(0, 10).Select(i => Publish(client, $"{i}", i % 2 == 0 ? QoS1 : QoS2))];
        var error = await FailsAsync<MqttOperationException>(Attempt(() => Publish(client, "zero", QoS0)));
        Assert.Equal(MqttOperationFailure.NotConnected, error.Failure);
        Assert.Equal((10, 0), (client.Counters.Queued, client.Counters.InFlight));
        await second.SendAsync(new ConnAckPacket { SessionPresent = true });
        for (int i = 0; i < 10; i++)
        {
            await ExpectPublishAsync(second, $"{i}");
        }

        Assert.All(publishes, p => Assert.False(p.IsCompleted));
    }

    [Fact(DisplayName = "QoS 0 waits for a connection too, where the options say so")]
    public async Task Queues_qos_0()
    {
        (MqttClient client, ScriptedPeer second) = await OfflineAsync(Options(MqttProtocolVersion.V500) with { QueueQoS0WhileDisconnected = true });
        Task<MqttPublishResult>[] publishes = [Publish(client, "0", QoS0), Publish(client, "1", QoS0)];
        Assert.Equal(2, client.Counters.Queued);
        await second.SendAsync(new ConnAckPacket { SessionPresent = true });
        await ExpectPublishAsync(second, "0");
        await ExpectPublishAsync(second, "1");
        await Soon(Task.WhenAll(publishes));
    }

    [Fact(DisplayName = "a full queue is an error: by count")]
    public async Task Bound_by_count()
    {
        (MqttClient client, ScriptedPeer second) = await OfflineAsync(Options(MqttProtocolVersion.V500) with { PublishQueueLimit = 3 });
        List<Task> publishes = [.. Enumerable.Range(0, 3).Select(i => Publish(client, $"{i}"))];
        var error = await FailsAsync<MqttOperationException>(Attempt(() => Publish(client, "one too many")));
        Assert.Equal((MqttOperationFailure.QueueFull, "t"), (error.Failure, error.Topic));
        await second.SendAsync(new ConnAckPacket { SessionPresent = true });
        for (int i = 0; i < 3; i++)
        {
            await ExpectPublishAsync(second, $"{i}");
        }

        await ExpectNothingSentAsync(client, second);
        publishes.Add(Publish(client, "now"));
        await ExpectPublishAsync(second, "now");
    }

    [Fact(DisplayName = "a full queue is an error: by bytes; a message that need not wait may be larger")]
    public async Task Bound_by_bytes()
    {
        (MqttClient client, ScriptedPeer second) = await OfflineAsync(Options(MqttProtocolVersion.V500) with { PublishQueueByteLimit = 100 });
        _ = client.PublishAsync("t", new byte[60], QoS1).AsTask();
        var error = await FailsAsync<MqttOperationException>(Attempt(() => client.PublishAsync("t", new byte[41], QoS1).AsTask()));
        Assert.Equal(MqttOperationFailure.QueueFull, error.Failure);
        _ = client.PublishAsync("t", new byte[40], QoS1).AsTask();
        await second.SendAsync(new ConnAckPacket { SessionPresent = true });
        Assert.Equal(60, (await second.ExpectPublishAsync()).Payload.Length);
        Assert.Equal(40, (await second.ExpectPublishAsync()).Payload.Length);
        _ = client.PublishAsync("t", new byte[1000], QoS1).AsTask();
        Assert.Equal(1000, (await second.ExpectPublishAsync()).Payload.Length);
    }

    [Fact(DisplayName = "what is published after Start waits for the first connection, subscriptions first")]
    public async Task Start()
    {
        MqttClient client = NewClient(Options(MqttProtocolVersion.V500));
        client.Start();
        Task<MqttPublishResult> publish = Publish(client, "x");
        Task<MqttSubscription> subscribe = client.SubscribeAsync("a");
        ScriptedPeer peer = await Server.AcceptConnectedAsync();
        await GrantAsync(peer);
        await Soon(subscribe);
        ReceivedPublish sent = await ExpectPublishAsync(peer, "x");
        await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, sent.PacketIdentifier);
        await Soon(publish);
    }

    [Theory(DisplayName = "a client that was never connected, or was disconnected by its owner, refuses messages and subscriptions at once")]
    [InlineData(QoS0)]
    [InlineData(QoS1)]
    [InlineData(QoS2)]
    public async Task Not_connected(MqttQualityOfService qos)
    {
        MqttClient client = NewClient(Options(MqttProtocolVersion.V500));
        await RefusesAsync();
        ScriptedPeer peer = await ConnectAsync(client);
        Task disconnect = client.DisconnectAsync();
        await peer.ExpectDisconnectAsync(MqttReasonCode.Success);
        peer.Dispose();
        await Soon(disconnect);
        await RefusesAsync();

        async Task RefusesAsync()
        {
            Assert.Equal(
                MqttOperationFailure.NotConnected, (await FailsAsync<MqttOperationException>(Attempt(() => Publish(client, "x", qos)))).Failure);
            Assert.Equal(
                MqttOperationFailure.NotConnected, (await FailsAsync<MqttOperationException>(Attempt(() => client.SubscribeAsync("a")))).Failure);
        }
    }

    [Theory(DisplayName = "DisconnectAsync waits for what is in flight and queued, then says DISCONNECT, and nothing after it")]
    [MemberData(nameof(Versions))]
    public async Task Drains(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(version) with { InFlightMaximum = 1 });
        Task<MqttPublishResult>[] publishes = [Publish(client, "a"), Publish(client, "b", QoS2)];
        ReceivedPublish sent = await ExpectPublishAsync(peer, "a");
        Task disconnect = client.DisconnectAsync();
        await BarrierAsync(peer);
        await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, sent.PacketIdentifier);
        sent = await ExpectPublishAsync(peer, "b");
        await peer.SendAcknowledgementAsync(MqttPacketType.PubRec, sent.PacketIdentifier);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubRel, sent.PacketIdentifier);
        await BarrierAsync(peer);
        await peer.SendAcknowledgementAsync(MqttPacketType.PubComp, sent.PacketIdentifier);
        await peer.ExpectDisconnectAsync(MqttReasonCode.Success);
        peer.Dispose();
        await Soon(disconnect);
        await Soon(Task.WhenAll(publishes));
    }

    [Theory(DisplayName = "disposing ends every waiting operation with an exception that says why")]
    [MemberData(nameof(Versions))]
    public async Task Dispose_ends_operations(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(version) with { InFlightMaximum = 2, PersistentSession = false });
        Task[] waiting = [Publish(client, "in flight"), Publish(client, "released", QoS2), Publish(client, "queued", QoS2), client.SubscribeAsync("a")];
        await ExpectPublishAsync(peer, "in flight");
        ReceivedPublish released = await ExpectPublishAsync(peer, "released");
        await peer.ExpectAsync<SubscribePacket>();
        await peer.SendAcknowledgementAsync(MqttPacketType.PubRec, released.PacketIdentifier);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubRel, released.PacketIdentifier);
        Task dispose = client.DisposeAsync().AsTask();
        await peer.ExpectDisconnectAsync(MqttReasonCode.Success);
        peer.Dispose();
        await Soon(dispose);
        foreach (Task task in waiting)
        {
            var error = await FailsAsync<MqttOperationException>(task);
            Assert.Equal(MqttOperationFailure.Disconnected, error.Failure);
        }

        await FailsAsync<ObjectDisposedException>(Attempt(() => Publish(client, "x")));
        await FailsAsync<ObjectDisposedException>(Attempt(() => client.SubscribeAsync("x")));
        Assert.Equal(MqttConnectionState.Disposed, client.State);
    }

    /// <summary>A client whose connection was cut, and whose next waits for its CONNACK.</summary>
    private async Task<(MqttClient Client, ScriptedPeer Next)> OfflineAsync(MqttClientOptions options)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(options);
        peer.Abort();
        ScriptedPeer next = await Server.AcceptAsync();
        await next.ExpectAsync<ConnectPacket>();
        return (client, next);
    }

    private static async Task Attempt(Func<Task> attempt) => await attempt();
}
