namespace PSMqtt.Protocol.Sessions;

/// <summary>The topic aliases the server uses towards us. They belong to one connection.</summary>
internal sealed class InboundAliases
{
    private readonly int _maximum;
    private string?[] _topics = [];

    /// <param name="maximum">The Topic Alias Maximum we announced.</param>
    public InboundAliases(int maximum) => _maximum = maximum;

    /// <summary>Gives an alias its topic.</summary>
    /// <exception cref="MqttProtocolException">The alias is 0 or beyond the maximum.</exception>
    public void Set(ushort alias, string topic)
    {
        Check(alias);
        if (alias > _topics.Length)
        {
            // Grows with what is used: announcing a high maximum costs nothing.
            Array.Resize(ref _topics, Math.Min(_maximum, Math.Max(alias, _topics.Length * 2)));
        }

        _topics[alias - 1] = topic;
    }

    /// <summary>The topic an alias stands for.</summary>
    /// <exception cref="MqttProtocolException">The alias is 0, beyond the maximum, or was never given a topic.</exception>
    public string Get(ushort alias)
    {
        Check(alias);
        return (alias <= _topics.Length ? _topics[alias - 1] : null)
            ?? throw new MqttProtocolException(
                MqttReasonCode.ProtocolError, "MQTT-3.3.4", $"The server used topic alias {alias}, which it has not given a topic.");
    }

    private void Check(ushort alias)
    {
        if (alias == 0 || alias > _maximum)
        {
            throw new MqttProtocolException(
                MqttReasonCode.TopicAliasInvalid,
                alias == 0 ? "MQTT-3.3.2-8" : "MQTT-3.3.2-11",
                $"The server used topic alias {alias}; allowed are 1 to {_maximum}.");
        }
    }
}
