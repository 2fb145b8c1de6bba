using System.Reflection;
using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Sessions;
using PSMqtt.Protocol.Tests.Scripted;

namespace PSMqtt.Protocol.Tests.Connections;

/// <summary>Every operation can be cancelled, has a time, and ends when the client is disposed.</summary>
public sealed class OperationTests : ConnectionTest
{
    private const string Method = "TEST";
    private static readonly TimeSpan s_time = TimeSpan.FromSeconds(5);

    /// <summary>Operations that a server, a store or a consumer can keep waiting.</summary>
    private static readonly Dictionary<string, Func<Stage, TimeSpan, CancellationToken, Task>> s_operations = new()
    {
        ["PublishAsync of a message"] = static (s, time, token) => s.Client.PublishAsync(s.Message, time, token).AsTask(),
        ["PublishAsync of parts"] = static (s, time, token) =>
            s.Client.PublishAsync("t", "x"u8.ToArray(), MqttQualityOfService.ExactlyOnce, false, time, token).AsTask(),
        ["SubscribeAsync"] = static (s, time, token) => s.Client.SubscribeAsync([new MqttTopicSubscription("new")], null, time, token),
        ["UnsubscribeAsync"] = static (s, time, token) => s.Client.UnsubscribeAsync(s.Subscription, time, token),
        ["ReauthenticateAsync"] = static (s, time, token) => s.Client.ReauthenticateAsync(time, token),
        ["PostAsync"] = static async (s, time, token) =>
        {
            ValueTask room;
            while ((room = s.Publisher.PostAsync(s.Message, s.Publisher.Outstanding < 4096 ? Timeout.InfiniteTimeSpan : time, token)).IsCompletedSuccessfully)
            {
            }

            await room;
        },
        ["FlushAsync"] = static async (s, time, token) =>
        {
            await s.Publisher.PostAsync(s.Message, token);
            await s.Publisher.FlushAsync(time, token);
        },
        ["CommitAsync"] = static async (s, time, token) =>
        {
            await s.Publisher.PostAsync(s.Message, token);
            await s.Publisher.CommitAsync(time, token);
        },
        ["WaitToReadAsync"] = static (s, time, token) => s.Subscription.WaitToReadAsync(time, token).AsTask(),
        ["ReadAllAsync"] = static async (s, time, token) =>
        {
            await foreach (MqttMessage message in s.Subscription.ReadAllAsync(time, token))
            {
                Assert.Fail($"A message came: {message}");
            }
        },
    };

    public static TheoryData<string> Operations => [.. s_operations.Keys];

    [Fact(DisplayName = "every public operation takes a cancellation token and a timeout")]
    public void Signatures()
    {
        MethodInfo[] methods =
        [
            .. new[] { typeof(MqttClient), typeof(MqttPublisher), typeof(MqttSubscription) }
                .SelectMany(static type => type.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly))
                .Where(static method => IsWait(method.ReturnType) && method.Name != nameof(IAsyncDisposable.DisposeAsync)),
        ];
        Assert.All(methods, static method => Assert.Equal(typeof(CancellationToken), method.GetParameters()[^1].ParameterType));
        string[] timed = [.. methods.Where(static method => method.GetParameters().Any(static p => p.Name == "timeout"
            && (p.ParameterType == typeof(TimeSpan) || p.ParameterType == typeof(TimeSpan?)))).Select(static method => method.Name).Distinct().Order()];
        Assert.Equal(methods.Select(static method => method.Name).Distinct().Order(), timed);
        Assert.Equal(
            [
                "AcknowledgeAsync", "CommitAsync", "ConnectAsync", "DisconnectAsync", "FlushAsync", "PostAsync", "PublishAsync", "ReadAllAsync",
                "ReauthenticateAsync", "SubscribeAsync", "UnsubscribeAsync", "WaitToReadAsync",
            ],
            timed);
    }

    [Theory(DisplayName = "an operation that is not answered ends after its time, and says what it waited for; the connection goes on"), MemberData(nameof(Operations))]
    public async Task Times_out(string operation)
    {
        Stage stage = await SetAsync(operation, Time);
        Task waiting = s_operations[operation](stage, s_time, default);
        await Time.TimerAsync(s_time);
        Assert.False(waiting.IsCompleted);
        Time.Advance(s_time + TimeSpan.FromMilliseconds(10));
        string message = (await FailsAsync<TimeoutException>(waiting)).Message;
        Assert.Contains("within 5 s", message, StringComparison.Ordinal);
        await GoesOnAsync(stage);
    }

    [Theory(DisplayName = "an operation that is not answered ends when its token is cancelled; the connection goes on"), MemberData(nameof(Operations))]
    public async Task Cancelled(string operation)
    {
        Stage stage = await SetAsync(operation, TimeProvider.System);
        using var cancellation = new CancellationTokenSource();
        Task waiting = s_operations[operation](stage, Timeout.InfiniteTimeSpan, cancellation.Token);
        Assert.False(waiting.IsCompleted);
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting.WaitAsync(Limit));
        await GoesOnAsync(stage);
    }

    [Theory(DisplayName = "disposing the client ends an operation that waits: with a clear error, or because there is no more to come"), MemberData(nameof(Operations))]
    public async Task Disposed(string operation)
    {
        Stage stage = await SetAsync(operation, TimeProvider.System);
        Task waiting = s_operations[operation](stage, Timeout.InfiniteTimeSpan, default);
        Task dispose = stage.Client.DisposeAsync().AsTask();
        stage.Peer.Dispose();
        await dispose.WaitAsync(Limit);
        Exception? error = await Record.ExceptionAsync(() => waiting.WaitAsync(Limit));
        bool mayEnd = operation is "WaitToReadAsync" or "ReadAllAsync" or "FlushAsync" or "UnsubscribeAsync";
        Assert.True(
            (error is null && mayEnd) || error is MqttOperationException or ObjectDisposedException or MqttConnectException,
            $"{operation}: {error?.ToString() ?? "it ended as if it had been answered"}");
    }

    [Fact(DisplayName = "ConnectAsync ends after its time, whatever the attempt is waiting for, and can be tried again")]
    public async Task Connect_times_out()
    {
        MqttClient client = Client(Options() with { TimeProvider = Time });
        Task connect = client.ConnectAsync(s_time);
        ScriptedPeer silent = await Server.AcceptAsync();
        await silent.ExpectAsync<ConnectPacket>();
        await Time.TimerAsync(s_time);
        Time.Advance(s_time);
        Assert.Contains("within 5 s", (await FailsAsync<TimeoutException>(connect)).Message, StringComparison.Ordinal);
        Assert.Equal(MqttConnectionState.Disconnected, client.State);
        await silent.ExpectClosedAsync();
        Task<MqttConnectResult> again = client.ConnectAsync(s_time);
        await Server.AcceptConnectedAsync();
        await again.WaitAsync(Limit);
    }

    [Fact(DisplayName = "a message is not acknowledged by a call whose token is cancelled, and is by the next; a time that is none is refused")]
    public async Task Acknowledge()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options());
        Task<MqttSubscription> subscribe = client.SubscribeAsync(
            [new MqttTopicSubscription("a")], new MqttSubscriptionOptions { ManualAcknowledge = true });
        await GrantAsync(peer);
        MqttSubscription subscription = await subscribe.WaitAsync(Limit);
        await peer.SendPublishAsync("a", "x", MqttQualityOfService.AtLeastOnce, 7);
        MqttMessage message = await ReadAsync(subscription);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => client.AcknowledgeAsync(message, cancellationToken: new CancellationToken(true)).AsTask());
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => client.AcknowledgeAsync(message, timeout: TimeSpan.FromSeconds(-7)).AsTask());
        Assert.Equal(1, client.Counters.Unacknowledged);
        await client.AcknowledgeAsync(message, timeout: s_time);
        Assert.Equal(7, (await peer.ExpectAcknowledgementAsync(MqttPacketType.PubAck)).PacketIdentifier);
    }

    [Theory(DisplayName = "Disconnect while the first connection is still being made waits for it, and for what is queued, then says DISCONNECT"), InlineData(true), InlineData(false)]
    public async Task Disconnect_before_the_first_connection(bool isStarted)
    {
        MqttClient client = Client(Options());
        Task connect = Task.CompletedTask;
        if (isStarted)
        {
            client.Start();
        }
        else
        {
            connect = client.ConnectAsync();
        }

        ScriptedPeer peer = await Server.AcceptAsync();
        await peer.ExpectAsync<ConnectPacket>();
        Task<MqttPublishResult> publish = client.PublishAsync("t", "x"u8.ToArray(), MqttQualityOfService.AtLeastOnce).AsTask();
        Task disconnect = client.DisconnectAsync(Timeout.InfiniteTimeSpan);
        await peer.SendAsync(new ConnAckPacket());
        ReceivedPublish sent = await peer.ExpectPublishAsync();
        Assert.False(disconnect.IsCompleted);
        await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, sent.PacketIdentifier);
        await peer.ExpectDisconnectAsync(MqttReasonCode.Success);
        peer.Dispose();
        await disconnect.WaitAsync(Limit);
        await connect.WaitAsync(Limit);
        Assert.Equal(MqttReasonCode.Success, (await publish.WaitAsync(Limit)).ReasonCode);
        Assert.Equal(0, client.Counters.MessagesAbandoned);
    }

    [Fact(DisplayName = "Disconnect before the first connection gives up after its time, and counts what was queued; with nothing queued it does not wait")]
    public async Task Disconnect_without_a_connection()
    {
        MqttClient client = Client(Options() with { TimeProvider = Time });
        client.Start();
        ScriptedPeer peer = await Server.AcceptAsync();
        await peer.ExpectAsync<ConnectPacket>();
        Task[] publishes =
        [
            client.PublishAsync("t", "1"u8.ToArray(), MqttQualityOfService.AtLeastOnce).AsTask(),
            client.PublishAsync("t", "2"u8.ToArray(), MqttQualityOfService.ExactlyOnce).AsTask(),
        ];
        Task disconnect = client.DisconnectAsync(s_time);
        await Time.TimerAsync(s_time);
        Assert.False(disconnect.IsCompleted);
        Time.Advance(s_time);
        await disconnect.WaitAsync(Limit);
        Assert.Equal(2, client.Counters.MessagesAbandoned);
        foreach (Task publish in publishes)
        {
            Assert.Equal(MqttOperationFailure.Disconnected, (await FailsAsync<MqttOperationException>(publish)).Failure);
        }

        client.Start();
        await Server.AcceptAsync();
        await client.DisconnectAsync(Timeout.InfiniteTimeSpan).WaitAsync(Limit);
    }

    private static bool IsWait(Type type) =>
        type == typeof(Task) || type == typeof(ValueTask)
        || (type.IsGenericType && type.GetGenericTypeDefinition() is var generic
            && (generic == typeof(Task<>) || generic == typeof(ValueTask<>) || generic == typeof(IAsyncEnumerable<>)));

    private async Task<Stage> SetAsync(string operation, TimeProvider time)
    {
        MqttClientOptions options = Options() with
        {
            KeepAlive = TimeSpan.Zero,
            TimeProvider = time,
            OperationTimeout = Timeout.InfiniteTimeSpan,
            Authentication = new Unending(),
            SessionStore = operation == "CommitAsync" ? new StuckStore() : null,
        };
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(options, new ConnAckPacket { AuthenticationMethod = Method });
        MqttSubscription subscription = await SubscribeAsync(client, peer, "read");
        return new Stage(client, peer, subscription, client.CreatePublisher());
    }

    private static async Task GoesOnAsync(Stage stage)
    {
        // What was stuck there is the disk, with all that rests on it.
        (stage.Client.Options.SessionStore as StuckStore)?.Release();
        await stage.Client.PublishAsync("marker", "still here"u8.ToArray()).AsTask().WaitAsync(Limit);
        while (await stage.Peer.NextOrClosedAsync() is var packet && packet is not ReceivedPublish { Text: "still here" })
        {
            Assert.NotNull(packet);
        }
    }

    private sealed record Stage(MqttClient Client, ScriptedPeer Peer, MqttSubscription Subscription, MqttPublisher Publisher)
    {
        public MqttMessage Message { get; } = new("t", "x", MqttQualityOfService.AtLeastOnce);
    }

    /// <summary>A method whose exchange the server has to go on with.</summary>
    private sealed class Unending : IEnhancedAuthentication
    {
        string IEnhancedAuthentication.Method => OperationTests.Method;

        public ValueTask<ReadOnlyMemory<byte>?> BeginAsync(CancellationToken cancellationToken) => new((ReadOnlyMemory<byte>?)new byte[] { 1 });

        public ValueTask<ReadOnlyMemory<byte>?> ContinueAsync(ReadOnlyMemory<byte>? data, CancellationToken cancellationToken) =>
            new((ReadOnlyMemory<byte>?)new byte[] { 2 });

        public ValueTask CompleteAsync(ReadOnlyMemory<byte>? data, CancellationToken cancellationToken) => default;
    }

    /// <summary>A store whose disk does not answer.</summary>
    private sealed class StuckStore : ISessionStore
    {
        private readonly TaskCompletionSource _flushed = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public bool IsDurable => true;

        public ValueTask<SessionContents> OpenAsync(string clientId, CancellationToken cancellationToken) => new(SessionContents.Empty);

        public void EnsureRoom(int payloadLength)
        {
        }

        public void Append(SessionChange change)
        {
        }

        public ValueTask FlushAsync(CancellationToken cancellationToken) => new(_flushed.Task);

        public void Release() => _flushed.TrySetResult();

        public ValueTask DisposeAsync() => default;
    }
}
