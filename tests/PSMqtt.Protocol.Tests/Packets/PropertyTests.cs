using PSMqtt.Protocol.Packets;
using static PSMqtt.Protocol.Tests.Packets.PacketBytes;

namespace PSMqtt.Protocol.Tests.Packets;

/// <summary>
/// Every property in every packet, from table 2-4 of the specification as it is written there: allowed, misplaced, repeated, cut, out of range.
/// </summary>
public sealed class PropertyTests
{
    /// <summary>Identifier, the packets that may carry it ("Will" stands for the will properties), its value, and values that it may not have.</summary>
    private static readonly (int Identifier, string Carriers, string Value, string[] Wrong)[] s_table =
    [
        (0x01, "PUBLISH Will", "01", ["02", "FF"]),
        (0x02, "PUBLISH Will", "00000001", []),
        (0x03, "PUBLISH Will", "0001 61", []),
        (0x08, "PUBLISH Will", "0001 61", ["0001 23", "0003 612F2B"]),
        (0x09, "PUBLISH Will", "0002 0001", []),
        (0x0B, "PUBLISH SUBSCRIBE", "01", ["00", "8000", "80808000", "FFFFFFFF7F"]),
        (0x11, "CONNECT CONNACK DISCONNECT", "00000000", []),
        (0x12, "CONNACK", "0001 61", []),
        (0x13, "CONNACK", "0000", []),
        (0x15, "CONNECT CONNACK AUTH", "0001 61", []),
        (0x16, "CONNECT CONNACK AUTH", "0001 FF", []),
        (0x17, "CONNECT", "00", ["02"]),
        (0x18, "Will", "00000000", []),
        (0x19, "CONNECT", "01", ["02"]),
        (0x1A, "CONNACK", "0001 61", []),
        (0x1C, "CONNACK DISCONNECT", "0001 61", []),
        (0x1F, "CONNACK PUBACK PUBREC PUBREL PUBCOMP SUBACK UNSUBACK DISCONNECT AUTH", "0001 61", []),
        (0x21, "CONNECT CONNACK", "0001", ["0000"]),
        (0x22, "CONNECT CONNACK", "0000", []),
        (0x23, "PUBLISH", "0001", ["0000"]),
        (0x24, "CONNACK", "01", ["02", "03"]),
        (0x25, "CONNACK", "01", ["02"]),
        (0x26, "CONNECT CONNACK PUBLISH Will PUBACK PUBREC PUBREL PUBCOMP SUBSCRIBE SUBACK UNSUBSCRIBE UNSUBACK DISCONNECT AUTH", "0001 61 0000", []),
        (0x27, "CONNECT CONNACK", "00000001", ["00000000"]),
        (0x28, "CONNACK", "00", ["02"]),
        (0x29, "CONNACK", "00", ["80"]),
        (0x2A, "CONNACK", "00", ["FF"]),
    ];

    /// <summary>For each packet: its first byte, what stands before the property length, and what stands after the properties.</summary>
    private static readonly Dictionary<string, (byte First, string Before, string After)> s_packets = new()
    {
        ["CONNECT"] = (0x10, "0004 4D515454 05 02 0000", "0000"),
        ["Will"] = (0x10, "0004 4D515454 05 06 0000 00 0000", "0001 77 0000"),
        ["CONNACK"] = (0x20, "00 00", ""),
        ["PUBLISH"] = (0x30, "0001 74", "70"),
        ["PUBACK"] = (0x40, "0001 00", ""),
        ["PUBREC"] = (0x50, "0001 00", ""),
        ["PUBREL"] = (0x62, "0001 00", ""),
        ["PUBCOMP"] = (0x70, "0001 00", ""),
        ["SUBSCRIBE"] = (0x82, "0001", "0001 61 00"),
        ["SUBACK"] = (0x90, "0001", "00"),
        ["UNSUBSCRIBE"] = (0xA2, "0001", "0001 61"),
        ["UNSUBACK"] = (0xB0, "0001", "00"),
        ["DISCONNECT"] = (0xE0, "00", ""),
        ["AUTH"] = (0xF0, "18", ""),
    };

    public static TheoryData<string> Packets => new(s_packets.Keys);

    [Theory(DisplayName = "[MQTT-2.2.2.2] a packet carries the properties of table 2-4, and one that is unknown or another packet's is malformed")]
    [MemberData(nameof(Packets))]
    public void Allowed_and_misplaced(string packet)
    {
        int allowed = 0;
        for (int identifier = 0; identifier < 0x80; identifier++)
        {
            (_, string? carriers, string? value, _) = s_table.SingleOrDefault(row => row.Identifier == identifier);
            byte[] bytes = With(packet, $"{identifier:X2} {value ?? "00"}");
            if (carriers is not null && carriers.Split(' ').Contains(packet))
            {
                Decode(bytes, MqttProtocolVersion.V500);
                allowed++;
            }
            else
            {
                AssertRefused("MQTT-2.2.2.2", bytes, MqttProtocolVersion.V500);
            }
        }

        Assert.Equal(s_table.Count(row => row.Carriers.Split(' ').Contains(packet)), allowed);

        // Identifiers of more than one byte, which none has; the first would be 0x01 without its upper bits.
        foreach (string identifier in (string[])["8101", "A601", "FFFFFF7F"])
        {
            AssertRefused("MQTT-2.2.2.2", With(packet, $"{identifier} 01"), MqttProtocolVersion.V500);
        }
    }

    [Theory(DisplayName = "A property that may be there once is a protocol error when it is there twice; others may repeat")]
    [MemberData(nameof(Packets))]
    public void Repeated(string packet)
    {
        foreach ((int identifier, _, string value, _) in s_table.Where(row => row.Carriers.Split(' ').Contains(packet)))
        {
            byte[] bytes = With(packet, $"{identifier:X2} {value} {identifier:X2} {value}");
            if (identifier == 0x26 || (identifier == 0x0B && packet == "PUBLISH"))
            {
                Decode(bytes, MqttProtocolVersion.V500);
            }
            else
            {
                MqttProtocolException exception = Refused(bytes, MqttProtocolVersion.V500);
                Assert.Equal(MqttReasonCode.ProtocolError, exception.ReasonCode);
                Assert.StartsWith("MQTT-3.", exception.Statement, StringComparison.Ordinal);
                Assert.Contains("more than once", exception.Message, StringComparison.Ordinal);
            }
        }
    }

    [Theory(DisplayName = "[MQTT-2.2.2.1] a property that goes on after the property length is malformed, wherever it is cut")]
    [MemberData(nameof(Packets))]
    public void Cut(string packet)
    {
        foreach ((int identifier, _, string value, _) in s_table.Where(row => row.Carriers.Split(' ').Contains(packet)))
        {
            byte[] property = Hex($"{identifier:X2} {value}");
            for (int length = 1; length < property.Length; length++)
            {
                AssertRefused("MQTT-2.2.2.1", With(packet, Convert.ToHexString(property, 0, length), method: false), MqttProtocolVersion.V500);
            }
        }
    }

    [Theory(DisplayName = "A property with a value that it may not have is refused")]
    [MemberData(nameof(Packets))]
    public void Out_of_range(string packet)
    {
        foreach ((int identifier, _, _, string[] wrong) in s_table.Where(row => row.Carriers.Split(' ').Contains(packet)))
        {
            foreach (string value in wrong)
            {
                MqttProtocolException exception = Refused(With(packet, $"{identifier:X2} {value}"), MqttProtocolVersion.V500);
                Assert.Equal(
                    identifier switch
                    {
                        0x23 => MqttReasonCode.TopicAliasInvalid,
                        0x0B when value != "00" => MqttReasonCode.MalformedPacket,
                        _ => MqttReasonCode.ProtocolError,
                    },
                    exception.ReasonCode);
            }
        }
    }

    [Theory(DisplayName = "A property length that points past the packet, or is not a length, is malformed")]
    [MemberData(nameof(Packets))]
    public void Property_length(string packet)
    {
        (byte first, string before, string after) = s_packets[packet];
        int rest = Hex(after).Length;
        foreach (string length in (string[])[$"{rest + 1:X2}", "7F", "FFFFFF7F", "FFFFFFFF7F", "8000", "80"])
        {
            MqttProtocolException exception = Refused(Frame(first, Hex($"{before} {length} {after}")), MqttProtocolVersion.V500);
            Assert.Equal(MqttReasonCode.MalformedPacket, exception.ReasonCode);
        }
    }

    [Theory(DisplayName = "Properties of more than 127 and more than 16,383 bytes are written and read")]
    [InlineData(120)]
    [InlineData(121)]
    [InlineData(122)]
    [InlineData(123)]
    [InlineData(16_375)]
    [InlineData(16_376)]
    [InlineData(16_377)]
    [InlineData(16_378)]
    [InlineData(16_379)]
    [InlineData(65_535)]
    public void Long_properties(int length)
    {
        var packet = new UnsubAckPacket
        {
            PacketIdentifier = 1,
            ReasonCodes = [MqttReasonCode.NotAuthorized],
            UserProperties = [new("", PacketExamples.TextOf(length)), new("ü", "")],
        };
        Assert.Equal(Dump(packet), Dump(Decode(Encode(packet, MqttProtocolVersion.V500), MqttProtocolVersion.V500)));
    }

    [Theory]
    [InlineData("CONNECT", 0x11, "MQTT-3.1.2.11.2")]
    [InlineData("CONNECT", 0x16, "MQTT-3.1.2.11.10")]
    [InlineData("Will", 0x18, "MQTT-3.1.3.2.2")]
    [InlineData("Will", 0x09, "MQTT-3.1.3.2.7")]
    [InlineData("CONNACK", 0x24, "MQTT-3.2.2.3.4")]
    [InlineData("CONNACK", 0x16, "MQTT-3.2.2.3.18")]
    [InlineData("PUBLISH", 0x01, "MQTT-3.3.2.3.2")]
    [InlineData("PUBLISH", 0x03, "MQTT-3.3.2.3.9")]
    [InlineData("PUBREL", 0x1F, "MQTT-3.6.2.2.2")]
    [InlineData("SUBSCRIBE", 0x0B, "MQTT-3.8.2.1.2")]
    [InlineData("DISCONNECT", 0x1C, "MQTT-3.14.2.2.5")]
    [InlineData("AUTH", 0x1F, "MQTT-3.15.2.2.4")]
    public void A_repeated_property_names_the_section_about_it(string packet, int identifier, string section)
    {
        string value = s_table.Single(row => row.Identifier == identifier).Value;
        AssertRefused(
            section,
            With(packet, $"{identifier:X2} {value} {identifier:X2} {value}"),
            MqttProtocolVersion.V500,
            MqttReasonCode.ProtocolError);
    }

    /// <summary>A packet with properties; an authentication method is added where the packet cannot do without.</summary>
    private static byte[] With(string packet, string properties, bool method = true)
    {
        (byte first, string before, string after) = s_packets[packet];
        byte[] bytes = Hex(properties);
        if (method && bytes[0] != 0x15 && (packet == "AUTH" || (packet == "CONNECT" && bytes[0] == 0x16)))
        {
            bytes = [.. Hex("15 0001 61"), .. bytes];
        }

        return Frame(first, [.. Hex(before), (byte)bytes.Length, .. bytes, .. Hex(after)]);
    }
}
