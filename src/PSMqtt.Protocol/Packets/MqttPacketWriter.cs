using System.Buffers.Binary;

namespace PSMqtt.Protocol.Packets;

/// <summary>
/// Puts the fields of a packet into memory of the caller's, in order, or only counts the bytes that they would take (<see cref="Measuring"/>), so
/// that one method describes a packet for both. Values that MQTT cannot carry are the caller's fault: <see cref="ArgumentException"/>.
/// </summary>
internal ref struct MqttPacketWriter
{
    private readonly Span<byte> _destination;
    private readonly bool _writing;
    private int _position;

    public MqttPacketWriter(Span<byte> destination)
    {
        _destination = destination;
        _writing = true;
    }

    /// <summary>A writer that counts and writes nothing.</summary>
    public static MqttPacketWriter Measuring => default;

    /// <summary>How many bytes were written or counted.</summary>
    public readonly int Length => _position;

    public void WriteByte(byte value)
    {
        if (_writing)
        {
            _destination[_position] = value;
        }

        _position++;
    }

    public void WriteUInt16(ushort value)
    {
        if (_writing)
        {
            BinaryPrimitives.WriteUInt16BigEndian(_destination[_position..], value);
        }

        _position += 2;
    }

    public void WriteUInt32(uint value)
    {
        if (_writing)
        {
            BinaryPrimitives.WriteUInt32BigEndian(_destination[_position..], value);
        }

        _position += 4;
    }

    public void WriteVariableByteInteger(int value) =>
        _position += _writing ? VariableByteInteger.Write(_destination[_position..], value) : VariableByteInteger.GetSize(value);

    public void WriteText(string value, string field)
    {
        int count = MqttText.GetByteCount(value, field);
        WriteUInt16((ushort)count);
        if (_writing)
        {
            MqttText.Write(_destination[_position..], value, count);
        }

        _position += count;
    }

    public void WriteBinary(ReadOnlySpan<byte> value, string field)
    {
        if (value.Length > MqttText.MaximumByteCount)
        {
            throw new ArgumentException(
                $"The {field} takes {value.Length} bytes; MQTT allows at most {MqttText.MaximumByteCount}. Shorten it.", nameof(value));
        }

        WriteUInt16((ushort)value.Length);
        if (_writing)
        {
            value.CopyTo(_destination[_position..]);
        }

        _position += value.Length;
    }

    /// <summary>Begins the properties of a packet.</summary>
    /// <returns>What <see cref="EndProperties"/> wants.</returns>
    public int BeginProperties()
    {
        // Most properties are shorter than 128 bytes, so that their length takes one byte.
        return ++_position;
    }

    /// <summary>Ends the properties of a packet: writes their length before them.</summary>
    public void EndProperties(int begin)
    {
        int length = _position - begin;
        int size = VariableByteInteger.GetSize(length);
        _position += size - 1;
        if (_writing)
        {
            if (size > 1)
            {
                _destination.Slice(begin, length).CopyTo(_destination[(begin + size - 1)..]);
            }

            VariableByteInteger.Write(_destination[(begin - 1)..], length);
        }
    }

    /// <summary>Writes a property that is a number, in as many bytes as it has; nothing if there is no value.</summary>
    public void WriteProperty(MqttPropertyIdentifier identifier, uint? value)
    {
        if (value is not { } number)
        {
            return;
        }

        WriteByte((byte)identifier);
        switch (MqttPropertyTable.KindOf(identifier))
        {
            case MqttPropertyKind.Flag:
                WriteByte((byte)number);
                break;
            case MqttPropertyKind.TwoByteInteger or MqttPropertyKind.TwoByteIntegerNotZero:
                WriteUInt16((ushort)number);
                break;
            case MqttPropertyKind.VariableByteIntegerNotZero:
                WriteVariableByteInteger((int)number);
                break;
            default:
                WriteUInt32(number);
                break;
        }
    }

    public void WriteProperty(MqttPropertyIdentifier identifier, bool? value) =>
        WriteProperty(identifier, value is { } flag ? (flag ? 1u : 0u) : default(uint?));

    public void WriteProperty(MqttPropertyIdentifier identifier, string? value)
    {
        if (value is not null)
        {
            WriteByte((byte)identifier);
            WriteText(value, identifier.Name());
        }
    }

    public void WriteProperty(MqttPropertyIdentifier identifier, byte[]? value)
    {
        if (value is not null)
        {
            WriteByte((byte)identifier);
            WriteBinary(value, identifier.Name());
        }
    }

    public void WriteUserProperties(IReadOnlyList<MqttUserProperty> properties)
    {
        for (int index = 0; index < properties.Count; index++)
        {
            MqttUserProperty property = properties[index];
            WriteByte((byte)MqttPropertyIdentifier.UserProperty);
            WriteText(property.Name ?? string.Empty, "User Property name");
            WriteText(property.Value ?? string.Empty, "User Property value");
        }
    }

    /// <summary>Writes the properties that an acknowledgement of any kind may carry.</summary>
    public void WriteReason(string? reasonString, IReadOnlyList<MqttUserProperty> userProperties)
    {
        WriteProperty(MqttPropertyIdentifier.ReasonString, reasonString);
        WriteUserProperties(userProperties);
    }
}
