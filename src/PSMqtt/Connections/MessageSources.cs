using PSMqtt.Protocol;

namespace PSMqtt.Connections;

/// <summary>
/// The subscriptions that a cmdlet reads, in turn, so that a busy one does not keep the others waiting; and the wait for a message on any of them.
/// </summary>
internal sealed class MessageSources : IDisposable
{
    private readonly Func<IReadOnlyList<MqttSubscription>> _current;
    private readonly MqttConnection? _connection;
    private readonly CancellationTokenSource _waits;
    private readonly Dictionary<MqttSubscription, Task<bool>> _pending = [];
    private MessageReader[] _readers = [];
    private TaskCompletionSource _changed = NewSignal();
    private int _next;

    /// <summary>Creates it.</summary>
    /// <param name="current">Says which subscriptions are read; asked again when the connection's have changed.</param>
    /// <param name="connection">The connection whose end, and whose new subscriptions, end a wait.</param>
    /// <param name="stop">Ends a wait.</param>
    public MessageSources(Func<IReadOnlyList<MqttSubscription>> current, MqttConnection? connection, CancellationToken stop)
    {
        _current = current;
        _connection = connection;
        _waits = CancellationTokenSource.CreateLinkedTokenSource(stop);
        if (connection is not null)
        {
            connection.Client.Disconnected += OnDisconnected;
            connection.SubscriptionsChanged += OnChanged;
        }

        Refresh();
    }

    /// <summary>Whether no message can come any more.</summary>
    public bool HaveEnded =>
        _connection is { State: MqttConnectionState.Disconnected or MqttConnectionState.Disposed }
        || Array.TrueForAll(_readers, static reader => !reader.Subscription.IsActive);

    /// <summary>Takes the next message of any subscription.</summary>
    public bool TryTake(out MqttMessage message, out MessageReader reader, out long ticket)
    {
        for (int tried = 0; tried < _readers.Length; tried++)
        {
            reader = _readers[_next];
            if (++_next == _readers.Length)
            {
                _next = 0;
            }

            if (reader.TryTake(out MqttMessage? taken, out ticket))
            {
                message = taken;
                return true;
            }
        }

        (message, reader, ticket) = (null!, null!, 0);
        return false;
    }

    /// <summary>Waits until there may be a message, or something else has changed, or time is up.</summary>
    /// <param name="time">How long; <see langword="null"/>: for ever.</param>
    public async Task WaitAsync(TimeSpan? time)
    {
        if (_changed.Task.IsCompleted)
        {
            _changed = NewSignal();
            Refresh();
        }

        using CancellationTokenSource timer = CancellationTokenSource.CreateLinkedTokenSource(_waits.Token);
        List<Task> waits = [_changed.Task, Task.Delay(time ?? Timeout.InfiniteTimeSpan, timer.Token)];
        foreach (MessageReader reader in _readers)
        {
            // One that has ended would be ready at once, for ever.
            if (reader.Subscription.IsActive)
            {
                waits.Add(Pending(reader.Subscription));
            }
        }

        await Task.WhenAny(waits).ConfigureAwait(false);
        await timer.CancelAsync().ConfigureAwait(false);
    }

    public void Dispose()
    {
        if (_connection is not null)
        {
            _connection.Client.Disconnected -= OnDisconnected;
            _connection.SubscriptionsChanged -= OnChanged;
        }

        _waits.Cancel();
        _waits.Dispose();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    // A wait that has not ended is waited for again: a subscription is asked once for each message that it has.
    private Task<bool> Pending(MqttSubscription subscription)
    {
        if (!_pending.TryGetValue(subscription, out Task<bool>? pending) || pending.IsCompleted)
        {
            pending = subscription.WaitToReadAsync(_waits.Token).AsTask();
            _pending[subscription] = pending;
        }

        return pending;
    }

    private void Refresh()
    {
        _readers = [.. _current().Select(MessageReader.For)];
        _next = 0;
    }

    private void OnChanged(object? sender, EventArgs e) => _changed.TrySetResult();

    private void OnDisconnected(object? sender, MqttConnectionEventArgs step)
    {
        if (step.RetryIn is null)
        {
            _changed.TrySetResult();
        }
    }
}
