namespace PSMqtt.Protocol.Packets;

/// <summary>The properties that a PUBLISH and a will have in common: gathered while they are read, and written.</summary>
internal struct MessageProperties
{
    private MqttPayloadFormat _payloadFormat;
    private uint? _messageExpirySeconds;
    private string? _contentType;
    private string? _responseTopic;
    private byte[]? _correlationData;
    private List<MqttUserProperty>? _userProperties;
    private List<int>? _subscriptionIdentifiers;

    /// <summary>Takes the property that a reader stands at.</summary>
    public void Take(in MqttPropertyReader property)
    {
        switch (property.Identifier)
        {
            case MqttPropertyIdentifier.PayloadFormatIndicator:
                _payloadFormat = (MqttPayloadFormat)property.Number;
                break;
            case MqttPropertyIdentifier.MessageExpiryInterval:
                _messageExpirySeconds = property.Number;
                break;
            case MqttPropertyIdentifier.ContentType:
                _contentType = property.Text;
                break;
            case MqttPropertyIdentifier.ResponseTopic:
                _responseTopic = property.Text;
                break;
            case MqttPropertyIdentifier.CorrelationData:
                _correlationData = property.Bytes.ToArray();
                break;
            case MqttPropertyIdentifier.UserProperty:
                (_userProperties ??= []).Add(property.UserProperty);
                break;
            case MqttPropertyIdentifier.SubscriptionIdentifier:
                (_subscriptionIdentifiers ??= []).Add((int)property.Number);
                break;
            default:
                break;
        }
    }

    /// <summary>What was taken; <see langword="null"/> if that says nothing.</summary>
    public readonly MqttMessageProperties? Build()
    {
        var properties = new MqttMessageProperties
        {
            PayloadFormat = _payloadFormat,
            MessageExpirySeconds = _messageExpirySeconds,
            ContentType = _contentType,
            ResponseTopic = _responseTopic,
            CorrelationData = _correlationData,
            UserProperties = (IReadOnlyList<MqttUserProperty>?)_userProperties ?? [],
            SubscriptionIdentifiers = (IReadOnlyList<int>?)_subscriptionIdentifiers ?? [],
        };
        return properties.IsEmpty ? null : properties;
    }

    /// <summary>Writes all but the subscription identifiers, which a client never sends [MQTT-3.3.4-6].</summary>
    public static void Write(ref MqttPacketWriter writer, MqttMessageProperties properties)
    {
        if (properties.PayloadFormat != MqttPayloadFormat.Unspecified)
        {
            writer.WriteProperty(MqttPropertyIdentifier.PayloadFormatIndicator, (uint)properties.PayloadFormat);
        }

        if (properties.ResponseTopic is { } responseTopic && responseTopic.AsSpan().ContainsAny('+', '#'))
        {
            throw new ArgumentException(
                $"The response topic '{responseTopic}' contains a wildcard, which MQTT does not allow [MQTT-3.3.2-14]. Use a topic name.",
                nameof(properties));
        }

        if (properties.ResponseTopic is { Length: 0 })
        {
            throw new ArgumentException(
                "The response topic is empty, and a topic name has at least one character [MQTT-4.7.3-1]. Use a topic name, or none.", nameof(properties));
        }

        writer.WriteProperty(MqttPropertyIdentifier.MessageExpiryInterval, properties.MessageExpirySeconds);
        writer.WriteProperty(MqttPropertyIdentifier.ContentType, properties.ContentType);
        writer.WriteProperty(MqttPropertyIdentifier.ResponseTopic, properties.ResponseTopic);
        writer.WriteProperty(MqttPropertyIdentifier.CorrelationData, properties.CorrelationData);
        writer.WriteUserProperties(properties.UserProperties);
    }
}
