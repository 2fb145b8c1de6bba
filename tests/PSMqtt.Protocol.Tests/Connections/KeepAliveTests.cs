using PSMqtt.Protocol.Connections;
using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Tests.Scripted;
using PSMqtt.Protocol.Transports;

namespace PSMqtt.Protocol.Tests.Connections;

/// <summary>PINGREQ: when it is due, and what its absence of an answer means. All on a clock that the test moves.</summary>
public sealed class KeepAliveTests : ConnectionTest
{
    private static readonly TimeSpan s_tick = TimeSpan.FromMilliseconds(1);

    private MqttClientOptions Timed(MqttProtocolVersion version = MqttProtocolVersion.V500, int seconds = 60) => Options(version) with
    {
        TimeProvider = Time,
        KeepAlive = TimeSpan.FromSeconds(seconds),
    };

    [Theory(DisplayName = "[MQTT-3.1.2-20] [MQTT-3.1.1: MQTT-3.1.2-23] PINGREQ is sent before the keep-alive time ends, again and again"), MemberData(nameof(All))]
    public async Task Idle(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Timed(version));
        MqttSubscription subscription = await SubscribeAsync(client, peer, "t");
        for (int i = 0; i < 4; i++)
        {
            await AdvanceToPingAsync(client, peer);
            await AnswerAsync(peer, subscription);
        }

        Assert.Equal(MqttConnectionState.Connected, client.State);
        Assert.Equal(0, client.Counters.StrayAcknowledgements);
    }

    [Theory(DisplayName = "[MQTT-3.1.2-20] [MQTT-3.1.1: MQTT-3.1.2-23] messages that come in do not put a PINGREQ off"), MemberData(nameof(All))]
    public async Task Incoming_traffic(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Timed(version));
        MqttSubscription subscription = await SubscribeAsync(client, peer, "t");
        int pings = 0;
        Task<object?> next = peer.NextOrClosedAsync();
        for (int second = 1; second <= 300; second++)
        {
            await peer.SendPublishAsync("t", "x");
            await ReadAsync(subscription);
            Time.Advance(TimeSpan.FromSeconds(1));
            if (second - 60 * pings >= 60)
            {
                // By now one must be on its way.
                Assert.Equal(MqttPacketType.PingReq, await next.WaitAsync(Limit));
            }

            if (next.IsCompletedSuccessfully)
            {
                Assert.Equal(MqttPacketType.PingReq, await next);
                pings++;
                await peer.SendPingRespAsync();
                next = peer.NextOrClosedAsync();
            }
        }

        Assert.InRange(pings, 5, 8);
    }

    [Fact(DisplayName = "no PINGREQ is needed while our packets flow, but a server that says nothing is asked all the same, and given up after 1.5 keep-alive times")]
    public async Task Outgoing_traffic()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Timed());
        await Time.TimerAsync(TimeSpan.FromSeconds(45));
        for (int second = 1; second < 60; second++)
        {
            await client.PublishAsync("t", "x"u8.ToArray());
            Assert.Equal("t", (await peer.ExpectPublishAsync()).Topic);
            Time.Advance(TimeSpan.FromSeconds(1));
        }

        await client.PublishAsync("t", "x"u8.ToArray());
        await peer.ExpectPublishAsync();
        for (int i = 0; i < 4; i++)
        {
            Time.Advance(TimeSpan.FromSeconds(1));
        }

        await peer.ExpectPingReqAsync();
        for (int second = 64; second < 90; second++)
        {
            await client.PublishAsync("t", "x"u8.ToArray());
            await peer.ExpectPublishAsync();
            Time.Advance(TimeSpan.FromSeconds(1));
        }

        Time.Advance(TimeSpan.FromSeconds(4));
        Assert.Contains("not even the answer to a ping", (await StepAsync(MqttConnectionState.Reconnecting)).Explanation, StringComparison.Ordinal);
    }

    [Theory(DisplayName = "a half-open connection is noticed within 1.5 keep-alive times, and made again"), MemberData(nameof(All))]
    public async Task Half_open(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Timed(version));
        await Time.TimerAsync(TimeSpan.FromSeconds(45));
        await AdvanceToPingAsync(client, peer);
        await Time.TimerAsync(TimeSpan.FromSeconds(45));
        Time.Advance(TimeSpan.FromSeconds(45) - s_tick);
        Assert.False(HasStep);
        Time.Advance(s_tick);
        MqttConnectionEventArgs step = await StepAsync(MqttConnectionState.Reconnecting);
        Assert.Contains("the connection is dead", step.Explanation, StringComparison.Ordinal);
        Assert.NotNull(step.Error);
        using ScriptedPeer back = await Server.AcceptConnectedAsync();
    }

    [Fact(DisplayName = "a slow consumer is no dead peer: pings go on while the reader waits, and silence counts only once it reads again")]
    public async Task Slow_consumer()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Timed());
        Task<MqttSubscription> subscribe = client.SubscribeAsync(
            [new MqttTopicSubscription("t", MqttQualityOfService.AtMostOnce)], new MqttSubscriptionOptions { QueueLimit = 1 });
        await GrantAsync(peer);
        MqttSubscription subscription = await subscribe.WaitAsync(Limit);
        await peer.SendPublishAsync("t", "1");
        Assert.True(await subscription.WaitToReadAsync().AsTask().WaitAsync(Limit));
        for (int i = 0; i < 10; i++)
        {
            await AdvanceToPingAsync(client, peer);
            await peer.SendPingRespAsync();
        }

        Assert.Equal(MqttConnectionState.Connected, client.State);
        await peer.SendPublishAsync("t", "2");
        Assert.Equal("1", (await ReadAsync(subscription)).Text);
        Assert.Equal("2", (await ReadAsync(subscription)).Text);
        Assert.False(HasStep);
    }

    [Theory(DisplayName = "with a keep-alive of 0 there is no PINGREQ and no end"), MemberData(nameof(All))]
    public async Task Off(MqttProtocolVersion version)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Timed(version, seconds: 0));
        Assert.Equal(0, peer.Connect!.KeepAliveSeconds);
        MqttSubscription subscription = await SubscribeAsync(client, peer, "t");
        Time.Advance(TimeSpan.FromDays(7));
        await peer.SendPublishAsync("t", "x");
        await ReadAsync(subscription);
        await peer.ExpectNothingBufferedAsync();
        Assert.Equal(MqttConnectionState.Connected, client.State);
    }

    [Theory(DisplayName = "[MQTT-3.1.2-21] [MQTT-3.2.2-21] the server's keep-alive is used instead of ours, also where ours was off, and where its is"), InlineData(60, 20), InlineData(0, 20), InlineData(60, 0)]
    public async Task Server_keep_alive(int ours, int theirs)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Timed(seconds: ours), new ConnAckPacket { ServerKeepAlive = (ushort)theirs });
        Assert.Equal(TimeSpan.FromSeconds(theirs), client.ConnectResult!.KeepAlive);
        if (theirs > 0)
        {
            await Time.TimerAsync(TimeSpan.FromSeconds(theirs * 0.75));
            await AdvanceToPingAsync(client, peer, theirs);
            return;
        }

        MqttSubscription subscription = await SubscribeAsync(client, peer, "t");
        Time.Advance(TimeSpan.FromDays(1));
        await peer.SendPublishAsync("t", "x");
        await ReadAsync(subscription);
        await peer.ExpectNothingBufferedAsync();
    }

    [Fact(DisplayName = "a PINGRESP that answers nothing is ignored and counted")]
    public async Task Stray_answer()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Timed());
        MqttSubscription subscription = await SubscribeAsync(client, peer, "t");
        await AnswerAsync(peer, subscription);
        Assert.Equal((1, MqttConnectionState.Connected), (client.Counters.StrayAcknowledgements, client.State));
    }

    [Fact(DisplayName = "[MQTT-3.1.2-20] a send that is under way when a ping would be due puts it off by no more than a ping's time")]
    public async Task A_send_under_way()
    {
        var gate = new object();
        var transport = new HeldTransport();
        var writer = new ConnectionWriter(gate, transport, Time, static () => { }, static _ => { });
        var keepAlive = new KeepAlive(gate, Time, writer, TimeSpan.FromSeconds(60), static _ => { });

        // Paused, as with a slow consumer: the server's silence, which would have it look sooner, counts for nothing.
        keepAlive.Pause();
        Time.Advance(TimeSpan.FromSeconds(44));
        bool mustRun;
        lock (gate)
        {
            writer.Output.Write("0"u8);
            mustRun = writer.TryStart();
        }

        Assert.True(mustRun);
        writer.Run();
        Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(1, transport.Sends);
        Task idle = writer.WaitUntilIdleAsync();
        transport.Release();
        await idle.WaitAsync(Limit);

        for (int second = 0; second < 59 && transport.Sends == 1; second++)
        {
            Time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal(2, transport.Sends);
        Assert.Equal([0xC0, 0x00], transport.Last);
        keepAlive.Stop();
    }

    /// <summary>Moves the clock to the next PINGREQ, and shows that it does not come sooner than after three quarters of the time, nor later than its end.</summary>
    private async Task AdvanceToPingAsync(MqttClient client, ScriptedPeer peer, int period = 60)
    {
        using var limit = new CancellationTokenSource(Limit);
        while (client.Counters.BytesSent < peer.BytesReceived)
        {
            // A send that has not quite ended puts a ping off.
            await Task.Delay(1, limit.Token);
        }

        Time.Advance(TimeSpan.FromSeconds(period * 0.75) - s_tick);
        await peer.ExpectNothingBufferedAsync();
        Time.Advance(s_tick);
        await peer.ExpectPingReqAsync();
    }

    /// <summary>Answers a ping, and waits until the client has read it.</summary>
    private static async Task AnswerAsync(ScriptedPeer peer, MqttSubscription subscription)
    {
        await peer.SendPingRespAsync();
        await peer.SendPublishAsync("t", "x");
        await ReadAsync(subscription);
    }

    /// <summary>A connection that holds the first bytes back until it is told, and takes the others at once.</summary>
    private sealed class HeldTransport : ITransport
    {
        private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public string Description => "memory";

        public int Sends { get; private set; }

        public byte[] Last { get; private set; } = [];

        public void Release() => _released.SetResult();

        public ValueTask<int> ReceiveAsync(Memory<byte> buffer, CancellationToken cancellationToken) => new(0);

        public ValueTask SendAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken)
        {
            Sends++;
            Last = buffer.ToArray();
            return Sends == 1 ? new ValueTask(_released.Task) : ValueTask.CompletedTask;
        }

        public ValueTask ShutdownAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

        public void Abort()
        {
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
