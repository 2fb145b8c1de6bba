using System.Buffers;
using System.Net;
using System.Net.Sockets;
using PSMqtt.Protocol.Packets;

namespace PSMqtt.Protocol.Tests.Scripted;

public sealed class ScriptedServerTests : IAsyncDisposable
{
    private readonly ScriptedServer _server = new() { TimeLimit = TimeSpan.FromSeconds(60) };
    private readonly Socket _client = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task A_script_runs_packet_by_packet_in_the_version_of_the_CONNECT()
    {
        using ScriptedPeer peer = await ConnectAsync(new ConnectPacket { ClientId = "c", ProtocolVersion = MqttProtocolVersion.V311 }, MqttProtocolVersion.V311);
        Assert.Equal("c", (await peer.ExpectAsync<ConnectPacket>()).ClientId);
        Assert.Equal(MqttProtocolVersion.V311, peer.Version);

        await peer.SendAsync(new ConnAckPacket(), new ServerPublish("t", "hello"));
        Assert.Equal("20020000" + "3008000174" + "68656C6C6F", await ReceiveHexAsync(14));

        await SendAsync("32 06 0001 74 0007 21", "C000", "4002 0009");
        ReceivedPublish publish = await peer.ExpectPublishAsync();
        Assert.Equal(("t", "!", 7), (publish.Topic, publish.Text, publish.PacketIdentifier));
        await peer.ExpectPingReqAsync();
        Assert.Equal(9, (await peer.ExpectAcknowledgementAsync(MqttPacketType.PubAck)).PacketIdentifier);
        await peer.ExpectNothingBufferedAsync();
    }

    [Fact]
    public async Task A_packet_that_the_script_does_not_expect_fails_and_shows_what_was_received()
    {
        using ScriptedPeer peer = await ConnectAsync(new ConnectPacket { ClientId = "c" }, MqttProtocolVersion.V500);
        await peer.ExpectAsync<ConnectPacket>();
        await SendAsync("C000");
        var exception = await Assert.ThrowsAsync<ScriptException>(() => peer.ExpectPublishAsync());
        Assert.Contains("Expected PUBLISH, but PINGREQ came", exception.Message, StringComparison.Ordinal);
        Assert.Contains("CONNECT 5.0, client 'c'", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_end_of_the_connection_is_seen_however_it_comes()
    {
        using ScriptedPeer closed = await ConnectAsync(new ConnectPacket(), MqttProtocolVersion.V500);
        await closed.ExpectAsync<ConnectPacket>();
        _client.Shutdown(SocketShutdown.Both);
        await closed.ExpectClosedAsync();

        using var other = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { LingerState = new LingerOption(true, 0) };
        await other.ConnectAsync(IPAddress.Loopback, _server.Port);
        using ScriptedPeer reset = await _server.AcceptAsync();
        other.Close();
        await reset.ExpectClosedAsync();
    }

    [Fact]
    public async Task An_aborted_peer_resets_and_a_wait_that_gets_nothing_ends_at_its_limit()
    {
        await using var impatient = new ScriptedServer { TimeLimit = TimeSpan.FromSeconds(1) };
        await _client.ConnectAsync(IPAddress.Loopback, impatient.Port);
        using ScriptedPeer peer = await impatient.AcceptAsync();
        var exception = await Assert.ThrowsAsync<ScriptException>(() => peer.ExpectAsync<ConnectPacket>());
        Assert.Contains("nothing came within", exception.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<ScriptException>(() => impatient.AcceptAsync());

        peer.Abort();
        var reset = await Assert.ThrowsAsync<SocketException>(async () => await _client.ReceiveAsync(new byte[1]));
        Assert.Equal(SocketError.ConnectionReset, reset.SocketErrorCode);
    }

    private async Task<ScriptedPeer> ConnectAsync(ConnectPacket connect, MqttProtocolVersion version)
    {
        await _client.ConnectAsync(IPAddress.Loopback, _server.Port);
        var output = new ArrayBufferWriter<byte>();
        connect.Write(output, version);
        await _client.SendAsync(output.WrittenMemory);
        return await _server.AcceptAsync();
    }

    private async Task SendAsync(params string[] packets) =>
        await _client.SendAsync(Convert.FromHexString(string.Concat(packets).Replace(" ", "", StringComparison.Ordinal)));

    private async Task<string> ReceiveHexAsync(int count)
    {
        var bytes = new byte[count];
        using var stream = new NetworkStream(_client, ownsSocket: false);
        await stream.ReadExactlyAsync(bytes);
        return Convert.ToHexString(bytes);
    }
}
