using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Tests.Scripted;

namespace PSMqtt.Protocol.Tests.Sessions;

public sealed class OutboundExchangeTests : SessionTest
{
    private const MqttQualityOfService QoS1 = MqttQualityOfService.AtLeastOnce;
    private const MqttQualityOfService QoS2 = MqttQualityOfService.ExactlyOnce;

    [Theory(DisplayName = "[MQTT-4.3.1-1] [MQTT-3.3.1-2] [MQTT-2.2.1-2] [MQTT-3.1.1: MQTT-2.3.1-5] QoS 0 is sent once, without DUP and identifier, and is done")]
    [MemberData(nameof(Versions))]
    public async Task QoS_0(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(version);
        MqttPublishResult result = await Soon(Publish(client, "a", MqttQualityOfService.AtMostOnce));
        Assert.Equal(MqttReasonCode.Success, result.ReasonCode);
        ReceivedPublish publish = await ExpectPublishAsync(peer, "a");
        Assert.Equal((MqttQualityOfService.AtMostOnce, 0), (publish.QoS, publish.PacketIdentifier));
        Assert.Equal(1, client.Counters.MessagesSent);
    }

    [Theory(DisplayName = "[MQTT-4.3.2-1] [MQTT-4.3.2-2] [MQTT-4.3.2-3] [MQTT-2.2.1-3] [MQTT-3.1.1: MQTT-2.3.1-1] [MQTT-3.1.1: MQTT-2.3.1-2] [MQTT-3.1.1: MQTT-4.3.2-1] QoS 1 is unacknowledged until its PUBACK")]
    [MemberData(nameof(Versions))]
    public async Task QoS_1(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(version);
        Task<MqttPublishResult> publish = Publish(client, "a");
        ReceivedPublish sent = await ExpectPublishAsync(peer, "a");
        Assert.Equal(QoS1, sent.QoS);
        Assert.NotEqual(0, sent.PacketIdentifier);
        await BarrierAsync(peer);
        Assert.False(publish.IsCompleted);
        Assert.Equal(1, client.Counters.InFlight);

        await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, sent.PacketIdentifier);
        MqttPublishResult result = await Soon(publish);
        Assert.Equal(("t", QoS1, sent.PacketIdentifier, MqttReasonCode.Success), (result.Topic, result.QoS, result.PacketIdentifier, result.ReasonCode));
        Assert.Equal(0, client.Counters.InFlight);
    }

    [Theory(DisplayName = "[MQTT-4.3.3-1] [MQTT-4.3.3-2] [MQTT-4.3.3-3] [MQTT-4.3.3-4] [MQTT-4.3.3-5] [MQTT-3.6.1-1] [MQTT-2.2.1-5] [MQTT-3.1.1: MQTT-4.3.3-1] [MQTT-3.1.1: MQTT-2.3.1-6] QoS 2: PUBLISH, PUBREC, PUBREL, PUBCOMP")]
    [MemberData(nameof(Versions))]
    public async Task QoS_2(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(version);
        Task<MqttPublishResult> publish = Publish(client, "a", QoS2);
        ReceivedPublish sent = await ExpectPublishAsync(peer, "a");
        Assert.Equal(QoS2, sent.QoS);
        await BarrierAsync(peer);

        await peer.SendAcknowledgementAsync(MqttPacketType.PubRec, sent.PacketIdentifier);
        AcknowledgementPacket release = await peer.ExpectAcknowledgementAsync(MqttPacketType.PubRel);
        Assert.Equal((sent.PacketIdentifier, MqttReasonCode.Success), (release.PacketIdentifier, release.ReasonCode));
        await BarrierAsync(peer);
        Assert.False(publish.IsCompleted);

        await peer.SendAcknowledgementAsync(MqttPacketType.PubComp, sent.PacketIdentifier);
        Assert.Equal(sent.PacketIdentifier, (await Soon(publish)).PacketIdentifier);
        Assert.Equal(0, client.Counters.InFlight);
    }

    [Theory(DisplayName = "[MQTT-4.6.0-4] PUBRELs leave in the order of the PUBRECs")]
    [MemberData(nameof(Versions))]
    public async Task Releases_in_order(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(version);
        var publishes = new List<Task<MqttPublishResult>>();
        var identifiers = new List<ushort>();
        for (int i = 0; i < 4; i++)
        {
            publishes.Add(Publish(client, $"{i}", QoS2));
            identifiers.Add((await ExpectPublishAsync(peer, $"{i}")).PacketIdentifier);
        }

        int[] order = [2, 0, 3, 1];
        foreach (int index in order)
        {
            await peer.SendAcknowledgementAsync(MqttPacketType.PubRec, identifiers[index]);
        }

        foreach (int index in order)
        {
            await ExpectAcknowledgementAsync(peer, MqttPacketType.PubRel, identifiers[index]);
        }

        identifiers.ForEach(i => peer.SendAcknowledgementAsync(MqttPacketType.PubComp, i).Wait());
        await Soon(Task.WhenAll(publishes));
    }

    [Theory(DisplayName = "a PUBREC that comes again is answered with PUBREL again")]
    [MemberData(nameof(Versions))]
    public async Task PubRec_again(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(version);
        Task<MqttPublishResult> publish = Publish(client, "a", QoS2);
        ushort identifier = (await ExpectPublishAsync(peer, "a")).PacketIdentifier;
        for (int i = 0; i < 2; i++)
        {
            await peer.SendAcknowledgementAsync(MqttPacketType.PubRec, identifier);
            await ExpectAcknowledgementAsync(peer, MqttPacketType.PubRel, identifier);
        }

        await peer.SendAcknowledgementAsync(MqttPacketType.PubComp, identifier);
        await Soon(publish);
    }

    [Theory(DisplayName = "[MQTT-4.4.0-2] [MQTT-4.9.0-2] PUBACK or PUBREC with a failure code ends the exchange, tells the caller why, and frees identifier and quota")]
    [InlineData(QoS1, "PubAck")]
    [InlineData(QoS2, "PubRec")]
    public async Task Failure(MqttQualityOfService qos, string acknowledgement)
    {
        var type = Enum.Parse<MqttPacketType>(acknowledgement);
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(MqttProtocolVersion.V500, new ConnAckPacket { ReceiveMaximum = 1 });
        Task<MqttPublishResult> publish = Publish(client, "a", qos, "the/topic");
        Task<MqttPublishResult> next = Publish(client, "b", qos);
        ushort identifier = (await ExpectPublishAsync(peer, "a")).PacketIdentifier;
        await peer.SendAsync(new AcknowledgementPacket(type, identifier, MqttReasonCode.QuotaExceeded, "come back later"));
        var error = await FailsAsync<MqttOperationException>(publish);
        Assert.Equal(
            (MqttOperation.Publish, MqttOperationFailure.Rejected, MqttReasonCode.QuotaExceeded, "come back later", "the/topic"),
            (error.Operation, error.Failure, error.ReasonCode, error.ReasonString, error.Topic));
        Assert.Contains("the/topic", error.Message, StringComparison.Ordinal);
        Assert.Contains("come back later", error.Message, StringComparison.Ordinal);

        // No PUBREL: the next packet is the message that waited for the quota.
        ushort following = (await ExpectPublishAsync(peer, "b")).PacketIdentifier;
        Assert.Equal(1, client.Counters.InFlight);
        await peer.SendAsync(new AcknowledgementPacket(type, following, MqttReasonCode.NotAuthorized));
        Assert.Equal(MqttReasonCode.NotAuthorized, (await FailsAsync<MqttOperationException>(next)).ReasonCode);

        // Nothing of it comes again on a new connection.
        ScriptedPeer second = await ReconnectAsync(peer, sessionPresent: true);
        await UntilAsync(() => client.State == MqttConnectionState.Connected && client.Counters.Reconnects == 1);
        await ExpectNothingSentAsync(client, second);
    }

    [Theory(DisplayName = "No Matching Subscribers is a success that can be seen")]
    [InlineData(QoS1)]
    [InlineData(QoS2)]
    public async Task No_matching_subscribers(MqttQualityOfService qos)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(MqttProtocolVersion.V500);
        Task<MqttPublishResult> publish = Publish(client, "a", qos);
        ushort identifier = (await ExpectPublishAsync(peer, "a")).PacketIdentifier;
        if (qos == QoS1)
        {
            await peer.SendAsync(new AcknowledgementPacket(MqttPacketType.PubAck, identifier, MqttReasonCode.NoMatchingSubscribers, "nobody"));
        }
        else
        {
            await peer.SendAsync(new AcknowledgementPacket(MqttPacketType.PubRec, identifier, MqttReasonCode.NoMatchingSubscribers, "nobody"));
            await ExpectAcknowledgementAsync(peer, MqttPacketType.PubRel, identifier);
            await peer.SendAcknowledgementAsync(MqttPacketType.PubComp, identifier);
        }

        MqttPublishResult result = await Soon(publish);
        Assert.Equal((MqttReasonCode.NoMatchingSubscribers, "nobody"), (result.ReasonCode, result.ReasonString));
    }

    [Fact(DisplayName = "PUBCOMP with Packet Identifier Not Found ends the exchange as a success: the server had the message")]
    public async Task PubComp_not_found()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(MqttProtocolVersion.V500);
        Task<MqttPublishResult> publish = Publish(client, "a", QoS2);
        ushort identifier = (await ExpectPublishAsync(peer, "a")).PacketIdentifier;
        await peer.SendAcknowledgementAsync(MqttPacketType.PubRec, identifier);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubRel, identifier);
        await peer.SendAcknowledgementAsync(MqttPacketType.PubComp, identifier, MqttReasonCode.PacketIdentifierNotFound);
        Assert.Equal(MqttReasonCode.PacketIdentifierNotFound, (await Soon(publish)).ReasonCode);
    }

    [Theory(DisplayName = "stray PUBACK, PUBCOMP, SUBACK and UNSUBACK are ignored and counted")]
    [MemberData(nameof(Versions))]
    public async Task Strays(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(version);
        await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, 7);
        await peer.SendAcknowledgementAsync(MqttPacketType.PubComp, 7);
        await peer.SendAsync(new SubAckPacket { PacketIdentifier = 7, ReasonCodes = [MqttReasonCode.Success] });
        await peer.SendAsync(new UnsubAckPacket { PacketIdentifier = 7, ReasonCodes = [MqttReasonCode.Success] });
        await BarrierAsync(peer);
        Assert.Equal(MqttConnectionState.Connected, client.State);
        Assert.Equal(4 + 1, client.Counters.StrayAcknowledgements);
    }

    [Theory(DisplayName = "[MQTT-4.3.3-4] a stray PUBREC gets PUBREL, on 5.0 with Packet Identifier Not Found")]
    [MemberData(nameof(Versions))]
    public async Task Stray_PubRec(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(version);
        await peer.SendAcknowledgementAsync(MqttPacketType.PubRec, 7);
        AcknowledgementPacket release = await peer.ExpectAcknowledgementAsync(MqttPacketType.PubRel);
        Assert.Equal(
            (7, version == MqttProtocolVersion.V500 ? MqttReasonCode.PacketIdentifierNotFound : MqttReasonCode.Success),
            (release.PacketIdentifier, release.ReasonCode));
        await peer.SendAcknowledgementAsync(MqttPacketType.PubComp, 7, MqttReasonCode.PacketIdentifierNotFound);
        await BarrierAsync(peer);
        Assert.Equal(3, client.Counters.StrayAcknowledgements);
    }

    [Theory(DisplayName = "[MQTT-4.13.1-1] [MQTT-3.14.4-2] [MQTT-3.1.1: MQTT-4.8.0-1] an acknowledgement of the wrong kind for a live identifier ends the connection (DISCONNECT 0x82 on 5.0), and another is made")]
    [MemberData(nameof(WrongKinds))]
    public async Task Wrong_kind(MqttProtocolVersion version, MqttQualityOfService qos, object wrong)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(version);
        Task<MqttPublishResult> publish = Publish(client, "a", qos);
        ushort identifier = (await ExpectPublishAsync(peer, "a")).PacketIdentifier;
        var type = (MqttPacketType)wrong;
        if (type is MqttPacketType.SubAck)
        {
            await peer.SendAsync(new SubAckPacket { PacketIdentifier = identifier, ReasonCodes = [MqttReasonCode.Success] });
        }
        else if (type is MqttPacketType.UnsubAck)
        {
            await peer.SendAsync(new UnsubAckPacket { PacketIdentifier = identifier, ReasonCodes = [MqttReasonCode.Success] });
        }
        else
        {
            await peer.SendAcknowledgementAsync(type, identifier);
        }

        if (version == MqttProtocolVersion.V500)
        {
            await peer.ExpectDisconnectAsync(MqttReasonCode.ProtocolError);
        }
        else
        {
            await peer.ExpectClosedAsync();
        }

        // The exchange goes on where the session does.
        peer.Dispose();
        ScriptedPeer second = await Server.AcceptConnectedAsync(new ConnAckPacket { SessionPresent = true });
        Assert.Equal(identifier, (await ExpectPublishAsync(second, "a", duplicate: true)).PacketIdentifier);
        Assert.False(publish.IsCompleted);
    }

    [Theory(DisplayName = "[MQTT-4.13.1-1] [MQTT-3.1.1: MQTT-4.8.0-1] a PUBACK for a SUBSCRIBE ends the connection, and the SUBSCRIBE is sent again on the next")]
    [MemberData(nameof(Versions))]
    public async Task PubAck_for_subscribe(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(version);
        Task<MqttSubscription> subscribe = client.SubscribeAsync("a");
        SubscribePacket packet = await peer.ExpectAsync<SubscribePacket>();
        await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, packet.PacketIdentifier);
        if (version == MqttProtocolVersion.V500)
        {
            await peer.ExpectDisconnectAsync(MqttReasonCode.ProtocolError);
        }
        else
        {
            await peer.ExpectClosedAsync();
        }

        peer.Dispose();
        ScriptedPeer second = await Server.AcceptConnectedAsync(new ConnAckPacket { SessionPresent = true });
        await GrantAsync(second);
        await Soon(subscribe);
    }


    public static TheoryData<MqttProtocolVersion, MqttQualityOfService, object> WrongKinds
    {
        get
        {
            var data = new TheoryData<MqttProtocolVersion, MqttQualityOfService, object>();
            foreach (MqttProtocolVersion version in Enum.GetValues<MqttProtocolVersion>())
            {
                foreach (MqttPacketType type in (MqttPacketType[])[MqttPacketType.PubRec, MqttPacketType.PubComp, MqttPacketType.SubAck, MqttPacketType.UnsubAck])
                {
                    data.Add(version, QoS1, type);
                }

                foreach (MqttPacketType type in (MqttPacketType[])[MqttPacketType.PubAck, MqttPacketType.PubComp, MqttPacketType.SubAck])
                {
                    data.Add(version, QoS2, type);
                }
            }

            return data;
        }
    }
}
