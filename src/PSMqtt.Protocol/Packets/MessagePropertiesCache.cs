namespace PSMqtt.Protocol.Packets;

/// <summary>
/// The properties of received messages. Those that hold nothing but one subscription identifier, as most messages from an MQTT 5.0 server do, are
/// made once and shared: they cannot be changed. Not safe for several threads.
/// </summary>
internal sealed class MessagePropertiesCache
{
    private const int Size = 64;

    private (int Identifier, MqttMessageProperties Properties)[] _kept = [];

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

        if (_kept.Length == 0)
        {
            _kept = new (int, MqttMessageProperties)[Size];
        }

        ref (int Identifier, MqttMessageProperties Properties) kept = ref _kept[identifier % Size];
        if (kept.Identifier != identifier)
        {
            kept = (identifier, new MqttMessageProperties { SubscriptionIdentifiers = Array.AsReadOnly([identifier]) });
        }

        return kept.Properties;
    }
}
