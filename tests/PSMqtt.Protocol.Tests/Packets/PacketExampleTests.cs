using PSMqtt.Protocol.Packets;
using static PSMqtt.Protocol.Tests.Packets.PacketBytes;

namespace PSMqtt.Protocol.Tests.Packets;

/// <summary>What holds for every packet, shown on each of <see cref="PacketExamples"/>.</summary>
public sealed class PacketExampleTests
{
    [Theory]
    [MemberData(nameof(PacketExamples.Names), MemberType = typeof(PacketExamples))]
    public void Its_bytes_are_read_as_its_fields(string name)
    {
        PacketExample example = PacketExamples.Get(name);
        Assert.Equal(Dump(AsReceived(example.Packet)), Dump(Decode(Hex(example.Bytes), example.Version)));
    }

    [Theory]
    [MemberData(nameof(PacketExamples.Names), MemberType = typeof(PacketExamples))]
    public void Its_fields_are_written_as_its_bytes(string name)
    {
        PacketExample example = PacketExamples.Get(name);
        byte[] written = example.Packet switch
        {
            IMqttPacket packet => Encode(packet, example.Version),
            MqttPacketType.PingReq => PingPackets.PingReq.ToArray(),
            _ => PingPackets.PingResp.ToArray(),
        };
        Assert.Equal(Convert.ToHexString(Hex(example.Bytes)), Convert.ToHexString(written));
    }

    [Theory]
    [MemberData(nameof(PacketExamples.Names), MemberType = typeof(PacketExamples))]
    public void Every_shorter_part_of_it_asks_for_more(string name)
    {
        byte[] bytes = Hex(PacketExamples.Get(name).Bytes);
        for (int length = 0; length < bytes.Length; length++)
        {
            Assert.False(MqttPacketReader.TryReadFrame(bytes.AsSpan(0, length), int.MaxValue, out _, out int needed));
            Assert.Equal(length < 2 ? length + 1 : bytes.Length, needed);
        }
    }

    [Theory]
    [MemberData(nameof(PacketExamples.Names), MemberType = typeof(PacketExamples))]
    public void What_follows_it_is_left_alone(string name)
    {
        byte[] bytes = Hex(PacketExamples.Get(name).Bytes);
        Assert.True(MqttPacketReader.TryReadFrame([.. bytes, 0xFF, 0xFF], bytes.Length, out MqttFrame frame, out _));
        Assert.Equal(bytes.Length, frame.TotalLength);
        Assert.Equal(bytes[0] >> 4, (int)frame.Type);
        Assert.Equal(bytes[0] & 0x0F, frame.Flags);
    }

    [Theory]
    [MemberData(nameof(PacketExamples.Names), MemberType = typeof(PacketExamples))]
    public void A_body_cut_anywhere_is_refused_unless_it_still_is_a_packet(string name)
    {
        PacketExample example = PacketExamples.Get(name);
        byte[] bytes = Hex(example.Bytes);
        byte[] body = Body(bytes);
        for (int length = 0; length < body.Length; length++)
        {
            byte[] cut = Frame(bytes[0], body.AsSpan(0, length));
            if (example.ValidPrefixes.Contains(length))
            {
                Decode(cut, example.Version);
            }
            else
            {
                Refused(cut, example.Version);
            }
        }
    }

    [Theory]
    [MemberData(nameof(PacketExamples.Names), MemberType = typeof(PacketExamples))]
    public void A_byte_after_its_end_is_refused(string name)
    {
        PacketExample example = PacketExamples.Get(name);
        byte[] bytes = Hex(example.Bytes);
        byte[] longer = [.. Body(bytes), 0xEE];
        if ((MqttPacketType)(bytes[0] >> 4) != MqttPacketType.Publish && longer.Length > 1)
        {
            Refused(Frame(bytes[0], longer), example.Version);
        }
    }

    [Theory]
    [MemberData(nameof(PacketExamples.Names), MemberType = typeof(PacketExamples))]
    public void Any_byte_of_it_set_to_a_limit_ends_in_a_packet_or_in_a_refusal(string name)
    {
        PacketExample example = PacketExamples.Get(name);
        byte[] bytes = Hex(example.Bytes);
        byte[] body = Body(bytes);
        int tried = 0;
        for (int place = 0; place < body.Length; place++)
        {
            foreach (byte value in (byte[])[0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF, (byte)(body[place] - 1), (byte)(body[place] + 1)])
            {
                byte[] changed = [.. body];
                changed[place] = value;
                try
                {
                    Decode(Frame(bytes[0], changed), example.Version);
                }
                catch (MqttProtocolException)
                {
                    // The other of the two ends.
                }

                tried++;
            }
        }

        Assert.Equal(8 * body.Length, tried);
    }

    [Theory]
    [MemberData(nameof(PacketExamples.Names), MemberType = typeof(PacketExamples))]
    public void It_has_a_description_of_one_line_without_secrets(string name)
    {
        PacketExample example = PacketExamples.Get(name);
        Assert.True(MqttPacketReader.TryReadFrame(Hex(example.Bytes), int.MaxValue, out MqttFrame frame, out _));
        string line = PacketDescription.Describe(frame, example.Version, sent: true);
        Assert.StartsWith(frame.Type.Name(), line, StringComparison.Ordinal);
        Assert.DoesNotContain("malformed", line, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', line);
    }
}
