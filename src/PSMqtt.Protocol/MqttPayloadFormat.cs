namespace PSMqtt.Protocol;

/// <summary>The Payload Format Indicator of a message (MQTT 5.0, section 3.3.2.3.2).</summary>
public enum MqttPayloadFormat : byte
{
    /// <summary>Unspecified bytes: the same as no indicator.</summary>
    Unspecified = 0,

    /// <summary>UTF-8 encoded character data.</summary>
    Utf8 = 1,
}
