using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Tests.Scripted;

namespace PSMqtt.Protocol.Tests.Connections;

/// <summary>Subscribing: what goes to the server, who gets a message, and what happens when the server says no.</summary>
public sealed class SubscriptionTests : ConnectionTest
{
    private const MqttQualityOfService QoS0 = MqttQualityOfService.AtMostOnce;
    private const MqttQualityOfService QoS1 = MqttQualityOfService.AtLeastOnce;
    private const MqttQualityOfService QoS2 = MqttQualityOfService.ExactlyOnce;

    [Fact(DisplayName = "[MQTT-3.8.3-1] [MQTT-3.8.3-3] [MQTT-3.8.3-5] every option of a subscription is in SUBSCRIBE, with user properties and an identifier of its own")]
    public async Task Options_on_the_wire()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options());
        var wanted = new MqttTopicSubscription("a/+", QoS2) { NoLocal = true, RetainAsPublished = true, RetainHandling = MqttRetainHandling.SendIfNew };
        var options = new MqttSubscriptionOptions { UserProperties = [new("k", "v")] };
        Task<MqttSubscription> subscribe = client.SubscribeAsync([wanted, new MqttTopicSubscription("b") { RetainHandling = MqttRetainHandling.DoNotSend }], options);
        SubscribePacket first = await GrantAsync(peer);
        SubscribePacket second = await GrantAsync(peer);
        await subscribe.WaitAsync(Limit);
        Assert.Equal([wanted], first.Subscriptions);
        Assert.Equal([new MqttTopicSubscription("b") { RetainHandling = MqttRetainHandling.DoNotSend }], second.Subscriptions);
        Assert.Equal(options.UserProperties, first.UserProperties);
        Assert.NotEqual(first.SubscriptionIdentifier!.Value, second.SubscriptionIdentifier!.Value);
        Assert.NotEqual(first.PacketIdentifier, second.PacketIdentifier);
    }

    [Theory(DisplayName = "options of 5.0 are refused on an older connection, by name; no identifier is sent there"), MemberData(nameof(Older))]
    public async Task Options_of_5(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(version));
        await RefusedAsync(new MqttTopicSubscription("a") { NoLocal = true }, "No Local");
        await RefusedAsync(new MqttTopicSubscription("a") { RetainAsPublished = true }, "Retain As Published");
        await RefusedAsync(new MqttTopicSubscription("a") { RetainHandling = MqttRetainHandling.DoNotSend }, "Retain Handling");
        await RefusedAsync(new MqttTopicSubscription("a"), "User Properties", new MqttSubscriptionOptions { UserProperties = [new("k", "v")] });
        Task<MqttSubscription> subscribe = client.SubscribeAsync("a", QoS1);
        Assert.Null((await GrantAsync(peer)).SubscriptionIdentifier);
        await subscribe.WaitAsync(Limit);

        async Task RefusedAsync(MqttTopicSubscription wanted, string name, MqttSubscriptionOptions? options = null)
        {
            var error = await FailsAsync<MqttOperationException>(client.SubscribeAsync([wanted], options));
            Assert.Equal(MqttOperationFailure.NotSupportedByServer, error.Failure);
            Assert.Contains(name, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact(DisplayName = "[MQTT-3.8.3-2] [MQTT-3.8.3-4] [MQTT-3.2.2-15] what cannot be subscribed is refused before anything is sent")]
    public async Task Refused_here()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(), new ConnAckPacket
        {
            WildcardSubscriptionAvailable = false,
            SharedSubscriptionAvailable = false,
            MaximumPacketSize = 100,
        });
        await FailsAsync<ArgumentException>(client.SubscribeAsync([]));
        await FailsAsync<ArgumentException>(client.SubscribeAsync("a/#/b"));
        await FailsAsync<ArgumentException>(client.SubscribeAsync([new MqttTopicSubscription("$share/g/a") { NoLocal = true }]));
        Assert.Equal(MqttOperationFailure.NotSupportedByServer, (await FailsAsync<MqttOperationException>(client.SubscribeAsync("a/+"))).Failure);
        Assert.Equal(MqttOperationFailure.NotSupportedByServer, (await FailsAsync<MqttOperationException>(client.SubscribeAsync("$share/g/a"))).Failure);
        Assert.Equal(MqttOperationFailure.PacketTooLarge, (await FailsAsync<MqttOperationException>(client.SubscribeAsync(new string('a', 100)))).Failure);
        await SubscribeAsync(client, peer, "ok");
        Assert.Single(client.Subscriptions);
    }

    [Theory(DisplayName = "[MQTT-3.3.4-3] [MQTT-3.3.4-4] [MQTT-3.3.4-5] overlapping filters: each subscription gets a message once, whether one copy comes with several identifiers or one copy each"), InlineData(true), InlineData(false)]
    public async Task Overlap_with_identifiers(bool oneCopy)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options());
        (MqttSubscription all, int allId) = await SubscribeByIdAsync(client, peer, "a/#");
        (MqttSubscription plus, int plusId) = await SubscribeByIdAsync(client, peer, "a/+");
        Task<MqttSubscription> subscribe = client.SubscribeAsync([new("a/x", QoS0), new("+/x", QoS0)]);
        int exactId = (await GrantAsync(peer)).SubscriptionIdentifier!.Value;
        int otherId = (await GrantAsync(peer)).SubscriptionIdentifier!.Value;
        MqttSubscription both = await subscribe.WaitAsync(Limit);
        if (oneCopy)
        {
            await peer.SendAsync(Publish("a/x", "1", allId, plusId, exactId, otherId));
        }
        else
        {
            await peer.SendAsync(Publish("a/x", "1", allId), Publish("a/x", "1", plusId), Publish("a/x", "1", exactId), Publish("a/x", "1", otherId));
        }

        await peer.SendAsync(Publish("a/end", "2", allId, plusId), Publish("q/x", "3", otherId));
        Assert.Equal("1", (await ReadAsync(all)).Text);
        Assert.Equal("2", (await ReadAsync(all)).Text);
        Assert.Equal("1", (await ReadAsync(plus)).Text);
        Assert.Equal("2", (await ReadAsync(plus)).Text);
        Assert.Equal("1", (await ReadAsync(both)).Text);
        Assert.Equal("3", (await ReadAsync(both)).Text);
    }

    [Fact(DisplayName = "a message is routed by its identifier, not by its topic")]
    public async Task Routed_by_identifier()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options());
        (MqttSubscription first, int firstId) = await SubscribeByIdAsync(client, peer, "a/#");
        (MqttSubscription second, int secondId) = await SubscribeByIdAsync(client, peer, "a/+");
        await peer.SendAsync(Publish("a/1", "for first", firstId), Publish("a/1", "for second", secondId));
        Assert.Equal("for first", (await ReadAsync(first)).Text);
        Assert.Equal("for second", (await ReadAsync(second)).Text);
        Assert.Equal((0, 0), (first.QueuedCount, second.QueuedCount));
    }

    [Theory(DisplayName = "without identifiers messages are routed by their topics: every matching subscription gets each copy once"), MemberData(nameof(All))]
    public async Task Routed_by_topic(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(version), new ConnAckPacket { SubscriptionIdentifiersAvailable = false });
        MqttSubscription all = await SubscribeAsync(client, peer, "a/#");
        Task<MqttSubscription> subscribe = client.SubscribeAsync([new("a/+", QoS0), new("+/x", QoS0)]);
        Assert.Null((await GrantAsync(peer)).SubscriptionIdentifier);
        await GrantAsync(peer);
        MqttSubscription two = await subscribe.WaitAsync(Limit);
        MqttSubscription shared = await SubscribeAsync(client, peer, "$share/group/s/+");
        MqttSubscription end = await SubscribeAsync(client, peer, "end");
        await peer.SendAsync(new ServerPublish("a/x", "1"), new ServerPublish("b/x", "2"), new ServerPublish("a/x/y", "3"), new ServerPublish("s/1", "4"),
            new ServerPublish("none", "5"), new ServerPublish("end", "6"));
        await ReadAsync(end);
        Assert.Equal(["1", "3"], Texts(all));
        Assert.Equal(["1", "2"], Texts(two));
        Assert.Equal(["4"], Texts(shared));
        Assert.Equal(1, client.Counters.MessagesUnclaimed);
    }

    [Theory(DisplayName = "[MQTT-3.8.4-3] one SUBSCRIBE a filter: a second subscription shares it, and sends another only for a higher QoS; UNSUBSCRIBE comes with the last"), MemberData(nameof(All))]
    public async Task Shared_by_reference_count(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(version));
        bool is5 = version == MqttProtocolVersion.V500;
        MqttRetainHandling quiet = is5 ? MqttRetainHandling.DoNotSend : MqttRetainHandling.SendAtSubscribe;
        MqttTopicSubscription Wanted(MqttQualityOfService qos) => new("$share/g/t", qos) { RetainHandling = quiet };

        Task<MqttSubscription> subscribe = client.SubscribeAsync([Wanted(QoS1)]);
        await GrantAsync(peer);
        MqttSubscription first = await subscribe.WaitAsync(Limit);
        MqttSubscription second = await client.SubscribeAsync([Wanted(QoS0)]).WaitAsync(Limit);
        subscribe = client.SubscribeAsync([Wanted(QoS2)]);
        Assert.Equal(QoS2, (await GrantAsync(peer)).Subscriptions[0].QoS);
        MqttSubscription third = await subscribe.WaitAsync(Limit);
        Assert.Equal(3, client.Subscriptions.Count);

        await client.UnsubscribeAsync(first).WaitAsync(Limit);
        await client.UnsubscribeAsync(third).WaitAsync(Limit);
        await client.UnsubscribeAsync(third).WaitAsync(Limit);
        await peer.ExpectNothingBufferedAsync();
        Task unsubscribe = client.UnsubscribeAsync(second);
        Assert.Equal(["$share/g/t"], (await AnswerUnsubscribeAsync(peer)).Filters);
        await unsubscribe.WaitAsync(Limit);
        Assert.Empty(client.Subscriptions);
        Assert.False(await second.WaitToReadAsync().AsTask().WaitAsync(Limit));
        Assert.Null(second.EndReason);
    }

    [Theory(DisplayName = "[MQTT-3.3.1-9] [MQTT-3.8.4-4] a newcomer that wants the retained messages has them sent again, and only it gets them"), MemberData(nameof(All))]
    public async Task Retained_replay(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(version));
        Task<MqttSubscription> subscribe = client.SubscribeAsync("t", QoS0);
        SubscribePacket packet = await GrantAsync(peer);
        MqttSubscription first = await subscribe.WaitAsync(Limit);
        await peer.SendAsync(Retained("for first", packet));
        Assert.Equal("for first", (await ReadAsync(first)).Text);

        subscribe = client.SubscribeAsync("t", QoS0);
        packet = await GrantAsync(peer);
        MqttSubscription second = await subscribe.WaitAsync(Limit);
        await peer.SendAsync(Retained("for second", packet), Publish("t", "for both", packet.SubscriptionIdentifier));
        Assert.Equal("for second", (await ReadAsync(second)).Text);
        Assert.Equal("for both", (await ReadAsync(second)).Text);
        Assert.Equal("for both", (await ReadAsync(first)).Text);

        static ServerPublish Retained(string text, SubscribePacket packet) => Publish("t", text, packet.SubscriptionIdentifier) with { Retain = true };
    }

    [Fact(DisplayName = "[MQTT-3.3.1-11] [MQTT-3.3.1-13] a newcomer that wants no retained messages shares at once; with Retain As Published the flag means no replay")]
    public async Task No_replay()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options());
        var wanted = new MqttTopicSubscription("t", QoS0) { RetainHandling = MqttRetainHandling.DoNotSend, RetainAsPublished = true };
        Task<MqttSubscription> subscribe = client.SubscribeAsync([wanted]);
        SubscribePacket packet = await GrantAsync(peer);
        MqttSubscription first = await subscribe.WaitAsync(Limit);
        MqttSubscription second = await client.SubscribeAsync([wanted]).WaitAsync(Limit);
        await peer.SendAsync(Publish("t", "live", packet.SubscriptionIdentifier) with { Retain = true });
        Assert.True((await ReadAsync(first)).Retain);
        Assert.True((await ReadAsync(second)).Retain);
    }

    [Fact(DisplayName = "a filter that is shared with another No Local or Retain As Published is a conflict, by name; nothing is sent")]
    public async Task Conflict()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options());
        MqttSubscription first = await SubscribeAsync(client, peer, "t");
        foreach (MqttTopicSubscription wanted in (MqttTopicSubscription[])[new("t") { NoLocal = true }, new("t") { RetainAsPublished = true }])
        {
            var error = await FailsAsync<MqttOperationException>(client.SubscribeAsync([new("other"), wanted]));
            Assert.Equal((MqttOperationFailure.SubscriptionConflict, "t"), (error.Failure, error.Topic));
            Assert.Contains(wanted.NoLocal ? "No Local" : "Retain As Published", error.Message, StringComparison.Ordinal);
        }

        await peer.ExpectNothingBufferedAsync();
        Assert.Equal([first], client.Subscriptions);
    }

    [Theory(DisplayName = "[MQTT-3.9.3-2] a refused filter fails the subscription by name, and the others of it are released; the refused one is not unsubscribed"), MemberData(nameof(All))]
    public async Task One_refused(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(version));
        Task<MqttSubscription> subscribe = client.SubscribeAsync([new("good"), new("bad"), new("fine")]);
        SubscribePacket[] packets = [await peer.ExpectAsync<SubscribePacket>(), await peer.ExpectAsync<SubscribePacket>(), await peer.ExpectAsync<SubscribePacket>()];
        MqttReasonCode refusal = version == MqttProtocolVersion.V500 ? MqttReasonCode.NotAuthorized : MqttReasonCode.UnspecifiedError;
        await peer.SendAsync(
            new SubAckPacket { PacketIdentifier = packets[0].PacketIdentifier, ReasonCodes = [MqttReasonCode.GrantedQoS1] },
            new SubAckPacket { PacketIdentifier = packets[1].PacketIdentifier, ReasonCodes = [refusal], ReasonString = "not yours" });
        var error = await FailsAsync<MqttOperationException>(subscribe);
        Assert.Equal((MqttOperationFailure.Rejected, "bad", refusal), (error.Failure, error.Topic, error.ReasonCode!.Value));
        Assert.Equal(version == MqttProtocolVersion.V500, error.Message.Contains("not yours", StringComparison.Ordinal));
        string[] released = [(await AnswerUnsubscribeAsync(peer)).Filters[0], (await AnswerUnsubscribeAsync(peer)).Filters[0]];
        Assert.Equal(["good", "fine"], released);
        await peer.SendAsync(new SubAckPacket { PacketIdentifier = packets[2].PacketIdentifier, ReasonCodes = [MqttReasonCode.GrantedQoS1] });
        Assert.Empty(client.Subscriptions);

        // Nothing of it is left: the same filters can be subscribed again.
        Task<MqttSubscription> again = client.SubscribeAsync("bad", QoS1);
        await GrantAsync(peer);
        await again.WaitAsync(Limit);
        await peer.ExpectNothingBufferedAsync();
    }

    [Fact(DisplayName = "a newcomer whose higher QoS is refused leaves those who share the filter as they are")]
    public async Task Refused_newcomer()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options());
        MqttSubscription first = await SubscribeAsync(client, peer, "t");
        Task<MqttSubscription> subscribe = client.SubscribeAsync("t", QoS2);
        await GrantAsync(peer, MqttReasonCode.QuotaExceeded);
        Assert.Equal(MqttOperationFailure.Rejected, (await FailsAsync<MqttOperationException>(subscribe)).Failure);
        await peer.SendPublishAsync("t", "x");
        Assert.Equal("x", (await ReadAsync(first)).Text);
        Assert.True(first.IsActive);

        // The reconnect has nothing to make good.
        peer.Abort();
        using ScriptedPeer next = await Server.AcceptConnectedAsync(new ConnAckPacket { SessionPresent = true });
        await next.SendPublishAsync("t", "y");
        Assert.Equal("y", (await ReadAsync(first)).Text);
        await next.ExpectNothingBufferedAsync();
    }

    [Theory(DisplayName = "[MQTT-3.8.4-6] [MQTT-3.1.1: MQTT-3.8.4-5] SUBACK with too many codes, or none, is a protocol error"), InlineData(MqttProtocolVersion.V311, "90 04 0001 00 00"), InlineData(MqttProtocolVersion.V311, "90 02 0001"), InlineData(MqttProtocolVersion.V500, "90 05 0001 00 00 00"), InlineData(MqttProtocolVersion.V500, "90 03 0001 00")]
    public async Task Wrong_number_of_codes(MqttProtocolVersion version, string suback)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(version));
        Task<MqttSubscription> subscribe = client.SubscribeAsync("t");
        Assert.Equal(1, (await peer.ExpectAsync<SubscribePacket>()).PacketIdentifier);
        await peer.SendRawAsync(suback);
        await ExpectProtocolErrorAsync(peer);
        using ScriptedPeer next = await Server.AcceptConnectedAsync();
        await GrantAsync(next);
        await subscribe.WaitAsync(Limit);
    }

    [Theory(DisplayName = "[MQTT-3.10.4-4] [MQTT-3.11.3-1] UNSUBACK ends the wait of an unsubscribe; a refusal is its error"), MemberData(nameof(All))]
    public async Task Unsubscribe(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(version));
        MqttSubscription subscription = await SubscribeAsync(client, peer, "t");
        await peer.SendPublishAsync("t", "waits");
        Assert.True(await subscription.WaitToReadAsync().AsTask().WaitAsync(Limit));
        Task unsubscribe = client.UnsubscribeAsync(subscription);
        Assert.False(subscription.IsActive);
        Assert.Equal(1, subscription.DroppedCount);
        await AnswerUnsubscribeAsync(peer, version == MqttProtocolVersion.V500 ? MqttReasonCode.NoSubscriptionExisted : MqttReasonCode.Success);
        await unsubscribe.WaitAsync(Limit);
        if (version == MqttProtocolVersion.V500)
        {
            subscription = await SubscribeAsync(client, peer, "t");
            unsubscribe = client.UnsubscribeAsync(subscription);
            await AnswerUnsubscribeAsync(peer, MqttReasonCode.NotAuthorized);
            Assert.Equal(MqttReasonCode.NotAuthorized, (await FailsAsync<MqttOperationException>(unsubscribe)).ReasonCode);
        }
    }

    [Theory(DisplayName = "a subscribe that times out or is cancelled leaves nothing: the filter is unsubscribed, a late SUBACK changes nothing"), InlineData(true), InlineData(false)]
    public async Task Given_up(bool isCancelled)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options() with { TimeProvider = Time, KeepAlive = TimeSpan.Zero });
        using var cancellation = new CancellationTokenSource();
        Task<MqttSubscription> subscribe = client.SubscribeAsync([new("t")], null, TimeSpan.FromSeconds(5), cancellation.Token);
        SubscribePacket packet = await peer.ExpectAsync<SubscribePacket>();
        if (isCancelled)
        {
            await cancellation.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => subscribe.WaitAsync(Limit));
        }
        else
        {
            await Time.TimerAsync(TimeSpan.FromSeconds(5));
            Time.Advance(TimeSpan.FromSeconds(5));
            Assert.Contains("within 5 s", (await FailsAsync<TimeoutException>(subscribe)).Message, StringComparison.Ordinal);
        }

        UnsubscribePacket unsubscribe = await peer.ExpectAsync<UnsubscribePacket>();
        Assert.Empty(client.Subscriptions);
        await peer.SendAsync(
            new SubAckPacket { PacketIdentifier = packet.PacketIdentifier, ReasonCodes = [MqttReasonCode.GrantedQoS1] },
            new UnsubAckPacket { PacketIdentifier = unsubscribe.PacketIdentifier, ReasonCodes = [MqttReasonCode.Success] });
        await SubscribeAsync(client, peer, "t");
        Assert.Single(client.Subscriptions);
    }

    [Theory(DisplayName = "a new session has every subscription made again, before anything else; a refused one ends, with the reason; a kept session has none"), MemberData(nameof(All))]
    public async Task Made_again(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(version));
        MqttSubscription good = await SubscribeAsync(client, peer, "good", QoS1);
        MqttSubscription bad = await SubscribeAsync(client, peer, "bad");
        peer.Abort();
        await StepAsync(MqttConnectionState.Reconnecting);
        Task publish = client.PublishAsync("t", "x"u8.ToArray(), QoS1).AsTask();
        peer = await Server.AcceptConnectedAsync();
        Assert.Equal("good", (await GrantAsync(peer)).Subscriptions[0].Filter);
        Assert.Equal("bad", (await GrantAsync(peer, MqttReasonCode.UnspecifiedError)).Subscriptions[0].Filter);
        await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, (await peer.ExpectPublishAsync()).PacketIdentifier);
        await publish.WaitAsync(Limit);
        Assert.False(await bad.WaitToReadAsync().AsTask().WaitAsync(Limit));
        Assert.Equal("bad", Assert.IsType<MqttOperationException>(bad.EndReason).Topic);
        Assert.True(good.IsActive);
        await peer.SendPublishAsync("good", "y");
        Assert.Equal("y", (await ReadAsync(good)).Text);

        if (version == MqttProtocolVersion.V500)
        {
            peer.Abort();
            peer = await Server.AcceptConnectedAsync(new ConnAckPacket { SessionPresent = true });
            await peer.SendPublishAsync("good", "z");
            Assert.Equal("z", (await ReadAsync(good)).Text);
            await peer.ExpectNothingBufferedAsync();
        }
    }

    [Fact(DisplayName = "what was subscribed and unsubscribed while offline is brought up to date in a kept session, and that alone")]
    public async Task Brought_up_to_date()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options() with { TimeProvider = Time, KeepAlive = TimeSpan.Zero, Reconnect = new() { Jitter = static b => b } });
        MqttSubscription kept = await SubscribeAsync(client, peer, "kept");
        MqttSubscription ended = await SubscribeAsync(client, peer, "ended");
        peer.Abort();
        await StepAsync(MqttConnectionState.Reconnecting);
        await client.UnsubscribeAsync(ended).WaitAsync(Limit);
        Task<MqttSubscription> added = client.SubscribeAsync("added");
        Task<MqttSubscription> brief = client.SubscribeAsync("brief");
        await client.UnsubscribeAsync(client.Subscriptions[^1]).WaitAsync(Limit);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => brief.WaitAsync(Limit));
        await Time.TimerAsync(TimeSpan.FromSeconds(0.25));
        Time.Advance(TimeSpan.FromSeconds(0.25));
        peer = await Server.AcceptConnectedAsync(new ConnAckPacket { SessionPresent = true });
        Assert.Equal(["ended"], (await AnswerUnsubscribeAsync(peer)).Filters);
        Assert.Equal("added", (await GrantAsync(peer)).Subscriptions[0].Filter);
        await added.WaitAsync(Limit);
        await peer.SendPublishAsync("kept", "x");
        Assert.Equal("x", (await ReadAsync(kept)).Text);
        await peer.ExpectNothingBufferedAsync();
    }

    [Fact(DisplayName = "a filter that was unsubscribed and is subscribed again does not get what still comes for the old subscription")]
    public async Task Subscribed_again()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options());
        (MqttSubscription old, int oldId) = await SubscribeByIdAsync(client, peer, "t");
        Task unsubscribe = client.UnsubscribeAsync(old);
        Task<MqttSubscription> subscribe = client.SubscribeAsync("t", QoS0);
        await AnswerUnsubscribeAsync(peer);
        SubscribePacket packet = await peer.ExpectAsync<SubscribePacket>();
        Assert.NotEqual(oldId, packet.SubscriptionIdentifier);
        await unsubscribe.WaitAsync(Limit);
        await peer.SendAsync(new SubAckPacket { PacketIdentifier = packet.PacketIdentifier, ReasonCodes = [MqttReasonCode.Success] });
        MqttSubscription fresh = await subscribe.WaitAsync(Limit);
        await peer.SendAsync(Publish("t", "new", packet.SubscriptionIdentifier));
        Assert.Equal("new", (await ReadAsync(fresh)).Text);
    }

    [Fact(DisplayName = "identifiers stay unique and bounded however often a filter is shared anew")]
    public async Task Many_newcomers()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options());
        (MqttSubscription first, _) = await SubscribeByIdAsync(client, peer, "t");
        var seen = new HashSet<int>();
        int last = 0;
        for (int i = 0; i < 100; i++)
        {
            (MqttSubscription next, last) = await SubscribeByIdAsync(client, peer, "t");
            Assert.True(seen.Add(last));
            await client.UnsubscribeAsync(next).WaitAsync(Limit);
        }

        await peer.SendAsync(Publish("t", "by the newest", last), Publish("t", "by a forgotten one", seen.Min()));
        Assert.Equal("by the newest", (await ReadAsync(first)).Text);
        Assert.Equal("by a forgotten one", (await ReadAsync(first)).Text);
    }

    [Fact(DisplayName = "without a connection a subscription is refused by name; while one is made it waits for it")]
    public async Task Not_connected()
    {
        MqttClient client = Client(Options());
        Assert.Equal(MqttOperationFailure.NotConnected, (await FailsAsync<MqttOperationException>(client.SubscribeAsync("t"))).Failure);
        Assert.Empty(client.Subscriptions);
    }

    [Fact(DisplayName = "SUBSCRIBE is answered and reported to who listens, UNSUBSCRIBE too")]
    public async Task Reported()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options());
        var reported = System.Threading.Channels.Channel.CreateUnbounded<string>();
        client.Subscribed += (_, e) => reported.Writer.TryWrite($"+{e.Filter} {e.ReasonCode}");
        client.Unsubscribed += (_, e) => reported.Writer.TryWrite($"-{e.Filter} {e.ReasonCode}");
        MqttSubscription subscription = await SubscribeAsync(client, peer, "t", QoS1);
        Task unsubscribe = client.UnsubscribeAsync(subscription);
        await AnswerUnsubscribeAsync(peer);
        await unsubscribe.WaitAsync(Limit);
        Assert.Equal("+t GrantedQoS1", await reported.Reader.ReadAsync().AsTask().WaitAsync(Limit));
        Assert.Equal("-t Success", await reported.Reader.ReadAsync().AsTask().WaitAsync(Limit));
    }

    private static ServerPublish Publish(string topic, string text, params int?[] identifiers) => new(topic, text)
    {
        Properties = new MqttMessageProperties { SubscriptionIdentifiers = [.. identifiers.OfType<int>()] },
    };

    private static async Task<(MqttSubscription Subscription, int Identifier)> SubscribeByIdAsync(MqttClient client, ScriptedPeer peer, string filter)
    {
        Task<MqttSubscription> subscribe = client.SubscribeAsync(filter, QoS0);
        int identifier = (await GrantAsync(peer)).SubscriptionIdentifier!.Value;
        return (await subscribe.WaitAsync(Limit), identifier);
    }

    private static List<string> Texts(MqttSubscription subscription)
    {
        var texts = new List<string>();
        while (subscription.TryRead(out MqttMessage? message))
        {
            texts.Add(message.Text);
        }

        return texts;
    }

    /// <summary>The connection ends, with DISCONNECT 0x82 or 0x81 on 5.0.</summary>
    private static async Task ExpectProtocolErrorAsync(ScriptedPeer peer)
    {
        if (peer.Version == MqttProtocolVersion.V500)
        {
            Assert.InRange(await peer.ExpectAsync<DisconnectPacket>() is { } packet ? (int)packet.ReasonCode : 0, 0x81, 0x82);
        }

        await peer.ExpectClosedAsync();
        peer.Dispose();
    }
}
