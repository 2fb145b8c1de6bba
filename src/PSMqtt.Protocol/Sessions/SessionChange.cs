namespace PSMqtt.Protocol.Sessions;

/// <summary>What happened to a session.</summary>
public enum SessionChangeKind
{
    /// <summary>
    /// A message of ours was accepted: <see cref="SessionChange.Sequence"/>, <see cref="SessionChange.Message"/>, <see cref="SessionChange.Time"/>.
    /// </summary>
    MessageAccepted,

    /// <summary>It was sent: <see cref="SessionChange.Sequence"/>, <see cref="SessionChange.PacketIdentifier"/>.</summary>
    MessageSent,

    /// <summary>PUBREC has come for it: <see cref="SessionChange.Sequence"/>.</summary>
    MessageReceivedByServer,

    /// <summary>It must be sent as a new one, because its session is gone: <see cref="SessionChange.Sequence"/>.</summary>
    MessageRestarted,

    /// <summary>It needs nothing more: <see cref="SessionChange.Sequence"/>.</summary>
    MessageEnded,

    /// <summary>A QoS 2 message was received and taken, and PUBREC is due: <see cref="SessionChange.PacketIdentifier"/>.</summary>
    InboundReceived,

    /// <summary>PUBREL has come for it, or the server has lost the session: <see cref="SessionChange.PacketIdentifier"/>.</summary>
    InboundReleased,

    /// <summary>The server has granted a subscription: <see cref="SessionChange.Subscription"/>.</summary>
    Subscribed,

    /// <summary>
    /// A subscription has ended: by its owner, who unsubscribed, or who disconnected without keeping the session; or refused by the server when it was made
    /// again. <see cref="SessionChange.Subscription"/>.
    /// </summary>
    Unsubscribed,

    /// <summary>
    /// Received identifiers and subscriptions are forgotten, messages are not. The client does not say this itself: when the server has lost the session, its
    /// subscriptions are made again. It stays for whoever drives a store directly, and because a log that has it must still be read.
    /// </summary>
    SessionLost,

    /// <summary>Everything is forgotten.</summary>
    Cleared,
}

/// <summary>A change to a session, for its store.</summary>
/// <param name="Kind">What happened.</param>
/// <param name="Sequence">Which of our messages: numbers go up in the order of acceptance, and never repeat within a store.</param>
/// <param name="PacketIdentifier">The packet identifier concerned.</param>
/// <param name="Message">The message that was accepted.</param>
/// <param name="Subscription">The subscription concerned.</param>
public readonly record struct SessionChange(
    SessionChangeKind Kind,
    long Sequence = 0,
    int PacketIdentifier = 0,
    MqttMessage? Message = null,
    MqttTopicSubscription? Subscription = null)
{
    /// <summary>When a message was accepted (UTC).</summary>
    public DateTimeOffset Time { get; init; }
}
