namespace PSMqtt.Protocol;

/// <summary>A User Property: a name and a value that MQTT 5.0 carries and leaves to the applications. A name may occur more than once.</summary>
/// <param name="Name">The name: UTF-8, at most 65,535 bytes.</param>
/// <param name="Value">The value: UTF-8, at most 65,535 bytes.</param>
public readonly record struct MqttUserProperty(string Name, string Value)
{
    /// <inheritdoc />
    public override string ToString() => $"{Name}={Value}";
}
