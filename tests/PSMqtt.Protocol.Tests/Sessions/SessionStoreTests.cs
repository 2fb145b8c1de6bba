using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Sessions;
using PSMqtt.Protocol.Tests.Scripted;

namespace PSMqtt.Protocol.Tests.Sessions;

public sealed class SessionStoreTests : SessionTest
{
    private const MqttQualityOfService QoS0 = MqttQualityOfService.AtMostOnce;
    private const MqttQualityOfService QoS1 = MqttQualityOfService.AtLeastOnce;
    private const MqttQualityOfService QoS2 = MqttQualityOfService.ExactlyOnce;

    [Theory(DisplayName = "[MQTT-4.4.0-1] [MQTT-4.1.0-1] [MQTT-3.1.1: MQTT-4.1.0-1] a second client with the same store resumes: same identifiers, DUP, PUBREL, received identifiers")]
    [MemberData(nameof(Versions))]
    public async Task Resumes(MqttProtocolVersion version)
    {
        await using var store = new MemorySessionStore();
        MqttClientOptions options = Options(version) with { SessionStore = store, InFlightMaximum = 3 };
        Dictionary<string, ushort> identifiers = await LeaveAsync(options);

        MqttClient client = NewClient(options);
        Task<MqttConnectResult> connect = client.ConnectAsync();
        ScriptedPeer peer = await Server.AcceptConnectedAsync(new ConnAckPacket { SessionPresent = true });
        Assert.False(peer.Connect!.CleanStart);
        await Soon(connect);
        if (version == MqttProtocolVersion.V310)
        {
            // It is not told whether the server has kept the session: the subscription is made again to be sure.
            await GrantAsync(peer);
        }

        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubRel, identifiers["c"]);
        Assert.Equal(identifiers["a"], (await ExpectPublishAsync(peer, "a", duplicate: true)).PacketIdentifier);
        Assert.Equal(identifiers["b"], (await ExpectPublishAsync(peer, "b", duplicate: true)).PacketIdentifier);
        await peer.SendAcknowledgementAsync(MqttPacketType.PubComp, identifiers["c"]);
        ushort identifierOfD = (await ExpectPublishAsync(peer, "d")).PacketIdentifier;
        Assert.False(identifierOfD == identifiers["a"] || identifierOfD == identifiers["b"]);

        // A new message takes none of their identifiers.
        await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, identifiers["a"]);
        Task<MqttPublishResult> own = Publish(client, "own");
        ushort identifierOfOwn = (await ExpectPublishAsync(peer, "own")).PacketIdentifier;
        Assert.NotEqual(identifiers["b"], identifierOfOwn);
        Assert.NotEqual(identifierOfD, identifierOfOwn);

        // The received QoS 2 message was delivered by the first client: not again.
        await peer.SendAsync(new ServerPublish("in", "received", QoS2, 9) { Duplicate = true });
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubRec, 9);
        await peer.SendAcknowledgementAsync(MqttPacketType.PubRel, 9);
        AcknowledgementPacket completed = await peer.ExpectAcknowledgementAsync(MqttPacketType.PubComp);
        Assert.Equal((9, MqttReasonCode.Success), (completed.PacketIdentifier, completed.ReasonCode));
        Assert.Equal((0, 0), (client.Counters.MessagesReceived, client.Unclaimed.QueuedCount));

        await peer.SendAcknowledgementAsync(MqttPacketType.PubRec, identifiers["b"]);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubRel, identifiers["b"]);
        await peer.SendAcknowledgementAsync(MqttPacketType.PubComp, identifiers["b"]);
        await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, identifierOfD);
        await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, identifierOfOwn);
        await Soon(own);
        await BarrierAsync(peer);
        SessionContents contents = await store.OpenAsync("tester", default);
        Assert.Empty(contents.Messages);
        Assert.Empty(contents.InboundIdentifiers);
        Assert.Equal(5, contents.LastSequence);
    }

    [Theory(DisplayName = "[MQTT-3.2.2-5] a second client whose server has lost the session publishes anew what the store has kept, without DUP")]
    [InlineData(MqttProtocolVersion.V311)]
    [InlineData(MqttProtocolVersion.V500)]
    public async Task Resumes_without_session(MqttProtocolVersion version)
    {
        await using var store = new MemorySessionStore();
        MqttClientOptions options = Options(version) with { SessionStore = store, InFlightMaximum = 3 };
        await LeaveAsync(options);
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(options);
        Assert.False(peer.Connect!.CleanStart);
        Assert.Equal("in", (await GrantAsync(peer)).Subscriptions[0].Filter);
        ReceivedPublish[] publishes = [await ExpectPublishAsync(peer, "a"), await ExpectPublishAsync(peer, "b"), await ExpectPublishAsync(peer, "d")];
        foreach (ReceivedPublish publish in publishes)
        {
            if (publish.QoS == QoS2)
            {
                await peer.SendAcknowledgementAsync(MqttPacketType.PubRec, publish.PacketIdentifier);
                await ExpectAcknowledgementAsync(peer, MqttPacketType.PubRel, publish.PacketIdentifier);
            }

            await peer.SendAcknowledgementAsync(publish.QoS == QoS1 ? MqttPacketType.PubAck : MqttPacketType.PubComp, publish.PacketIdentifier);
        }

        await BarrierAsync(peer);
        SessionContents contents = await store.OpenAsync("tester", default);
        Assert.Empty(contents.Messages);
        Assert.Empty(contents.InboundIdentifiers);
        Assert.Equal(0, client.Counters.InFlight);
    }

    [Theory(DisplayName = "[MQTT-3.2.2-5] a subscription that the store has kept is made again when the server has lost the session, before anything else is sent; its messages wait for whoever subscribes")]
    [InlineData(MqttProtocolVersion.V311)]
    [InlineData(MqttProtocolVersion.V500)]
    public async Task Stored_subscription_is_made_again(MqttProtocolVersion version)
    {
        await using var store = new MemorySessionStore();
        MqttClientOptions options = Options(version) with { SessionStore = store, InFlightMaximum = 3 };
        await LeaveAsync(options);
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(options);

        // The connection is lost before the answer, and the store still has it.
        SubscribePacket subscribe = await peer.ExpectAsync<SubscribePacket>();
        Assert.Equal(("in", QoS2), (subscribe.Subscriptions[0].Filter, subscribe.Subscriptions[0].QoS));
        Assert.Equal("in", Assert.Single((await store.OpenAsync("tester", default)).Subscriptions).Filter);
        peer = await ReconnectAsync(peer, sessionPresent: false);
        await GrantAsync(peer);
        await ExpectPublishAsync(peer, "a");
        await peer.SendPublishAsync("in", "early", QoS1, 21);
        await UntilAsync(() => client.Unclaimed.QueuedCount == 1);
        Assert.Equal(1, client.Counters.Unacknowledged);
        await ExpectPublishAsync(peer, "b");
        await ExpectPublishAsync(peer, "d");

        MqttSubscription subscription = await SubscribeAsync(client, peer, "in");
        Assert.Equal("early", (await ReadAsync(subscription)).Text);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubAck, 21);
        await peer.SendPublishAsync("in", "late", QoS1, 22);
        Assert.Equal("late", (await ReadAsync(subscription)).Text);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubAck, 22);
        Assert.Equal(0, client.Unclaimed.QueuedCount);
    }

    [Fact(DisplayName = "a kept subscription is not asked for while the server has it, and is when the server loses the session later")]
    public async Task Stored_subscription_is_made_again_later()
    {
        await using var store = new MemorySessionStore();
        MqttClientOptions options = Options(MqttProtocolVersion.V500) with { SessionStore = store };
        (MqttClient first, ScriptedPeer peer) = await ConnectAsync(options);
        await SubscribeAsync(first, peer, "in");
        await LeaveAsync(first, peer);

        (MqttClient client, peer) = await ConnectAsync(options, new ConnAckPacket { SessionPresent = true });
        await BarrierAsync(peer);
        await peer.SendPublishAsync("in", "kept", QoS1, 5);
        await UntilAsync(() => client.Unclaimed.QueuedCount == 1);
        peer = await ReconnectAsync(peer, sessionPresent: false);
        Assert.Equal("in", (await GrantAsync(peer)).Subscriptions[0].Filter);

        // The same object again, after it was disconnected: its own subscription is one that was kept now.
        await LeaveAsync(client, peer);
        peer = await ConnectAsync(client);
        Assert.Equal("in", (await GrantAsync(peer)).Subscriptions[0].Filter);
        await BarrierAsync(peer);
    }

    [Fact(DisplayName = "a kept subscription ends when its owner unsubscribes, with or without a connection, when the server refuses to make it again, and when the session is not kept")]
    public async Task Stored_subscription_ends()
    {
        await using var store = new MemorySessionStore();
        MqttClientOptions options = Options(MqttProtocolVersion.V500) with { SessionStore = store };
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(options);
        var subscriptions = new Dictionary<string, MqttSubscription>();
        foreach (string filter in (string[])["online", "offline", "refused", "left"])
        {
            subscriptions[filter] = await SubscribeAsync(client, peer, filter);
        }

        Task unsubscribe = client.UnsubscribeAsync(subscriptions["online"]);
        await ConfirmUnsubscribeAsync(peer);
        await Soon(unsubscribe);
        peer.Abort();
        ScriptedPeer silent = await Server.AcceptAsync();
        await Soon(client.UnsubscribeAsync(subscriptions["offline"]));
        Assert.Equal(["left", "refused"], (await FiltersAsync(store)).Order());
        silent.Abort();
        peer = await Server.AcceptConnectedAsync(new ConnAckPacket { SessionPresent = true });
        Assert.Equal("offline", (await ConfirmUnsubscribeAsync(peer)).Filters[0]);
        await LeaveAsync(client, peer);

        client = NewClient(options);
        var answers = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        client.Subscribed += (_, answer) => _ = answer.ReasonCode.IsFailure() && answers.TrySetResult($"{answer.Filter} {answer.ReasonCode}");
        peer = await ConnectAsync(client);
        for (int i = 0; i < 2; i++)
        {
            SubscribePacket packet = await peer.ExpectAsync<SubscribePacket>();
            bool isRefused = packet.Subscriptions[0].Filter == "refused";
            await peer.SendAsync(new SubAckPacket
            {
                PacketIdentifier = packet.PacketIdentifier,
                ReasonCodes = [isRefused ? MqttReasonCode.NotAuthorized : MqttReasonCode.GrantedQoS2],
            });
        }

        await BarrierAsync(peer);
        Assert.Equal("refused NotAuthorized", await Soon(answers.Task));
        Assert.Equal(["left"], await FiltersAsync(store));
        await LeaveAsync(client, peer);
        Assert.Equal(["left"], await FiltersAsync(store));

        (client, peer) = await ConnectAsync(options with { PersistentSession = false }, new ConnAckPacket { SessionPresent = true });
        await LeaveAsync(client, peer);
        Assert.Empty(await FiltersAsync(store));
    }

    [Fact(DisplayName = "a message of an earlier client that the server refuses now is counted and reported, with its reason, as is one that has expired")]
    public async Task Refused_later()
    {
        var time = new Connections.ManualTime();
        await using var store = new MemorySessionStore();
        MqttClientOptions options = Options(MqttProtocolVersion.V500) with { SessionStore = store, InFlightMaximum = 3, TimeProvider = time };
        Dictionary<string, ushort> identifiers = await LeaveAsync(options);
        store.Append(new SessionChange(
            SessionChangeKind.MessageAccepted, 100, Message: new MqttMessage("t", "old", QoS1) { MessageExpiry = TimeSpan.FromSeconds(60) })
        {
            Time = time.GetUtcNow() - TimeSpan.FromSeconds(60),
        });
        MqttClient client = NewClient(options);
        var reported = System.Threading.Channels.Channel.CreateUnbounded<string>();
        client.MessageUndelivered += (_, e) => reported.Writer.TryWrite($"{e.Message.Topic} {e.Message.Text} {e.Error.Failure} {e.Error.ReasonCode}");
        Task<MqttConnectResult> connect = client.ConnectAsync();
        ScriptedPeer peer = await Server.AcceptConnectedAsync(new ConnAckPacket { SessionPresent = true });
        await Soon(connect);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubRel, identifiers["c"]);
        await ExpectPublishAsync(peer, "a", duplicate: true);
        await ExpectPublishAsync(peer, "b", duplicate: true);
        await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, identifiers["a"], MqttReasonCode.NotAuthorized);
        await ExpectPublishAsync(peer, "d");
        await peer.SendAcknowledgementAsync(MqttPacketType.PubRec, identifiers["b"], MqttReasonCode.QuotaExceeded);
        string[] reports = [await Soon(reported.Reader.ReadAsync().AsTask()), await Soon(reported.Reader.ReadAsync().AsTask()), await Soon(reported.Reader.ReadAsync().AsTask())];
        Assert.Equal(["t a Rejected NotAuthorized", "t b Rejected QuotaExceeded", "t old Expired "], reports.Order());
        MqttClientCounters counters = client.Counters;
        Assert.Equal((2, 3, 1), (counters.MessagesRejected, counters.MessagesUndelivered, counters.MessagesExpired));

        // Somebody who waits is told, and nothing else is said.
        await peer.SendAcknowledgementAsync(MqttPacketType.PubComp, identifiers["c"]);
        Task<MqttPublishResult> own = Publish(client, "own");
        ushort identifier = (await ExpectPublishAsync(peer, "own")).PacketIdentifier;
        await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, identifier, MqttReasonCode.NotAuthorized);
        await FailsAsync<MqttOperationException>(own);
        Assert.Equal((3, 3), (client.Counters.MessagesRejected, client.Counters.MessagesUndelivered));
    }

    private static async Task<string[]> FiltersAsync(MemorySessionStore store) =>
        [.. (await store.OpenAsync("tester", default)).Subscriptions.Select(static s => s.Filter)];

    /// <summary>The client disconnects.</summary>
    private static async Task LeaveAsync(MqttClient client, ScriptedPeer peer)
    {
        Task disconnect = client.DisconnectAsync();
        await peer.ExpectDisconnectAsync(MqttReasonCode.Success);
        peer.Dispose();
        await Soon(disconnect);
    }

    [Fact(DisplayName = "a first attempt to connect that fails, and disposing, leave in the store what it had")]
    public async Task Failed_connect_keeps_the_store()
    {
        await using var store = new MemorySessionStore();
        MqttClientOptions options = Options(MqttProtocolVersion.V500) with { SessionStore = store, InFlightMaximum = 3 };
        await LeaveAsync(options);
        foreach (bool persistent in (bool[])[true, false])
        {
            MqttClient client = NewClient(options with { PersistentSession = persistent });
            Task<MqttConnectResult> connect = client.ConnectAsync();
            (await Server.AcceptAsync()).Abort();
            await FailsAsync<MqttConnectException>(connect);
            await Soon(client.DisposeAsync().AsTask());
            Assert.Equal(4, (await store.OpenAsync("tester", default)).Messages.Count);
        }
    }

    [Fact(DisplayName = "a connection that is lost for good leaves in the store what was not acknowledged")]
    public async Task Lost_connection_keeps_the_store()
    {
        await using var store = new MemorySessionStore();
        MqttClientOptions options = Options(MqttProtocolVersion.V500) with { SessionStore = store, Reconnect = new ReconnectPolicy { Enabled = false } };
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(options);
        Task<MqttPublishResult> publish = Publish(client, "x");
        ushort identifier = (await ExpectPublishAsync(peer, "x")).PacketIdentifier;
        peer.Abort();
        Assert.Equal(MqttOperationFailure.Disconnected, (await FailsAsync<MqttOperationException>(publish)).Failure);
        StoredMessage stored = Assert.Single((await store.OpenAsync("tester", default)).Messages);
        Assert.Equal((identifier, "x", false), (stored.PacketIdentifier, stored.Message.Text, stored.IsReceivedByServer));
    }

    [Fact(DisplayName = "Discard empties the store")]
    public async Task Discard()
    {
        await using var store = new MemorySessionStore();
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(MqttProtocolVersion.V500) with { SessionStore = store });
        await SubscribeAsync(client, peer, "a");
        Task<MqttPublishResult> publish = Publish(client, "x");
        await ExpectPublishAsync(peer, "x");
        Task disconnect = client.DisconnectAsync(new MqttDisconnectOptions { Discard = true });
        DisconnectPacket packet = await peer.ExpectDisconnectAsync(MqttReasonCode.Success);
        Assert.Equal(0u, packet.SessionExpirySeconds);
        peer.Dispose();
        await Soon(disconnect);
        await FailsAsync<MqttOperationException>(publish);
        SessionContents contents = await store.OpenAsync("tester", default);
        Assert.Empty(contents.Messages);
        Assert.Empty(contents.Subscriptions);
    }

    [Theory(DisplayName = "a durable store has a message before it leaves, and so before it is reported as accepted; QoS 0 is none of its business")]
    [InlineData(QoS1)]
    [InlineData(QoS2)]
    public async Task Durable(MqttQualityOfService qos)
    {
        await using var store = new RecordingStore { IsDurable = true, Flushed = new TaskCompletionSource() };
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(MqttProtocolVersion.V500) with { SessionStore = store });
        await Soon(Publish(client, "zero", QoS0));
        await ExpectPublishAsync(peer, "zero");
        Assert.Equal(0, store.Flushes);

        Task<MqttPublishResult> publish = Publish(client, "x", qos);
        Assert.True(store.Flushes > 0);
        await peer.ExpectNothingBufferedAsync();
        store.Flushed.SetResult();
        ushort identifier = (await ExpectPublishAsync(peer, "x")).PacketIdentifier;
        Assert.False(publish.IsCompleted);
        if (qos == QoS2)
        {
            await peer.SendAcknowledgementAsync(MqttPacketType.PubRec, identifier);
            await ExpectAcknowledgementAsync(peer, MqttPacketType.PubRel, identifier);
        }

        await peer.SendAcknowledgementAsync(qos == QoS1 ? MqttPacketType.PubAck : MqttPacketType.PubComp, identifier);
        MqttPublishResult result = await Soon(publish);
        Assert.Equal((identifier, false), (result.PacketIdentifier, result.IsStored));
    }

    [Fact(DisplayName = "PUBREC, PUBREL and PUBCOMP leave when a durable store has what they rest on")]
    public async Task Durable_answers()
    {
        await using var store = new RecordingStore { IsDurable = true };
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(MqttProtocolVersion.V500) with { SessionStore = store });
        MqttSubscription subscription = await SubscribeAsync(client, peer, "in");
        Task<MqttPublishResult> publish = Publish(client, "x", QoS2);
        ushort identifier = (await ExpectPublishAsync(peer, "x")).PacketIdentifier;

        async Task HeldBackAsync(SessionChangeKind change, Func<Task> provoke, Func<Task> expect)
        {
            store.Flushed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            int before = store.Flushes;
            await provoke();
            await UntilAsync(() => store.Flushes > before);
            Assert.Contains(store.Snapshot(), c => c.Kind == change);
            await peer.ExpectNothingBufferedAsync();
            store.Flushed.SetResult();
            await expect();
        }

        await HeldBackAsync(
            SessionChangeKind.MessageReceivedByServer,
            () => peer.SendAcknowledgementAsync(MqttPacketType.PubRec, identifier),
            () => ExpectAcknowledgementAsync(peer, MqttPacketType.PubRel, identifier));
        await peer.SendAcknowledgementAsync(MqttPacketType.PubComp, identifier);
        await Soon(publish);
        await HeldBackAsync(
            SessionChangeKind.InboundReceived,
            async () =>
            {
                await peer.SendPublishAsync("in", "received", QoS2, 9);
                await ReadAsync(subscription);
            },
            () => ExpectAcknowledgementAsync(peer, MqttPacketType.PubRec, 9));
        await HeldBackAsync(
            SessionChangeKind.InboundReleased,
            () => peer.SendAcknowledgementAsync(MqttPacketType.PubRel, 9),
            () => ExpectAcknowledgementAsync(peer, MqttPacketType.PubComp, 9));
    }

    [Fact(DisplayName = "a message that a durable store cannot keep fails with the store's error, and is not sent")]
    public async Task Durable_fails()
    {
        await using var store = new RecordingStore { IsDurable = true, Flushed = new TaskCompletionSource() };
        MqttClient client = NewClient(Options(MqttProtocolVersion.V500) with { SessionStore = store });
        client.Start();
        ScriptedPeer peer = await Server.AcceptAsync();
        Task<MqttPublishResult> publish = Publish(client, "x");
        store.Flushed.SetException(new IOException("The disk is full."));
        Assert.Equal("The disk is full.", (await FailsAsync<IOException>(publish)).Message);
        Assert.Equal(SessionChangeKind.MessageEnded, store.Snapshot()[^1].Kind);
        Assert.Equal(0, client.Counters.Queued);
        peer.Abort();
    }

    [Theory(DisplayName = "without a connection a durable store accepts: publish, publisher and CommitAsync end when it has the message")]
    [InlineData(QoS1)]
    [InlineData(QoS2)]
    public async Task Offline(MqttQualityOfService qos)
    {
        await using var store = new RecordingStore { IsDurable = true, Flushed = new TaskCompletionSource() };
        MqttClient client = NewClient(Options(MqttProtocolVersion.V500) with { SessionStore = store });
        client.Start();
        ScriptedPeer unanswered = await Server.AcceptAsync();
        Task<MqttPublishResult> publish = Publish(client, "x", qos);
        await using MqttPublisher publisher = client.CreatePublisher(keepResults: true);
        await Soon(publisher.PostAsync(new MqttMessage("t", "y", qos)).AsTask());
        Task commit = publisher.CommitAsync();
        Assert.False(publish.IsCompleted || commit.IsCompleted || publisher.TryTakeOutcome(out _));
        store.Flushed.SetResult();
        MqttPublishResult result = await Soon(publish);
        Assert.Equal((true, qos, 0, MqttReasonCode.Success), (result.IsStored, result.QoS, result.PacketIdentifier, result.ReasonCode));
        await Soon(commit);
        await Soon(publisher.FlushAsync());
        Assert.True(publisher.TryTakeOutcome(out MqttPublishOutcome outcome));
        Assert.True(outcome.Result.IsStored);
        Assert.Equal(2, client.Counters.Queued);
        unanswered.Abort();
        ScriptedPeer peer = await Server.AcceptConnectedAsync();
        await ExpectPublishAsync(peer, "x");
        await ExpectPublishAsync(peer, "y");
    }

    [Fact(DisplayName = "what a durable store has is not withdrawn: neither by a token nor by a timeout nor by disconnecting")]
    public async Task Durable_is_not_withdrawn()
    {
        await using var store = new RecordingStore { IsDurable = true };
        MqttClientOptions options = Options(MqttProtocolVersion.V500) with { SessionStore = store, InFlightMaximum = 1 };
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(options);
        Task<MqttPublishResult> first = Publish(client, "first");
        ushort identifier = (await ExpectPublishAsync(peer, "first")).PacketIdentifier;
        using var cancellation = new CancellationTokenSource();
        Task<MqttPublishResult> cancelled = Publish(client, "cancelled", cancellationToken: cancellation.Token);
        Task<MqttPublishResult> late = client.PublishAsync(new MqttMessage("t", "late", QoS1), TimeSpan.FromMilliseconds(1)).AsTask();
        Task<MqttPublishResult> last = Publish(client, "last");
        Assert.Contains("is kept in the session's store", (await FailsAsync<TimeoutException>(late)).Message, StringComparison.Ordinal);
        await cancellation.CancelAsync();
        await FailsAsync<OperationCanceledException>(cancelled);
        Assert.Equal(3, client.Counters.Queued);
        await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, identifier);
        await Soon(first);
        identifier = (await ExpectPublishAsync(peer, "cancelled")).PacketIdentifier;
        await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, identifier);
        await ExpectPublishAsync(peer, "late");
        await Soon(client.DisposeAsync().AsTask());
        Assert.True((await Soon(last)).IsStored);
        Assert.Equal(2, store.Snapshot().Count(c => c.Kind == SessionChangeKind.MessageEnded));
    }

    [Fact(DisplayName = "a message that a store has kept expires by the time of its acceptance: dropped and counted, what is left of the others is sent")]
    public async Task Expiry_runs_on()
    {
        var time = new Connections.ManualTime();
        await using var store = new MemorySessionStore();
        DateTimeOffset now = time.GetUtcNow();
        foreach ((long sequence, string text, int seconds) in ((long, string, int)[])[(1, "gone", 60), (2, "left", 100)])
        {
            store.Append(new SessionChange(
                SessionChangeKind.MessageAccepted, sequence, Message: new MqttMessage("t", text, QoS1) { MessageExpiry = TimeSpan.FromSeconds(seconds) })
            {
                Time = now - TimeSpan.FromSeconds(60),
            });
        }

        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(MqttProtocolVersion.V500) with { SessionStore = store, TimeProvider = time });
        ReceivedPublish publish = await ExpectPublishAsync(peer, "left");
        Assert.Equal(40u, publish.Properties?.MessageExpirySeconds);
        Assert.Equal(1, client.Counters.MessagesExpired);
        Assert.Equal("left", Assert.Single((await store.OpenAsync("tester", default)).Messages).Message.Text);
    }

    [Fact(DisplayName = "a durable store without a client identifier is refused")]
    public void Durable_needs_client_id() =>
        Assert.Throws<ArgumentException>(() => new MqttClient(
            new MqttClientOptions { SessionStore = new RecordingStore { IsDurable = true } }));

    [Fact(DisplayName = "a store that is not durable is never waited for; what it is told is complete, in order, and by ever higher numbers")]
    public async Task Not_durable()
    {
        await using var store = new RecordingStore();
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(MqttProtocolVersion.V500) with { SessionStore = store });
        store.Changes.Clear();
        MqttSubscription subscription = await SubscribeAsync(client, peer, "in");
        Task<MqttPublishResult> one = Publish(client, "one");
        ushort first = (await ExpectPublishAsync(peer, "one")).PacketIdentifier;
        await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, first);
        await Soon(one);
        Task<MqttPublishResult> two = Publish(client, "two", QoS2);
        ushort second = (await ExpectPublishAsync(peer, "two")).PacketIdentifier;
        await peer.SendAcknowledgementAsync(MqttPacketType.PubRec, second);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubRel, second);
        await peer.SendAcknowledgementAsync(MqttPacketType.PubComp, second);
        await Soon(two);
        await peer.SendPublishAsync("in", "x", QoS2, 9);
        await ReadAsync(subscription);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubRec, 9);
        await peer.SendAcknowledgementAsync(MqttPacketType.PubRel, 9);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubComp, 9);
        Task unsubscribe = client.UnsubscribeAsync(subscription);
        await ConfirmUnsubscribeAsync(peer);
        await Soon(unsubscribe);
        Assert.Equal(
            [
                "Subscribed 0 0", "MessageAccepted 1 0", $"MessageSent 1 {first}", "MessageEnded 1 0", "MessageAccepted 2 0", $"MessageSent 2 {second}",
                "MessageReceivedByServer 2 0", "MessageEnded 2 0", "InboundReceived 0 9", "InboundReleased 0 9", "Unsubscribed 0 0",
            ],
            store.Changes.Select(c => $"{c.Kind} {c.Sequence} {c.PacketIdentifier}"));
        Assert.Equal(0, store.Flushes);
    }

    /// <summary>A client that leaves four messages in its store: a (QoS 1) and b (QoS 2) sent, c (QoS 2) past PUBREC, d waiting; and a received one, 9.</summary>
    private async Task<Dictionary<string, ushort>> LeaveAsync(MqttClientOptions options)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(options);
        MqttSubscription subscription = await SubscribeAsync(client, peer, "in");
        await peer.SendPublishAsync("in", "received", QoS2, 9);
        await ReadAsync(subscription);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubRec, 9);
        var identifiers = new Dictionary<string, ushort>();
        var publishes = new List<Task>();
        foreach ((string text, MqttQualityOfService qos) in ((string, MqttQualityOfService)[])[("a", QoS1), ("b", QoS2), ("c", QoS2)])
        {
            publishes.Add(Publish(client, text, qos));
            identifiers[text] = (await ExpectPublishAsync(peer, text)).PacketIdentifier;
        }

        publishes.Add(Publish(client, "d"));
        await peer.SendAcknowledgementAsync(MqttPacketType.PubRec, identifiers["c"]);
        await ExpectAcknowledgementAsync(peer, MqttPacketType.PubRel, identifiers["c"]);
        Task dispose = client.DisposeAsync().AsTask();
        await peer.ExpectDisconnectAsync(MqttReasonCode.Success);
        peer.Dispose();
        await Soon(dispose);
        foreach (Task publish in publishes)
        {
            Assert.Equal(MqttOperationFailure.Disconnected, (await FailsAsync<MqttOperationException>(publish)).Failure);
        }

        return identifiers;
    }

    private sealed class RecordingStore : ISessionStore
    {
        public bool IsDurable { get; init; }

        /// <summary>What ends the flushes; where there is nothing they end at once.</summary>
        public TaskCompletionSource? Flushed { get; set; }

        public List<SessionChange> Changes { get; } = [];

        public int Flushes { get; private set; }

        public ValueTask<SessionContents> OpenAsync(string clientId, CancellationToken cancellationToken) => ValueTask.FromResult(SessionContents.Empty);

        public void EnsureRoom(int payloadLength)
        {
        }

        public void Append(SessionChange change)
        {
            lock (Changes)
            {
                Changes.Add(change);
            }
        }

        public SessionChange[] Snapshot()
        {
            lock (Changes)
            {
                return [.. Changes];
            }
        }

        public ValueTask FlushAsync(CancellationToken cancellationToken)
        {
            Flushes++;
            return Flushed is null ? ValueTask.CompletedTask : new ValueTask(Flushed.Task);
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
