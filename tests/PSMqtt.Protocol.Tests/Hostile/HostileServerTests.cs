using System.Threading.Channels;
using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Tests.Packets;
using PSMqtt.Protocol.Tests.Scripted;

namespace PSMqtt.Protocol.Tests.Hostile;

/// <summary>
/// A server that shakes hands and then breaks the specification. Each time the connection is closed, 5.0 says why to the server and every version to
/// the user, and the next connection works.
/// </summary>
public sealed class HostileServerTests
{
    public static TheoryData<string, MqttProtocolVersion> Packets =>
        new(HostilePackets.All.Select(packet => new TheoryDataRow<string, MqttProtocolVersion>(packet.Name, packet.Version)));

    [Theory(DisplayName =
        "[MQTT-4.13.1-1] [MQTT-4.13.2-1] [MQTT-2.1.3-1] [MQTT-1.5.4-1] [MQTT-1.5.4-2] [MQTT-1.5.5-1] [MQTT-3.3.1-2] [MQTT-3.3.1-4] [MQTT-3.3.2-2] [MQTT-3.6.1-1] "
        + "[MQTT-3.14.1-1] [MQTT-3.15.1-1] [MQTT-3.14.4-1] [MQTT-3.14.4-2] [MQTT-3.1.1: MQTT-2.2.2-2] [MQTT-3.1.1: MQTT-4.8.0-1] a forbidden packet ends the connection, "
        + "and the next one works")]
    [MemberData(nameof(Packets))]
    public async Task A_forbidden_packet_ends_the_connection_and_the_next_one_works(string name, MqttProtocolVersion version)
    {
        HostilePacket packet = HostilePackets.All.Single(p => p.Name == name && p.Version == version);
        await using var server = new ScriptedServer();
        await using MqttClient client = MakeClient(server, version);
        ChannelReader<MqttConnectionEventArgs> ends = Ends(client);
        Task<MqttConnectResult> connect = client.ConnectAsync();
        using ScriptedPeer peer = await server.AcceptConnectedAsync();
        await connect;
        MqttSubscription? subscription = await SubscribeAsync(client, peer);
        await BeginAsync(client, peer, packet.Waiting, subscription);

        await peer.SendRawAsync(packet.Hexadecimal);

        if (version == MqttProtocolVersion.V500)
        {
            await peer.ExpectDisconnectAsync(packet.ReasonCode);
        }
        else
        {
            await peer.ExpectClosedAsync();
        }

        peer.Dispose();
        MqttConnectionEventArgs ended = await ends.ReadAsync(TestContext.Current.CancellationToken);
        var error = Assert.IsType<MqttProtocolException>(ended.Error);
        Assert.Equal((packet.Statement, packet.ReasonCode), (error.Statement, error.ReasonCode));
        Assert.Contains(error.Message, ended.Explanation, StringComparison.Ordinal);
        Assert.NotNull(ended.RetryIn);
        Assert.False(ended.ByServer);
        await AssertWorksAsync(client, server);
    }

    [Theory(DisplayName = "[MQTT-3.1.1: MQTT-4.8.0-2] a packet cut off by the end of the connection does no harm, wherever it is cut")]
    [InlineData(MqttProtocolVersion.V311)]
    [InlineData(MqttProtocolVersion.V500)]
    public async Task A_packet_cut_off_by_the_end_of_the_connection_does_no_harm(MqttProtocolVersion version)
    {
        MqttPacketType[] fromServer =
        [
            MqttPacketType.Publish, MqttPacketType.PubAck, MqttPacketType.PubRec, MqttPacketType.PubRel, MqttPacketType.PubComp, MqttPacketType.SubAck,
            MqttPacketType.UnsubAck, MqttPacketType.Disconnect, MqttPacketType.Auth,
        ];
        byte[][] packets = [.. PacketExamples.Corpus
            .Where(c => c.Version == version && Array.IndexOf(fromServer, (MqttPacketType)(c.Bytes[0] >> 4)) >= 0)
            .Select(c => c.Bytes)
            .DistinctBy(Convert.ToHexString)];
        Assert.NotEmpty(packets);
        await using var server = new ScriptedServer();
        await using MqttClient client = MakeClient(server, version);
        ChannelReader<MqttConnectionEventArgs> ends = Ends(client);
        Task<MqttConnectResult> connect = client.ConnectAsync();
        foreach (byte[] packet in packets)
        {
            for (int length = 1; length < packet.Length; length++)
            {
                using ScriptedPeer peer = await server.AcceptConnectedAsync();
                await peer.SendRawAsync(packet.AsMemory(0, length));
                peer.ShutdownSend();
                await peer.ExpectClosedAsync();
                MqttConnectionEventArgs ended = await ends.ReadAsync(TestContext.Current.CancellationToken);
                Assert.IsType<IOException>(ended.Error);
            }
        }

        await connect;
        await AssertWorksAsync(client, server);
    }

    [Theory(DisplayName = "A message that comes just before the connection ends is delivered, even when what ends it is a broken packet")]
    [InlineData(MqttProtocolVersion.V311, "30 04 0001 61 31", "")]
    [InlineData(MqttProtocolVersion.V500, "30 05 0001 61 00 31", "")]
    [InlineData(MqttProtocolVersion.V311, "30 04 0001 61 31", "36 00")]
    [InlineData(MqttProtocolVersion.V500, "30 05 0001 61 00 31", "36 00")]
    [InlineData(MqttProtocolVersion.V500, "30 05 0001 61 00 31", "E0 01 8B")]
    public async Task A_message_that_comes_just_before_the_end_is_delivered(MqttProtocolVersion version, string message, string end)
    {
        await using var server = new ScriptedServer();
        await using MqttClient client = MakeClient(server, version);
        Task<MqttConnectResult> connect = client.ConnectAsync();
        using ScriptedPeer peer = await server.AcceptConnectedAsync();
        await connect;
        MqttSubscription subscription = await SubscribeAsync(client, peer);

        await peer.SendRawAsync(message + end);
        peer.Dispose();

        Assert.True(await subscription.WaitToReadAsync(TestContext.Current.CancellationToken));
        Assert.True(subscription.TryRead(out MqttMessage? received));
        Assert.Equal("1", received.Text);
    }

    internal static MqttClient MakeClient(ScriptedServer server, MqttProtocolVersion version) => new(new MqttClientOptions
    {
        Servers = [server.Endpoint],
        ClientId = "hostile",
        ProtocolVersion = version,
        ReceiveMaximum = 2,
        MaximumPacketSize = 65_536,
        KeepAlive = TimeSpan.Zero,
        Reconnect = new ReconnectPolicy { DelayMaximum = TimeSpan.FromMilliseconds(1) },
    });

    internal static ChannelReader<MqttConnectionEventArgs> Ends(MqttClient client)
    {
        var ends = Channel.CreateUnbounded<MqttConnectionEventArgs>();
        client.Disconnected += (_, step) => ends.Writer.TryWrite(step);
        return ends.Reader;
    }

    internal static async Task<MqttSubscription> SubscribeAsync(MqttClient client, ScriptedPeer peer)
    {
        Task<MqttSubscription> subscribe = client.SubscribeAsync("a", MqttQualityOfService.ExactlyOnce);
        SubscribePacket packet = await peer.ExpectAsync<SubscribePacket>();
        await peer.SendAsync(new SubAckPacket { PacketIdentifier = packet.PacketIdentifier, ReasonCodes = [MqttReasonCode.GrantedQoS2] });
        return await subscribe;
    }

    /// <summary>The next connection: what was subscribed is subscribed again, and a message is acknowledged.</summary>
    internal static async Task AssertWorksAsync(MqttClient client, ScriptedServer server, Task? connect = null)
    {
        using ScriptedPeer peer = await server.AcceptConnectedAsync();
        await (connect ?? Task.CompletedTask);
        Task<MqttPublishResult> publish = client.PublishAsync("works", "again"u8.ToArray(), MqttQualityOfService.AtLeastOnce).AsTask();
        while (!publish.IsCompleted)
        {
            switch (await peer.NextOrClosedAsync())
            {
                case SubscribePacket subscribe:
                    await peer.SendAsync(new SubAckPacket { PacketIdentifier = subscribe.PacketIdentifier, ReasonCodes = [MqttReasonCode.GrantedQoS2] });
                    break;
                case ReceivedPublish { QoS: MqttQualityOfService.AtLeastOnce } message:
                    await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, message.PacketIdentifier);
                    if (message.Topic == "works")
                    {
                        await publish;
                    }

                    break;
                case ReceivedPublish { QoS: MqttQualityOfService.ExactlyOnce } message:
                    await peer.SendAcknowledgementAsync(MqttPacketType.PubRec, message.PacketIdentifier);
                    break;
                case AcknowledgementPacket { Type: MqttPacketType.PubRel } release:
                    await peer.SendAcknowledgementAsync(MqttPacketType.PubComp, release.PacketIdentifier);
                    break;
                case UnsubscribePacket unsubscribe:
                    await peer.SendAsync(
                        new UnsubAckPacket { PacketIdentifier = unsubscribe.PacketIdentifier, ReasonCodes = [MqttReasonCode.Success] });
                    break;
                case null:
                    Assert.Fail($"The second connection was closed:{peer.Log}");
                    break;
            }
        }

        Assert.Equal(MqttReasonCode.Success, (await publish).ReasonCode);
    }

    private static async Task BeginAsync(MqttClient client, ScriptedPeer peer, Waiting waiting, MqttSubscription subscription)
    {
        switch (waiting)
        {
            case Waiting.PubAck:
                _ = client.PublishAsync("t", default, MqttQualityOfService.AtLeastOnce).AsTask();
                Assert.Equal(2, (await peer.ExpectPublishAsync()).PacketIdentifier);
                break;
            case Waiting.PubRec or Waiting.PubComp:
                _ = client.PublishAsync("t", default, MqttQualityOfService.ExactlyOnce).AsTask();
                Assert.Equal(2, (await peer.ExpectPublishAsync()).PacketIdentifier);
                if (waiting == Waiting.PubComp)
                {
                    await peer.SendAcknowledgementAsync(MqttPacketType.PubRec, 2);
                    await peer.ExpectAcknowledgementAsync(MqttPacketType.PubRel);
                }

                break;
            case Waiting.SubAck:
                _ = client.SubscribeAsync("b");
                Assert.Equal(2, (await peer.ExpectAsync<SubscribePacket>()).PacketIdentifier);
                break;
            case Waiting.UnsubAck:
                _ = client.UnsubscribeAsync(subscription);
                Assert.Equal(2, (await peer.ExpectAsync<UnsubscribePacket>()).PacketIdentifier);
                break;
        }
    }
}
