namespace PSMqtt.Protocol;

/// <summary>The MQTT 5.0 properties of a message. Kept apart, because most messages have none and should not pay for them.</summary>
internal sealed record MqttMessageProperties
{
    public static MqttMessageProperties None { get; } = new();

    public MqttPayloadFormat PayloadFormat { get; init; }

    public uint? MessageExpirySeconds { get; init; }

    public string? ContentType { get; init; }

    public string? ResponseTopic { get; init; }

    public byte[]? CorrelationData { get; init; }

    public IReadOnlyList<MqttUserProperty> UserProperties { get; init; } = [];

    /// <summary>Received messages only: a client never sends them [MQTT-3.3.4-6].</summary>
    public IReadOnlyList<int> SubscriptionIdentifiers { get; init; } = [];

    public bool IsEmpty =>
        PayloadFormat == MqttPayloadFormat.Unspecified && MessageExpirySeconds is null && ContentType is null && ResponseTopic is null
        && CorrelationData is null && UserProperties.Count == 0 && SubscriptionIdentifiers.Count == 0;
}
