using System.Buffers;
using System.Text;
using PSMqtt.Protocol.Packets;

namespace PSMqtt.Protocol.Tests.Scripted;

/// <summary>A PUBLISH as a server sends it: subscription identifiers included, and nothing checked, so that it can also be a wrong one.</summary>
internal sealed record ServerPublish : IMqttPacket
{
    public ServerPublish(string topic, byte[] payload, MqttQualityOfService qos = MqttQualityOfService.AtMostOnce, ushort packetIdentifier = 0)
    {
        Topic = topic;
        Payload = payload;
        QoS = qos;
        PacketIdentifier = packetIdentifier;
    }

    public ServerPublish(string topic, string text, MqttQualityOfService qos = MqttQualityOfService.AtMostOnce, ushort packetIdentifier = 0)
        : this(topic, Encoding.UTF8.GetBytes(text), qos, packetIdentifier)
    {
    }

    public MqttPacketType Type => MqttPacketType.Publish;

    public string Topic { get; init; }

    public byte[] Payload { get; init; }

    public MqttQualityOfService QoS { get; init; }

    public ushort PacketIdentifier { get; init; }

    public bool Retain { get; init; }

    public bool Duplicate { get; init; }

    public ushort? TopicAlias { get; init; }

    public MqttMessageProperties? Properties { get; init; }

    public void Write(IBufferWriter<byte> output, MqttProtocolVersion version)
    {
        MqttPacketWriter measure = MqttPacketWriter.Measuring;
        WriteBody(ref measure, version);
        int size = 1 + VariableByteInteger.GetSize(measure.Length) + measure.Length;
        var writer = new MqttPacketWriter(output.GetSpan(size));
        writer.WriteByte((byte)(0x30 | (Duplicate ? 8 : 0) | (int)QoS << 1 | (Retain ? 1 : 0)));
        writer.WriteVariableByteInteger(measure.Length);
        WriteBody(ref writer, version);
        output.Advance(size);
    }

    private void WriteBody(ref MqttPacketWriter writer, MqttProtocolVersion version)
    {
        writer.WriteText(Topic, "topic");
        if (QoS != MqttQualityOfService.AtMostOnce)
        {
            writer.WriteUInt16(PacketIdentifier);
        }

        if (version == MqttProtocolVersion.V500)
        {
            int begin = writer.BeginProperties();
            writer.WriteProperty(MqttPropertyIdentifier.TopicAlias, TopicAlias);
            if (Properties is not null)
            {
                MessageProperties.Write(ref writer, Properties);
                foreach (int identifier in Properties.SubscriptionIdentifiers)
                {
                    writer.WriteProperty(MqttPropertyIdentifier.SubscriptionIdentifier, (uint)identifier);
                }
            }

            writer.EndProperties(begin);
        }

        foreach (byte value in Payload)
        {
            writer.WriteByte(value);
        }
    }
}
