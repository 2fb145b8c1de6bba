using System.Buffers;

namespace PSMqtt.Protocol.Packets;

/// <summary>SUBACK.</summary>
internal sealed class SubAckPacket : IMqttPacketBody
{
    public SubAckPacket()
    {
    }

    private SubAckPacket(in MqttFrame frame, MqttProtocolVersion version)
    {
        var body = new MqttBufferReader(MqttPacketType.SubAck, frame.Body);
        PacketIdentifier = body.ReadPacketIdentifier("MQTT-2.2.1-6");
        if (version == MqttProtocolVersion.V500)
        {
            var reason = ReasonProperties.Read(ref body);
            ReasonString = reason.ReasonString;
            UserProperties = reason.UserProperties;
        }

        ReadOnlySpan<byte> codes = body.ReadRest();
        if (codes.IsEmpty)
        {
            throw ProtocolViolation.Error("MQTT-3.8.3-2", "A SUBACK has no reason code; a SUBSCRIBE has at least one topic filter.");
        }

        var reasonCodes = new MqttReasonCode[codes.Length];
        for (int index = 0; index < codes.Length; index++)
        {
            byte code = codes[index];
            if (version != MqttProtocolVersion.V500 && code is not (0 or 1 or 2 or 0x80))
            {
                // The statement of 3.1.1 is the one of 5.0: return codes that are not listed are reserved.
                throw ProtocolViolation.Error("MQTT-3.9.3-2", $"A SUBACK has the reserved return code 0x{code:X2}.");
            }

            reasonCodes[index] = MqttReasonCodeTable.Check(MqttPacketType.SubAck, code);
        }

        ReasonCodes = reasonCodes;
    }

    public MqttPacketType Type => MqttPacketType.SubAck;

    public ushort PacketIdentifier { get; init; }

    /// <summary>What was granted or refused, in the order of the topic filters; at least one.</summary>
    public IReadOnlyList<MqttReasonCode> ReasonCodes { get; init; } = [];

    public string? ReasonString { get; init; }

    public IReadOnlyList<MqttUserProperty> UserProperties { get; init; } = [];

    /// <summary>Reads one.</summary>
    /// <param name="frame">The packet.</param>
    /// <param name="version">The version of the connection.</param>
    /// <returns>What it says.</returns>
    /// <exception cref="MqttProtocolException">It breaks the specification.</exception>
    public static SubAckPacket Read(in MqttFrame frame, MqttProtocolVersion version) => new(frame, version);

    /// <inheritdoc />
    public void Write(IBufferWriter<byte> output, MqttProtocolVersion version) => MqttPacketEncoder.Write(this, output, version);

    /// <inheritdoc />
    public void WriteBody(ref MqttPacketWriter writer, MqttProtocolVersion version)
    {
        writer.WriteUInt16(PacketIdentifier);
        if (version == MqttProtocolVersion.V500)
        {
            int begin = writer.BeginProperties();
            writer.WriteReason(ReasonString, UserProperties);
            writer.EndProperties(begin);
        }

        foreach (MqttReasonCode code in ReasonCodes)
        {
            writer.WriteByte((byte)code);
        }
    }
}
