using PSMqtt.Protocol.Packets;
using static PSMqtt.Protocol.Tests.Packets.PacketBytes;

namespace PSMqtt.Protocol.Tests.Packets;

/// <summary>Reason codes: which packet may carry which (section 2.4), and what they mean.</summary>
public sealed class ReasonCodeTests
{
    /// <summary>Table 2-6, the other way round: each value, and the packets that carry it. CONNACK is C, PUBACK and PUBREC P, PUBREL and PUBCOMP R, SUBACK S, UNSUBACK U, DISCONNECT D, AUTH A.</summary>
    private static readonly Dictionary<int, string> s_carriers = new()
    {
        [0x00] = "CPRSUDA",
        [0x01] = "S",
        [0x02] = "S",
        [0x04] = "D",
        [0x10] = "P",
        [0x11] = "U",
        [0x18] = "A",
        [0x19] = "A",
        [0x80] = "CPSUD",
        [0x81] = "CD",
        [0x82] = "CD",
        [0x83] = "CPSUD",
        [0x84] = "C",
        [0x85] = "C",
        [0x86] = "C",
        [0x87] = "CPSUD",
        [0x88] = "C",
        [0x89] = "CD",
        [0x8A] = "C",
        [0x8B] = "D",
        [0x8C] = "CD",
        [0x8D] = "D",
        [0x8E] = "D",
        [0x8F] = "SUD",
        [0x90] = "CPD",
        [0x91] = "PSU",
        [0x92] = "R",
        [0x93] = "D",
        [0x94] = "D",
        [0x95] = "CD",
        [0x96] = "D",
        [0x97] = "CPSD",
        [0x98] = "D",
        [0x99] = "CPD",
        [0x9A] = "CD",
        [0x9B] = "CD",
        [0x9C] = "CD",
        [0x9D] = "CD",
        [0x9E] = "SD",
        [0x9F] = "CD",
        [0xA0] = "D",
        [0xA1] = "SD",
        [0xA2] = "SD",
    };

    [Theory]
    [InlineData('C', "20", "00 XX 00", "MQTT-3.2.2-8")]
    [InlineData('P', "40", "0001 XX", "MQTT-3.4.2-1")]
    [InlineData('P', "50", "0001 XX 00", "MQTT-3.5.2-1")]
    [InlineData('R', "62", "0001 XX", "MQTT-3.6.2-1")]
    [InlineData('R', "70", "0001 XX 00", "MQTT-3.7.2-1")]
    [InlineData('S', "90", "0001 00 XX", "MQTT-3.9.3-2")]
    [InlineData('S', "90", "0001 00 00 01 XX", "MQTT-3.9.3-2")]
    [InlineData('U', "B0", "0001 00 XX", "MQTT-3.11.3-2")]
    [InlineData('D', "E0", "XX", "MQTT-3.14.2-1")]
    [InlineData('D', "E0", "XX 00", "MQTT-3.14.2-1")]
    [InlineData('A', "F0", "XX 04 15 0001 61", "MQTT-3.15.2-1")]
    public void A_packet_carries_its_reason_codes_and_no_other(char packet, string first, string body, string statement)
    {
        for (int code = 0; code < 256; code++)
        {
            byte[] bytes = Frame(Hex(first)[0], Hex(body.Replace("XX", $"{code:X2}", StringComparison.Ordinal)));
            if (s_carriers.TryGetValue(code, out string? carriers) && carriers.Contains(packet, StringComparison.Ordinal))
            {
                Assert.Contains(((MqttReasonCode)code).ToString(), Dump(Decode(bytes, MqttProtocolVersion.V500)), StringComparison.Ordinal);
            }
            else
            {
                AssertRefused(statement, bytes, MqttProtocolVersion.V500, MqttReasonCode.ProtocolError);
            }
        }
    }

    [Fact]
    public void Every_reason_code_of_the_specification_has_a_name_and_a_meaning_of_its_own()
    {
        Assert.Equal(s_carriers.Keys.Order(), Enum.GetValues<MqttReasonCode>().Select(code => (int)code).Order());
        string[] meanings = [.. Enum.GetValues<MqttReasonCode>().Select(code => code.Describe())];
        Assert.Equal(meanings.Length, meanings.Distinct().Count());
        Assert.All(meanings, meaning => Assert.EndsWith(".", meaning, StringComparison.Ordinal));
        Assert.Contains("0xFF", ((MqttReasonCode)0xFF).Describe(), StringComparison.Ordinal);
    }

    [Fact]
    public void Failure_begins_at_0x80()
    {
        Assert.All(Enum.GetValues<MqttReasonCode>(), code => Assert.Equal((int)code >= 0x80, code.IsFailure()));
    }

    [Theory(DisplayName = "[MQTT-3.9.3-2] a SUBACK of 3.1 and 3.1.1 carries the return codes 0, 1, 2 and 0x80, and no other")]
    [InlineData(MqttProtocolVersion.V310)]
    [InlineData(MqttProtocolVersion.V311)]
    public void SubAck_return_codes(MqttProtocolVersion version)
    {
        for (int code = 0; code < 256; code++)
        {
            byte[] bytes = Hex($"90 03 0001 {code:X2}");
            if (code is 0 or 1 or 2 or 0x80)
            {
                Assert.Equal((MqttReasonCode)code, Assert.Single(((SubAckPacket)Decode(bytes, version)).ReasonCodes));
            }
            else
            {
                AssertRefused("MQTT-3.9.3-2", bytes, version, MqttReasonCode.ProtocolError);
            }
        }
    }

    [Theory(DisplayName = "[MQTT-3.2.2-8] a CONNACK of 3.1 and 3.1.1 carries the return codes 0 to 5, and no other")]
    [InlineData(MqttProtocolVersion.V310)]
    [InlineData(MqttProtocolVersion.V311)]
    public void ConnAck_return_codes(MqttProtocolVersion version)
    {
        byte[] translated = [0x00, 0x84, 0x85, 0x88, 0x86, 0x87];
        for (int code = 0; code < 256; code++)
        {
            byte[] bytes = Hex($"20 02 00 {code:X2}");
            if (code < translated.Length)
            {
                var packet = (ConnAckPacket)Decode(bytes, version);
                Assert.Equal((MqttReasonCode)translated[code], packet.ReasonCode);
                Assert.Equal(bytes, Encode(packet, version));
            }
            else
            {
                AssertRefused("MQTT-3.2.2-8", bytes, version, MqttReasonCode.ProtocolError);
            }
        }
    }

    [Fact]
    public void A_CONNACK_of_3_1_1_cannot_carry_a_reason_code_of_5_0()
    {
        var packet = new ConnAckPacket { ReasonCode = MqttReasonCode.Banned };
        Assert.Throws<ArgumentException>(() => Encode(packet, MqttProtocolVersion.V311));
    }
}
