using System.Buffers;

namespace PSMqtt.Protocol.Packets;

/// <summary>UNSUBSCRIBE.</summary>
internal sealed class UnsubscribePacket : IMqttPacketBody
{
    public UnsubscribePacket()
    {
    }

    private UnsubscribePacket(in MqttFrame frame, MqttProtocolVersion version)
    {
        var body = new MqttBufferReader(MqttPacketType.Unsubscribe, frame.Body);
        PacketIdentifier = body.ReadPacketIdentifier("MQTT-2.2.1-3");
        if (version == MqttProtocolVersion.V500)
        {
            UserProperties = ReasonProperties.Read(ref body).UserProperties;
        }

        List<string> filters = [];
        while (!body.IsAtEnd)
        {
            filters.Add(body.ReadText("topic filter"));
        }

        Filters = filters.Count > 0 ? filters : throw ProtocolViolation.Error("MQTT-3.10.3-2", "An UNSUBSCRIBE has no topic filter.");
    }

    public MqttPacketType Type => MqttPacketType.Unsubscribe;

    public ushort PacketIdentifier { get; init; }

    public IReadOnlyList<string> Filters { get; init; } = [];

    public IReadOnlyList<MqttUserProperty> UserProperties { get; init; } = [];

    /// <summary>Reads one, as a server does.</summary>
    /// <param name="frame">The packet.</param>
    /// <param name="version">The version of the connection.</param>
    /// <returns>What it says.</returns>
    /// <exception cref="MqttProtocolException">It breaks the specification.</exception>
    public static UnsubscribePacket Read(in MqttFrame frame, MqttProtocolVersion version) => new(frame, version);

    /// <inheritdoc />
    public void Write(IBufferWriter<byte> output, MqttProtocolVersion version) => MqttPacketEncoder.Write(this, output, version);

    /// <inheritdoc />
    public void WriteBody(ref MqttPacketWriter writer, MqttProtocolVersion version)
    {
        writer.WriteUInt16(PacketIdentifier);
        if (version == MqttProtocolVersion.V500)
        {
            int begin = writer.BeginProperties();
            writer.WriteUserProperties(UserProperties);
            writer.EndProperties(begin);
        }

        foreach (string filter in Filters)
        {
            writer.WriteText(filter, "topic filter");
        }
    }
}
