using System.Buffers;

namespace PSMqtt.Protocol.Packets;

/// <summary>UNSUBACK.</summary>
internal sealed class UnsubAckPacket : IMqttPacketBody
{
    public UnsubAckPacket()
    {
    }

    private UnsubAckPacket(in MqttFrame frame, MqttProtocolVersion version)
    {
        var body = new MqttBufferReader(MqttPacketType.UnsubAck, frame.Body);
        PacketIdentifier = body.ReadPacketIdentifier("MQTT-2.2.1-6");
        if (version != MqttProtocolVersion.V500)
        {
            body.ExpectEnd();
            return;
        }

        var reason = ReasonProperties.Read(ref body);
        ReasonString = reason.ReasonString;
        UserProperties = reason.UserProperties;
        ReadOnlySpan<byte> codes = body.ReadRest();
        if (codes.IsEmpty)
        {
            throw ProtocolViolation.Error("MQTT-3.11.3-2", "An UNSUBACK has no reason code; an UNSUBSCRIBE has at least one topic filter.");
        }

        var reasonCodes = new MqttReasonCode[codes.Length];
        for (int index = 0; index < codes.Length; index++)
        {
            reasonCodes[index] = MqttReasonCodeTable.Check(MqttPacketType.UnsubAck, codes[index]);
        }

        ReasonCodes = reasonCodes;
    }

    public MqttPacketType Type => MqttPacketType.UnsubAck;

    public ushort PacketIdentifier { get; init; }

    /// <summary>What became of each topic filter, in their order. Empty in MQTT 3.1 and 3.1.1, which do not say.</summary>
    public IReadOnlyList<MqttReasonCode> ReasonCodes { get; init; } = [];

    public string? ReasonString { get; init; }

    public IReadOnlyList<MqttUserProperty> UserProperties { get; init; } = [];

    /// <summary>Reads one.</summary>
    /// <param name="frame">The packet.</param>
    /// <param name="version">The version of the connection.</param>
    /// <returns>What it says.</returns>
    /// <exception cref="MqttProtocolException">It breaks the specification.</exception>
    public static UnsubAckPacket Read(in MqttFrame frame, MqttProtocolVersion version) => new(frame, version);

    /// <inheritdoc />
    public void Write(IBufferWriter<byte> output, MqttProtocolVersion version) => MqttPacketEncoder.Write(this, output, version);

    /// <inheritdoc />
    public void WriteBody(ref MqttPacketWriter writer, MqttProtocolVersion version)
    {
        writer.WriteUInt16(PacketIdentifier);
        if (version != MqttProtocolVersion.V500)
        {
            return;
        }

        int begin = writer.BeginProperties();
        writer.WriteReason(ReasonString, UserProperties);
        writer.EndProperties(begin);
        foreach (MqttReasonCode code in ReasonCodes)
        {
            writer.WriteByte((byte)code);
        }
    }
}
