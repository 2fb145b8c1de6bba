using Microsoft.Extensions.Time.Testing;
using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Tests.Scripted;

namespace PSMqtt.Protocol.Tests.Sessions;

public sealed class MessageExpiryTests : SessionTest
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2024, 1, 1, 0, 0, 0, TimeSpan.Zero));

    [Fact(DisplayName = "a message's expiry counts down while it waits to be sent, in whole seconds")]
    public async Task Counts_down()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(WithClock(), new ConnAckPacket { ReceiveMaximum = 1 });
        Task<MqttPublishResult> first = Publish(client, "first");
        ReceivedPublish sent = await ExpectPublishAsync(peer, "first");
        Task<MqttPublishResult> waiting = client.PublishAsync(Message("waiting", 10)).AsTask();
        _time.Advance(TimeSpan.FromSeconds(3.9));
        await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, sent.PacketIdentifier);
        sent = await ExpectPublishAsync(peer, "waiting");
        Assert.Equal(7u, sent.Properties!.MessageExpirySeconds);
        await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, sent.PacketIdentifier);
        await Soon(Task.WhenAll(first, waiting));

        // One that leaves at once keeps its own, and its other properties.
        waiting = client.PublishAsync(new MqttMessage(Message("now", 10)) { ContentType = "x" }).AsTask();
        sent = await ExpectPublishAsync(peer, "now");
        Assert.Equal((10u, "x"), (sent.Properties!.MessageExpirySeconds, sent.Properties.ContentType));
    }

    [Theory(DisplayName = "a message that expired while it waited fails, is counted, and is not sent; the ones behind it are")]
    [InlineData(MqttQualityOfService.AtLeastOnce)]
    [InlineData(MqttQualityOfService.ExactlyOnce)]
    public async Task Expires(MqttQualityOfService qos)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(WithClock(), new ConnAckPacket { ReceiveMaximum = 1 });
        _ = Publish(client, "first");
        ReceivedPublish sent = await ExpectPublishAsync(peer, "first");
        Task<MqttPublishResult> expires = client.PublishAsync(Message("expires", 5, qos)).AsTask();
        Task<MqttPublishResult> lives = client.PublishAsync(Message("lives", 6, qos)).AsTask();
        _time.Advance(TimeSpan.FromSeconds(5));
        await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, sent.PacketIdentifier);
        sent = await ExpectPublishAsync(peer, "lives");
        Assert.Equal(1u, sent.Properties!.MessageExpirySeconds);
        var error = await FailsAsync<MqttOperationException>(expires);
        Assert.Equal((MqttOperationFailure.Expired, "t"), (error.Failure, error.Topic));
        Assert.Equal(1, client.Counters.MessagesExpired);
        Assert.False(lives.IsCompleted);
    }

    [Fact(DisplayName = "messages expire while there is no connection")]
    public async Task Expires_offline()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(WithClock());
        peer.Abort();
        ScriptedPeer second = await Server.AcceptAsync();
        await second.ExpectAsync<ConnectPacket>();
        Task<MqttPublishResult> expires = client.PublishAsync(Message("expires", 2)).AsTask();
        Task<MqttPublishResult> lives = client.PublishAsync(Message("lives", 20)).AsTask();
        _time.Advance(TimeSpan.FromSeconds(12));
        await second.SendAsync(new ConnAckPacket { SessionPresent = true });
        ReceivedPublish sent = await ExpectPublishAsync(second, "lives");
        Assert.Equal(8u, sent.Properties!.MessageExpirySeconds);
        Assert.Equal(MqttOperationFailure.Expired, (await FailsAsync<MqttOperationException>(expires)).Failure);
        Assert.False(lives.IsCompleted);
    }

    [Theory(DisplayName = "[MQTT-4.3.3-7] [MQTT-4.4.0-1] a message that was sent does not expire: it is sent again")]
    [InlineData(MqttQualityOfService.AtLeastOnce)]
    [InlineData(MqttQualityOfService.ExactlyOnce)]
    public async Task Sent_does_not_expire(MqttQualityOfService qos)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(WithClock());
        Task<MqttPublishResult> publish = client.PublishAsync(Message("x", 2, qos), Timeout.InfiniteTimeSpan).AsTask();
        await ExpectPublishAsync(peer, "x");
        _time.Advance(TimeSpan.FromSeconds(10));
        ScriptedPeer second = await ReconnectAsync(peer, sessionPresent: true);
        ReceivedPublish again = await ExpectPublishAsync(second, "x", duplicate: true);
        Assert.Equal(1u, again.Properties!.MessageExpirySeconds);
        Assert.False(publish.IsCompleted);
    }

    private MqttClientOptions WithClock() => Options(MqttProtocolVersion.V500) with { TimeProvider = _time, OperationTimeout = Timeout.InfiniteTimeSpan };

    private static MqttMessage Message(string text, int seconds, MqttQualityOfService qos = MqttQualityOfService.AtLeastOnce) =>
        new("t", text, qos) { MessageExpiry = TimeSpan.FromSeconds(seconds) };
}
