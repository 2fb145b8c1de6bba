using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Tests.Scripted;

namespace PSMqtt.Protocol.Tests.Hostile;

/// <summary>A server that breaks the specification before, or instead of, its CONNACK: one clear error, and a later attempt works.</summary>
public sealed class HostileHandshakeTests
{
    private const MqttProtocolVersion V311 = MqttProtocolVersion.V311;
    private const MqttProtocolVersion V500 = MqttProtocolVersion.V500;

    [Theory(DisplayName = "[MQTT-3.2.0-1] [MQTT-3.1.1: MQTT-4.8.0-1] what is no CONNACK, or a broken one, fails the attempt by name, and the next one works")]
    [InlineData("PUBLISH first", V311, "30 03 0001 61", "MQTT-3.2.0-1", MqttReasonCode.ProtocolError)]
    [InlineData("PUBLISH first", V500, "30 04 0001 61 00", "MQTT-3.2.0-1", MqttReasonCode.ProtocolError)]
    [InlineData("PINGRESP first", V311, "D0 00", "MQTT-3.2.0-1", MqttReasonCode.ProtocolError)]
    [InlineData("PINGRESP first", V500, "D0 00", "MQTT-3.2.0-1", MqttReasonCode.ProtocolError)]
    [InlineData("CONNECT first", V500, "10 0D 0004 4D515454 05 00 0000 00 0000", "MQTT-3.2.0-1", MqttReasonCode.ProtocolError)]
    [InlineData("AUTH without a method", V500, "F0 06 18 04 15 0001 6D", "MQTT-4.12.0-6", MqttReasonCode.ProtocolError)]
    [InlineData("AUTH", V311, "F0 00", "MQTT-3.2.0-1", MqttReasonCode.ProtocolError)]
    [InlineData("DISCONNECT", V311, "E0 00", "MQTT-3.2.0-1", MqttReasonCode.ProtocolError)]
    [InlineData("DISCONNECT with 0x04, which only a client may send", V500, "E0 01 04", "MQTT-3.14.2-1", MqttReasonCode.ProtocolError)]
    [InlineData("DISCONNECT with a Session Expiry Interval", V500, "E0 07 80 05 11 00000001", "MQTT-3.14.2-2", MqttReasonCode.ProtocolError)]
    [InlineData("CONNACK with reserved header flags", V311, "21 02 00 00", "MQTT-2.2.2-2", MqttReasonCode.MalformedPacket)]
    [InlineData("CONNACK with reserved header flags", V500, "21 03 00 00 00", "MQTT-2.1.3-1", MqttReasonCode.MalformedPacket)]
    [InlineData("CONNACK with reserved acknowledge flags", V311, "20 02 02 00", "MQTT-3.2.2.1", MqttReasonCode.MalformedPacket)]
    [InlineData("CONNACK with reserved acknowledge flags", V500, "20 03 02 00 00", "MQTT-3.2.2-1", MqttReasonCode.MalformedPacket)]
    [InlineData("CONNACK without a body", V311, "20 00", "MQTT-2.2.3", MqttReasonCode.MalformedPacket)]
    [InlineData("CONNACK without a body", V500, "20 00", "MQTT-2.1.4", MqttReasonCode.MalformedPacket)]
    [InlineData("CONNACK without a property length", V500, "20 02 00 00", "MQTT-2.1.4", MqttReasonCode.MalformedPacket)]
    [InlineData("CONNACK that is too long", V311, "20 03 00 00 00", "MQTT-2.2.3", MqttReasonCode.MalformedPacket)]
    [InlineData("CONNACK that is too long", V500, "20 04 00 00 00 00", "MQTT-2.1.4", MqttReasonCode.MalformedPacket)]
    [InlineData("CONNACK with a property length past its end", V500, "20 03 00 00 7F", "MQTT-3.2.2.3.1", MqttReasonCode.MalformedPacket)]
    [InlineData("CONNACK with a text past its properties", V500, "20 06 00 00 03 12 FFFF", "MQTT-2.2.2.1", MqttReasonCode.MalformedPacket)]
    [InlineData("CONNACK with a Topic Alias", V500, "20 06 00 00 03 23 0001", "MQTT-2.2.2.2", MqttReasonCode.MalformedPacket)]
    [InlineData("CONNACK with a Receive Maximum of 0", V500, "20 06 00 00 03 21 0000", "MQTT-3.2.2.3.3", MqttReasonCode.ProtocolError)]
    [InlineData("CONNACK with a Maximum Packet Size of 0", V500, "20 08 00 00 05 27 00000000", "MQTT-3.2.2.3.6", MqttReasonCode.ProtocolError)]
    [InlineData("CONNACK with a Maximum QoS of 2", V500, "20 05 00 00 02 24 02", "MQTT-3.2.2.3.4", MqttReasonCode.ProtocolError)]
    [InlineData("CONNACK with a property twice", V500, "20 09 00 00 06 13 0001 13 0001", "MQTT-3.2.2.3.14", MqttReasonCode.ProtocolError)]
    [InlineData("CONNACK with U+0000", V500, "20 07 00 00 04 12 0001 00", "MQTT-1.5.4-2", MqttReasonCode.MalformedPacket)]
    [InlineData("CONNACK with broken UTF-8", V500, "20 07 00 00 04 1F 0001 FF", "MQTT-1.5.4-1", MqttReasonCode.MalformedPacket)]
    [InlineData("CONNACK with a session that was not asked for", V311, "20 02 01 00", "MQTT-3.2.2-1", MqttReasonCode.ProtocolError)]
    [InlineData("CONNACK with a session that was not asked for", V500, "20 03 01 00 00", "MQTT-3.2.2-2", MqttReasonCode.ProtocolError)]
    [InlineData("CONNACK that refuses, with a session", V311, "20 02 01 05", "MQTT-3.2.2-4", MqttReasonCode.ProtocolError)]
    [InlineData("CONNACK that refuses, with a session", V500, "20 03 01 87 00", "MQTT-3.2.2-6", MqttReasonCode.ProtocolError)]
    [InlineData("CONNACK with an authentication method", V500, "20 07 00 00 04 15 0001 6D", "MQTT-4.12.0-6", MqttReasonCode.ProtocolError)]
    [InlineData("CONNACK with a reason code that does not exist", V500, "20 03 00 06 00", "MQTT-3.2.2-8", MqttReasonCode.ProtocolError)]
    [InlineData("CONNACK that announces 256 MiB", V500, "20 FF FF FF 7F", "MQTT-3.1.2-24", MqttReasonCode.PacketTooLarge)]
    [InlineData("CONNACK that announces 256 MiB", V311, "20 FF FF FF 7F", "MQTT-2.2.3", MqttReasonCode.PacketTooLarge)]
    [InlineData("CONNACK with a remaining length of five bytes", V500, "20 80 80 80 80 01", "MQTT-1.5.5-1", MqttReasonCode.MalformedPacket)]
    public async Task What_is_no_CONNACK_fails_the_attempt_and_the_next_one_works(
        string what, MqttProtocolVersion version, string answer, string statement, MqttReasonCode reasonCode)
    {
        Assert.NotEmpty(what);
        await using var server = new ScriptedServer();
        await using MqttClient client = HostileServerTests.MakeClient(server, version);
        Task<MqttConnectResult> connect = client.ConnectAsync();
        using (ScriptedPeer peer = await server.AcceptAsync())
        {
            await peer.ExpectAsync<ConnectPacket>();
            await peer.SendRawAsync(answer);
            object? last = await peer.NextOrClosedAsync();
            if (last is DisconnectPacket disconnect)
            {
                // Only a server that has spoken MQTT 5.0 is told why.
                Assert.Equal((V500, reasonCode), (version, disconnect.ReasonCode));
                last = await peer.NextOrClosedAsync();
            }

            Assert.Null(last);
        }

        MqttConnectException failure = await Assert.ThrowsAsync<MqttConnectException>(() => connect);
        var cause = Assert.IsType<MqttProtocolException>(failure.InnerException);
        Assert.Equal((statement, reasonCode), (cause.Statement, cause.ReasonCode));
        Assert.Equal(MqttConnectPhase.Handshake, failure.Phase);

        connect = client.ConnectAsync();
        await HostileServerTests.AssertWorksAsync(client, server, connect);
    }

    [Theory(DisplayName = "A server that ends the connection inside its CONNACK fails the attempt, wherever it ends it")]
    [InlineData(V311, "20020000")]
    [InlineData(V500, "200900000622000517000A")]
    public async Task A_CONNACK_cut_off_fails_the_attempt(MqttProtocolVersion version, string connAck)
    {
        await using var server = new ScriptedServer();
        await using MqttClient client = HostileServerTests.MakeClient(server, version);
        for (int length = 1; length < connAck.Length / 2; length++)
        {
            Task<MqttConnectResult> connect = client.ConnectAsync();
            using ScriptedPeer peer = await server.AcceptAsync();
            await peer.ExpectAsync<ConnectPacket>();
            await peer.SendRawAsync(connAck[..(2 * length)]);
            peer.ShutdownSend();
            Assert.Equal(MqttConnectPhase.Handshake, (await Assert.ThrowsAsync<MqttConnectException>(() => connect)).Phase);
        }
    }
}
