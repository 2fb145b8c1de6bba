using System.Text;
using PSMqtt.Protocol.Packets;

namespace PSMqtt.Protocol.Tests.Scripted;

/// <summary>A PUBLISH that a scripted server received, in memory of its own.</summary>
internal sealed record ReceivedPublish(
    string Topic,
    byte[] Payload,
    MqttQualityOfService QoS,
    ushort PacketIdentifier,
    bool Retain,
    bool Duplicate,
    ushort TopicAlias,
    MqttMessageProperties? Properties)
{
    public string Text => Encoding.UTF8.GetString(Payload);

    public static ReceivedPublish Read(in MqttFrame frame, MqttProtocolVersion version)
    {
        PublishPacket packet = PublishPacket.Read(frame, version);
        return new ReceivedPublish(
            MqttText.ReadTopicName(packet.Topic),
            packet.Payload.ToArray(),
            packet.QoS,
            packet.PacketIdentifier,
            packet.Retain,
            packet.Duplicate,
            packet.TopicAlias,
            packet.ReadMessageProperties());
    }
}
