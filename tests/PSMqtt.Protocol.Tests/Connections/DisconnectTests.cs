using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Tests.Scripted;

namespace PSMqtt.Protocol.Tests.Connections;

/// <summary>The end of a connection: said by us, by the server, or by what the server should not have sent.</summary>
public sealed class DisconnectTests : ConnectionTest
{
    public static TheoryData<MqttReasonCode> ServerCodes =>
        [.. MqttReasonCodeTable.CodesOf(MqttPacketType.Disconnect).ToArray().Select(c => (MqttReasonCode)c)
            .Where(c => c is not (MqttReasonCode.DisconnectWithWillMessage or MqttReasonCode.SessionTakenOver))];

    public static TheoryData<string, MqttProtocolVersion, string> Forbidden => new()
    {
        { "CONNECT", MqttProtocolVersion.V311, "10 0C 0004 4D515454 04 02 003C 0000" },
        { "CONNECT", MqttProtocolVersion.V500, "10 0D 0004 4D515454 05 02 003C 00 0000" },
        { "SUBSCRIBE", MqttProtocolVersion.V311, "82 06 0001 0001 61 00" },
        { "SUBSCRIBE", MqttProtocolVersion.V500, "82 07 0001 00 0001 61 00" },
        { "UNSUBSCRIBE", MqttProtocolVersion.V311, "A2 05 0001 0001 61" },
        { "UNSUBSCRIBE", MqttProtocolVersion.V500, "A2 06 0001 00 0001 61" },
        { "PINGREQ", MqttProtocolVersion.V310, "C0 00" },
        { "PINGREQ", MqttProtocolVersion.V500, "C0 00" },
        { "CONNACK", MqttProtocolVersion.V310, "20 02 00 00" },
        { "CONNACK", MqttProtocolVersion.V311, "20 02 00 00" },
        { "CONNACK", MqttProtocolVersion.V500, "20 03 00 00 00" },
        { "DISCONNECT", MqttProtocolVersion.V310, "E0 00" },
        { "DISCONNECT", MqttProtocolVersion.V311, "E0 00" },
        { "AUTH", MqttProtocolVersion.V310, "F0 00" },
        { "AUTH", MqttProtocolVersion.V311, "F0 00" },
    };

    [Theory(DisplayName = "[MQTT-3.14.4-1] [MQTT-3.14.4-2] [MQTT-3.1.1: MQTT-3.14.4-1] [MQTT-3.1.1: MQTT-3.14.4-2] Disconnect waits for what is in flight, says DISCONNECT, closes the connection, and sends nothing after it"), MemberData(nameof(All))]
    public async Task Disconnect(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(version));
        MqttSubscription subscription = await SubscribeAsync(client, peer, "t", MqttQualityOfService.AtLeastOnce);
        Task<MqttPublishResult> publish = client.PublishAsync("t", "x"u8.ToArray(), MqttQualityOfService.ExactlyOnce).AsTask();
        ushort identifier = (await peer.ExpectPublishAsync()).PacketIdentifier;
        Task disconnect = client.DisconnectAsync();
        await peer.SendAcknowledgementAsync(MqttPacketType.PubRec, identifier);
        await peer.ExpectAcknowledgementAsync(MqttPacketType.PubRel);
        Assert.Equal(MqttConnectionState.Disconnecting, client.State);
        Assert.False(disconnect.IsCompleted);
        await peer.SendAsync(
            new ServerPublish("t", "late", MqttQualityOfService.AtLeastOnce, 9), new AcknowledgementPacket(MqttPacketType.PubComp, identifier, MqttReasonCode.Success));
        await publish.WaitAsync(Limit);
        DisconnectPacket packet = await peer.ExpectDisconnectAsync(MqttReasonCode.Success);
        Assert.Equal(version == MqttProtocolVersion.V500 ? 0u : null, packet.SessionExpirySeconds);
        peer.Dispose();
        await disconnect.WaitAsync(Limit);
        await StepAsync(MqttConnectionState.Disconnected);
        Assert.Equal("late", (await ReadAsync(subscription)).Text);
        Assert.False(await subscription.WaitToReadAsync().AsTask().WaitAsync(Limit));
        Assert.Equal((null, null, MqttConnectionState.Disconnected), (subscription.EndReason, client.LastError, client.State));
        Assert.False(Server.HasPendingConnection);
    }

    [Fact(DisplayName = "[MQTT-3.14.4-1] nothing follows DISCONNECT, though publishers and consumers go on")]
    public async Task Nothing_after_disconnect()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options());
        Task<MqttSubscription> subscribe = client.SubscribeAsync([new("t")], new MqttSubscriptionOptions { ManualAcknowledge = true });
        await GrantAsync(peer);
        MqttSubscription subscription = await subscribe.WaitAsync(Limit);
        await peer.SendPublishAsync("t", "x", MqttQualityOfService.AtLeastOnce, 1);
        MqttMessage message = await ReadAsync(subscription);
        using var stop = new CancellationTokenSource();
        Task[] publishers = [.. Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                try
                {
                    await client.PublishAsync("out", new byte[100]);
                }
                catch (MqttOperationException)
                {
                    await Task.Yield();
                }
            }
        }))];
        Task disconnect = client.DisconnectAsync(new MqttDisconnectOptions { DrainTimeout = TimeSpan.Zero });
        object? packet = await peer.NextOrClosedAsync();
        while (packet is ReceivedPublish)
        {
            packet = await peer.NextOrClosedAsync();
        }

        Assert.IsType<DisconnectPacket>(packet);
        await client.AcknowledgeAsync(message);
        Assert.Null(await peer.NextOrClosedAsync());
        peer.Dispose();
        await disconnect.WaitAsync(Limit);
        await stop.CancelAsync();
        await Task.WhenAll(publishers).WaitAsync(Limit);
    }

    [Fact(DisplayName = "Disconnect gives up what is in flight after its time, tells its owners, and says DISCONNECT then")]
    public async Task Drain_timeout()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options() with { TimeProvider = Time, KeepAlive = TimeSpan.Zero });
        Task publish = client.PublishAsync("t", "x"u8.ToArray(), MqttQualityOfService.AtLeastOnce).AsTask();
        await peer.ExpectPublishAsync();
        Task disconnect = client.DisconnectAsync(new MqttDisconnectOptions { DrainTimeout = TimeSpan.FromSeconds(3) });
        await Time.TimerAsync(TimeSpan.FromSeconds(3));
        await peer.ExpectNothingBufferedAsync();
        Time.Advance(TimeSpan.FromSeconds(3));
        await peer.ExpectDisconnectAsync(MqttReasonCode.Success);
        peer.Dispose();
        await disconnect.WaitAsync(Limit);
        var error = await FailsAsync<MqttOperationException>(publish);
        Assert.Equal(MqttOperationFailure.Disconnected, error.Failure);
        Assert.Contains("may or may not have been delivered", error.Message, StringComparison.Ordinal);
    }

    [Theory(DisplayName = "a Disconnect that waits ends at once when it is cancelled, or when the client is disposed"), InlineData(true), InlineData(false)]
    public async Task Drain_hurried(bool isCancelled)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options());
        Task publish = client.PublishAsync("t", "x"u8.ToArray(), MqttQualityOfService.AtLeastOnce).AsTask();
        await peer.ExpectPublishAsync();
        using var cancellation = new CancellationTokenSource();
        Task disconnect = client.DisconnectAsync(new MqttDisconnectOptions { DrainTimeout = Timeout.InfiniteTimeSpan }, cancellation.Token);
        Task dispose = Task.CompletedTask;
        if (isCancelled)
        {
            await cancellation.CancelAsync();
        }
        else
        {
            dispose = client.DisposeAsync().AsTask();
        }

        await peer.ExpectDisconnectAsync(MqttReasonCode.Success);
        peer.Dispose();
        await disconnect.WaitAsync(Limit);
        await dispose.WaitAsync(Limit);
        await FailsAsync<MqttOperationException>(publish);
    }

    [Fact(DisplayName = "a Disconnect that waits for what can never be sent any more does not wait for its time")]
    public async Task Drain_without_hope()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options());
        Task publish = client.PublishAsync("t", "x"u8.ToArray(), MqttQualityOfService.AtLeastOnce).AsTask();
        await peer.ExpectPublishAsync();
        Task disconnect = client.DisconnectAsync(new MqttDisconnectOptions { DrainTimeout = Timeout.InfiniteTimeSpan });
        await peer.SendAsync(new DisconnectPacket { ReasonCode = MqttReasonCode.SessionTakenOver });
        await disconnect.WaitAsync(Limit);
        await FailsAsync<MqttOperationException>(publish);
    }

    [Fact(DisplayName = "what Disconnect is told is in DISCONNECT: reason code, reason string, user properties, session expiry")]
    public async Task Options_of_disconnect()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options() with { PersistentSession = true });
        var options = new MqttDisconnectOptions
        {
            ReasonCode = MqttReasonCode.DisconnectWithWillMessage,
            ReasonString = "why",
            UserProperties = [new("k", "v")],
            SessionExpiry = TimeSpan.FromSeconds(99),
        };
        Task disconnect = client.DisconnectAsync(options);
        DisconnectPacket packet = await peer.ExpectDisconnectAsync(MqttReasonCode.DisconnectWithWillMessage);
        Assert.Equal(("why", 99u), (packet.ReasonString, packet.SessionExpirySeconds!.Value));
        Assert.Equal(options.UserProperties, packet.UserProperties);
        peer.Dispose();
        await disconnect.WaitAsync(Limit);
    }

    [Theory(DisplayName = "the session expiry in DISCONNECT: 0 for a session that shall not stay, none for one that shall, or that was 0 from the beginning")]
    [InlineData(false, 300, null, 0u)]
    [InlineData(true, 300, null, null)]
    [InlineData(false, 0, null, null)]
    [InlineData(false, 300, 0u, null)]
    public async Task Session_expiry(bool isPersistent, int requested, uint? granted, uint? expected)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(
            Options() with { PersistentSession = isPersistent, SessionExpiry = TimeSpan.FromSeconds(requested) },
            new ConnAckPacket { SessionExpirySeconds = granted });
        Task disconnect = client.DisconnectAsync();
        Assert.Equal(expected, (await peer.ExpectDisconnectAsync(MqttReasonCode.Success)).SessionExpirySeconds);
        peer.Dispose();
        await disconnect.WaitAsync(Limit);
    }

    [Fact(DisplayName = "[MQTT-3.14.2-1] [MQTT-3.14.2-3] [MQTT-3.14.2-4] what DISCONNECT cannot carry is refused, and the connection stays")]
    public async Task Refused_options()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(
            Options() with { SessionExpiry = TimeSpan.Zero }, new ConnAckPacket { MaximumPacketSize = 100 });
        await RefusedAsync(new MqttDisconnectOptions { SessionExpiry = TimeSpan.FromSeconds(1) });
        await RefusedAsync(new MqttDisconnectOptions { ReasonCode = MqttReasonCode.ServerMoved });
        await RefusedAsync(new MqttDisconnectOptions { ReasonString = new string('x', 100) });
        await RefusedAsync(new MqttDisconnectOptions { ReasonString = "a\0b" });
        await RefusedAsync(new MqttDisconnectOptions { DrainTimeout = TimeSpan.FromSeconds(-5) });
        MqttSubscription subscription = await SubscribeAsync(client, peer, "t");
        Assert.True(subscription.IsActive);

        async Task RefusedAsync(MqttDisconnectOptions options) =>
            await Assert.ThrowsAnyAsync<ArgumentException>(() => client.DisconnectAsync(options));
    }

    [Theory(DisplayName = "before 5.0 DISCONNECT carries nothing: options of 5.0 are refused by name, and the will is had by closing without DISCONNECT"), MemberData(nameof(Older))]
    public async Task With_will_before_5(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(version) with { Will = new MqttMessage("w", "x") });
        var error = await Assert.ThrowsAsync<ArgumentException>(() => client.DisconnectAsync(new MqttDisconnectOptions { ReasonString = "why" }));
        Assert.Contains("reason string", error.Message, StringComparison.Ordinal);
        await client.PublishAsync("t", "last"u8.ToArray());
        Task disconnect = client.DisconnectAsync(new MqttDisconnectOptions { ReasonCode = MqttReasonCode.DisconnectWithWillMessage });
        Assert.Equal("last", (await peer.ExpectPublishAsync()).Text);
        await peer.ExpectClosedAsync();
        peer.Dispose();
        await disconnect.WaitAsync(Limit);
        Assert.Equal(MqttConnectionState.Disconnected, client.State);
    }

    [Fact(DisplayName = "Discard says session expiry 0, and the next connect starts clean")]
    public async Task Discard_on_5()
    {
        MqttClientOptions options = Options() with { PersistentSession = true, CleanStart = true };
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(options);
        Task publish = client.PublishAsync("t", "x"u8.ToArray(), MqttQualityOfService.AtLeastOnce).AsTask();
        await peer.ExpectPublishAsync();
        Task disconnect = client.DisconnectAsync(new MqttDisconnectOptions { Discard = true });
        Assert.Equal(0u, (await peer.ExpectDisconnectAsync(MqttReasonCode.Success)).SessionExpirySeconds);
        peer.Dispose();
        await disconnect.WaitAsync(Limit);
        await FailsAsync<MqttOperationException>(publish);
        Task connect = client.ConnectAsync();
        using ScriptedPeer next = await Server.AcceptConnectedAsync();
        await connect.WaitAsync(Limit);
        Assert.True(next.Connect!.CleanStart);
        await next.ExpectNothingBufferedAsync();
    }

    [Theory(DisplayName = "before 5.0 Discard removes the session by a connection with Clean Session"), MemberData(nameof(Older))]
    public async Task Discard_before_5(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(version) with { PersistentSession = true, CleanStart = false });
        Assert.False(peer.Connect!.CleanStart);
        Task disconnect = client.DisconnectAsync(new MqttDisconnectOptions { Discard = true });
        await peer.ExpectDisconnectAsync(MqttReasonCode.Success);
        peer.Dispose();
        using ScriptedPeer removal = await Server.AcceptConnectedAsync();
        Assert.True(removal.Connect!.CleanStart);
        await removal.ExpectDisconnectAsync(MqttReasonCode.Success);
        await disconnect.WaitAsync(Limit);
    }

    [Fact(DisplayName = "Discard without a connection on 5.0 removes the session by one of its own; where that fails it says so, and the client is disconnected all the same")]
    public async Task Discard_without_connection()
    {
        var noDelay = new ReconnectPolicy { Jitter = static _ => TimeSpan.FromHours(1) };
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options() with { PersistentSession = true, Reconnect = noDelay });
        peer.Abort();
        await StepAsync(MqttConnectionState.Reconnecting);
        Task disconnect = client.DisconnectAsync(new MqttDisconnectOptions { Discard = true });
        using ScriptedPeer removal = await Server.AcceptConnectedAsync();
        Assert.True(removal.Connect!.CleanStart);
        Assert.Equal(0u, (await removal.ExpectDisconnectAsync(MqttReasonCode.Success)).SessionExpirySeconds);
        await disconnect.WaitAsync(Limit);
        await StepAsync(MqttConnectionState.Disconnected);

        (client, peer) = await ConnectAsync(Options() with { PersistentSession = true, Reconnect = noDelay });
        peer.Abort();
        await StepAsync(MqttConnectionState.Reconnecting);
        disconnect = client.DisconnectAsync(new MqttDisconnectOptions { Discard = true });
        using ScriptedPeer refusal = await Server.AcceptConnectedAsync(new ConnAckPacket { ReasonCode = MqttReasonCode.ServerBusy });
        await FailsAsync<MqttConnectException>(disconnect);
        Assert.Equal(MqttConnectionState.Disconnected, client.State);
    }

    [Theory(DisplayName = "[MQTT-3.14.2-1] a DISCONNECT of the server with each reason ends the connection with its words, and a new one is made"), MemberData(nameof(ServerCodes))]
    public async Task Server_disconnect(MqttReasonCode code)
    {
        (_, ScriptedPeer peer) = await ConnectAsync(Options() with { Reconnect = new ReconnectPolicy { Jitter = static _ => TimeSpan.Zero, DelayMaximum = TimeSpan.FromMilliseconds(1) } });
        await peer.SendAsync(new DisconnectPacket { ReasonCode = code, ReasonString = "because", UserProperties = [new("k", "v")] });
        await peer.ExpectClosedAsync();
        MqttConnectionEventArgs step = await StepAsync(MqttConnectionState.Reconnecting);
        Assert.Equal((code, true), (step.ReasonCode!.Value, step.ByServer));
        Assert.Contains(code.Describe(), step.Explanation, StringComparison.Ordinal);
        Assert.Contains("because", step.Explanation, StringComparison.Ordinal);
        Assert.Equal(code.IsFailure(), step.Error is not null);
        using ScriptedPeer next = await Server.AcceptConnectedAsync();
    }

    [Theory(DisplayName = "a DISCONNECT of remaining length 0 is a normal one, one of length 1 has its code; no answer follows"), InlineData("E0 00", MqttReasonCode.Success), InlineData("E0 01 8B", MqttReasonCode.ServerShuttingDown)]
    public async Task Short_server_disconnect(string bytes, MqttReasonCode code)
    {
        (_, ScriptedPeer peer) = await ConnectAsync(Options());
        await peer.SendRawAsync(bytes);
        await peer.ExpectClosedAsync();
        Assert.Equal(code, (await StepAsync(MqttConnectionState.Reconnecting)).ReasonCode);
    }

    [Theory(DisplayName = "[MQTT-3.2.0-2] [MQTT-4.13.1-1] [MQTT-3.1.1: MQTT-4.8.0-1] what a server may not send ends the connection: DISCONNECT 0x82 on 5.0, closed without one before; the event has the statement, and a new connection is made"), MemberData(nameof(Forbidden))]
    public async Task Forbidden_packet(string name, MqttProtocolVersion version, string bytes)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(version));
        MqttSubscription subscription = await SubscribeAsync(client, peer, "t");
        await peer.SendPublishAsync("t", "just before");
        await peer.SendRawAsync(bytes);
        if (version == MqttProtocolVersion.V500)
        {
            await peer.ExpectDisconnectAsync(MqttReasonCode.ProtocolError);
        }
        else
        {
            await peer.ExpectClosedAsync();
        }

        peer.Dispose();
        MqttConnectionEventArgs step = await StepAsync(MqttConnectionState.Reconnecting);
        var error = Assert.IsType<MqttProtocolException>(step.Error);
        Assert.Contains(name, error.Message, StringComparison.Ordinal);
        Assert.Contains($"[{error.Statement}]", step.Explanation, StringComparison.Ordinal);
        Assert.Equal("just before", (await ReadAsync(subscription)).Text);
        using ScriptedPeer next = await Server.AcceptConnectedAsync();
    }

    [Theory(DisplayName = "a message that arrives just before the peer closes, or says DISCONNECT, is delivered"), InlineData(false), InlineData(true)]
    public async Task Message_before_the_end(bool says)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options());
        MqttSubscription subscription = await SubscribeAsync(client, peer, "t");
        await (says ? peer.SendAsync(new ServerPublish("t", "last"), new DisconnectPacket()) : peer.SendAsync(new ServerPublish("t", "last")));
        peer.Dispose();
        Assert.Equal("last", (await ReadAsync(subscription)).Text);
        await StepAsync(MqttConnectionState.Reconnecting);
    }

    [Theory(DisplayName = "a connection that is not read, because a queue is full, can be disconnected, and is noticed when it breaks"), InlineData(true), InlineData(false)]
    public async Task Full_queue(bool isOurs)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options() with { Reconnect = new() { Enabled = false }, TimeProvider = Time });
        Task<MqttSubscription> subscribe = client.SubscribeAsync([new("t", MqttQualityOfService.AtMostOnce)], new MqttSubscriptionOptions { QueueLimit = 1 });
        await GrantAsync(peer);
        MqttSubscription subscription = await subscribe.WaitAsync(Limit);
        await peer.SendPublishAsync("t", "1");
        Assert.True(await subscription.WaitToReadAsync().AsTask().WaitAsync(Limit));
        if (isOurs)
        {
            Task disconnect = client.DisconnectAsync();
            await peer.ExpectDisconnectAsync(MqttReasonCode.Success);
            peer.Dispose();
            await disconnect.WaitAsync(Limit);
        }
        else
        {
            peer.Abort();
            using var limit = new CancellationTokenSource(Limit);
            while (!HasStep)
            {
                // A ping waits for a send that has not quite ended, and is due again later.
                Time.Advance(TimeSpan.FromSeconds(45));
                await Task.Delay(1, limit.Token);
            }
        }

        await StepAsync(MqttConnectionState.Disconnected);
    }

    [Theory(DisplayName = "one client object connects, disconnects and connects again; each life has its own session"), MemberData(nameof(All))]
    public async Task Again(MqttProtocolVersion version)
    {
        MqttClient client = Client(Options(version));
        for (int i = 0; i < 3; i++)
        {
            Task connect = client.ConnectAsync();
            await Assert.ThrowsAsync<InvalidOperationException>(() => client.ConnectAsync());
            ScriptedPeer peer = await Server.AcceptConnectedAsync();
            await connect.WaitAsync(Limit);
            Assert.True(peer.Connect!.CleanStart);
            MqttSubscription subscription = await SubscribeAsync(client, peer, "t");
            await peer.SendPublishAsync("t", $"{i}");
            Assert.Equal($"{i}", (await ReadAsync(subscription)).Text);
            Task disconnect = client.DisconnectAsync();
            await peer.ExpectDisconnectAsync(MqttReasonCode.Success);
            peer.Dispose();
            await disconnect.WaitAsync(Limit);
            await client.DisconnectAsync().WaitAsync(Limit);
            Assert.Empty(client.Subscriptions);
        }
    }

    [Fact(DisplayName = "a persistent session that the same client object takes up again keeps the messages of subscriptions it has ended here")]
    public async Task Persistent_again()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options() with { PersistentSession = true });
        await SubscribeAsync(client, peer, "t", MqttQualityOfService.AtLeastOnce);
        Task disconnect = client.DisconnectAsync();
        await peer.ExpectDisconnectAsync(MqttReasonCode.Success);
        peer.Dispose();
        await disconnect.WaitAsync(Limit);
        Task connect = client.ConnectAsync();
        using ScriptedPeer next = await Server.AcceptConnectedAsync(new ConnAckPacket { SessionPresent = true });
        await connect.WaitAsync(Limit);
        Assert.False(next.Connect!.CleanStart);
        await next.SendPublishAsync("t", "kept", MqttQualityOfService.AtLeastOnce, 1);
        Assert.True(await client.Unclaimed.WaitToReadAsync().AsTask().WaitAsync(Limit));
        Task<MqttSubscription> subscribe = client.SubscribeAsync("t");
        await GrantAsync(next);
        Assert.Equal("kept", (await ReadAsync(await subscribe.WaitAsync(Limit))).Text);
        Assert.Equal(1, (await next.ExpectAcknowledgementAsync(MqttPacketType.PubAck)).PacketIdentifier);
    }
}
