namespace PSMqtt.Protocol.Transports;

/// <summary>A header of the WebSocket upgrade request. Its value may be a password or a token, so it is sent and never shown.</summary>
public sealed class MqttWebSocketHeader
{
    /// <summary>Creates a header.</summary>
    /// <param name="name">The name.</param>
    /// <param name="value">The value.</param>
    public MqttWebSocketHeader(string name, string value)
    {
        Name = name;
        Value = value;
    }

    /// <summary>The name.</summary>
    public string Name { get; }

    internal string Value { get; }

    /// <summary>The name, and that there is a value.</summary>
    /// <returns>The header without its value.</returns>
    public override string ToString() => $"{Name}: ***";
}
