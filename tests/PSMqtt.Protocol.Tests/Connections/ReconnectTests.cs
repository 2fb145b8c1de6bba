using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Tests.Scripted;

namespace PSMqtt.Protocol.Tests.Connections;

/// <summary>How lost connections are made again: when, how often, and when not any more.</summary>
public sealed class ReconnectTests : ConnectionTest
{
    private static TimeSpan Seconds(double value) => TimeSpan.FromSeconds(value);

    /// <summary>Delays at their upper bound, on a clock that the test moves.</summary>
    private MqttClientOptions Timed(MqttProtocolVersion version = MqttProtocolVersion.V500) => Options(version) with
    {
        TimeProvider = Time,
        KeepAlive = TimeSpan.Zero,
        Reconnect = new ReconnectPolicy { Jitter = static bound => bound },
    };

    [Theory(DisplayName = "a lost connection is made again after delays that double up to their maximum; each is reported, and kept exactly"), MemberData(nameof(All))]
    public async Task Delays(MqttProtocolVersion version)
    {
        var policy = new ReconnectPolicy { Jitter = static bound => bound, DelayMaximum = Seconds(2) };
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Timed(version) with { Reconnect = policy });
        peer.Abort();
        MqttConnectionEventArgs step = await StepAsync(MqttConnectionState.Reconnecting);
        Assert.Equal((0, Seconds(0.25)), (step.Attempt, step.RetryIn!.Value));
        Assert.NotNull(step.Error);
        double[] delays = [0.25, 0.5, 1, 2, 2];
        for (int i = 0; i < delays.Length; i++)
        {
            await WaitOutAsync(delays[i]);
            using ScriptedPeer refusing = await Server.AcceptConnectedAsync(new ConnAckPacket { ReasonCode = MqttReasonCode.ServerUnavailable });
            await StepAsync(MqttConnectionState.Reconnecting);
            step = await StepAsync(MqttConnectionState.Reconnecting);
            Assert.Equal((i + 1, Seconds(i + 1 < delays.Length ? delays[i + 1] : 2)), (step.Attempt, step.RetryIn!.Value));
            Assert.Equal(MqttReasonCode.ServerUnavailable, step.ReasonCode);
        }

        await WaitOutAsync(2);
        using ScriptedPeer back = await Server.AcceptConnectedAsync();
        await StepAsync(MqttConnectionState.Reconnecting);
        await StepAsync(MqttConnectionState.Connected);
        Assert.Equal((1, null), (client.Counters.Reconnects, client.LastError));
    }

    [Fact(DisplayName = "the delays begin anew only after a connection has lasted")]
    public async Task Reset()
    {
        (_, ScriptedPeer peer) = await ConnectAsync(Timed());
        foreach (double delay in (double[])[0.25, 0.5, 1])
        {
            peer.Abort();
            Assert.Equal(Seconds(delay), (await StepAsync(MqttConnectionState.Reconnecting)).RetryIn);
            await WaitOutAsync(delay);
            peer = await Server.AcceptConnectedAsync();
            await StepAsync(MqttConnectionState.Reconnecting);
            await StepAsync(MqttConnectionState.Connected);
            Time.Advance(Seconds(9.9));
        }

        peer.Abort();
        Assert.Equal(Seconds(2), (await StepAsync(MqttConnectionState.Reconnecting)).RetryIn);
        await WaitOutAsync(2);
        peer = await Server.AcceptConnectedAsync();
        await StepAsync(MqttConnectionState.Reconnecting);
        await StepAsync(MqttConnectionState.Connected);
        Time.Advance(Seconds(10));
        peer.Abort();
        Assert.Equal(Seconds(0.25), (await StepAsync(MqttConnectionState.Reconnecting)).RetryIn);
    }

    [Fact(DisplayName = "the default delays are full jitter: anything from zero to the bound; bounds double from 0.25 s to 30 s")]
    public void Jitter()
    {
        var policy = new ReconnectPolicy();
        Assert.Equal([0.25, 0.5, 1, 2, 4, 8, 16, 30, 30], Enumerable.Range(0, 9).Select(i => policy.GetDelayBound(i).TotalSeconds));
        Assert.Equal(30, policy.GetDelayBound(int.MaxValue).TotalSeconds);
        TimeSpan[] delays = [.. Enumerable.Range(0, 1000).Select(_ => policy.Jitter(Seconds(10)))];
        Assert.All(delays, d => Assert.InRange(d, TimeSpan.Zero, Seconds(10)));
        Assert.Contains(delays, d => d < Seconds(2));
        Assert.Contains(delays, d => d > Seconds(8));
    }

    [Theory(DisplayName = "a refusal that trying again cannot cure ends a first connect")]
    [InlineData(MqttReasonCode.BadUserNameOrPassword)]
    [InlineData(MqttReasonCode.NotAuthorized)]
    [InlineData(MqttReasonCode.Banned)]
    [InlineData(MqttReasonCode.UnsupportedProtocolVersion)]
    [InlineData(MqttReasonCode.ClientIdentifierNotValid)]
    [InlineData(MqttReasonCode.BadAuthenticationMethod)]
    public async Task Hopeless_at_first(MqttReasonCode code)
    {
        MqttClient client = Client(Timed());
        client.Start();
        Task<MqttSubscription> subscribe = client.SubscribeAsync("t");
        Task publish = client.PublishAsync("t", "x"u8.ToArray(), MqttQualityOfService.AtLeastOnce).AsTask();
        using ScriptedPeer peer = await Server.AcceptConnectedAsync(new ConnAckPacket { ReasonCode = code });
        await StepAsync(MqttConnectionState.Connecting);
        MqttConnectionEventArgs step = await StepAsync(MqttConnectionState.Disconnected);
        Assert.Equal((1, null, code), (step.Attempt, step.RetryIn, step.ReasonCode));
        Assert.Contains("Trying again cannot help", step.Explanation, StringComparison.Ordinal);
        Assert.Equal(MqttOperationFailure.Disconnected, (await FailsAsync<MqttOperationException>(subscribe)).Failure);
        Assert.Equal(MqttOperationFailure.Disconnected, (await FailsAsync<MqttOperationException>(publish)).Failure);
        Assert.Equal((MqttConnectionState.Disconnected, step.Error), (client.State, client.LastError));
    }

    [Fact(DisplayName = "a refusal that may pass is tried again, also at a first connect that was begun in the background")]
    public async Task Passing_at_first()
    {
        MqttClient client = Client(Timed());
        client.Start();
        using ScriptedPeer busy = await Server.AcceptConnectedAsync(new ConnAckPacket { ReasonCode = MqttReasonCode.ServerBusy });
        await StepAsync(MqttConnectionState.Connecting);
        MqttConnectionEventArgs step = await StepAsync(MqttConnectionState.Connecting);
        Assert.Equal((1, Seconds(0.25)), (step.Attempt, step.RetryIn!.Value));
        await WaitOutAsync(0.25);
        using ScriptedPeer peer = await Server.AcceptConnectedAsync();
        await StepAsync(MqttConnectionState.Connecting);
        await StepAsync(MqttConnectionState.Connected);
    }

    [Theory(DisplayName = "credentials that have worked before are tried again slowly, whether CONNACK or DISCONNECT refuses them"), InlineData(true), InlineData(false)]
    public async Task Hopeless_later(bool inConnAck)
    {
        (_, ScriptedPeer peer) = await ConnectAsync(Timed());
        if (inConnAck)
        {
            peer.Abort();
            await StepAsync(MqttConnectionState.Reconnecting);
            await WaitOutAsync(0.25);
            await Server.AcceptConnectedAsync(new ConnAckPacket { ReasonCode = MqttReasonCode.BadUserNameOrPassword });
            await StepAsync(MqttConnectionState.Reconnecting);
        }
        else
        {
            await peer.SendAsync(new DisconnectPacket { ReasonCode = MqttReasonCode.NotAuthorized });
        }

        Assert.Equal(Seconds(30), (await StepAsync(MqttConnectionState.Reconnecting)).RetryIn);
        await WaitOutAsync(30);
        using ScriptedPeer back = await Server.AcceptConnectedAsync();
    }

    [Fact(DisplayName = "a session that another client took over is not fought for: the end explains, everything that waits ends with it")]
    public async Task Taken_over()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options());
        MqttSubscription subscription = await SubscribeAsync(client, peer, "t");
        Task publish = client.PublishAsync("t", "x"u8.ToArray(), MqttQualityOfService.AtLeastOnce).AsTask();
        await peer.ExpectPublishAsync();
        await peer.SendAsync(new DisconnectPacket { ReasonCode = MqttReasonCode.SessionTakenOver });
        MqttConnectionEventArgs step = await StepAsync(MqttConnectionState.Disconnected);
        Assert.Equal((MqttReasonCode.SessionTakenOver, true, null), (step.ReasonCode, step.ByServer, step.RetryIn));
        Assert.Contains("Another client uses the client identifier 'me'", step.Explanation, StringComparison.Ordinal);
        Assert.Equal(MqttOperationFailure.Disconnected, (await FailsAsync<MqttOperationException>(publish)).Failure);
        Assert.False(await subscription.WaitToReadAsync().AsTask().WaitAsync(Limit));
        Assert.Same(step.Error, subscription.EndReason);
        Assert.False(Server.HasPendingConnection);

        // The next connect begins a session of its own: this one was not to outlive the client.
        Task connect = client.ConnectAsync();
        using ScriptedPeer next = await Server.AcceptConnectedAsync();
        await connect.WaitAsync(Limit);
        Assert.True(next.Connect!.CleanStart);
    }

    [Theory(DisplayName = "five closes in a row within a second, before 5.0, are reported as a likely takeover, and slow the attempts"), MemberData(nameof(Older))]
    public async Task Five_quick_closes(MqttProtocolVersion version)
    {
        (_, ScriptedPeer peer) = await ConnectAsync(Timed(version));
        for (int i = 1; i <= 5; i++)
        {
            peer.ShutdownSend();
            await peer.ExpectClosedAsync();
            MqttConnectionEventArgs step = await StepAsync(MqttConnectionState.Reconnecting);
            bool isReported = step.Explanation.Contains("another client probably uses the client identifier 'me'", StringComparison.Ordinal);
            Assert.Equal((i == 5, i == 5), (isReported, step.RetryIn == Seconds(30)));
            await WaitOutAsync(step.RetryIn!.Value.TotalSeconds);
            peer = await Server.AcceptConnectedAsync();
            await StepAsync(MqttConnectionState.Reconnecting);
            await StepAsync(MqttConnectionState.Connected);
        }
    }

    [Fact(DisplayName = "closes after a second, or on 5.0, are no takeover")]
    public async Task Slow_closes()
    {
        (_, ScriptedPeer peer) = await ConnectAsync(Timed(MqttProtocolVersion.V311));
        for (int i = 1; i <= 6; i++)
        {
            Time.Advance(Seconds(1));
            peer.ShutdownSend();
            await peer.ExpectClosedAsync();
            MqttConnectionEventArgs step = await StepAsync(MqttConnectionState.Reconnecting);
            Assert.DoesNotContain("another client", step.Explanation, StringComparison.Ordinal);
            await WaitOutAsync(step.RetryIn!.Value.TotalSeconds);
            peer = await Server.AcceptConnectedAsync();
            await StepAsync(MqttConnectionState.Reconnecting);
            await StepAsync(MqttConnectionState.Connected);
        }
    }

    [Fact(DisplayName = "without reconnecting a lost connection is the end: of subscriptions, of operations, of publishing")]
    public async Task Disabled()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options() with { Reconnect = new ReconnectPolicy { Enabled = false } });
        MqttSubscription subscription = await SubscribeAsync(client, peer, "t");
        Task publish = client.PublishAsync("t", "x"u8.ToArray(), MqttQualityOfService.ExactlyOnce).AsTask();
        await peer.ExpectPublishAsync();
        peer.Abort();
        MqttConnectionEventArgs step = await StepAsync(MqttConnectionState.Disconnected);
        Assert.Null(step.RetryIn);
        Assert.Equal(MqttOperationFailure.Disconnected, (await FailsAsync<MqttOperationException>(publish)).Failure);
        Assert.False(await subscription.WaitToReadAsync().AsTask().WaitAsync(Limit));
        Assert.NotNull(subscription.EndReason);
        var refused = await Assert.ThrowsAsync<MqttOperationException>(
            async () => await client.PublishAsync("t", "x"u8.ToArray(), MqttQualityOfService.AtLeastOnce));
        Assert.Equal(MqttOperationFailure.NotConnected, refused.Failure);
        Assert.False(Server.HasPendingConnection);
    }

    [Theory(DisplayName = "disconnecting ends the wait for the next attempt, and the attempt itself"), InlineData(true), InlineData(false)]
    public async Task Disconnect_while_reconnecting(bool duringDelay)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Timed());
        Task publish = client.PublishAsync("t", "x"u8.ToArray(), MqttQualityOfService.AtLeastOnce).AsTask();
        await peer.ExpectPublishAsync();
        peer.Abort();
        await StepAsync(MqttConnectionState.Reconnecting);
        if (!duringDelay)
        {
            await WaitOutAsync(0.25);
            await (await Server.AcceptAsync()).ExpectAsync<ConnectPacket>();
            await StepAsync(MqttConnectionState.Reconnecting);
        }

        await client.DisconnectAsync(new MqttDisconnectOptions { DrainTimeout = TimeSpan.Zero }).WaitAsync(Limit);
        await StepAsync(MqttConnectionState.Disconnected);
        Assert.Equal(MqttConnectionState.Disconnected, client.State);
        Assert.Equal(MqttOperationFailure.Disconnected, (await FailsAsync<MqttOperationException>(publish)).Failure);
        Assert.False(HasStep);
    }

    [Fact(DisplayName = "the steps of a life are one ordered sequence, each with what it was about; Connecting, Connected, ConnectFailed and Disconnected say the same")]
    public async Task Steps()
    {
        var named = new List<string>();
        MqttClient client = Client(Options());
        client.Connecting += (_, e) => named.Add($"connecting {e.State}");
        client.Connected += (_, e) => named.Add($"connected {e.State} {e.Result!.ReasonCode}");
        client.ConnectFailed += (_, e) => named.Add($"failed {e.State} {e.ReasonCode}");
        client.Disconnected += (_, e) => named.Add($"disconnected {e.State} {e.ReasonCode} {e.ByServer}");
        Task connect = client.ConnectAsync();
        await Server.AcceptConnectedAsync(new ConnAckPacket { ReasonCode = MqttReasonCode.ServerBusy });
        await FailsAsync<MqttConnectException>(connect);
        connect = client.ConnectAsync();
        ScriptedPeer peer = await Server.AcceptConnectedAsync();
        await connect.WaitAsync(Limit);
        await peer.SendAsync(new DisconnectPacket { ReasonCode = MqttReasonCode.ServerShuttingDown });
        peer = await Server.AcceptConnectedAsync();
        for (int i = 0; i < 7; i++)
        {
            await StepAsync(new[]
            {
                MqttConnectionState.Connecting, MqttConnectionState.Disconnected, MqttConnectionState.Connecting, MqttConnectionState.Connected,
                MqttConnectionState.Reconnecting, MqttConnectionState.Reconnecting, MqttConnectionState.Connected,
            }[i]);
        }

        Task disconnect = client.DisconnectAsync();
        await peer.ExpectDisconnectAsync(MqttReasonCode.Success);
        peer.Dispose();
        await disconnect.WaitAsync(Limit);
        MqttConnectionEventArgs last = await StepAsync(MqttConnectionState.Disconnected);
        Assert.Equal((null, false), (last.Error, last.ByServer));
        await client.DisposeAsync();
        Assert.Equal(
            [
                "connecting Connecting", "failed Disconnected ServerBusy", "connecting Connecting", "connected Connected Success",
                "disconnected Reconnecting ServerShuttingDown True", "connecting Reconnecting", "connected Connected Success",
                "disconnected Disconnected  False",
            ],
            named);
    }

    /// <summary>Waits until a delay has begun, and shows that nothing is tried before its end.</summary>
    private async Task WaitOutAsync(double seconds)
    {
        await Time.TimerAsync(Seconds(seconds));
        Time.Advance(Seconds(seconds) - TimeSpan.FromMilliseconds(10));
        Assert.False(Server.HasPendingConnection);
        Time.Advance(TimeSpan.FromMilliseconds(10));
    }
}
