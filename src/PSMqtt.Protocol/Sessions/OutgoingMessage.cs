namespace PSMqtt.Protocol.Sessions;

/// <summary>A message to be sent, whether it came as an object or as its parts.</summary>
internal readonly struct OutgoingMessage
{
    public OutgoingMessage(MqttMessage message)
    {
        Source = message;
        Topic = message.Topic;
        Payload = message.Payload;
        QoS = message.QoS;
        Retain = message.Retain;
        Properties = message.Properties;
    }

    public OutgoingMessage(string topic, ReadOnlyMemory<byte> payload, MqttQualityOfService qos, bool retain)
    {
        Topic = topic;
        Payload = payload;
        QoS = qos;
        Retain = retain;
    }

    public MqttMessage? Source { get; }

    public string Topic { get; }

    public ReadOnlyMemory<byte> Payload { get; }

    public MqttQualityOfService QoS { get; }

    public bool Retain { get; }

    public MqttMessageProperties? Properties { get; }
}
