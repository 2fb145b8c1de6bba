namespace PSMqtt.Protocol.Sessions;

/// <summary>A message of ours that a store has kept.</summary>
/// <param name="Sequence">Its number.</param>
/// <param name="Message">The message.</param>
/// <param name="PacketIdentifier">The identifier it was sent with; 0: it never was.</param>
/// <param name="IsReceivedByServer">Whether PUBREC has come for it.</param>
public sealed record StoredMessage(long Sequence, MqttMessage Message, int PacketIdentifier, bool IsReceivedByServer)
{
    /// <summary>When it was accepted (UTC): its Message Expiry runs from then on.</summary>
    public DateTimeOffset Accepted { get; init; }
}

/// <summary>What a store has kept of a session.</summary>
public sealed record SessionContents
{
    /// <summary>Nothing.</summary>
    public static SessionContents Empty { get; } = new();

    /// <summary>Our messages that need more, in the order of their numbers.</summary>
    public IReadOnlyList<StoredMessage> Messages { get; init; } = [];

    /// <summary>The identifiers of received QoS 2 messages that are not released.</summary>
    public IReadOnlyList<int> InboundIdentifiers { get; init; } = [];

    /// <summary>The subscriptions that the server has granted.</summary>
    public IReadOnlyList<MqttTopicSubscription> Subscriptions { get; init; } = [];

    /// <summary>The highest number given to a message so far.</summary>
    public long LastSequence { get; init; }
}
