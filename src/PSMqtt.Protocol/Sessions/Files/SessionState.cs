namespace PSMqtt.Protocol.Sessions.Files;

/// <summary>What a session has come to by its changes. For one thread at a time.</summary>
internal sealed class SessionState
{
    private readonly Dictionary<long, StoredMessage> _messages = [];
    private readonly HashSet<int> _inbound = [];
    private readonly Dictionary<string, MqttTopicSubscription> _subscriptions = new(StringComparer.Ordinal);
    private long _lastSequence;

    /// <summary>Applies a change.</summary>
    /// <param name="change">The change.</param>
    /// <returns>The message that it has removed, if any.</returns>
    public MqttMessage? Apply(in SessionChange change)
    {
        switch (change.Kind)
        {
            case SessionChangeKind.MessageAccepted:
                _lastSequence = Math.Max(_lastSequence, change.Sequence);
                _messages[change.Sequence] = new StoredMessage(change.Sequence, change.Message!, 0, false) { Accepted = change.Time };
                break;
            case SessionChangeKind.MessageSent:
                Change(change, static (m, c) => m with { PacketIdentifier = c.PacketIdentifier });
                break;
            case SessionChangeKind.MessageReceivedByServer:
                Change(change, static (m, _) => m with { IsReceivedByServer = true });
                break;
            case SessionChangeKind.MessageRestarted:
                Change(change, static (m, _) => m with { PacketIdentifier = 0, IsReceivedByServer = false });
                break;
            case SessionChangeKind.MessageEnded:
                return _messages.Remove(change.Sequence, out StoredMessage? ended) ? ended.Message : null;
            case SessionChangeKind.InboundReceived:
                _inbound.Add(change.PacketIdentifier);
                break;
            case SessionChangeKind.InboundReleased:
                _inbound.Remove(change.PacketIdentifier);
                break;
            case SessionChangeKind.Subscribed:
                _subscriptions[change.Subscription!.Filter] = change.Subscription;
                break;
            case SessionChangeKind.Unsubscribed:
                _subscriptions.Remove(change.Subscription!.Filter);
                break;
            case SessionChangeKind.SessionLost:
                _inbound.Clear();
                _subscriptions.Clear();
                break;
            case SessionChangeKind.Cleared:
                _messages.Clear();
                _inbound.Clear();
                _subscriptions.Clear();
                break;
        }

        return null;
    }

    /// <summary>All messages numbered so far are older than this.</summary>
    public void SkipTo(long sequence) => _lastSequence = Math.Max(_lastSequence, sequence);

    /// <summary>What it is at this moment.</summary>
    public SessionContents Copy()
    {
        StoredMessage[] messages = [.. _messages.Values];
        Array.Sort(messages, static (left, right) => left.Sequence.CompareTo(right.Sequence));
        return new SessionContents
        {
            Messages = messages,
            InboundIdentifiers = [.. _inbound],
            Subscriptions = [.. _subscriptions.Values],
            LastSequence = _lastSequence,
        };
    }

    private void Change(in SessionChange change, Func<StoredMessage, SessionChange, StoredMessage> apply)
    {
        if (_messages.TryGetValue(change.Sequence, out StoredMessage? message))
        {
            _messages[change.Sequence] = apply(message, change);
        }
    }
}
