namespace PSMqtt.Protocol.Packets;

/// <summary>
/// The properties of received messages. Those that hold nothing but one subscription identifier, as most messages from an MQTT 5.0 server do, are
/// made once and shared: they cannot be changed. Not safe for several threads.
/// </summary>
internal sealed class MessagePropertiesCache
{
    private const int MaximumCount = 256;

    private readonly Dictionary<int, MqttMessageProperties> _byIdentifier = [];

    /// <summary>The properties of a message.</summary>
    /// <param name="packet">The message.</param>
    /// <returns>Its properties; <see langword="null"/> if they say nothing.</returns>
    public MqttMessageProperties? Read(in PublishPacket packet)
    {
        int identifier = packet.OnlySubscriptionIdentifier;
        if (identifier == 0)
        {
            return packet.ReadMessageProperties();
        }

        if (!_byIdentifier.TryGetValue(identifier, out MqttMessageProperties? properties))
        {
            if (_byIdentifier.Count == MaximumCount)
            {
                _byIdentifier.Clear();
            }

            properties = new MqttMessageProperties { SubscriptionIdentifiers = Array.AsReadOnly([identifier]) };
            _byIdentifier.Add(identifier, properties);
        }

        return properties;
    }
}
