namespace PSMqtt.Protocol;

/// <summary>How a publish ended. A rejected one is a <see cref="MqttOperationException"/> instead.</summary>
public readonly record struct MqttPublishResult
{
    /// <summary>The topic name.</summary>
    public string Topic { get; init; }

    /// <summary>The delivery guarantee it was sent with.</summary>
    public MqttQualityOfService QoS { get; init; }

    /// <summary>The packet identifier; 0 for QoS 0.</summary>
    public int PacketIdentifier { get; init; }

    /// <summary>The reason code of PUBACK, PUBREC or PUBCOMP; Success for QoS 0.</summary>
    public MqttReasonCode ReasonCode { get; init; }

    /// <summary>The server's words, where it gave some.</summary>
    public string? ReasonString { get; init; }

    /// <summary>
    /// Whether the message is safe in a durable session store and has not been acknowledged yet: there was no connection. It is sent when there is one,
    /// by this process or a later one.
    /// </summary>
    public bool IsStored { get; init; }

    /// <summary>From the request to the last acknowledgement (QoS 0: to the output buffer).</summary>
    public TimeSpan Elapsed { get; init; }
}
