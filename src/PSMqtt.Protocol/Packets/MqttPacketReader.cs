using System.Diagnostics.CodeAnalysis;

namespace PSMqtt.Protocol.Packets;

/// <summary>Finds the packets in a stream of bytes.</summary>
internal static class MqttPacketReader
{
    /// <summary>
    /// The first bytes that a packet may have, as a set of bits: two bytes a type, for flags 0 to 7 and 8 to 15. PUBLISH: DUP only with QoS 1 and 2,
    /// and no QoS 3. PUBREL: MQTT 3.1 knows DUP there; <see cref="AcknowledgementPacket.Read"/> refuses it in later versions.
    /// </summary>
    private static ReadOnlySpan<byte> FirstBytes =>
    [
        0x00, 0x00, 0x01, 0x00, 0x01, 0x00, 0x3F, 0x3C, 0x01, 0x00, 0x01, 0x00, 0x04, 0x04, 0x01, 0x00, 0x04, 0x00, 0x01, 0x00, 0x04, 0x00, 0x01,
        0x00, 0x01, 0x00, 0x01, 0x00, 0x01, 0x00, 0x01, 0x00,
    ];

    /// <summary>Looks for a whole packet at the start of a buffer. Nothing is allocated, whatever length a packet announces.</summary>
    /// <param name="buffer">The bytes received and not yet used.</param>
    /// <param name="maximumPacketSize">The largest packet that is accepted, in bytes, its fixed header included.</param>
    /// <param name="frame">The packet, when there is one.</param>
    /// <param name="needed">When there is none: how many bytes from the start of the buffer are needed, as far as is known.</param>
    /// <returns>Whether a whole packet stands at the start of the buffer.</returns>
    /// <exception cref="MqttProtocolException">The bytes cannot be the start of a packet, or it is too large.</exception>
    public static bool TryReadFrame(ReadOnlySpan<byte> buffer, int maximumPacketSize, out MqttFrame frame, out int needed)
    {
        if (buffer.IsEmpty)
        {
            frame = default;
            needed = 1;
            return false;
        }

        byte first = buffer[0];
        var type = (MqttPacketType)(first >> 4);
        byte flags = (byte)(first & 0x0F);
        if (((FirstBytes[first >> 3] >> (first & 7)) & 1) == 0)
        {
            ThrowFirstByte(type, flags);
        }

        if (buffer.Length < 2)
        {
            frame = default;
            needed = 2;
            return false;
        }

        int headerLength = 2;
        int remainingLength = buffer[1];
        if (remainingLength >= 0x80)
        {
            headerLength = ReadLongRemainingLength(type, buffer, out remainingLength);
            if (headerLength == 0)
            {
                frame = default;
                needed = buffer.Length + 1;
                return false;
            }
        }

        int total = headerLength + remainingLength;
        if (total > maximumPacketSize)
        {
            ThrowTooLarge(type, total, maximumPacketSize);
        }

        if (type is MqttPacketType.PingReq or MqttPacketType.PingResp && remainingLength != 0)
        {
            ThrowPingWithBody(type);
        }

        if (buffer.Length < total)
        {
            frame = default;
            needed = total;
            return false;
        }

        frame = new MqttFrame(type, flags, buffer.Slice(headerLength, remainingLength), total);
        needed = total;
        return true;
    }

    /// <summary>Reads a remaining length of two to four bytes; returns the length of the fixed header, or 0 when more bytes are needed.</summary>
    private static int ReadLongRemainingLength(MqttPacketType type, ReadOnlySpan<byte> buffer, out int remainingLength)
    {
        remainingLength = buffer[1] & 0x7F;
        for (int position = 2; position < buffer.Length; position++)
        {
            byte current = buffer[position];
            remainingLength |= (current & 0x7F) << (7 * (position - 1));
            if (current < 0x80)
            {
                if (current == 0)
                {
                    ProtocolViolation.ThrowMalformed(
                        "MQTT-1.5.5-1", $"The remaining length of {MqttPropertyTable.OwnerName(type)} is not encoded in the fewest bytes.");
                }

                return position + 1;
            }

            if (position == 4)
            {
                ProtocolViolation.ThrowMalformed("MQTT-1.5.5-1", $"The remaining length of {MqttPropertyTable.OwnerName(type)} has more than four bytes.");
            }
        }

        return 0;
    }

    [DoesNotReturn]
    private static void ThrowFirstByte(MqttPacketType type, byte flags)
    {
        if (type == 0)
        {
            throw ProtocolViolation.Malformed("MQTT-2.1.2", "A packet of type 0 was sent; there is no such type.");
        }

        if (type != MqttPacketType.Publish)
        {
            throw ProtocolViolation.Malformed(
                "MQTT-2.1.3-1", $"The reserved flag bits of {MqttPropertyTable.OwnerName(type)} are {flags:X1}; they must be {(type is
                    MqttPacketType.PubRel or MqttPacketType.Subscribe or MqttPacketType.Unsubscribe ? 2 : 0)}.");
        }

        throw (flags & 0b0110) == 0b0110
            ? ProtocolViolation.Malformed("MQTT-3.3.1-4", "A PUBLISH has both QoS bits set.")
            : ProtocolViolation.Malformed("MQTT-3.3.1-2", "A PUBLISH of QoS 0 has the DUP flag set.");
    }

    [DoesNotReturn]
    private static void ThrowTooLarge(MqttPacketType type, int total, int maximum) =>
        throw new MqttProtocolException(
            MqttReasonCode.PacketTooLarge,
            "MQTT-3.1.2-24",
            $"{MqttPropertyTable.OwnerName(type, isFirst: true)} of {total} bytes was sent; the Maximum Packet Size is {maximum}.");

    [DoesNotReturn]
    private static void ThrowPingWithBody(MqttPacketType type) =>
        throw ProtocolViolation.Malformed(
            type == MqttPacketType.PingReq ? "MQTT-3.12.1" : "MQTT-3.13.1",
            $"{MqttPropertyTable.OwnerName(type, isFirst: true)} has a body; its remaining length must be 0.");
}
