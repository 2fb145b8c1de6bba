namespace PSMqtt.Protocol;

/// <summary>How a connection is ended.</summary>
public sealed record MqttDisconnectOptions
{
    /// <summary>The reason code (5.0). Default: normal disconnection; <see cref="MqttReasonCode.DisconnectWithWillMessage"/> has the will published.</summary>
    public MqttReasonCode ReasonCode { get; init; } = MqttReasonCode.Success;

    /// <summary>
    /// How long the server keeps the session from now on (5.0). Default: <see langword="null"/>: not at all, or as it was agreed on when the session
    /// is persistent.
    /// </summary>
    public TimeSpan? SessionExpiry { get; init; }

    /// <summary>User properties of DISCONNECT (5.0). Default: none.</summary>
    public IReadOnlyList<MqttUserProperty> UserProperties { get; init; } = [];

    /// <summary>Reason string of DISCONNECT (5.0). Default: none.</summary>
    public string? ReasonString { get; init; }

    /// <summary>Whether the session is forgotten, here and at the server, with all that is still in flight. Default: false.</summary>
    public bool Discard { get; init; }

    /// <summary>How long to wait for what is in flight. Default: 10 seconds; zero does not wait.</summary>
    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromSeconds(10);
}
