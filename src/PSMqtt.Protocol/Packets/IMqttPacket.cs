using System.Buffers;

namespace PSMqtt.Protocol.Packets;

/// <summary>A packet that can be written.</summary>
internal interface IMqttPacket
{
    MqttPacketType Type { get; }

    /// <summary>Writes the whole packet, fixed header included.</summary>
    /// <param name="output">Where to; its caller's memory.</param>
    /// <param name="version">The version of the connection. What it does not have is left out.</param>
    /// <exception cref="ArgumentException">A value is one that MQTT cannot carry.</exception>
    void Write(IBufferWriter<byte> output, MqttProtocolVersion version);
}

/// <summary>A packet that describes its body field by field.</summary>
internal interface IMqttPacketBody : IMqttPacket
{
    /// <summary>Writes what follows the fixed header. Called twice: once to measure, once to write.</summary>
    void WriteBody(ref MqttPacketWriter writer, MqttProtocolVersion version);
}

internal static class MqttPacketEncoder
{
    /// <summary>Measures a packet, then writes it in one piece.</summary>
    public static void Write<T>(in T packet, IBufferWriter<byte> output, MqttProtocolVersion version)
        where T : IMqttPacketBody
    {
        MqttPacketWriter measure = MqttPacketWriter.Measuring;
        packet.WriteBody(ref measure, version);
        int length = measure.Length;
        if (length > VariableByteInteger.MaximumValue)
        {
            throw new ArgumentException(
                $"A {packet.Type.Name()} of {length} bytes is larger than MQTT allows ({VariableByteInteger.MaximumValue}). Split it.",
                nameof(packet));
        }

        int size = 1 + VariableByteInteger.GetSize(length) + length;
        var writer = new MqttPacketWriter(output.GetSpan(size)[..size]);
        bool flagged = packet.Type is MqttPacketType.PubRel or MqttPacketType.Subscribe or MqttPacketType.Unsubscribe;
        writer.WriteByte((byte)((int)packet.Type << 4 | (flagged ? 2 : 0)));
        writer.WriteVariableByteInteger(length);
        packet.WriteBody(ref writer, version);
        output.Advance(size);
    }
}
