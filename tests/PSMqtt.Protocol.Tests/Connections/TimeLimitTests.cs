using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Tests.Scripted;

namespace PSMqtt.Protocol.Tests.Connections;

/// <summary>Time limits at their ends: negative ones and those that no timer takes are the caller's error, and nothing is sent; endless ones are endless.</summary>
public sealed class TimeLimitTests : ConnectionTest
{
    [Fact(DisplayName = "a negative time limit is refused wherever one is given, and nothing is sent")]
    public Task Negative() => RefusedAsync(TimeSpan.FromSeconds(-2), withPublish: true);

    [Fact(DisplayName = "a time limit that no timer takes is refused where a timer waits, and nothing is sent")]
    public Task Too_long() => RefusedAsync(TimeSpan.MaxValue, withPublish: false);

    [Fact(DisplayName = "a publish with the longest time limit there is waits for its acknowledgement")]
    public async Task Longest_publish()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options());
        Task publish = client.PublishAsync("t", new byte[1], MqttQualityOfService.AtLeastOnce, false, TimeSpan.MaxValue).AsTask();
        Task shorter = client.PublishAsync("t", new byte[1], MqttQualityOfService.AtLeastOnce, false, TimeSpan.FromMilliseconds(1)).AsTask();
        ReceivedPublish sent = await peer.ExpectPublishAsync();
        await FailsAsync<TimeoutException>(shorter);
        Assert.False(publish.IsCompleted);
        await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, sent.PacketIdentifier);
        await publish.WaitAsync(Limit);
    }

    [Fact(DisplayName = "a connect without a time limit waits for its CONNACK, and tries the next server when this one refuses")]
    public async Task Endless_connect()
    {
        MqttClient client = Client(Options() with
        {
            Servers = [Server.Endpoint, Server.Endpoint],
            ConnectTimeout = Timeout.InfiniteTimeSpan,
        });
        Task connect = client.ConnectAsync();
        using ScriptedPeer refused = await Server.AcceptConnectedAsync(new ConnAckPacket { ReasonCode = MqttReasonCode.ServerBusy });
        using ScriptedPeer peer = await Server.AcceptConnectedAsync();
        await connect.WaitAsync(Limit);
    }

    [Fact(DisplayName = "options with a time limit that is none are refused by name")]
    public void Options_that_are_no_time()
    {
        foreach (TimeSpan time in (TimeSpan[])[TimeSpan.Zero, TimeSpan.FromSeconds(-2), TimeSpan.MaxValue])
        {
            Assert.Equal("ConnectTimeout", Assert.Throws<ArgumentOutOfRangeException>(() => Client(Options() with { ConnectTimeout = time })).ParamName);
            Assert.Equal("OperationTimeout", Assert.Throws<ArgumentOutOfRangeException>(() => Client(Options() with { OperationTimeout = time })).ParamName);
        }
    }

    [Fact(DisplayName = "a choice of a delay that fails takes its upper bound: the connection is made again")]
    public async Task Failing_jitter()
    {
        (_, ScriptedPeer peer) = await ConnectAsync(Options() with
        {
            TimeProvider = Time,
            KeepAlive = TimeSpan.Zero,
            Reconnect = new ReconnectPolicy { Jitter = static _ => throw new InvalidOperationException("no dice") },
        });
        peer.Abort();
        TimeSpan delay = (await StepAsync(MqttConnectionState.Reconnecting)).RetryIn!.Value;
        Assert.Equal(TimeSpan.FromMilliseconds(250), delay);
        await Time.TimerAsync(delay);
        Time.Advance(delay);
        using ScriptedPeer next = await Server.AcceptConnectedAsync();
    }

    [Fact(DisplayName = "a delay that no timer takes is waited for as long as one can, and ends with the client")]
    public async Task Longest_delay()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options() with
        {
            Reconnect = new ReconnectPolicy { Jitter = static _ => TimeSpan.MaxValue },
        });
        peer.Abort();
        Assert.Equal(49, (await StepAsync(MqttConnectionState.Reconnecting)).RetryIn!.Value.Days);
        await client.DisposeAsync().AsTask().WaitAsync(Limit);
    }

    [Fact(DisplayName = "a negative delay before a reconnect is refused by name")]
    public void Negative_delay()
    {
        TimeSpan time = TimeSpan.FromSeconds(-1);
        var delay = Assert.Throws<ArgumentOutOfRangeException>(() => Client(Options() with { Reconnect = new ReconnectPolicy { Delay = time } }));
        Assert.Equal("Delay", delay.ParamName);
        var maximum = Assert.Throws<ArgumentOutOfRangeException>(() => Client(Options() with { Reconnect = new ReconnectPolicy { DelayMaximum = time } }));
        Assert.Equal("DelayMaximum", maximum.ParamName);
    }

    [Fact(DisplayName = "a session expiry that DISCONNECT cannot carry is refused, and the connection stays")]
    public async Task Session_expiry_of_disconnect()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options());
        foreach (TimeSpan time in (TimeSpan[])[TimeSpan.FromSeconds(-5), TimeSpan.FromSeconds(uint.MaxValue + 1L)])
        {
            await Assert.ThrowsAsync<ArgumentOutOfRangeException>(
                () => client.DisconnectAsync(new MqttDisconnectOptions { SessionExpiry = time }));
        }

        Assert.Equal(MqttConnectionState.Connected, client.State);
        Task disconnect = client.DisconnectAsync(new MqttDisconnectOptions { SessionExpiry = Timeout.InfiniteTimeSpan });
        Assert.Equal(uint.MaxValue, (await peer.ExpectDisconnectAsync(MqttReasonCode.Success)).SessionExpirySeconds);
        peer.Dispose();
        await disconnect.WaitAsync(Limit);
    }

    [Fact(DisplayName = "a payload format that does not exist, or is not true, is refused in a message and in a will")]
    public async Task Payload_format()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options());
        MqttMessage[] wrong =
        [
            new("t", "x") { PayloadFormat = (MqttPayloadFormat)7 },
            new("t", [0xFF]) { PayloadFormat = MqttPayloadFormat.Utf8 },
        ];
        foreach (MqttMessage message in wrong)
        {
            await Assert.ThrowsAsync<ArgumentException>(() => client.PublishAsync(message).AsTask());
            Assert.Throws<ArgumentException>(() => Client(Options() with { Will = message }));
        }

        await client.PublishAsync("good", new byte[1]);
        Assert.Equal("good", (await peer.ExpectPublishAsync()).Topic);
    }

    [Fact(DisplayName = "what was never sent says so when its client gives up")]
    public async Task Never_sent()
    {
        MqttClient client = Client(Options());
        using var cancellation = new CancellationTokenSource();
        Task connect = client.ConnectAsync(cancellation.Token);
        using ScriptedPeer peer = await Server.AcceptAsync();
        await peer.ExpectAsync<ConnectPacket>();
        Task publish = client.PublishAsync("t", new byte[1], MqttQualityOfService.AtLeastOnce).AsTask();
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => connect.WaitAsync(Limit));
        var error = await FailsAsync<MqttOperationException>(publish);
        Assert.Contains("before the message for 't' could be sent", error.Message, StringComparison.Ordinal);
    }

    private async Task RefusedAsync(TimeSpan time, bool withPublish)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options());
        MqttSubscription subscription = await SubscribeAsync(client, peer, "s");
        List<Func<Task>> calls =
        [
            () => client.SubscribeAsync([new MqttTopicSubscription("f")], null, time),
            () => client.UnsubscribeAsync(subscription, time),
            () => client.ReauthenticateAsync(time),
            () => client.DisconnectAsync(time),
            () => client.DisconnectAsync(new MqttDisconnectOptions { DrainTimeout = time }),
            () => client.ConnectAsync(time),
            () => subscription.WaitToReadAsync(time).AsTask(),
        ];
        if (withPublish)
        {
            calls.Add(() => client.PublishAsync("t", new byte[1], MqttQualityOfService.AtLeastOnce, false, time).AsTask());
            calls.Add(() => client.PublishAsync(new MqttMessage("t", "x"), time).AsTask());
            calls.Add(() => Task.FromResult(client.CreatePublisher(timeout: time)));
        }

        foreach (Func<Task> call in calls)
        {
            var error = await Assert.ThrowsAsync<ArgumentOutOfRangeException>(call);
            Assert.Contains("InfiniteTimeSpan", error.Message, StringComparison.Ordinal);
        }

        Assert.Equal(MqttConnectionState.Connected, client.State);
        Assert.True(subscription.IsActive);
        await client.PublishAsync("next", new byte[1]);
        Assert.Equal("next", (await peer.ExpectPublishAsync()).Topic);
    }
}
