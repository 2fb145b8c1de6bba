namespace PSMqtt.Protocol.Sessions;

/// <summary>Checks a message against what the server announced in CONNACK, before it is sent.</summary>
internal static class PublishLimits
{
    public static void Check(in OutgoingMessage message, MqttConnectResult limits)
    {
        if (message.QoS > limits.MaximumQoS)
        {
            throw NotSupported(message.Topic, $"the server takes messages of QoS {(int)limits.MaximumQoS} at most. Send it with that QoS.");
        }

        if (message.Retain && !limits.RetainAvailable)
        {
            throw NotSupported(message.Topic, "the server keeps no retained messages. Send it without Retain.");
        }

        if (message.Properties is { } properties && limits.ProtocolVersion != MqttProtocolVersion.V500)
        {
            string names = string.Join(", ", Names(properties));
            if (names.Length > 0)
            {
                throw NotSupported(message.Topic, $"it has {names}, which only MQTT 5.0 can carry, and this connection speaks an older version.");
            }
        }
    }

    public static void CheckSize(in OutgoingMessage message, long size, MqttConnectResult limits)
    {
        if (size > limits.MaximumPacketSize)
        {
            throw new MqttOperationException(
                MqttOperation.Publish,
                MqttOperationFailure.PacketTooLarge,
                $"The message for '{message.Topic}' makes a packet of {size:N0} bytes, and the server takes {limits.MaximumPacketSize:N0} at most. "
                + "Send less at a time, or raise the server's limit.")
            { Topic = message.Topic };
        }
    }

    private static IEnumerable<string> Names(MqttMessageProperties properties)
    {
        if (properties.PayloadFormat != MqttPayloadFormat.Unspecified)
        {
            yield return "a Payload Format Indicator";
        }

        if (properties.MessageExpirySeconds is not null)
        {
            yield return "a Message Expiry Interval";
        }

        if (properties.ContentType is not null)
        {
            yield return "a Content Type";
        }

        if (properties.ResponseTopic is not null)
        {
            yield return "a Response Topic";
        }

        if (properties.CorrelationData is not null)
        {
            yield return "Correlation Data";
        }

        if (properties.UserProperties.Count > 0)
        {
            yield return "User Properties";
        }
    }

    private static MqttOperationException NotSupported(string topic, string why) => new(
        MqttOperation.Publish, MqttOperationFailure.NotSupportedByServer, $"The message for '{topic}' was not sent: {why}")
    { Topic = topic };
}
