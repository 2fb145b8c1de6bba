namespace PSMqtt.Protocol.Packets;

/// <summary>The properties that most acknowledgements have, and nothing else: a reason string and user properties.</summary>
internal readonly record struct ReasonProperties(string? ReasonString, IReadOnlyList<MqttUserProperty> UserProperties)
{
    /// <summary>Takes them out of a packet that stands at its property length.</summary>
    public static ReasonProperties Read(ref MqttBufferReader body)
    {
        string? reasonString = null;
        List<MqttUserProperty>? userProperties = null;
        var properties = new MqttPropertyReader(ref body, body.Owner);
        while (properties.Read())
        {
            if (properties.Identifier == MqttPropertyIdentifier.ReasonString)
            {
                reasonString = properties.Text;
            }
            else
            {
                (userProperties ??= []).Add(properties.UserProperty);
            }
        }

        return new ReasonProperties(reasonString, (IReadOnlyList<MqttUserProperty>?)userProperties ?? []);
    }
}
