namespace PSMqtt.Protocol;

/// <summary>An operation that a client asks a server for.</summary>
public enum MqttOperation
{
    /// <summary>PUBLISH.</summary>
    Publish,

    /// <summary>SUBSCRIBE.</summary>
    Subscribe,

    /// <summary>UNSUBSCRIBE.</summary>
    Unsubscribe,
}

/// <summary>What made an operation fail, besides a server's rejection.</summary>
public enum MqttOperationFailure
{
    /// <summary>The server rejected it: see the reason code.</summary>
    Rejected,

    /// <summary>The request goes beyond what the server announced in CONNACK, or what the version of MQTT in use has: it was not sent.</summary>
    NotSupportedByServer,

    /// <summary>There is no connection, and the request is not one that is kept for the next.</summary>
    NotConnected,

    /// <summary>The queue for requests while there is no connection is full.</summary>
    QueueFull,

    /// <summary>The packet would be larger than the server, or MQTT itself, accepts.</summary>
    PacketTooLarge,

    /// <summary>A filter is subscribed already with options that cannot be merged with these.</summary>
    SubscriptionConflict,

    /// <summary>The connection or the session ended before the outcome was known.</summary>
    OutcomeUnknown,

    /// <summary>The client was disconnected or disposed by its owner while the operation waited.</summary>
    Disconnected,

    /// <summary>The message expired before it could be sent.</summary>
    Expired,
}

/// <summary>A publish, subscribe or unsubscribe that was rejected, or could not be carried out.</summary>
public sealed class MqttOperationException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="operation">What was asked for.</param>
    /// <param name="failure">Why it failed.</param>
    /// <param name="message">A sentence that names the topic or filter and says what to do.</param>
    /// <param name="innerException">The cause, if there is one.</param>
    public MqttOperationException(MqttOperation operation, MqttOperationFailure failure, string message, Exception? innerException = null)
        : base(message, innerException)
    {
        Operation = operation;
        Failure = failure;
    }

    /// <summary>What was asked for.</summary>
    public MqttOperation Operation { get; }

    /// <summary>Why it failed.</summary>
    public MqttOperationFailure Failure { get; }

    /// <summary>The server's reason code, where it gave one.</summary>
    public MqttReasonCode? ReasonCode { get; init; }

    /// <summary>The server's own words (Reason String), where it gave some.</summary>
    public string? ReasonString { get; init; }

    /// <summary>The topic or topic filter concerned.</summary>
    public string? Topic { get; init; }
}
