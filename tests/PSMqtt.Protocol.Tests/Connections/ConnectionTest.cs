using System.Threading.Channels;
using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Tests.Scripted;

namespace PSMqtt.Protocol.Tests.Connections;

/// <summary>A client, a server that follows a script, a clock that the test moves, and every step that the client reports.</summary>
public abstract class ConnectionTest : IAsyncDisposable
{
    private readonly List<MqttClient> _clients = [];
    private readonly Channel<MqttConnectionEventArgs> _steps = Channel.CreateUnbounded<MqttConnectionEventArgs>();

    public static TheoryData<MqttProtocolVersion> All => [MqttProtocolVersion.V310, MqttProtocolVersion.V311, MqttProtocolVersion.V500];

    public static TheoryData<MqttProtocolVersion> Older => [MqttProtocolVersion.V310, MqttProtocolVersion.V311];

    internal ScriptedServer Server { get; } = new();

    internal ManualTime Time { get; } = new();

    /// <summary>How long a test waits for what must come at once.</summary>
    protected static TimeSpan Limit { get; } = TimeSpan.FromSeconds(60);

    public virtual async ValueTask DisposeAsync()
    {
        // The server first: a client that says good-bye waits a moment for a peer that stays.
        await Server.DisposeAsync();
        foreach (MqttClient client in _clients)
        {
            await client.DisposeAsync().AsTask().WaitAsync(Limit);
        }

        GC.SuppressFinalize(this);
    }

    /// <summary>Options without surprises: one server, one version, no delay before a reconnect.</summary>
    protected MqttClientOptions Options(MqttProtocolVersion? version = MqttProtocolVersion.V500) => new()
    {
        Servers = [Server.Endpoint],
        ClientId = "me",
        ProtocolVersion = version,
        Reconnect = new ReconnectPolicy { Jitter = static _ => TimeSpan.Zero },
    };

    protected MqttClient Client(MqttClientOptions options)
    {
        var client = new MqttClient(options);
        client.StateChanged += (_, step) => _steps.Writer.TryWrite(step);
        _clients.Add(client);
        return client;
    }

    /// <summary>A connected client, and the server's end of its connection.</summary>
    internal async Task<(MqttClient Client, ScriptedPeer Peer)> ConnectAsync(MqttClientOptions options, ConnAckPacket? connAck = null)
    {
        MqttClient client = Client(options);
        Task<MqttConnectResult> connect = client.ConnectAsync();
        ScriptedPeer peer = await Server.AcceptConnectedAsync(connAck);
        await connect.WaitAsync(Limit);
        await StepAsync(MqttConnectionState.Connecting);
        await StepAsync(MqttConnectionState.Connected);
        return (client, peer);
    }

    /// <summary>The next step that a client reports.</summary>
    protected async Task<MqttConnectionEventArgs> StepAsync(MqttConnectionState state)
    {
        MqttConnectionEventArgs step = await _steps.Reader.ReadAsync().AsTask().WaitAsync(Limit);
        Assert.True(state == step.State, $"Expected {state}, but {step.State} came: {step.Explanation}");
        return step;
    }

    /// <summary>Whether a further step was reported already.</summary>
    protected bool HasStep => _steps.Reader.TryPeek(out _);

    /// <summary>Subscribes to a filter, and grants it.</summary>
    internal static async Task<MqttSubscription> SubscribeAsync(
        MqttClient client, ScriptedPeer peer, string filter, MqttQualityOfService qos = MqttQualityOfService.AtMostOnce)
    {
        Task<MqttSubscription> subscribe = client.SubscribeAsync(filter, qos);
        await GrantAsync(peer);
        return await subscribe.WaitAsync(Limit);
    }

    /// <summary>Waits for a SUBSCRIBE and grants it, or answers as told.</summary>
    internal static async Task<SubscribePacket> GrantAsync(ScriptedPeer peer, MqttReasonCode? code = null)
    {
        SubscribePacket packet = await peer.ExpectAsync<SubscribePacket>();
        var granted = (MqttReasonCode)packet.Subscriptions[0].QoS;
        await peer.SendAsync(new SubAckPacket { PacketIdentifier = packet.PacketIdentifier, ReasonCodes = [code ?? granted] });
        return packet;
    }

    internal static async Task<UnsubscribePacket> AnswerUnsubscribeAsync(ScriptedPeer peer, MqttReasonCode code = MqttReasonCode.Success)
    {
        UnsubscribePacket packet = await peer.ExpectAsync<UnsubscribePacket>();
        bool is5 = peer.Version == MqttProtocolVersion.V500;
        await peer.SendAsync(new UnsubAckPacket { PacketIdentifier = packet.PacketIdentifier, ReasonCodes = is5 ? [code] : [] });
        return packet;
    }

    protected static async Task<MqttMessage> ReadAsync(MqttSubscription subscription)
    {
        Assert.True(await subscription.WaitToReadAsync().AsTask().WaitAsync(Limit), "The subscription has ended.");
        Assert.True(subscription.TryRead(out MqttMessage? message));
        return message;
    }

    /// <summary>Waits for a task that must fail.</summary>
    protected static Task<T> FailsAsync<T>(Task task)
        where T : Exception =>
        Assert.ThrowsAsync<T>(() => task.WaitAsync(Limit));
}
