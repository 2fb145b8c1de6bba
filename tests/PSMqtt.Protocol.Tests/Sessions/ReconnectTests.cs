using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Tests.Scripted;

namespace PSMqtt.Protocol.Tests.Sessions;

/// <summary>What a reconnect does to messages and subscriptions.</summary>
public sealed class ReconnectTests : SessionTest
{
    private const MqttQualityOfService QoS0 = MqttQualityOfService.AtMostOnce;
    private const MqttQualityOfService QoS1 = MqttQualityOfService.AtLeastOnce;
    private const MqttQualityOfService QoS2 = MqttQualityOfService.ExactlyOnce;

    private static readonly ConnAckPacket s_present = new() { SessionPresent = true };

    [Theory(DisplayName = "[MQTT-4.4.0-1] [MQTT-4.6.0-1] [MQTT-3.3.1-1] [MQTT-3.3.1-3] [MQTT-4.3.3-6] [MQTT-2.2.1-3] [MQTT-3.1.1: MQTT-2.3.1-3] session present: new subscriptions, then PUBRELs and PUBLISHs again, same identifiers, DUP, in order, then what was queued, without DUP")]
    [MemberData(nameof(Versions))]
    public async Task Session_present(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(version) with { InFlightMaximum = 5 });
        await SubscribeAsync(client, peer, "old");
        (string Text, MqttQualityOfService QoS)[] messages = [("a", QoS1), ("b", QoS2), ("c", QoS2), ("d", QoS1), ("e", QoS2)];
        var publishes = new Dictionary<string, Task<MqttPublishResult>>();
        var identifiers = new Dictionary<string, ushort>();
        foreach ((string text, MqttQualityOfService qos) in messages)
        {
            publishes[text] = Publish(client, text, qos);
            identifiers[text] = (await ExpectPublishAsync(peer, text)).PacketIdentifier;
        }

        publishes["queued"] = Publish(client, "queued");
        foreach (string text in (string[])["e", "c"])
        {
            await peer.SendAcknowledgementAsync(MqttPacketType.PubRec, identifiers[text]);
            await ExpectAcknowledgementAsync(peer, MqttPacketType.PubRel, identifiers[text]);
        }

        ScriptedPeer second = await CutAsync(peer);
        Task<MqttSubscription> subscribe = client.SubscribeAsync("new");
        publishes["offline"] = Publish(client, "offline", QoS2);
        await second.SendAsync(s_present);
        await UntilAsync(() => client.State == MqttConnectionState.Connected);
        if (version == MqttProtocolVersion.V310)
        {
            Assert.Equal("old", (await GrantAsync(second)).Subscriptions[0].Filter);
        }

        Assert.Equal("new", (await GrantAsync(second)).Subscriptions[0].Filter);
        await ExpectAcknowledgementAsync(second, MqttPacketType.PubRel, identifiers["e"]);
        await ExpectAcknowledgementAsync(second, MqttPacketType.PubRel, identifiers["c"]);
        foreach (string text in (string[])["a", "b", "d"])
        {
            ReceivedPublish again = await ExpectPublishAsync(second, text, duplicate: true);
            Assert.Equal(identifiers[text], again.PacketIdentifier);
        }

        // Five exchanges are five, whatever state they are in: a server may count those past PUBREC as well.
        await ExpectNothingSentAsync(client, second);
        await second.SendAcknowledgementAsync(MqttPacketType.PubComp, identifiers["e"]);
        await second.SendAcknowledgementAsync(MqttPacketType.PubComp, identifiers["c"]);
        identifiers["queued"] = (await ExpectPublishAsync(second, "queued")).PacketIdentifier;
        identifiers["offline"] = (await ExpectPublishAsync(second, "offline")).PacketIdentifier;
        Assert.Equal(7, identifiers.Values.Distinct().Count());
        await Soon(subscribe);

        foreach (string text in identifiers.Keys.Except(["e", "c"]))
        {
            if (text is "b" or "offline")
            {
                await second.SendAcknowledgementAsync(MqttPacketType.PubRec, identifiers[text]);
                await ExpectAcknowledgementAsync(second, MqttPacketType.PubRel, identifiers[text]);
            }

            await second.SendAcknowledgementAsync(text is "a" or "d" or "queued" ? MqttPacketType.PubAck : MqttPacketType.PubComp, identifiers[text]);
        }

        await Soon(Task.WhenAll(publishes.Values));
        Assert.Equal(7 + 1, client.Counters.MessagesSent); // And the one that showed that nothing else had been sent.
        Assert.Equal(0, client.Counters.InFlight);
    }

    [Theory(DisplayName = "[MQTT-4.4.0-1] what is cut off again before it was acknowledged is sent again once more, in the same order; PUBREL too")]
    [MemberData(nameof(Versions))]
    public async Task Many_cuts(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(version);
        List<Task<MqttPublishResult>> publishes = [];
        var identifiers = new List<ushort>();
        for (int i = 0; i < 5; i++)
        {
            publishes.Add(Publish(client, $"{i}", QoS2));
            identifiers.Add((await ExpectPublishAsync(peer, $"{i}")).PacketIdentifier);
        }

        for (int cut = 0; cut < 4; cut++)
        {
            await peer.SendAcknowledgementAsync(MqttPacketType.PubRec, identifiers[cut]);
            await ExpectAcknowledgementAsync(peer, MqttPacketType.PubRel, identifiers[cut]);
            peer = await ReconnectAsync(peer, sessionPresent: true);
            for (int i = 0; i <= cut; i++)
            {
                await ExpectAcknowledgementAsync(peer, MqttPacketType.PubRel, identifiers[i]);
            }

            for (int i = cut + 1; i < 5; i++)
            {
                Assert.Equal(identifiers[i], (await ExpectPublishAsync(peer, $"{i}", duplicate: true)).PacketIdentifier);
            }
        }

        Assert.Equal(5, client.Counters.InFlight);
        foreach (ushort identifier in identifiers.Take(4))
        {
            await peer.SendAcknowledgementAsync(MqttPacketType.PubComp, identifier);
        }

        await Soon(Task.WhenAll(publishes.Take(4)));
    }

    [Theory(DisplayName = "[MQTT-3.2.2-5] [MQTT-3.3.1-3] session gone: every subscription again, then what is owed as new messages without DUP; past PUBREC the outcome is unknown")]
    [MemberData(nameof(Versions))]
    public async Task Session_gone(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Forgotten(version));
        await SubscribeAsync(client, peer, "one");
        await SubscribeAsync(client, peer, "two");
        Task<MqttPublishResult> a = Publish(client, "a");
        ushort identifierOfA = (await ExpectPublishAsync(peer, "a")).PacketIdentifier;
        Task<MqttPublishResult> b = Publish(client, "b", QoS2);
        await ExpectPublishAsync(peer, "b");
        Task<MqttPublishResult> c = Publish(client, "c", QoS2, "the/topic");
        ushort identifierOfC = (await ExpectPublishAsync(peer, "c")).PacketIdentifier;
        await peer.SendAcknowledgementAsync(MqttPacketType.PubRec, identifierOfC);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubRel, identifierOfC);

        ScriptedPeer second = await CutAsync(peer);
        Task<MqttPublishResult> offline = Publish(client, "offline");
        await second.SendAsync(new ConnAckPacket());
        Assert.Equal("one", (await GrantAsync(second)).Subscriptions[0].Filter);
        Assert.Equal("two", (await GrantAsync(second)).Subscriptions[0].Filter);
        ushort[] identifiers =
        [
            (await ExpectPublishAsync(second, "a")).PacketIdentifier,
            (await ExpectPublishAsync(second, "b")).PacketIdentifier,
            (await ExpectPublishAsync(second, "offline")).PacketIdentifier,
        ];
        var error = await FailsAsync<MqttOperationException>(c);
        Assert.Equal((MqttOperationFailure.OutcomeUnknown, "the/topic"), (error.Failure, error.Topic));

        // The old exchanges are discarded: a late answer to them is a stray.
        Assert.DoesNotContain(identifierOfA, identifiers);
        Assert.DoesNotContain(identifierOfC, identifiers);
        await second.SendAcknowledgementAsync(MqttPacketType.PubAck, identifierOfA);
        await BarrierAsync(second);
        Assert.False(a.IsCompleted);
        await second.SendAcknowledgementAsync(MqttPacketType.PubAck, identifiers[0]);
        await second.SendAcknowledgementAsync(MqttPacketType.PubRec, identifiers[1]);
        await ExpectAcknowledgementAsync(second, MqttPacketType.PubRel, identifiers[1]);
        await second.SendAcknowledgementAsync(MqttPacketType.PubComp, identifiers[1]);
        await second.SendAcknowledgementAsync(MqttPacketType.PubAck, identifiers[2]);
        Assert.Equal(identifiers[0], (await Soon(a)).PacketIdentifier);
        await Soon(Task.WhenAll(b, offline));
    }

    [Theory(DisplayName = "RepublishUncertainQoS2: a message past PUBREC whose session is gone is published again, as a new one")]
    [MemberData(nameof(Versions))]
    public async Task Republish(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Forgotten(version) with { RepublishUncertainQoS2 = true });
        Task<MqttPublishResult> publish = Publish(client, "x", QoS2);
        ushort identifier = (await ExpectPublishAsync(peer, "x")).PacketIdentifier;
        await peer.SendAcknowledgementAsync(MqttPacketType.PubRec, identifier);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubRel, identifier);
        ScriptedPeer second = await ReconnectAsync(peer, sessionPresent: false);
        identifier = (await ExpectPublishAsync(second, "x")).PacketIdentifier;
        await second.SendAcknowledgementAsync(MqttPacketType.PubRec, identifier);
        await ExpectAcknowledgementAsync(second, MqttPacketType.PubRel, identifier);
        await second.SendAcknowledgementAsync(MqttPacketType.PubComp, identifier);
        await Soon(publish);
    }

    [Theory(DisplayName = "[MQTT-3.3.1-3] a message published after a reconnect has no DUP, whether the session was present or gone")]
    [InlineData(true)]
    [InlineData(false)]
    public async Task No_dup_on_first_send(bool sessionPresent)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(MqttProtocolVersion.V500);
        _ = Publish(client, "old");
        await ExpectPublishAsync(peer, "old");
        ScriptedPeer second = await ReconnectAsync(peer, sessionPresent);
        await ExpectPublishAsync(second, "old", duplicate: sessionPresent);
        _ = Publish(client, "new");
        _ = Publish(client, "newer", QoS2);
        await ExpectPublishAsync(second, "new");
        await ExpectPublishAsync(second, "newer");
    }

    [Theory(DisplayName = "[MQTT-3.1.2-4] by default: 5.0 starts clean, keeps the session for five minutes and resumes it; before 5.0 every session is clean, and what is owed is published anew")]
    [MemberData(nameof(Versions))]
    public async Task Defaults(MqttProtocolVersion version)
    {
        var defaults = new MqttClientOptions();
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(version) with
        {
            CleanStart = defaults.CleanStart,
            PersistentSession = defaults.PersistentSession,
        });
        Assert.True(peer.Connect!.CleanStart);
        Assert.Equal(version == MqttProtocolVersion.V500 ? 300u : null, peer.Connect.SessionExpirySeconds);
        _ = Publish(client, "x");
        await ExpectPublishAsync(peer, "x");
        bool is5 = version == MqttProtocolVersion.V500;
        ScriptedPeer second = await ReconnectAsync(peer, sessionPresent: is5);
        Assert.Equal(!is5, second.Connect!.CleanStart);
        await ExpectPublishAsync(second, "x", duplicate: is5);
    }

    [Theory(DisplayName = "subscribed and unsubscribed while offline: only the difference is sent")]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Changed_offline(bool sessionPresent)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(MqttProtocolVersion.V500);
        await SubscribeAsync(client, peer, "stays");
        MqttSubscription goes = await SubscribeAsync(client, peer, "goes");
        MqttSubscription replaced = await SubscribeAsync(client, peer, "replaced", qos: QoS1);
        ScriptedPeer second = await CutAsync(peer);
        await Soon(client.UnsubscribeAsync(goes));
        await Soon(client.UnsubscribeAsync(replaced));
        Task<MqttSubscription> comes = client.SubscribeAsync("comes");
        Task<MqttSubscription> again = client.SubscribeAsync("replaced", QoS2);
        Task<MqttSubscription> never = client.SubscribeAsync("never");
        await Soon(client.UnsubscribeAsync(client.Subscriptions.Single(s => s.Name == "never")));
        await second.SendAsync(new ConnAckPacket { SessionPresent = sessionPresent });
        if (sessionPresent)
        {
            Assert.Equal(["goes"], (await ConfirmUnsubscribeAsync(second)).Filters);
        }
        else
        {
            Assert.Equal("stays", (await GrantAsync(second)).Subscriptions[0].Filter);
        }

        var sent = new List<MqttTopicSubscription> { (await GrantAsync(second)).Subscriptions[0], (await GrantAsync(second)).Subscriptions[0] };
        Assert.Equal(["comes 1", "replaced 2"], sent.Select(s => $"{s.Filter} {(int)s.QoS}").Order());
        await BarrierAsync(second);
        await Soon(Task.WhenAll(comes, again));
        _ = never;
        Assert.Equal(["stays", "comes", "replaced"], client.Subscriptions.Select(s => s.Name));
    }

    [Theory(DisplayName = "a SUBSCRIBE whose answer was lost with the connection is sent again, and its caller gets the later answer")]
    [MemberData(nameof(Versions))]
    public async Task Subscribe_again(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(version);
        Task<MqttSubscription> subscribe = client.SubscribeAsync("a");
        await peer.ExpectAsync<SubscribePacket>();
        ScriptedPeer second = await ReconnectAsync(peer, sessionPresent: true);
        await GrantAsync(second);
        await Soon(subscribe);
    }

    [Theory(DisplayName = "an UNSUBSCRIBE whose answer was lost with the connection is sent again where the session is present; so is one for a SUBSCRIBE without answer")]
    [MemberData(nameof(Versions))]
    public async Task Unsubscribe_again(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(version);
        MqttSubscription subscription = await SubscribeAsync(client, peer, "a");
        Task unsubscribe = client.UnsubscribeAsync(subscription);
        await peer.ExpectAsync<UnsubscribePacket>();
        Task<MqttSubscription> unanswered = client.SubscribeAsync("b");
        await peer.ExpectAsync<SubscribePacket>();

        ScriptedPeer second = await CutAsync(peer);
        await Soon(unsubscribe);
        await Soon(client.UnsubscribeAsync(client.Subscriptions.Single()));
        await second.SendAsync(s_present);
        var filters = new List<string> { (await ConfirmUnsubscribeAsync(second)).Filters[0], (await ConfirmUnsubscribeAsync(second)).Filters[0] };
        Assert.Equal(["a", "b"], filters.Order());
        await BarrierAsync(second);
        _ = unanswered;
    }

    [Fact(DisplayName = "a subscription that the server refuses after it lost the session ends with that reason; the others go on")]
    public async Task Refused_again()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(MqttProtocolVersion.V500);
        MqttSubscription refused = await SubscribeAsync(client, peer, "refused");
        MqttSubscription granted = await SubscribeAsync(client, peer, "granted");
        ScriptedPeer second = await ReconnectAsync(peer, sessionPresent: false);
        SubscribePacket request = await second.ExpectAsync<SubscribePacket>();
        await second.SendAsync(new SubAckPacket { PacketIdentifier = request.PacketIdentifier, ReasonCodes = [MqttReasonCode.NotAuthorized] });
        await GrantAsync(second);
        Assert.False(await Soon(refused.WaitToReadAsync().AsTask()));
        Assert.False(refused.IsActive);
        Assert.Equal(MqttReasonCode.NotAuthorized, Assert.IsType<MqttOperationException>(refused.EndReason).ReasonCode);
        await second.SendPublishAsync("granted", "x");
        Assert.Equal("x", (await ReadAsync(granted)).Text);

        // The server does not have it: there is nothing to unsubscribe.
        await BarrierAsync(second);
    }

    [Fact(DisplayName = "a refused SUBSCRIBE fails, leaves nothing behind, and is not unsubscribed")]
    public async Task Refused_at_first()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(MqttProtocolVersion.V500);
        Task<MqttSubscription> subscribe = client.SubscribeAsync("refused");
        SubscribePacket request = await peer.ExpectAsync<SubscribePacket>();
        await peer.SendAsync(new SubAckPacket
        {
            PacketIdentifier = request.PacketIdentifier,
            ReasonCodes = [MqttReasonCode.QuotaExceeded],
            ReasonString = "enough",
        });
        var error = await FailsAsync<MqttOperationException>(subscribe);
        Assert.Equal(
            (MqttOperation.Subscribe, MqttOperationFailure.Rejected, MqttReasonCode.QuotaExceeded, "enough", "refused"),
            (error.Operation, error.Failure, error.ReasonCode, error.ReasonString, error.Topic));
        Assert.Empty(client.Subscriptions);
        await BarrierAsync(peer);
        await SubscribeAsync(client, peer, "refused");
    }

    [Theory(DisplayName = "a session that another process made counts as ours: its messages wait, unacknowledged, and a later subscription takes what matches")]
    [InlineData(MqttProtocolVersion.V311)]
    [InlineData(MqttProtocolVersion.V500)]
    public async Task Inherited(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(version, s_present);
        Assert.False(peer.Connect!.CleanStart);
        await SendKeptMessagesAsync(client, peer);
    }

    [Fact(DisplayName = "MQTT 3.1, which does not say whether there is a session, is taken to have one when none was discarded")]
    public async Task Inherited_on_31()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(MqttProtocolVersion.V310);
        await SendKeptMessagesAsync(client, peer);
    }

    [Theory(DisplayName = "a client that disconnects, keeps its session and connects again finds what came for the subscriptions it had")]
    [InlineData(MqttProtocolVersion.V311)]
    [InlineData(MqttProtocolVersion.V500)]
    public async Task Same_client_again(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(version);
        await SubscribeAsync(client, peer, "#");
        Task disconnect = client.DisconnectAsync();
        await peer.ExpectDisconnectAsync(MqttReasonCode.Success);
        peer.Dispose();
        await Soon(disconnect);
        ScriptedPeer second = await ConnectAsync(client, s_present);
        Assert.False(second.Connect!.CleanStart);
        await SendKeptMessagesAsync(client, second);
    }

    [Fact(DisplayName = "what a refused subscription had claimed waits on, unacknowledged")]
    public async Task Claimed_by_refused_subscription()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(MqttProtocolVersion.V500, s_present);
        await peer.SendAsync(new ServerPublish("a", "1", QoS1, 1), new ServerPublish("a", "2", QoS2, 2));
        await BarrierAsync(peer);
        Task<MqttSubscription> subscribe = client.SubscribeAsync("a");
        SubscribePacket request = await peer.ExpectAsync<SubscribePacket>();
        Assert.Equal(0, client.Unclaimed.QueuedCount);
        await peer.SendAsync(new SubAckPacket { PacketIdentifier = request.PacketIdentifier, ReasonCodes = [MqttReasonCode.NotAuthorized] });
        await FailsAsync<MqttOperationException>(subscribe);
        await BarrierAsync(peer);
        Assert.Equal((2, 2), (client.Unclaimed.QueuedCount, client.Counters.Unacknowledged));
        Assert.Equal("1", (await ReadAsync(client.Unclaimed)).Text);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubAck, 1);
        Assert.Equal("2", (await ReadAsync(client.Unclaimed)).Text);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubRec, 2);
    }

    [Fact(DisplayName = "messages that were never ours are acknowledged and counted, when the session is of our own making")]
    public async Task Unclaimed_of_own_session()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(MqttProtocolVersion.V500);
        await peer.SendPublishAsync("a", "x", QoS1, 1);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubAck, 1);
        Assert.Equal((1, 0), (client.Counters.MessagesUnclaimed, client.Unclaimed.QueuedCount));
    }

    [Fact(DisplayName = "messages that wait when the connection is lost, and come again on the next, are there once")]
    public async Task Unclaimed_across_a_reconnect()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(MqttProtocolVersion.V500, s_present);
        await peer.SendPublishAsync("a", "x", QoS1, 1);
        await BarrierAsync(peer);
        ScriptedPeer second = await ReconnectAsync(peer, sessionPresent: true);
        await second.SendAsync(new ServerPublish("a", "x", QoS1, 1) { Duplicate = true });
        await BarrierAsync(second);
        Assert.Equal(1, client.Unclaimed.QueuedCount);
        await ReadAsync(client.Unclaimed);
        await ExpectAcknowledgementAsync(second, MqttPacketType.PubAck, 1);
    }

    private static async Task SendKeptMessagesAsync(MqttClient client, ScriptedPeer peer)
    {
        await peer.SendAsync(
            new ServerPublish("kept/a", "1", QoS1, 1),
            new ServerPublish("other", "2", QoS2, 2),
            new ServerPublish("kept/b", "3", QoS1, 3),
            new ServerPublish("kept/c", "zero", QoS0));
        await BarrierAsync(peer);
        Assert.Equal(3, client.Unclaimed.QueuedCount);
        Assert.Equal(3, client.Counters.Unacknowledged);

        MqttSubscription subscription = await SubscribeAsync(client, peer, "kept/+");
        await peer.SendPublishAsync("kept/d", "4", QoS1, 4);
        await BarrierAsync(peer);
        Assert.Equal((3, 1), (subscription.QueuedCount, client.Unclaimed.QueuedCount));
        Assert.Equal("1", (await ReadAsync(subscription)).Text);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubAck, 1);
        Assert.Equal("3", (await ReadAsync(subscription)).Text);
        Assert.Equal("4", (await ReadAsync(subscription)).Text);
        await BarrierAsync(peer);
        Assert.Equal("2", (await ReadAsync(client.Unclaimed)).Text);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubRec, 2);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubAck, 3);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubAck, 4);
    }

    /// <summary>Options under which the server can forget the session: MQTT 3.1 says so only with a clean one.</summary>
    private MqttClientOptions Forgotten(MqttProtocolVersion version) =>
        version == MqttProtocolVersion.V310 ? Options(version) with { PersistentSession = false } : Options(version);

    /// <summary>Cuts the connection, and has the client wait for the CONNACK of the next.</summary>
    private async Task<ScriptedPeer> CutAsync(ScriptedPeer peer)
    {
        peer.Abort();
        ScriptedPeer second = await Server.AcceptAsync();
        await second.ExpectAsync<ConnectPacket>();
        return second;
    }
}
