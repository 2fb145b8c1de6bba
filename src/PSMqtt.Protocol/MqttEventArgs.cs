namespace PSMqtt.Protocol;

/// <summary>A step in the life of a connection.</summary>
internal enum ConnectionStep
{
    /// <summary>An attempt begins.</summary>
    Connecting,

    /// <summary>It has succeeded.</summary>
    Connected,

    /// <summary>It has failed.</summary>
    ConnectFailed,

    /// <summary>A connection has ended.</summary>
    Disconnected,
}

/// <summary>The end of a publish.</summary>
public sealed class MqttPublishedEventArgs : EventArgs
{
    internal MqttPublishedEventArgs(MqttPublishResult result, Exception? error)
    {
        Result = result;
        Error = error;
    }

    /// <summary>Topic, packet identifier, reason code.</summary>
    public MqttPublishResult Result { get; }

    /// <summary>Why it failed; <see langword="null"/> when it did not.</summary>
    public Exception? Error { get; }
}

/// <summary>The server's answer to a SUBSCRIBE or UNSUBSCRIBE, for one filter.</summary>
public sealed class MqttSubscriptionAnsweredEventArgs : EventArgs
{
    internal MqttSubscriptionAnsweredEventArgs(string filter, MqttReasonCode reasonCode)
    {
        Filter = filter;
        ReasonCode = reasonCode;
    }

    /// <summary>The filter.</summary>
    public string Filter { get; }

    /// <summary>The reason code: the granted QoS, or a failure.</summary>
    public MqttReasonCode ReasonCode { get; }
}

/// <summary>A message that a full queue has dropped.</summary>
public sealed class MqttMessageDroppedEventArgs : EventArgs
{
    internal MqttMessageDroppedEventArgs(MqttSubscription subscription, MqttMessage message)
    {
        Subscription = subscription;
        Message = message;
    }

    /// <summary>The subscription; its <see cref="MqttSubscription.DroppedCount"/> tells how many.</summary>
    public MqttSubscription Subscription { get; }

    /// <summary>The first message of those this event reports.</summary>
    public MqttMessage Message { get; }
}

/// <summary>A message of ours that could not be delivered, when nobody waited for its outcome any more.</summary>
public sealed class MqttMessageUndeliveredEventArgs : EventArgs
{
    internal MqttMessageUndeliveredEventArgs(MqttMessage message, MqttOperationException error)
    {
        Message = message;
        Error = error;
    }

    /// <summary>The message.</summary>
    public MqttMessage Message { get; }

    /// <summary>Why: <see cref="MqttOperationException.Failure"/> says whether it was refused, has expired, or may have been delivered.</summary>
    public MqttOperationException Error { get; }
}
