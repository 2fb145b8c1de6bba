namespace PSMqtt.Protocol.Sessions;

/// <summary>
/// A session store in memory: what one client leaves in it, the next client of this process takes up. A client that needs no more than its own
/// lifetime needs no store at all.
/// </summary>
public sealed class MemorySessionStore : ISessionStore
{
    private readonly object _gate = new();
    private readonly SortedDictionary<long, StoredMessage> _messages = [];
    private readonly HashSet<int> _inbound = [];
    private readonly Dictionary<string, MqttTopicSubscription> _subscriptions = new(StringComparer.Ordinal);
    private long _lastSequence;

    /// <inheritdoc />
    public bool IsDurable => false;

    /// <inheritdoc />
    public ValueTask<SessionContents> OpenAsync(string clientId, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            return ValueTask.FromResult(new SessionContents
            {
                Messages = [.. _messages.Values],
                InboundIdentifiers = [.. _inbound],
                Subscriptions = [.. _subscriptions.Values],
                LastSequence = _lastSequence,
            });
        }
    }

    /// <inheritdoc />
    public void Append(SessionChange change)
    {
        lock (_gate)
        {
            switch (change.Kind)
            {
                case SessionChangeKind.MessageAccepted:
                    _lastSequence = Math.Max(_lastSequence, change.Sequence);
                    _messages[change.Sequence] = new StoredMessage(change.Sequence, change.Message!, 0, false);
                    break;
                case SessionChangeKind.MessageSent:
                    Change(change.Sequence, m => m with { PacketIdentifier = change.PacketIdentifier });
                    break;
                case SessionChangeKind.MessageReceivedByServer:
                    Change(change.Sequence, m => m with { IsReceivedByServer = true });
                    break;
                case SessionChangeKind.MessageRestarted:
                    Change(change.Sequence, m => m with { PacketIdentifier = 0, IsReceivedByServer = false });
                    break;
                case SessionChangeKind.MessageEnded:
                    _messages.Remove(change.Sequence);
                    break;
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
        }
    }

    /// <inheritdoc />
    public ValueTask FlushAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <inheritdoc />
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private void Change(long sequence, Func<StoredMessage, StoredMessage> change)
    {
        if (_messages.TryGetValue(sequence, out StoredMessage? message))
        {
            _messages[sequence] = change(message);
        }
    }
}
