using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Tests.Scripted;
using static PSMqtt.Protocol.Tests.Packets.PacketBytes;

namespace PSMqtt.Protocol.Tests.Packets;

public sealed class PacketDescriptionTests
{
    private const MqttProtocolVersion V500 = MqttProtocolVersion.V500;

    [Fact]
    public void A_message_shows_its_topic_its_size_and_its_text()
    {
        string line = Describe(new ServerPublish("a/b", "21.5", MqttQualityOfService.AtLeastOnce, 7) { Retain = true, TopicAlias = 2 });
        Assert.Equal("PUBLISH 'a/b' QoS 1, id 7, retain, alias 2, 4 bytes: '21.5'", line);
    }

    [Fact]
    public void A_payload_that_is_not_text_is_not_shown_and_a_long_one_is_cut()
    {
        Assert.Equal("PUBLISH 't' QoS 0, 2 bytes", Describe(new ServerPublish("t", [0xFF, 0xFE])));
        Assert.Equal($"PUBLISH 't' QoS 0, 300 bytes: '{new string('x', 64)}...'", Describe(new ServerPublish("t", new string('x', 300))));
        Assert.Equal($"PUBLISH 't' QoS 0, 301 bytes: 'x{new string('ü', 63)}...'", Describe(new ServerPublish("t", "x" + new string('ü', 150))));
        Assert.Equal("PUBLISH 't' QoS 0, 3 bytes: 'a\uFFFDb'", Describe(new ServerPublish("t", "a\nb")));
    }

    [Fact]
    public void Secrets_are_never_shown()
    {
        string connect = Describe(new ConnectPacket
        {
            ClientId = "c",
            UserName = "u",
            Password = "hunter2"u8.ToArray(),
            AuthenticationMethod = "m",
            AuthenticationData = "hunter2"u8.ToArray(),
        });
        Assert.Contains("with password", connect, StringComparison.Ordinal);
        string connAck = Describe(new ConnAckPacket { AuthenticationMethod = "m", AuthenticationData = "hunter2"u8.ToArray() });
        string auth = Describe(new AuthPacket { ReasonCode = MqttReasonCode.ContinueAuthentication, Method = "m", Data = "hunter2"u8.ToArray() });
        Assert.Contains("with data", auth, StringComparison.Ordinal);
        Assert.All(
            [connect, connAck, auth],
            line =>
            {
                Assert.DoesNotContain("hunter2", line, StringComparison.Ordinal);
                Assert.DoesNotContain(Convert.ToHexString("hunter2"u8), line, StringComparison.OrdinalIgnoreCase);
            });
    }

    [Fact]
    public void An_identifier_says_whose_it_is()
    {
        var packet = new AcknowledgementPacket(MqttPacketType.PubAck, 7, MqttReasonCode.NotAuthorized, "why");
        Assert.Equal("PUBACK, id 7, NotAuthorized (0x87), reason 'why'", Describe(packet, sent: false));
        Assert.Equal("PUBACK, id 7 (theirs), NotAuthorized (0x87), reason 'why'", Describe(packet, sent: true));
        Assert.Equal("PUBREL, id 7", Describe(new AcknowledgementPacket(MqttPacketType.PubRel, 7), sent: true));
        Assert.Equal("PUBREL, id 7 (theirs)", Describe(new AcknowledgementPacket(MqttPacketType.PubRel, 7), sent: false));
    }

    [Fact]
    public void A_malformed_packet_is_described_as_such()
    {
        Assert.True(MqttPacketReader.TryReadFrame(Hex("90 02 0001"), int.MaxValue, out MqttFrame frame, out _));
        string line = PacketDescription.Describe(frame, V500, sent: false);
        Assert.StartsWith("SUBACK, 4 bytes, malformed: ", line, StringComparison.Ordinal);
    }

    private static string Describe(IMqttPacket packet, bool sent = true)
    {
        Assert.True(MqttPacketReader.TryReadFrame(Encode(packet, V500), int.MaxValue, out MqttFrame frame, out _));
        return PacketDescription.Describe(frame, V500, sent);
    }
}
