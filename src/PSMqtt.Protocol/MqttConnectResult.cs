namespace PSMqtt.Protocol;

/// <summary>What the server said in CONNACK, and what follows from it for this connection. On 3.1 and 3.1.1 the limits are those of the protocol.</summary>
public sealed record MqttConnectResult
{
    /// <summary>The version of MQTT that is spoken.</summary>
    public required MqttProtocolVersion ProtocolVersion { get; init; }

    /// <summary>The server that is connected to, without secrets.</summary>
    public required string Server { get; init; }

    /// <summary>The client identifier in use: ours, or the one the server assigned.</summary>
    public required string ClientId { get; init; }

    /// <summary>Whether the server had kept a session for this client.</summary>
    public bool SessionPresent { get; init; }

    /// <summary>The reason code of CONNACK.</summary>
    public MqttReasonCode ReasonCode { get; init; }

    /// <summary>The server's words.</summary>
    public string? ReasonString { get; init; }

    /// <summary>The user properties of CONNACK.</summary>
    public IReadOnlyList<MqttUserProperty> UserProperties { get; init; } = [];

    /// <summary>The keep-alive time in force: the server's, or ours.</summary>
    public TimeSpan KeepAlive { get; init; }

    /// <summary>How long the server keeps the session after the connection is lost; <see cref="Timeout.InfiniteTimeSpan"/>: until it is ended.</summary>
    public TimeSpan SessionExpiry { get; init; }

    /// <summary>How many QoS 1 and 2 messages the server takes without having acknowledged them: 1 to 65,535.</summary>
    public int ReceiveMaximum { get; init; } = 65_535;

    /// <summary>The largest QoS the server takes.</summary>
    public MqttQualityOfService MaximumQoS { get; init; } = MqttQualityOfService.ExactlyOnce;

    /// <summary>Whether the server keeps retained messages.</summary>
    public bool RetainAvailable { get; init; } = true;

    /// <summary>The largest packet the server takes, in bytes.</summary>
    public long MaximumPacketSize { get; init; } = 268_435_460;

    /// <summary>How many topic aliases may be used towards the server.</summary>
    public int TopicAliasMaximum { get; init; }

    /// <summary>Whether filters may contain wildcards.</summary>
    public bool WildcardSubscriptionAvailable { get; init; } = true;

    /// <summary>Whether subscriptions may carry identifiers. Never on 3.1 and 3.1.1.</summary>
    public bool SubscriptionIdentifiersAvailable { get; init; } = true;

    /// <summary>Whether shared subscriptions are available.</summary>
    public bool SharedSubscriptionAvailable { get; init; } = true;

    /// <summary>What the server suggests as the beginning of response topics.</summary>
    public string? ResponseInformation { get; init; }

    /// <summary>Another server, where this one named it.</summary>
    public string? ServerReference { get; init; }
}
