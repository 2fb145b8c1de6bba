using System.Text;
using PSMqtt.Protocol.Packets;
using static PSMqtt.Protocol.Tests.Packets.PacketBytes;

namespace PSMqtt.Protocol.Tests.Packets;

/// <summary>UTF-8 Encoded Strings, in every place where a packet has one.</summary>
public sealed class TextTests
{
    /// <summary>Packets with a string of three bytes, written &lt;text&gt;, in each place.</summary>
    private static readonly (string Place, MqttProtocolVersion Version, string Packet)[] s_places =
    [
        ("client identifier", MqttProtocolVersion.V311, "10 0F 0004 4D515454 04 02 0000 0003 <text>"),
        ("will topic", MqttProtocolVersion.V311, "10 13 0004 4D515454 04 06 0000 0000 0003 <text> 0000"),
        ("user name", MqttProtocolVersion.V311, "10 11 0004 4D515454 04 82 0000 0000 0003 <text>"),
        ("protocol name", MqttProtocolVersion.V311, "10 0B 0003 <text> 04 02 0000 0000"),
        ("topic name", MqttProtocolVersion.V311, "30 05 0003 <text>"),
        ("topic name", MqttProtocolVersion.V500, "30 06 0003 <text> 00"),
        ("topic filter", MqttProtocolVersion.V311, "82 08 0001 0003 <text> 00"),
        ("topic filter", MqttProtocolVersion.V311, "A2 07 0001 0003 <text>"),
        ("authentication method", MqttProtocolVersion.V500, "F0 08 18 06 15 0003 <text>"),
        ("assigned client identifier", MqttProtocolVersion.V500, "20 09 00 00 06 12 0003 <text>"),
        ("response information", MqttProtocolVersion.V500, "20 09 00 00 06 1A 0003 <text>"),
        ("server reference", MqttProtocolVersion.V500, "20 09 00 00 06 1C 0003 <text>"),
        ("content type", MqttProtocolVersion.V500, "30 0A 0001 74 06 03 0003 <text>"),
        ("response topic", MqttProtocolVersion.V500, "30 0A 0001 74 06 08 0003 <text>"),
        ("user property name", MqttProtocolVersion.V500, "30 0C 0001 74 08 26 0003 <text> 0000"),
        ("user property value", MqttProtocolVersion.V500, "30 0C 0001 74 08 26 0000 0003 <text>"),
        ("reason string", MqttProtocolVersion.V500, "40 0A 0001 00 06 1F 0003 <text>"),
        ("reason string", MqttProtocolVersion.V500, "90 0A 0001 06 1F 0003 <text> 00"),
        ("reason string", MqttProtocolVersion.V500, "B0 0A 0001 06 1F 0003 <text> 00"),
        ("reason string", MqttProtocolVersion.V500, "E0 08 00 06 1F 0003 <text>"),
    ];

    public static TheoryData<int> Places => new(Enumerable.Range(0, s_places.Length));

    [Theory(DisplayName = "[MQTT-1.5.4-1] text that is not well-formed UTF-8 is malformed, in every place")]
    [MemberData(nameof(Places))]
    public void Not_well_formed(int place)
    {
        string[] wrong =
        [
            "EDA080", // U+D800, a surrogate
            "EDBFBF", // U+DFFF
            "C08061", // U+0000 in two bytes
            "C1BF61", // U+007F in two bytes
            "E08080", // overlong in three bytes
            "61FF61", // a byte that UTF-8 does not have
            "61C361", // a continuation missing
            "8061BF", // a continuation without a start
            "61E282", // cut
            "F09F98", // cut
            "F88080", // a start of five bytes
            "F49080", // beyond U+10FFFF
        ];
        foreach (string bytes in wrong)
        {
            AssertRefused("MQTT-1.5.4-1", Packet(place, bytes), s_places[place].Version);
        }
    }

    [Theory(DisplayName = "[MQTT-1.5.4-2] text that contains U+0000 is malformed, in every place")]
    [MemberData(nameof(Places))]
    public void Null_character(int place)
    {
        foreach (string bytes in (string[])["006162", "610062", "616200", "C3BC00"])
        {
            AssertRefused("MQTT-1.5.4-2", Packet(place, bytes), s_places[place].Version);
        }
    }

    [Theory(DisplayName = "[MQTT-1.5.4-3] [MQTT-3.1.1: MQTT-1.5.3-3] U+FEFF is kept, and so are other characters beyond ASCII")]
    [MemberData(nameof(Places))]
    public void Kept(int place)
    {
        if (s_places[place].Place == "protocol name")
        {
            AssertRefused("MQTT-3.1.2-1", Packet(place, "EFBBBF"), s_places[place].Version, MqttReasonCode.UnsupportedProtocolVersion);
            return;
        }

        foreach (string bytes in (string[])["EFBBBF", "E282AC", "C3BC7F", "010203"])
        {
            string text = Encoding.UTF8.GetString(Hex(bytes));
            Assert.Contains($"= {text}", Dump(Decode(Packet(place, bytes), s_places[place].Version)), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Text_with_U_0000_is_the_senders_fault() => AssertNotWritten("a\0b", "U+0000");

    [Fact]
    public void Text_with_half_a_surrogate_pair_is_the_senders_fault()
    {
        AssertNotWritten("\uD800", "surrogate");
        AssertNotWritten("a\uDC00", "surrogate");
        AssertNotWritten("\uD83Dü", "surrogate");
    }

    [Fact]
    public void Text_and_data_hold_65535_bytes_and_no_more()
    {
        var longest = new ConnectPacket
        {
            ClientId = PacketExamples.TextOf(65_535),
            UserName = PacketExamples.TextOf(65_533) + "ü",
            Password = new byte[65_535],
            Will = new MqttMessage("w", new byte[65_535]) { CorrelationData = new byte[65_535] },
        };
        Assert.Equal(Dump(longest), Dump(Decode(Encode(longest, MqttProtocolVersion.V500), MqttProtocolVersion.V500)));

        IMqttPacket[] tooLong =
        [
            new ConnectPacket { ClientId = PacketExamples.TextOf(65_536) },
            new ConnectPacket { UserName = PacketExamples.TextOf(65_534) + "ü" },
            new ConnectPacket { Password = new byte[65_536] },
            new ConnectPacket { Will = new MqttMessage("w", new byte[65_536]) },
            new AuthPacket { Method = "m", Data = new byte[65_536] },
        ];
        foreach (IMqttPacket packet in tooLong)
        {
            Assert.Contains(
                "65535",
                Assert.Throws<ArgumentException>(() => Encode(packet, MqttProtocolVersion.V500)).Message,
                StringComparison.Ordinal);
        }
    }

    private static byte[] Packet(int place, string bytes) => Hex(s_places[place].Packet.Replace("<text>", bytes, StringComparison.Ordinal));

    private static void AssertNotWritten(string text, string what)
    {
        IMqttPacket[] packets =
        [
            new ConnectPacket { ClientId = text },
            new ConnectPacket { UserName = text },
            new ConnectPacket { Will = new MqttMessage(text, "") },
            new ConnectPacket { Will = new MqttMessage("w", "") { ContentType = text } },
            new SubscribePacket { PacketIdentifier = 1, Subscriptions = [new(text)] },
            new UnsubscribePacket { PacketIdentifier = 1, Filters = [text] },
            new DisconnectPacket { ReasonString = text },
            new AuthPacket { Method = text },
            new AcknowledgementPacket(MqttPacketType.PubAck, 1, userProperties: [new("n", text)]),
            new AcknowledgementPacket(MqttPacketType.PubAck, 1, userProperties: [new(text, "v")]),
        ];
        foreach (IMqttPacket packet in packets)
        {
            Assert.Contains(
                what,
                Assert.Throws<ArgumentException>(() => Encode(packet, MqttProtocolVersion.V500)).Message,
                StringComparison.Ordinal);
        }
    }
}
