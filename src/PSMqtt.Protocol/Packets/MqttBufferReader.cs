using System.Buffers.Binary;

namespace PSMqtt.Protocol.Packets;

/// <summary>Takes the fields of a packet from its bytes, in order, and refuses to go beyond them.</summary>
internal ref struct MqttBufferReader
{
    private readonly ReadOnlySpan<byte> _bytes;
    private readonly bool _isProperties;
    private int _position;

    /// <summary>Begins.</summary>
    /// <param name="owner">The packet that the bytes belong to.</param>
    /// <param name="bytes">The bytes.</param>
    /// <param name="isProperties">Whether they are its properties rather than its body; for messages.</param>
    public MqttBufferReader(MqttPacketType owner, ReadOnlySpan<byte> bytes, bool isProperties = false)
    {
        Owner = owner;
        _bytes = bytes;
        _isProperties = isProperties;
    }

    /// <summary>The packet that the bytes belong to.</summary>
    public MqttPacketType Owner { get; }

    public readonly bool IsAtEnd => _position == _bytes.Length;

    public readonly int Remaining => _bytes.Length - _position;

    public byte ReadByte(string field)
    {
        if (_position >= _bytes.Length)
        {
            ThrowTruncated(field);
        }

        return _bytes[_position++];
    }

    public ushort ReadUInt16(string field)
    {
        if (Remaining < 2)
        {
            ThrowTruncated(field);
        }

        ushort value = BinaryPrimitives.ReadUInt16BigEndian(_bytes[_position..]);
        _position += 2;
        return value;
    }

    public uint ReadUInt32(string field)
    {
        if (Remaining < 4)
        {
            ThrowTruncated(field);
        }

        uint value = BinaryPrimitives.ReadUInt32BigEndian(_bytes[_position..]);
        _position += 4;
        return value;
    }

    public int ReadVariableByteInteger(string field)
    {
        int value = 0;
        for (int shift = 0; ; shift += 7)
        {
            byte current = ReadByte(field);
            value |= (current & 0x7F) << shift;
            if (current < 0x80)
            {
                if (current == 0 && shift > 0)
                {
                    ProtocolViolation.ThrowMalformed(
                        "MQTT-1.5.5-1", $"The {field} of {MqttPropertyTable.OwnerName(Owner)} is not encoded in the fewest bytes.");
                }

                return value;
            }

            if (shift == 21)
            {
                ProtocolViolation.ThrowMalformed(
                    "MQTT-1.5.5-1", $"The {field} of {MqttPropertyTable.OwnerName(Owner)} has more than four bytes.");
            }
        }
    }

    /// <summary>Takes a number of bytes.</summary>
    public ReadOnlySpan<byte> ReadBytes(int count, string field)
    {
        if (Remaining < count)
        {
            ThrowTruncated(field);
        }

        ReadOnlySpan<byte> value = _bytes.Slice(_position, count);
        _position += count;
        return value;
    }

    /// <summary>Takes Binary Data: two bytes of length, then as many bytes.</summary>
    public ReadOnlySpan<byte> ReadBinary(string field) => ReadBytes(ReadUInt16(field), field);

    /// <summary>Takes the bytes of a UTF-8 Encoded String, checked.</summary>
    public ReadOnlySpan<byte> ReadTextBytes(string field)
    {
        ReadOnlySpan<byte> value = ReadBinary(field);
        MqttText.Validate(value, Owner, field);
        return value;
    }

    /// <summary>Takes a UTF-8 Encoded String.</summary>
    public string ReadText(string field) => MqttText.Read(ReadTextBytes(field));

    /// <summary>Takes a packet identifier, which is never 0.</summary>
    /// <param name="statement">The statement that says so for this packet.</param>
    public ushort ReadPacketIdentifier(string statement)
    {
        ushort value = ReadUInt16("packet identifier");
        if (value == 0)
        {
            ProtocolViolation.ThrowError(statement, $"{MqttPropertyTable.OwnerName(Owner, isFirst: true)} has the packet identifier 0.");
        }

        return value;
    }

    /// <summary>Takes what is left.</summary>
    public ReadOnlySpan<byte> ReadRest()
    {
        ReadOnlySpan<byte> value = _bytes[_position..];
        _position = _bytes.Length;
        return value;
    }

    /// <summary>Refuses a packet that has more bytes than fields.</summary>
    public readonly void ExpectEnd()
    {
        if (!IsAtEnd)
        {
            ProtocolViolation.ThrowTrailing(Owner, Remaining);
        }
    }

    private readonly void ThrowTruncated(string field)
    {
        if (_isProperties)
        {
            ProtocolViolation.ThrowMalformed("MQTT-2.2.2.1", $"The properties of {MqttPropertyTable.OwnerName(Owner)} end inside the {field}.");
        }

        ProtocolViolation.ThrowMalformed("MQTT-2.1.4", $"{MqttPropertyTable.OwnerName(Owner, isFirst: true)} ends inside its {field}.");
    }
}
