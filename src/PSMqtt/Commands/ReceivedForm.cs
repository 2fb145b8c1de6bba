namespace PSMqtt.Commands;

/// <summary>What Receive-MqttMessage writes for a message.</summary>
public enum ReceivedForm
{
    /// <summary>The message. The default.</summary>
    Message,

    /// <summary>Its payload as text.</summary>
    Text,

    /// <summary>Its payload, read as JSON, as objects.</summary>
    Json,

    /// <summary>Its payload as a byte array.</summary>
    Bytes,
}
