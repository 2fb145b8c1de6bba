using System.Buffers;
using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Tests.Scripted;

namespace PSMqtt.Protocol.Tests.Hostile;

/// <summary>Peers that send much, or announce much, or take nothing: the client's memory follows what it keeps, not what they do.</summary>
[Collection(RunsAlone.Name)]
public sealed class FloodTests
{
    private const int Packets = 100_000;

    /// <summary>Far above what one client needs, far below what any flood would cost if it were kept.</summary>
    private const long Bound = 8 * 1024 * 1024;

    [Theory(DisplayName = "A flood of packets nobody waits for is taken in flat memory, and the connection goes on")]
    [InlineData(MqttProtocolVersion.V311, "D000", Packets)]
    [InlineData(MqttProtocolVersion.V500, "D000", Packets)]
    [InlineData(MqttProtocolVersion.V311, "40020007", Packets)]
    [InlineData(MqttProtocolVersion.V500, "40020007", Packets)]
    [InlineData(MqttProtocolVersion.V311, "70020007", Packets)]
    [InlineData(MqttProtocolVersion.V500, "70020007", Packets)]
    [InlineData(MqttProtocolVersion.V311, "9003000700", Packets)]
    [InlineData(MqttProtocolVersion.V500, "900400070000", Packets)]
    [InlineData(MqttProtocolVersion.V311, "B0020007", Packets)]
    [InlineData(MqttProtocolVersion.V500, "B00400070000", Packets)]
    public async Task A_flood_of_packets_nobody_waits_for_is_taken_in_flat_memory(
        MqttProtocolVersion version, string packet, int stray)
    {
        await using var server = new ScriptedServer();
        await using MqttClient client = HostileServerTests.MakeClient(server, version);
        Task<MqttConnectResult> connect = client.ConnectAsync();
        using ScriptedPeer peer = await server.AcceptConnectedAsync();
        await connect;
        byte[] flood = Repeat(packet, Packets);
        long before = Settled();

        await peer.SendRawAsync(flood);
        await AssertAnswersAsync(client, peer);

        Assert.InRange(Settled() - before, long.MinValue, Bound);
        Assert.Equal(stray, client.Counters.StrayAcknowledgements);
        Assert.Equal(MqttConnectionState.Connected, client.State);
    }

    [Theory(DisplayName = "[MQTT-4.3.3-4] [MQTT-4.3.3-11] [MQTT-3.6.2-1] [MQTT-3.7.2-1] stray PUBRECs and PUBRELs are answered, every one, as legal recovery wants it")]
    [InlineData(MqttProtocolVersion.V311, "50020007", "PUBREL")]
    [InlineData(MqttProtocolVersion.V500, "50020007", "PUBREL")]
    [InlineData(MqttProtocolVersion.V311, "62020007", "PUBCOMP")]
    [InlineData(MqttProtocolVersion.V500, "62020007", "PUBCOMP")]
    public async Task Stray_PUBRECs_and_PUBRELs_are_answered(MqttProtocolVersion version, string packet, string answer)
    {
        await using var server = new ScriptedServer();
        await using MqttClient client = HostileServerTests.MakeClient(server, version);
        Task<MqttConnectResult> connect = client.ConnectAsync();
        using ScriptedPeer peer = await server.AcceptConnectedAsync();
        await connect;

        for (int round = 0; round < 10; round++)
        {
            await peer.SendRawAsync(Repeat(packet, 1000));
            for (int number = 0; number < 1000; number++)
            {
                AcknowledgementPacket received = await peer.ExpectAcknowledgementAsync(
                    answer == "PUBREL" ? MqttPacketType.PubRel : MqttPacketType.PubComp);
                Assert.Equal(7, received.PacketIdentifier);
                Assert.Equal(
                    version == MqttProtocolVersion.V500 ? MqttReasonCode.PacketIdentifierNotFound : MqttReasonCode.Success, received.ReasonCode);
            }
        }

        Assert.Equal(10_000, client.Counters.StrayAcknowledgements);
    }

    [Theory(DisplayName = "A peer that provokes answers and takes none of them is not read any more: the answers are bounded too")]
    [InlineData(MqttProtocolVersion.V311, "62020007")]
    [InlineData(MqttProtocolVersion.V500, "62020007")]
    [InlineData(MqttProtocolVersion.V311, "50020007")]
    public async Task A_peer_that_provokes_answers_and_takes_none_is_not_read_any_more(MqttProtocolVersion version, string packet)
    {
        await using var server = new ScriptedServer { SendLimit = TimeSpan.FromSeconds(5) };
        await using MqttClient client = HostileServerTests.MakeClient(server, version);
        Task<MqttConnectResult> connect = client.ConnectAsync();
        using ScriptedPeer peer = await server.AcceptConnectedAsync();
        await connect;
        byte[] flood = Repeat(packet, Packets);
        long before = Settled();
        long sent = 0;

        // The peer reads nothing. So it must come to a stop itself: what the system's buffers hold is the system's.
        await Assert.ThrowsAsync<ScriptException>(async () =>
        {
            while (sent < 64 * 1024 * 1024L)
            {
                await peer.SendRawAsync(flood);
                sent += flood.Length;
            }
        });

        Assert.InRange(Settled() - before, long.MinValue, Bound);
        peer.Abort();
        await HostileServerTests.AssertWorksAsync(client, server);
    }

    [Theory(DisplayName = "A packet that announces 256 MiB and does not come costs nothing")]
    [InlineData(MqttProtocolVersion.V311)]
    [InlineData(MqttProtocolVersion.V500)]
    public async Task A_packet_that_announces_256_MiB_and_does_not_come_costs_nothing(MqttProtocolVersion version)
    {
        await using var server = new ScriptedServer();
        await using var client = new MqttClient(new MqttClientOptions { Servers = [server.Endpoint], ProtocolVersion = version, ClientId = "big" });
        Task<MqttConnectResult> connect = client.ConnectAsync();
        using ScriptedPeer peer = await server.AcceptConnectedAsync();
        await connect;
        long before = GC.GetTotalAllocatedBytes(precise: true);

        await peer.SendRawAsync("30 FF FF FF 7F 0001 61");
        for (int piece = 0; piece < 100; piece++)
        {
            await peer.SendRawAsync(new byte[1000]);
        }

        await AssertReceivedAsync(client, 100_000);

        // Everything that the process allocates meanwhile counts here, what the runs before have left to do too.
        Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - before, 0, 4 * Bound);
    }

    [Theory(DisplayName = "A CONNACK that announces 256 MiB and does not come costs nothing, and the attempt ends in time")]
    [InlineData(MqttProtocolVersion.V311)]
    [InlineData(MqttProtocolVersion.V500)]
    public async Task A_CONNACK_that_announces_256_MiB_costs_nothing(MqttProtocolVersion version)
    {
        await using var server = new ScriptedServer();
        await using var client = new MqttClient(new MqttClientOptions
        {
            Servers = [server.Endpoint],
            ProtocolVersion = version,
            ClientId = "big",
            ConnectTimeout = TimeSpan.FromSeconds(10),
        });
        long before = GC.GetTotalAllocatedBytes(precise: true);
        Task<MqttConnectResult> connect = client.ConnectAsync();
        using ScriptedPeer peer = await server.AcceptAsync();
        await peer.ExpectAsync<ConnectPacket>();
        await peer.SendRawAsync("20 FF FF FF 7F 00 00");

        MqttConnectException failure = await Assert.ThrowsAsync<MqttConnectException>(() => connect);
        Assert.Equal(MqttConnectFailure.NoResponse, failure.Failure);
        Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - before, 0, Bound);
    }

    [Theory(DisplayName = "A flood of unsolicited messages is dropped, counted, and kept nowhere")]
    [InlineData(MqttProtocolVersion.V311, 0)]
    [InlineData(MqttProtocolVersion.V500, 0)]
    [InlineData(MqttProtocolVersion.V311, 1)]
    [InlineData(MqttProtocolVersion.V500, 1)]
    public async Task A_flood_of_unsolicited_messages_is_kept_nowhere(MqttProtocolVersion version, int qos)
    {
        await using var server = new ScriptedServer();
        await using MqttClient client = HostileServerTests.MakeClient(server, version);
        Task<MqttConnectResult> connect = client.ConnectAsync();
        using ScriptedPeer peer = await server.AcceptConnectedAsync();
        await connect;
        var bytes = new ArrayBufferWriter<byte>();
        for (int number = 0; number < Packets; number++)
        {
            // Another topic each time, so that a cache of topics is filled as well.
            new ServerPublish($"nobody/{number}", "x", (MqttQualityOfService)qos, (ushort)(qos == 0 ? 0 : 7)).Write(bytes, version);
        }

        long before = Settled();
        Task answers = qos == 0 ? Task.CompletedTask : Task.Run(async () =>
        {
            for (int number = 0; number < Packets; number++)
            {
                await peer.ExpectAcknowledgementAsync(MqttPacketType.PubAck);
            }
        });
        await peer.SendRawAsync(bytes.WrittenMemory);
        await answers;
        await AssertAnswersAsync(client, peer);

        // The peer's own log of 100,000 acknowledgements is the test's, not the client's.
        Assert.InRange(Settled() - before, long.MinValue, qos == 0 ? Bound : 8 * Bound);
        Assert.Equal(Packets, client.Counters.MessagesUnclaimed);
        Assert.Equal(0, client.Counters.Unacknowledged);
    }

    private static byte[] Repeat(string packet, int times)
    {
        byte[] one = Convert.FromHexString(packet);
        var all = new byte[one.Length * times];
        for (int time = 0; time < times; time++)
        {
            one.CopyTo(all, time * one.Length);
        }

        return all;
    }

    private static long Settled() => GC.GetTotalMemory(forceFullCollection: true);

    /// <summary>Everything before has been handled once this has been answered.</summary>
    private static async Task AssertAnswersAsync(MqttClient client, ScriptedPeer peer)
    {
        Task<MqttPublishResult> publish = client.PublishAsync("after", default, MqttQualityOfService.AtLeastOnce).AsTask();
        ReceivedPublish received = await peer.ExpectPublishAsync();
        await peer.SendAcknowledgementAsync(MqttPacketType.PubAck, received.PacketIdentifier);
        Assert.Equal(MqttReasonCode.Success, (await publish).ReasonCode);
    }

    private static async Task AssertReceivedAsync(MqttClient client, long bytes)
    {
        while (client.Counters.BytesReceived < bytes)
        {
            Assert.Equal(MqttConnectionState.Connected, client.State);
            await Task.Delay(1, TestContext.Current.CancellationToken);
        }
    }
}
