using System.Text;
using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Tests.Scripted;

namespace PSMqtt.Protocol.Tests.Sessions;

/// <summary>A client against a scripted server: what one test has made ends with it.</summary>
public abstract class SessionTest : IAsyncDisposable
{
    /// <summary>Only ends a failed test: what is waited for comes at once.</summary>
    private static readonly TimeSpan s_timeLimit = TimeSpan.FromSeconds(60);

    private readonly List<MqttClient> _clients = [];

    public static TheoryData<MqttProtocolVersion> Versions =>
        [MqttProtocolVersion.V310, MqttProtocolVersion.V311, MqttProtocolVersion.V500];

    public static TheoryData<MqttProtocolVersion> VersionsBefore5 => [MqttProtocolVersion.V310, MqttProtocolVersion.V311];

    private protected ScriptedServer Server { get; } = new();

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        foreach (MqttClient client in _clients)
        {
            await Soon(client.DisposeAsync().AsTask());
        }

        GC.SuppressFinalize(this);
    }

    /// <summary>A client that reconnects at once, and whose server keeps the session: no clean start, so that the first CONNACK decides.</summary>
    private protected MqttClientOptions Options(MqttProtocolVersion version) => new()
    {
        Servers = [Server.Endpoint],
        ProtocolVersion = version,
        ClientId = "tester",
        KeepAlive = TimeSpan.Zero,
        CleanStart = false,
        PersistentSession = true,
        Reconnect = new ReconnectPolicy { Delay = TimeSpan.Zero, Jitter = static _ => TimeSpan.Zero },
    };

    private protected MqttClient NewClient(MqttClientOptions options)
    {
        var client = new MqttClient(options);
        _clients.Add(client);
        return client;
    }

    private protected Task<(MqttClient Client, ScriptedPeer Peer)> ConnectAsync(MqttProtocolVersion version, ConnAckPacket? connAck = null) =>
        ConnectAsync(Options(version), connAck);

    private protected async Task<(MqttClient Client, ScriptedPeer Peer)> ConnectAsync(MqttClientOptions options, ConnAckPacket? connAck = null)
    {
        MqttClient client = NewClient(options);
        return (client, await ConnectAsync(client, connAck));
    }

    private protected async Task<ScriptedPeer> ConnectAsync(MqttClient client, ConnAckPacket? connAck = null)
    {
        Task<MqttConnectResult> connect = client.ConnectAsync();
        ScriptedPeer peer = await Server.AcceptConnectedAsync(connAck);
        await Soon(connect);
        return peer;
    }

    /// <summary>Cuts the connection and accepts the client's next.</summary>
    private protected async Task<ScriptedPeer> ReconnectAsync(ScriptedPeer peer, bool sessionPresent, ConnAckPacket? connAck = null)
    {
        peer.Abort();
        return connAck is null
            ? await Server.AcceptConnectedAsync(new ConnAckPacket { SessionPresent = sessionPresent })
            : await Server.AcceptConnectedAsync(connAck);
    }

    /// <summary>Subscribes, the server granting what is asked for.</summary>
    private protected static async Task<MqttSubscription> SubscribeAsync(
        MqttClient client, ScriptedPeer peer, string filter, MqttSubscriptionOptions? options = null, MqttQualityOfService qos = MqttQualityOfService.ExactlyOnce)
    {
        Task<MqttSubscription> subscribe = client.SubscribeAsync([new MqttTopicSubscription(filter, qos)], options);
        await GrantAsync(peer);
        return await Soon(subscribe);
    }

    /// <summary>Waits for a SUBSCRIBE and grants it.</summary>
    private protected static async Task<SubscribePacket> GrantAsync(ScriptedPeer peer)
    {
        SubscribePacket packet = await peer.ExpectAsync<SubscribePacket>();
        await peer.SendAsync(new SubAckPacket
        {
            PacketIdentifier = packet.PacketIdentifier,
            ReasonCodes = [(MqttReasonCode)packet.Subscriptions[0].QoS],
        });
        return packet;
    }

    private protected static async Task<UnsubscribePacket> ConfirmUnsubscribeAsync(ScriptedPeer peer)
    {
        UnsubscribePacket packet = await peer.ExpectAsync<UnsubscribePacket>();
        await peer.SendAsync(new UnsubAckPacket { PacketIdentifier = packet.PacketIdentifier, ReasonCodes = [MqttReasonCode.Success] });
        return packet;
    }

    private protected static Task<MqttPublishResult> Publish(
        MqttClient client, string text, MqttQualityOfService qos = MqttQualityOfService.AtLeastOnce, string topic = "t", CancellationToken cancellationToken = default) =>
        client.PublishAsync(topic, Encoding.UTF8.GetBytes(text), qos, false, cancellationToken).AsTask();

    /// <summary>
    /// The client has handled all that was sent before, and has sent nothing in answer: a PUBREL for an unknown identifier is answered at once.
    /// </summary>
    private protected static async Task BarrierAsync(ScriptedPeer peer)
    {
        await peer.SendAcknowledgementAsync(MqttPacketType.PubRel, ushort.MaxValue);
        AcknowledgementPacket answer = await peer.ExpectAcknowledgementAsync(MqttPacketType.PubComp);
        Assert.Equal(ushort.MaxValue, answer.PacketIdentifier);
    }

    /// <summary>Nothing that was asked of the client before has been sent: the next packet is one that cannot be held back.</summary>
    private protected static async Task ExpectNothingSentAsync(MqttClient client, ScriptedPeer peer)
    {
        await Soon(Publish(client, "marker", MqttQualityOfService.AtMostOnce, "marker"));
        ReceivedPublish marker = await peer.ExpectPublishAsync();
        Assert.Equal(("marker", "marker"), (marker.Topic.Length == 0 ? "marker" : marker.Topic, marker.Text));
    }

    private protected static async Task<ReceivedPublish> ExpectPublishAsync(ScriptedPeer peer, string text, bool duplicate = false)
    {
        ReceivedPublish publish = await peer.ExpectPublishAsync();
        Assert.Equal((text, duplicate), (publish.Text, publish.Duplicate));
        return publish;
    }

    private protected static async Task ExpectAcknowledgementAsync(ScriptedPeer peer, MqttPacketType type, int packetIdentifier) =>
        Assert.Equal(packetIdentifier, (await peer.ExpectAcknowledgementAsync(type)).PacketIdentifier);

    private protected static async Task<MqttMessage> ReadAsync(MqttSubscription subscription)
    {
        Assert.True(await Soon(subscription.WaitToReadAsync().AsTask()));
        Assert.True(subscription.TryRead(out MqttMessage? message));
        return message;
    }

    /// <summary>Waits for what the test says will happen; a test that fails must end too.</summary>
    private protected static Task Soon(Task task) => task.WaitAsync(s_timeLimit);

    private protected static Task<T> Soon<T>(Task<T> task) => task.WaitAsync(s_timeLimit);

    private protected static async Task<T> FailsAsync<T>(Task task)
        where T : Exception => await Assert.ThrowsAsync<T>(() => Soon(task));

    /// <summary>Waits until something is so that no event tells of; never for a time.</summary>
    private protected static async Task UntilAsync(Func<bool> condition)
    {
        using var limit = new CancellationTokenSource(s_timeLimit);
        while (!condition())
        {
            limit.Token.ThrowIfCancellationRequested();
            await Task.Delay(1, limit.Token);
        }
    }
}
