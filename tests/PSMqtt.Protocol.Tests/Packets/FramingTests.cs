using PSMqtt.Protocol.Packets;
using static PSMqtt.Protocol.Tests.Packets.PacketBytes;

namespace PSMqtt.Protocol.Tests.Packets;

/// <summary>The fixed header: first byte, remaining length, limits.</summary>
public sealed class FramingTests
{
    [Fact(DisplayName = "[MQTT-2.1.3-1] only the flag bits that the specification lists are accepted, for each of the 256 first bytes")]
    public void First_bytes()
    {
        // Table 2-2, and PUBREL with DUP, which MQTT 3.1 allows and AcknowledgementPacket refuses otherwise.
        byte[] accepted =
        [
            0x10, 0x20, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x3A, 0x3B, 0x3C, 0x3D, 0x40, 0x50, 0x62, 0x6A, 0x70, 0x82, 0x90, 0xA2, 0xB0, 0xC0,
            0xD0, 0xE0, 0xF0,
        ];
        for (int first = 0; first < 256; first++)
        {
            MqttProtocolException? exception = HeaderRefusal([(byte)first]);
            string? statement = (first >> 4, accepted.Contains((byte)first)) switch
            {
                (_, true) => null,
                (0, _) => "MQTT-2.1.2",
                (3, _) => (first & 6) == 6 ? "MQTT-3.3.1-4" : "MQTT-3.3.1-2",
                _ => "MQTT-2.1.3-1",
            };
            Assert.Equal(statement, exception?.Statement);
            Assert.Equal(statement is null ? default(MqttReasonCode?) : MqttReasonCode.MalformedPacket, exception?.ReasonCode);
        }
    }

    [Fact(DisplayName = "[MQTT-3.3.1-4] a PUBLISH with both QoS bits set is malformed")]
    public void Both_QoS_bits() => Assert.Equal("MQTT-3.3.1-4", HeaderRefusal([0x36, 0x00])?.Statement);

    [Fact(DisplayName = "[MQTT-3.3.1-2] a PUBLISH of QoS 0 with DUP is malformed")]
    public void Dup_with_QoS_0() => Assert.Equal("MQTT-3.3.1-2", HeaderRefusal([0x38, 0x00])?.Statement);

    [Fact(DisplayName = "[MQTT-2.1.3-1] a PUBREL with DUP is understood in 3.1 and malformed in 3.1.1 and 5.0")]
    public void Pubrel_with_DUP()
    {
        Assert.Equal(1, ((AcknowledgementPacket)Decode(Hex("6A 02 0001"), MqttProtocolVersion.V310)).PacketIdentifier);
        AssertRefused("MQTT-2.1.3-1", Hex("6A 02 0001"), MqttProtocolVersion.V311);
        AssertRefused("MQTT-2.1.3-1", Hex("6A 02 0001"), MqttProtocolVersion.V500);
    }

    [Theory(DisplayName = "[MQTT-1.5.5-1] a remaining length in more bytes than it needs, or in more than four, is malformed")]
    [InlineData("30 80 00")]
    [InlineData("30 FF 00")]
    [InlineData("30 80 80 00")]
    [InlineData("30 FF FF FF 00")]
    [InlineData("30 80 80 80 80")]
    [InlineData("30 FF FF FF FF")]
    [InlineData("30 80 80 80 80 01")]
    public void Remaining_length_refused(string bytes)
    {
        byte[] whole = Hex(bytes);
        MqttProtocolException exception = Assert.IsType<MqttProtocolException>(HeaderRefusal(whole));
        Assert.Equal(("MQTT-1.5.5-1", MqttReasonCode.MalformedPacket), (exception.Statement, exception.ReasonCode));

        // It is refused with the byte that makes it wrong, and not before.
        int deciding = Math.Min(whole.Length, 5);
        Assert.NotNull(HeaderRefusal(whole.AsSpan(0, deciding)));
        Assert.Null(HeaderRefusal(whole.AsSpan(0, deciding - 1)));
    }

    [Theory]
    [InlineData("30 00", 0)]
    [InlineData("30 7F", 127)]
    [InlineData("30 80 01", 128)]
    [InlineData("30 FF 7F", 16_383)]
    [InlineData("30 80 80 01", 16_384)]
    [InlineData("30 FF FF 7F", 2_097_151)]
    [InlineData("30 80 80 80 01", 2_097_152)]
    [InlineData("30 FF FF FF 7F", 268_435_455)]
    public void Remaining_length_at_its_borders(string header, int length)
    {
        byte[] bytes = Hex(header);
        bool whole = MqttPacketReader.TryReadFrame(bytes, int.MaxValue, out MqttFrame frame, out int needed);
        Assert.Equal(length == 0, whole);
        Assert.Equal(bytes.Length + length, needed);
        Assert.Equal(whole ? bytes.Length : 0, frame.TotalLength);

        var written = new byte[5];
        written[0] = 0x30;
        Assert.Equal(bytes.Length - 1, VariableByteInteger.Write(written.AsSpan(1), length));
        Assert.Equal(bytes.Length - 1, VariableByteInteger.GetSize(length));
        Assert.Equal(bytes, written[..bytes.Length]);

        for (int part = 0; part < bytes.Length; part++)
        {
            Assert.False(MqttPacketReader.TryReadFrame(bytes.AsSpan(0, part), int.MaxValue, out _, out int more));
            Assert.Equal(part + 1, more);
        }
    }

    [Fact(DisplayName = "[MQTT-3.1.2-24] a packet larger than Maximum Packet Size is refused with 0x95 as soon as its length is known")]
    public void Maximum_packet_size()
    {
        byte[] packet = Frame(0x30, new byte[200]);
        Assert.True(MqttPacketReader.TryReadFrame(packet, packet.Length, out _, out _));
        var exception = Assert.Throws<MqttProtocolException>(
            () => MqttPacketReader.TryReadFrame(packet.AsSpan(0, 3), packet.Length - 1, out _, out _));
        Assert.Equal(("MQTT-3.1.2-24", MqttReasonCode.PacketTooLarge), (exception.Statement, exception.ReasonCode));
    }

    [Theory]
    [InlineData("C0 01", "MQTT-3.12.1")]
    [InlineData("D0 01", "MQTT-3.13.1")]
    [InlineData("D0 80 01", "MQTT-3.13.1")]
    public void A_ping_with_a_body_is_malformed(string bytes, string statement) => Assert.Equal(statement, HeaderRefusal(Hex(bytes))?.Statement);

    [Fact]
    public void An_announced_length_of_256_MiB_that_nothing_follows_allocates_nothing()
    {
        byte[] header = Hex("30 FF FF FF 7F");
        int needed = 0;
        double allocated = Allocated.PerCall(() => MqttPacketReader.TryReadFrame(header, int.MaxValue, out _, out needed));
        Assert.Equal((268_435_460, 0), (needed, allocated));
    }

    [Fact]
    public void A_stream_of_packets_is_taken_apart_wherever_it_is_cut()
    {
        byte[] stream = [.. PacketExamples.Corpus.SelectMany(example => example.Bytes)];
        int count = PacketExamples.All.Count;
        for (int piece = 1; piece <= 17; piece++)
        {
            int start = 0;
            int packets = 0;
            for (int end = 0; end <= stream.Length; end = Math.Min(end + piece, stream.Length))
            {
                while (MqttPacketReader.TryReadFrame(stream.AsSpan(start, end - start), int.MaxValue, out MqttFrame frame, out int needed))
                {
                    Assert.Equal(needed, frame.TotalLength);
                    start += frame.TotalLength;
                    packets++;
                }

                if (end == stream.Length)
                {
                    break;
                }
            }

            Assert.Equal((count, stream.Length), (packets, start));
        }
    }

    private static MqttProtocolException? HeaderRefusal(ReadOnlySpan<byte> bytes)
    {
        try
        {
            MqttPacketReader.TryReadFrame(bytes, int.MaxValue, out _, out _);
            return null;
        }
        catch (MqttProtocolException exception)
        {
            return exception;
        }
    }
}
