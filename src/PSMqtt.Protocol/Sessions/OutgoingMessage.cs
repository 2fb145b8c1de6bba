using System.Text.Unicode;
using PSMqtt.Protocol.Topics;

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

    /// <summary>Checks what any version of MQTT and any server asks of a message.</summary>
    /// <param name="validTopic">A topic that is known to be valid: most messages have that of the one before.</param>
    /// <param name="name">The caller's name for the message.</param>
    /// <exception cref="ArgumentException">The topic, the QoS or the payload is not one MQTT can carry.</exception>
    public void Validate(string? validTopic, string name)
    {
        if (!ReferenceEquals(Topic, validTopic))
        {
            TopicName.Validate(Topic, name);
        }

        if (QoS > MqttQualityOfService.ExactlyOnce)
        {
            throw new ArgumentException($"QoS {(int)QoS} does not exist: use 0, 1 or 2.", name);
        }

        ValidateFormat(name);
    }

    /// <summary>Checks what the message says of its payload.</summary>
    /// <param name="name">The caller's name for the message.</param>
    /// <exception cref="ArgumentException">It is not so, or not what MQTT can say.</exception>
    public void ValidateFormat(string name)
    {
        if (Properties is { PayloadFormat: > MqttPayloadFormat.Utf8 })
        {
            throw new ArgumentException(
                $"The payload format {(int)Properties.PayloadFormat} of the message for '{Topic}' does not exist: use 0 (unspecified) or 1 (text).", name);
        }

        if (Properties is { PayloadFormat: MqttPayloadFormat.Utf8 } && !Utf8.IsValid(Payload.Span))
        {
            throw new ArgumentException(
                $"The message for '{Topic}' says that its payload is text, and the payload is not valid UTF-8. Leave the payload format out.", name);
        }
    }
}
