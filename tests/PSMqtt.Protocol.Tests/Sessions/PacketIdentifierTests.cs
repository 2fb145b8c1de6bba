using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Tests.Scripted;

namespace PSMqtt.Protocol.Tests.Sessions;

public sealed class PacketIdentifierTests : SessionTest
{
    private const int All = 65_535;

    [Theory(DisplayName = "[MQTT-2.2.1-3] [MQTT-4.3.2-1] [MQTT-4.3.3-1] [MQTT-3.1.1: MQTT-2.3.1-2] 65,535 messages are in flight at once, each with an identifier of its own; requests beyond wait, and SUBSCRIBE gets the first that is free")]
    [MemberData(nameof(Versions))]
    public async Task All_in_flight(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(version) with { InFlightMaximum = All });
        var publishes = new List<Task<MqttPublishResult>>(All + 1);
        for (int i = 0; i < All; i++)
        {
            publishes.Add(Publish(client, "", i % 2 == 0 ? MqttQualityOfService.AtLeastOnce : MqttQualityOfService.ExactlyOnce));
        }

        publishes.Add(Publish(client, "one too many"));
        var identifiers = new List<ReceivedPublish>(All);
        for (int i = 0; i < All; i++)
        {
            identifiers.Add(await peer.ExpectPublishAsync());
        }

        Assert.Equal(All, identifiers.Select(p => p.PacketIdentifier).Distinct().Count());
        Assert.DoesNotContain((ushort)0, identifiers.Select(p => p.PacketIdentifier));
        Task<MqttSubscription> subscribe = client.SubscribeAsync("a");
        await ExpectNothingSentAsync(client, peer);
        Assert.Equal((All, 1), (client.Counters.InFlight, client.Counters.Queued));

        // The first that is free again serves the SUBSCRIBE, the next the message.
        ReceivedPublish first = identifiers[0];
        await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, first.PacketIdentifier);
        SubscribePacket request = await GrantAsync(peer);
        Assert.Equal(first.PacketIdentifier, request.PacketIdentifier);
        MqttSubscription subscription = await Soon(subscribe);
        Assert.Equal(first.PacketIdentifier, (await ExpectPublishAsync(peer, "one too many")).PacketIdentifier);

        // All are in flight again: an UNSUBSCRIBE waits too.
        Task unsubscribe = client.UnsubscribeAsync(subscription);
        await ExpectNothingSentAsync(client, peer);
        ReceivedPublish second = identifiers[2];
        await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, second.PacketIdentifier);
        Assert.Equal(second.PacketIdentifier, (await ConfirmUnsubscribeAsync(peer)).PacketIdentifier);
        await Soon(unsubscribe);
        await Soon(publishes[0]);
        await Soon(publishes[2]);
    }

    [Fact(DisplayName = "[MQTT-2.2.1-3] identifiers go round, leaving out those still in flight")]
    public async Task Wrap_around()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(MqttProtocolVersion.V500) with { InFlightMaximum = 2 });
        Task<MqttPublishResult> held = Publish(client, "held", MqttQualityOfService.ExactlyOnce);
        ushort heldIdentifier = (await ExpectPublishAsync(peer, "held")).PacketIdentifier;
        var used = new HashSet<ushort>();
        for (int i = 0; i < 1000; i++)
        {
            Task<MqttPublishResult> publish = Publish(client, "x");
            ushort identifier = (await ExpectPublishAsync(peer, "x")).PacketIdentifier;
            Assert.NotEqual(heldIdentifier, identifier);
            Assert.NotEqual(0, identifier);
            used.Add(identifier);
            await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, identifier);
            await Soon(publish);
        }

        // They came round many times, and none twice before the others.
        Assert.InRange(used.Count, 10, 999);
        Assert.False(held.IsCompleted);
    }

    [Theory(DisplayName = "[MQTT-2.2.1-3] an identifier is not used again before PUBCOMP, nor by a SUBSCRIBE in between")]
    [MemberData(nameof(Versions))]
    public async Task Shared_between_kinds(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(version) with { InFlightMaximum = 100 });
        var live = new HashSet<ushort>();
        var publishes = new List<Task>();
        for (int i = 0; i < 50; i++)
        {
            publishes.Add(Publish(client, "x", MqttQualityOfService.ExactlyOnce));
            ushort identifier = (await ExpectPublishAsync(peer, "x")).PacketIdentifier;
            Assert.True(live.Add(identifier));
            await peer.SendAcknowledgementAsync(MqttPacketType.PubRec, identifier);
            await ExpectAcknowledgementAsync(peer, MqttPacketType.PubRel, identifier);
        }

        for (int i = 0; i < 100; i++)
        {
            Task<MqttSubscription> subscribe = client.SubscribeAsync($"f{i}");
            Assert.DoesNotContain((await GrantAsync(peer)).PacketIdentifier, live);
            await Soon(subscribe);
        }

        foreach (ushort identifier in live)
        {
            await peer.SendAcknowledgementAsync(MqttPacketType.PubComp, identifier);
        }

        await Soon(Task.WhenAll(publishes));
    }
}
