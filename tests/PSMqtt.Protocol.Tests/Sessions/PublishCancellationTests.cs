using Microsoft.Extensions.Time.Testing;
using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Tests.Scripted;

namespace PSMqtt.Protocol.Tests.Sessions;

public sealed class PublishCancellationTests : SessionTest
{
    private const MqttQualityOfService QoS1 = MqttQualityOfService.AtLeastOnce;
    private const MqttQualityOfService QoS2 = MqttQualityOfService.ExactlyOnce;

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2024, 1, 1, 0, 0, 0, TimeSpan.Zero));

    [Fact(DisplayName = "a token that is cancelled already: nothing is sent or queued")]
    public async Task Already_cancelled()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(MqttProtocolVersion.V500);
        using var cancellation = new CancellationTokenSource();
        await cancellation.CancelAsync();
        foreach (MqttQualityOfService qos in Enum.GetValues<MqttQualityOfService>())
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Publish(client, "x", qos, cancellationToken: cancellation.Token));
        }

        await ExpectNothingSentAsync(client, peer);
        Assert.Equal(0, client.Counters.InFlight + client.Counters.Queued);
    }

    [Theory(DisplayName = "cancelled while it waits to be sent: withdrawn, and never sent; the ones around it are")]
    [MemberData(nameof(Versions))]
    public async Task Queued(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(version) with { InFlightMaximum = 1 });
        Task<MqttPublishResult> first = Publish(client, "first");
        using var cancellation = new CancellationTokenSource();
        Task<MqttPublishResult> withdrawn = Publish(client, "withdrawn", QoS2, cancellationToken: cancellation.Token);
        Task<MqttPublishResult> last = Publish(client, "last");
        ReceivedPublish sent = await ExpectPublishAsync(peer, "first");
        await cancellation.CancelAsync();
        var error = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Soon(withdrawn));
        Assert.Equal(cancellation.Token, error.CancellationToken);
        Assert.Equal(1, client.Counters.Queued);
        await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, sent.PacketIdentifier);
        sent = await ExpectPublishAsync(peer, "last");
        await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, sent.PacketIdentifier);
        await Soon(Task.WhenAll(first, last));
    }

    [Theory(DisplayName = "cancelled in flight: only the wait ends; the exchange completes later and frees identifier and quota")]
    [MemberData(nameof(Versions))]
    public async Task In_flight(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(version) with { InFlightMaximum = 3 });
        using var cancellation = new CancellationTokenSource();
        Task<MqttPublishResult>[] publishes =
        [
            Publish(client, "a", QoS1, cancellationToken: cancellation.Token),
            Publish(client, "b", QoS2, cancellationToken: cancellation.Token),
            Publish(client, "c", QoS2, cancellationToken: cancellation.Token),
        ];
        ushort[] identifiers =
        [
            (await ExpectPublishAsync(peer, "a")).PacketIdentifier,
            (await ExpectPublishAsync(peer, "b")).PacketIdentifier,
            (await ExpectPublishAsync(peer, "c")).PacketIdentifier,
        ];
        await peer.SendAcknowledgementAsync(MqttPacketType.PubRec, identifiers[2]);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubRel, identifiers[2]);
        Task<MqttPublishResult> next = Publish(client, "next");
        await cancellation.CancelAsync();
        foreach (Task<MqttPublishResult> publish in publishes)
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Soon(publish));
        }

        // They keep their places until the server is done with them, across a reconnect too.
        await ExpectNothingSentAsync(client, peer);
        Assert.Equal(3, client.Counters.InFlight);
        ScriptedPeer second = await ReconnectAsync(peer, sessionPresent: true);
        await ExpectAcknowledgementAsync(second, MqttPacketType.PubRel, identifiers[2]);
        Assert.Equal(identifiers[0], (await ExpectPublishAsync(second, "a", duplicate: true)).PacketIdentifier);
        Assert.Equal(identifiers[1], (await ExpectPublishAsync(second, "b", duplicate: true)).PacketIdentifier);
        await second.SendAcknowledgementAsync(MqttPacketType.PubComp, identifiers[2]);
        ushort identifierOfNext = (await ExpectPublishAsync(second, "next")).PacketIdentifier;
        Assert.DoesNotContain(identifierOfNext, identifiers[..2]);
        await second.SendAcknowledgementAsync(MqttPacketType.PubAck, identifiers[0]);
        await second.SendAcknowledgementAsync(MqttPacketType.PubRec, identifiers[1]);
        await ExpectAcknowledgementAsync(second, MqttPacketType.PubRel, identifiers[1]);
        await second.SendAcknowledgementAsync(MqttPacketType.PubComp, identifiers[1]);
        await second.SendAcknowledgementAsync(MqttPacketType.PubAck, identifierOfNext);
        await Soon(next);
        await BarrierAsync(second);
        Assert.Equal(0, client.Counters.InFlight);
        Assert.Equal(1, client.Counters.StrayAcknowledgements);
    }

    [Fact(DisplayName = "the time runs out in each state: TimeoutException says whether the message was sent; what was not is withdrawn")]
    public async Task Timeouts()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(MqttProtocolVersion.V500) with
        {
            InFlightMaximum = 2,
            TimeProvider = _time,
            OperationTimeout = TimeSpan.FromSeconds(30),
        });
        Task<MqttPublishResult> inFlight = Publish(client, "in flight");
        Task<MqttPublishResult> released = Publish(client, "released", QoS2);
        Task<MqttPublishResult> queued = client.PublishAsync(new MqttMessage("t", "queued", QoS1), TimeSpan.FromSeconds(10)).AsTask();
        Task<MqttPublishResult> patient = client.PublishAsync(new MqttMessage("t", "patient", QoS1), Timeout.InfiniteTimeSpan).AsTask();
        ushort first = (await ExpectPublishAsync(peer, "in flight")).PacketIdentifier;
        ushort second = (await ExpectPublishAsync(peer, "released")).PacketIdentifier;
        await peer.SendAcknowledgementAsync(MqttPacketType.PubRec, second);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubRel, second);

        _time.Advance(TimeSpan.FromSeconds(9));
        await ExpectNothingSentAsync(client, peer);
        Assert.False(queued.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.Contains("withdrawn", (await FailsAsync<TimeoutException>(queued)).Message, StringComparison.Ordinal);
        Assert.False(inFlight.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(20));
        Assert.Contains("may still be delivered", (await FailsAsync<TimeoutException>(inFlight)).Message, StringComparison.Ordinal);
        Assert.Contains("may still be delivered", (await FailsAsync<TimeoutException>(released)).Message, StringComparison.Ordinal);
        Assert.Equal((2, 1), (client.Counters.InFlight, client.Counters.Queued));

        await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, first);
        ushort third = (await ExpectPublishAsync(peer, "patient")).PacketIdentifier;
        await peer.SendAcknowledgementAsync(MqttPacketType.PubComp, second);
        await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, third);
        await Soon(patient);
        await BarrierAsync(peer);
        Assert.Equal(0, client.Counters.InFlight);
    }

    [Fact(DisplayName = "the time runs out without a connection: withdrawn, and not sent on the next")]
    public async Task Timeout_offline()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(MqttProtocolVersion.V500) with { TimeProvider = _time });
        peer.Abort();
        ScriptedPeer second = await Server.AcceptAsync();
        await second.ExpectAsync<ConnectPacket>();
        Task<MqttPublishResult> withdrawn = client.PublishAsync(new MqttMessage("t", "withdrawn", QoS1), TimeSpan.FromSeconds(5)).AsTask();
        Task<MqttPublishResult> kept = client.PublishAsync(new MqttMessage("t", "kept", QoS1), TimeSpan.FromSeconds(50)).AsTask();
        _time.Advance(TimeSpan.FromSeconds(6));
        Assert.Contains("no connection", (await FailsAsync<TimeoutException>(withdrawn)).Message, StringComparison.Ordinal);
        await second.SendAsync(new ConnAckPacket { SessionPresent = true });
        await ExpectPublishAsync(second, "kept");
        Assert.False(kept.IsCompleted);
    }

    [Fact(DisplayName = "subscribe: the time runs out or the token is cancelled, and nothing stays subscribed")]
    public async Task Subscribe()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(MqttProtocolVersion.V500) with { TimeProvider = _time });
        using var cancellation = new CancellationTokenSource();
        Task<MqttSubscription> cancelled = client.SubscribeAsync("a", cancellationToken: cancellation.Token);
        await peer.ExpectAsync<SubscribePacket>();
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Soon(cancelled));
        Assert.Equal(["a"], (await ConfirmUnsubscribeAsync(peer)).Filters);

        Task<MqttSubscription> late = client.SubscribeAsync([new MqttTopicSubscription("b")], timeout: TimeSpan.FromSeconds(5));
        SubscribePacket request = await peer.ExpectAsync<SubscribePacket>();
        _time.Advance(TimeSpan.FromSeconds(6));
        await FailsAsync<TimeoutException>(late);
        Assert.Equal(["b"], (await ConfirmUnsubscribeAsync(peer)).Filters);

        // The answers come nevertheless, and do no harm.
        await peer.SendAsync(new SubAckPacket { PacketIdentifier = request.PacketIdentifier, ReasonCodes = [MqttReasonCode.GrantedQoS1] });
        await BarrierAsync(peer);
        Assert.Empty(client.Subscriptions);
        await SubscribeAsync(client, peer, "b");
    }
}
