using System.Collections.Concurrent;
using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Tests.Scripted;

namespace PSMqtt.Protocol.Tests.Connections;

/// <summary>Disposal, handlers, threads, cancellation, the trace: what a client promises whatever its users do.</summary>
public sealed class LifecycleTests : ConnectionTest
{
    [Theory(DisplayName = "disposing while connecting ends the wait, with a clear error, and closes the attempt"), InlineData(true), InlineData(false)]
    public async Task Dispose_while_connecting(bool inBackground)
    {
        MqttClient client = Client(Options());
        Task connect = Task.CompletedTask;
        if (inBackground)
        {
            client.Start();
        }
        else
        {
            connect = client.ConnectAsync();
        }

        using ScriptedPeer peer = await Server.AcceptAsync();
        await peer.ExpectAsync<ConnectPacket>();
        Task dispose = client.DisposeAsync().AsTask();
        await dispose.WaitAsync(Limit);
        await peer.ExpectClosedAsync();
        Assert.Equal(MqttConnectionState.Disposed, client.State);
        if (!inBackground)
        {
            var error = await FailsAsync<MqttConnectException>(connect);
            Assert.Contains("disconnected while it was connecting", error.Message, StringComparison.Ordinal);
        }
    }

    [Theory(DisplayName = "disposing ends every wait with a clear error: publish, subscribe, unsubscribe, read, authenticate; afterwards nothing can be begun"), MemberData(nameof(All))]
    public async Task Dispose_ends_all_waits(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(version));
        MqttSubscription read = await SubscribeAsync(client, peer, "read");
        MqttSubscription ended = await SubscribeAsync(client, peer, "ended");
        Task<bool> reading = read.WaitToReadAsync().AsTask();
        Task<bool> unclaimed = client.Unclaimed.WaitToReadAsync().AsTask();
        Task publish1 = client.PublishAsync("t", "x"u8.ToArray(), MqttQualityOfService.AtLeastOnce).AsTask();
        Task publish2 = client.PublishAsync("t", "x"u8.ToArray(), MqttQualityOfService.ExactlyOnce).AsTask();
        Task<MqttSubscription> subscribe = client.SubscribeAsync("new");
        Task unsubscribe = client.UnsubscribeAsync(ended);
        MqttPublisher publisher = client.CreatePublisher();
        await publisher.PostAsync(new MqttMessage("t", "x", MqttQualityOfService.AtLeastOnce));
        Task flush = publisher.FlushAsync();
        Task dispose = client.DisposeAsync().AsTask();
        object? packet = await peer.NextOrClosedAsync();
        while (packet is not (null or DisconnectPacket))
        {
            packet = await peer.NextOrClosedAsync();
        }

        Assert.NotNull(packet);
        peer.Dispose();
        await dispose.WaitAsync(Limit);
        await client.DisposeAsync().AsTask().WaitAsync(Limit);
        Assert.False(await reading.WaitAsync(Limit));
        Assert.False(await unclaimed.WaitAsync(Limit));
        Assert.Equal(MqttOperationFailure.Disconnected, (await FailsAsync<MqttOperationException>(publish1)).Failure);
        Assert.Equal(MqttOperationFailure.Disconnected, (await FailsAsync<MqttOperationException>(publish2)).Failure);
        Assert.Equal(MqttOperationFailure.Disconnected, (await FailsAsync<MqttOperationException>(subscribe)).Failure);
        await unsubscribe.WaitAsync(Limit);
        await flush.WaitAsync(Limit);

        await Assert.ThrowsAsync<ObjectDisposedException>(() => client.ConnectAsync());
        await Assert.ThrowsAsync<ObjectDisposedException>(() => client.SubscribeAsync("t"));
        Assert.Throws<ObjectDisposedException>(client.Start);
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await client.PublishAsync("t", "x"u8.ToArray()));
        await client.UnsubscribeAsync(read).WaitAsync(Limit);
        await client.DisconnectAsync().WaitAsync(Limit);
        await read.DisposeAsync();
        Assert.Equal(MqttConnectionState.Disposed, client.State);
    }

    [Fact(DisplayName = "a client that was never connected can be disposed, and asked anything")]
    public async Task Never_connected()
    {
        MqttClient client = Client(Options());
        await client.DisconnectAsync().WaitAsync(Limit);
        await FailsAsync<InvalidOperationException>(client.ReauthenticateAsync());
        var error = await Assert.ThrowsAsync<MqttOperationException>(async () => await client.PublishAsync("t", "x"u8.ToArray()));
        Assert.Equal(MqttOperationFailure.NotConnected, error.Failure);
        Assert.Equal((null, null, null, 0L), (client.ConnectResult, client.LastError, client.BlockedBy, client.Counters.BytesSent));
        await client.DisposeAsync().AsTask().WaitAsync(Limit);
    }

    [Fact(DisplayName = "every method works from inside a handler, also waited for")]
    public async Task Methods_in_handlers()
    {
        MqttClient client = Client(Options());
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        client.Connected += (_, _) =>
        {
            try
            {
#pragma warning disable xUnit1031 // A handler that blocks is what this shows.
                MqttSubscription subscription = client.SubscribeAsync("t").WaitAsync(Limit).GetAwaiter().GetResult();
                client.PublishAsync("t", "x"u8.ToArray(), MqttQualityOfService.AtLeastOnce).AsTask().WaitAsync(Limit).GetAwaiter().GetResult();
                Assert.True(subscription.WaitToReadAsync().AsTask().WaitAsync(Limit).GetAwaiter().GetResult());
                Assert.True(subscription.TryRead(out _));
                client.UnsubscribeAsync(subscription).WaitAsync(Limit).GetAwaiter().GetResult();
                _ = client.Counters;
                client.DisconnectAsync().WaitAsync(Limit).GetAwaiter().GetResult();
                client.DisposeAsync().AsTask().WaitAsync(Limit).GetAwaiter().GetResult();
#pragma warning restore xUnit1031
                done.SetResult();
            }
            catch (Exception e)
            {
                done.SetException(e);
            }
        };
        Task connect = client.ConnectAsync();
        using ScriptedPeer peer = await Server.AcceptConnectedAsync();
        await GrantAsync(peer);
        await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, (await peer.ExpectPublishAsync()).PacketIdentifier);
        await peer.SendPublishAsync("t", "y");
        await AnswerUnsubscribeAsync(peer);
        await peer.ExpectDisconnectAsync(MqttReasonCode.Success);
        peer.Dispose();
        await done.Task.WaitAsync(Limit);
        await connect.WaitAsync(Limit);
    }

    [Fact(DisplayName = "disconnecting from inside the credential provider ends the connect, though the provider waits for it")]
    public async Task Disconnect_in_provider()
    {
        MqttClient? client = null;
        client = Client(Options() with
        {
            CredentialProvider = async _ =>
            {
                await client!.DisconnectAsync(null, CancellationToken.None);
                return null;
            },
        });
        Assert.Contains(
            "disconnected while it was connecting", (await FailsAsync<MqttConnectException>(client.ConnectAsync())).Message, StringComparison.Ordinal);
        await client.DisconnectAsync().WaitAsync(Limit);
        Assert.Equal(MqttConnectionState.Disconnected, client.State);
    }

    [Fact(DisplayName = "a handler that throws keeps nothing from happening, not even the other handlers")]
    public async Task Throwing_handler()
    {
        MqttClient client = Client(Options());
        int others = 0;
        client.Connected += (_, _) => throw new InvalidOperationException("mine");
        client.Connected += (_, _) => Interlocked.Increment(ref others);
        Task connect = client.ConnectAsync();
        ScriptedPeer peer = await Server.AcceptConnectedAsync();
        await connect.WaitAsync(Limit);
        await StepAsync(MqttConnectionState.Connecting);
        await StepAsync(MqttConnectionState.Connected);
        Assert.Equal(1, others);
        peer.Abort();
        using ScriptedPeer next = await Server.AcceptConnectedAsync();
        await StepAsync(MqttConnectionState.Reconnecting);
    }

    [Fact(DisplayName = "a handler that never returns harms nothing: messages flow, connections are made again, refused subscriptions end, the client can be disposed")]
    public async Task Blocking_handler()
    {
        MqttClient client = Client(Options());
        using var release = new ManualResetEventSlim();
        client.Connected += (_, _) => release.Wait();
        Task connect = client.ConnectAsync();
        ScriptedPeer peer = await Server.AcceptConnectedAsync();
        await connect.WaitAsync(Limit);
        MqttSubscription subscription = await SubscribeAsync(client, peer, "t");
        await peer.SendPublishAsync("t", "1");
        Assert.Equal("1", (await ReadAsync(subscription)).Text);
        peer.Abort();
        peer = await Server.AcceptConnectedAsync();
        await GrantAsync(peer, MqttReasonCode.NotAuthorized);
        Assert.False(await subscription.WaitToReadAsync().AsTask().WaitAsync(Limit));
        Task dispose = client.DisposeAsync().AsTask();
        await peer.ExpectDisconnectAsync(MqttReasonCode.Success);
        peer.Dispose();
        await dispose.WaitAsync(Limit);
        release.Set();
    }

    [Fact(DisplayName = "handlers run one after the other, in order, whatever they are for")]
    public async Task Handlers_never_together()
    {
        int running = 0;
        int together = 0;
        int calls = 0;
        var order = new ConcurrentQueue<int>();
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options());
        MqttSubscription subscription = await SubscribeAsync(client, peer, "t");
        void Handle()
        {
            together += Interlocked.Increment(ref running) > 1 ? 1 : 0;
            Thread.Yield();
            Interlocked.Increment(ref calls);
            Interlocked.Decrement(ref running);
        }

        client.StateChanged += (_, _) => Handle();
        client.Published += (_, e) =>
        {
            Handle();
            order.Enqueue(e.Result.PacketIdentifier);
        };
        client.Subscribed += (_, _) => Handle();
        client.MessageDropped += (_, _) => Handle();
        var sent = new List<int>();
        Task[] publishes = [.. Enumerable.Range(0, 200).Select(_ => client.PublishAsync("out", "x"u8.ToArray(), MqttQualityOfService.AtLeastOnce).AsTask())];
        for (int i = 0; i < publishes.Length; i++)
        {
            sent.Add((await peer.ExpectPublishAsync()).PacketIdentifier);
            await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, (ushort)sent[i]);
        }

        await Task.WhenAll(publishes).WaitAsync(Limit);
        Task dispose = client.DisposeAsync().AsTask();
        await peer.ExpectDisconnectAsync(MqttReasonCode.Success);
        peer.Dispose();
        await dispose.WaitAsync(Limit);
        Assert.Equal((0, 201), (together, calls));
        Assert.Equal(sent, order);
        Assert.False(subscription.IsActive);
    }

    [Theory(DisplayName = "many threads at once: publish, subscribe, unsubscribe, look, while connections break; every wait ends"), MemberData(nameof(All))]
    public async Task Many_threads(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer first) = await ConnectAsync(Options(version) with { RepublishUncertainQoS2 = true });
        using var stop = new CancellationTokenSource();
        Task serve = ServeAsync(first, stop.Token);
        Task[] users = [.. Enumerable.Range(0, 8).Select(n => Task.Run(async () =>
        {
            for (int i = 0; i < 30; i++)
            {
                await client.PublishAsync($"t/{n}", new byte[10], (MqttQualityOfService)(1 + i % 2)).AsTask().WaitAsync(Limit);
                MqttSubscription subscription = await client.SubscribeAsync($"s/{i % 3}").WaitAsync(Limit);
                _ = (client.Counters, client.State, client.Subscriptions, client.BlockedBy);
                await client.UnsubscribeAsync(subscription).WaitAsync(Limit);
            }
        }))];
        await Task.WhenAll(users).WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal((0, 0), (client.Counters.InFlight, client.Counters.Queued));
        Assert.Empty(client.Subscriptions);
        await stop.CancelAsync();
        await Server.DisposeAsync();
        await serve.WaitAsync(Limit);
    }

    [Fact(DisplayName = "a publish that is cancelled before it was sent is withdrawn; one that was sent goes on, and the session with it")]
    public async Task Cancelled_publish()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options() with { InFlightMaximum = 1 });
        using var cancellation = new CancellationTokenSource();
        Task sent = client.PublishAsync("t", "1"u8.ToArray(), MqttQualityOfService.AtLeastOnce, false, cancellation.Token).AsTask();
        ReceivedPublish one = await peer.ExpectPublishAsync();
        Task queued = client.PublishAsync("t", "2"u8.ToArray(), MqttQualityOfService.AtLeastOnce, false, cancellation.Token).AsTask();
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => sent.WaitAsync(Limit));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => queued.WaitAsync(Limit));
        Task third = client.PublishAsync("t", "3"u8.ToArray(), MqttQualityOfService.AtLeastOnce).AsTask();
        await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, one.PacketIdentifier);
        ReceivedPublish next = await peer.ExpectPublishAsync();
        Assert.Equal("3", next.Text);
        await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, next.PacketIdentifier);
        await third.WaitAsync(Limit);
        Assert.Equal(0, client.Counters.StrayAcknowledgements);
    }

    [Fact(DisplayName = "an unsubscribe that is cancelled or times out has ended the subscription here all the same")]
    public async Task Cancelled_unsubscribe()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options() with { TimeProvider = Time, KeepAlive = TimeSpan.Zero });
        MqttSubscription subscription = await SubscribeAsync(client, peer, "t");
        Task unsubscribe = client.UnsubscribeAsync(subscription, TimeSpan.FromSeconds(5));
        await peer.ExpectAsync<UnsubscribePacket>();
        await Time.TimerAsync(TimeSpan.FromSeconds(5));
        Time.Advance(TimeSpan.FromSeconds(5));
        await FailsAsync<TimeoutException>(unsubscribe);
        Assert.False(subscription.IsActive);
        Assert.Empty(client.Subscriptions);
    }

    [Theory(DisplayName = "the trace has every packet, sent and received, in order, and no secret"), MemberData(nameof(All))]
    public async Task Trace(MqttProtocolVersion version)
    {
        var trace = new ConcurrentQueue<MqttTraceEntry>();
        bool is5 = version == MqttProtocolVersion.V500;
        MqttClient client = Client(Options(version) with
        {
            Credential = new MqttCredential("user", "s3cret"),
            Trace = trace.Enqueue,
            Authentication = is5 ? new ScramSha256("user", "s3cret") : null,
        });
        Task connect = client.ConnectAsync();
        var scram = new ScramServer("s3cret");
        ScriptedPeer peer = await Server.AcceptAsync();
        ConnectPacket request = await peer.ExpectAsync<ConnectPacket>();
        byte[]? data = null;
        if (is5)
        {
            await peer.SendAsync(new AuthPacket { ReasonCode = MqttReasonCode.ContinueAuthentication, Method = "SCRAM-SHA-256", Data = scram.First(request.AuthenticationData!) });
            data = scram.Final((await peer.ExpectAsync<AuthPacket>()).Data!);
        }

        await peer.SendAsync(new ConnAckPacket { AuthenticationMethod = is5 ? "SCRAM-SHA-256" : null, AuthenticationData = data });
        await connect.WaitAsync(Limit);
        MqttSubscription subscription = await SubscribeAsync(client, peer, "t");
        Task publish = client.PublishAsync("out", "x"u8.ToArray(), MqttQualityOfService.ExactlyOnce).AsTask();
        ushort identifier = (await peer.ExpectPublishAsync()).PacketIdentifier;
        await peer.SendAcknowledgementAsync(MqttPacketType.PubRec, identifier);
        await peer.ExpectAcknowledgementAsync(MqttPacketType.PubRel);
        await peer.SendAcknowledgementAsync(MqttPacketType.PubComp, identifier);
        await publish.WaitAsync(Limit);
        Task unsubscribe = client.UnsubscribeAsync(subscription);
        await AnswerUnsubscribeAsync(peer);
        await unsubscribe.WaitAsync(Limit);
        Task dispose = client.DisposeAsync().AsTask();
        await peer.ExpectDisconnectAsync(MqttReasonCode.Success);
        peer.Dispose();
        await dispose.WaitAsync(Limit);

        string[] lines = [.. trace.Where(e => e.Kind != MqttTraceKind.Connection).Select(e => $"{(e.Kind == MqttTraceKind.Sent ? ">" : "<")}{e.Text.Split(' ', ',')[0]}")];
        string[] auth = is5 ? ["<AUTH", ">AUTH"] : [];
        Assert.Equal(
            [">CONNECT", .. auth, "<CONNACK", ">SUBSCRIBE", "<SUBACK", ">PUBLISH", "<PUBREC", ">PUBREL", "<PUBCOMP", ">UNSUBSCRIBE", "<UNSUBACK", ">DISCONNECT"],
            lines);
        Assert.Contains(trace, e => e.Kind == MqttTraceKind.Connection && e.Text.Contains("Connected to", StringComparison.Ordinal));
        Assert.DoesNotContain(trace, e => e.Text.Contains("s3cret", StringComparison.Ordinal));
        if (is5)
        {
            Assert.DoesNotContain(trace, e => e.Text.Contains(Convert.ToBase64String(data!), StringComparison.Ordinal) || e.Text.Contains("r=", StringComparison.Ordinal));
        }
    }

    [Fact(DisplayName = "bytes and messages are counted over all connections")]
    public async Task Counters()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options());
        MqttSubscription subscription = await SubscribeAsync(client, peer, "t");
        await peer.SendPublishAsync("t", "x");
        await ReadAsync(subscription);
        (long sent, long received) = (client.Counters.BytesSent, client.Counters.BytesReceived);
        Assert.True(sent > 0 && received > 0);
        peer.Abort();
        using ScriptedPeer next = await Server.AcceptConnectedAsync(new ConnAckPacket { SessionPresent = true });
        await next.SendPublishAsync("t", "y");
        await ReadAsync(subscription);
        await client.PublishAsync("t", "z"u8.ToArray());
        await next.ExpectPublishAsync();
        MqttClientCounters counters = client.Counters;
        Assert.True(counters.BytesReceived > received);
        Assert.True(counters.BytesSent >= sent);
        Assert.Equal((2L, 1L, 1L), (counters.MessagesReceived, counters.MessagesSent, counters.Reconnects));
    }

    /// <summary>A server that answers everything, and breaks every connection after a while; a new one has no session.</summary>
    private async Task ServeAsync(ScriptedPeer? peer, CancellationToken cancellationToken)
    {
        var random = new Random(1);
        try
        {
            while (!cancellationToken.IsCancellationRequested)
            {
                peer ??= await Server.AcceptConnectedAsync(null, cancellationToken);
                int packets = random.Next(20, 200);
                while (packets-- > 0 && await peer.NextOrClosedAsync(cancellationToken) is { } packet)
                {
                    await AnswerAsync(peer, packet);
                }

                peer.Abort();
                peer = null;
            }
        }
        catch (Exception e) when (cancellationToken.IsCancellationRequested && e is OperationCanceledException or ScriptException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private static Task AnswerAsync(ScriptedPeer peer, object packet) => packet switch
    {
        ReceivedPublish { QoS: MqttQualityOfService.AtLeastOnce } publish => peer.SendAcknowledgementAsync(MqttPacketType.PubAck, publish.PacketIdentifier),
        ReceivedPublish publish => peer.SendAcknowledgementAsync(MqttPacketType.PubRec, publish.PacketIdentifier),
        AcknowledgementPacket { Type: MqttPacketType.PubRel } release => peer.SendAcknowledgementAsync(MqttPacketType.PubComp, release.PacketIdentifier),
        SubscribePacket subscribe => peer.SendAsync(
            new SubAckPacket { PacketIdentifier = subscribe.PacketIdentifier, ReasonCodes = [MqttReasonCode.GrantedQoS1] }),
        UnsubscribePacket unsubscribe => peer.SendAsync(new UnsubAckPacket
        {
            PacketIdentifier = unsubscribe.PacketIdentifier,
            ReasonCodes = peer.Version == MqttProtocolVersion.V500 ? [MqttReasonCode.Success] : [],
        }),
        _ => Task.CompletedTask,
    };
}
