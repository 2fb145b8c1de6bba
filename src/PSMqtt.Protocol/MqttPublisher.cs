using PSMqtt.Protocol.Sessions;

namespace PSMqtt.Protocol;

/// <summary>
/// Sends many messages, one after the other, without waiting for each: what is not acknowledged yet is in flight together, and how each message ended
/// can be asked for. For one sender; made by <see cref="MqttClient.CreatePublisher"/>.
/// </summary>
public sealed class MqttPublisher : IAsyncDisposable
{
    /// <summary>How many messages are handed over ahead of their acknowledgements, so that the window in flight is always full.</summary>
    private const int Window = 4096;

    private readonly object _gate = new();
    private readonly OutboundExchanges _exchanges;
    private readonly Queue<MqttPublishOutcome> _outcomes = new();
    private readonly bool _keepResults;
    private readonly TimeSpan _timeout;
    private TaskCompletionSource? _room;
    private TaskCompletionSource? _empty;
    private int _outstanding;
    private int _roomAt;
    private bool _isDisposed;

    internal MqttPublisher(OutboundExchanges exchanges, bool keepResults, TimeSpan timeout)
    {
        _exchanges = exchanges;
        _keepResults = keepResults;
        _timeout = timeout;
    }

    /// <summary>How many messages were handed over whose outcome is not known yet.</summary>
    public int Outstanding => Volatile.Read(ref _outstanding);

    /// <summary>Hands a message over. Ends at once while there is room, else when there is some.</summary>
    /// <param name="message">The message. Its payload must stay as it is until its outcome is known.</param>
    /// <param name="cancellationToken">Ends the wait for room; the message is then not handed over.</param>
    /// <returns>A task that ends when the message is handed over.</returns>
    /// <exception cref="ArgumentException">The message is not one MQTT can carry.</exception>
    /// <exception cref="MqttOperationException">The server, or the state of the connection, does not allow it.</exception>
    public ValueTask PostAsync(MqttMessage message, CancellationToken cancellationToken = default) => PostAsync(message, _timeout, cancellationToken);

    /// <summary>Hands a message over that has a timeout of its own: see <see cref="PostAsync(MqttMessage, CancellationToken)"/>.</summary>
    /// <param name="message">The message.</param>
    /// <param name="timeout">
    /// How long it may take to be acknowledged once it is handed over, and before that how long it may wait for room; <see cref="Timeout.InfiniteTimeSpan"/>:
    /// for ever.
    /// </param>
    /// <param name="cancellationToken">Ends the wait for room; the message is then not handed over.</param>
    /// <returns>A task that ends when the message is handed over.</returns>
    /// <exception cref="TimeoutException">There was no room in time: the message was not handed over.</exception>
    public ValueTask PostAsync(MqttMessage message, TimeSpan timeout, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(message);
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        return Volatile.Read(ref _outstanding) < Window && TryPost(message, timeout, mayWait: true)
            ? ValueTask.CompletedTask
            : WaitAndPostAsync(message, timeout, cancellationToken);
    }

    /// <summary>Takes the next outcome that is known, in the order in which they became so.</summary>
    /// <param name="outcome">A failure, or, if results are kept, a success.</param>
    /// <returns>Whether there is one.</returns>
    public bool TryTakeOutcome(out MqttPublishOutcome outcome)
    {
        // A look without the lock, which whoever ends messages has: most times there is nothing. FlushAsync ends when all that there will be can be seen.
        if (_outcomes.Count == 0)
        {
            outcome = default;
            return false;
        }

        lock (_gate)
        {
            return _outcomes.TryDequeue(out outcome);
        }
    }

    /// <summary>Waits until the outcome of every message handed over is known.</summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>A task that ends then.</returns>
    public Task FlushAsync(CancellationToken cancellationToken = default)
    {
        lock (_gate)
        {
            if (_outstanding == 0)
            {
                return Task.CompletedTask;
            }

            _empty ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _empty.Task.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Waits until the outcome of every message handed over is known, no longer than a time.</summary>
    /// <param name="timeout">How long to wait, up to 49 days; <see cref="Timeout.InfiniteTimeSpan"/>: for ever.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>A task that ends then.</returns>
    /// <exception cref="TimeoutException">It is not known in time. Nothing is withdrawn.</exception>
    public Task FlushAsync(TimeSpan timeout, CancellationToken cancellationToken = default) => OperationTimeouts.WaitAsync(
        FlushAsync(CancellationToken.None), timeout, _exchanges.TimeProvider, "Not every message that was handed over was acknowledged", cancellationToken);

    /// <summary>
    /// Waits until every message handed over is accepted: with a durable session store that is when it is on disk; one that the store cannot keep is a
    /// failure among the outcomes then. Without one there is nothing to wait for.
    /// </summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>A task that ends then.</returns>
    public Task CommitAsync(CancellationToken cancellationToken = default) => _exchanges.WaitUntilCommittedAsync().WaitAsync(cancellationToken);

    /// <summary>Waits until every message handed over is accepted, no longer than a time: see <see cref="CommitAsync(CancellationToken)"/>.</summary>
    /// <param name="timeout">How long to wait, up to 49 days; <see cref="Timeout.InfiniteTimeSpan"/>: for ever.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>A task that ends then.</returns>
    /// <exception cref="TimeoutException">The store has not taken them in time; it may yet.</exception>
    public Task CommitAsync(TimeSpan timeout, CancellationToken cancellationToken = default) => OperationTimeouts.WaitAsync(
        _exchanges.WaitUntilCommittedAsync(), timeout, _exchanges.TimeProvider, "The session's store did not take what was handed over", cancellationToken);

    /// <summary>Keeps no more outcomes. What was handed over stays with the session.</summary>
    /// <returns>A task that has ended.</returns>
    public ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            _isDisposed = true;
            _outcomes.Clear();
        }

        return ValueTask.CompletedTask;
    }

    /// <summary>A message has ended. Called under the session's lock: once for each that was posted.</summary>
    internal void Completed(MqttMessage message, in MqttPublishResult result, Exception? error)
    {
        lock (_gate)
        {
            if (!_isDisposed && (_keepResults || error is not null))
            {
                _outcomes.Enqueue(new MqttPublishOutcome(message, result, error));
            }

            Ended();
        }
    }

    private bool TryPost(MqttMessage message, TimeSpan timeout, bool mayWait)
    {
        Interlocked.Increment(ref _outstanding);
        bool isPosted = false;
        try
        {
            isPosted = _exchanges.Post(message, this, timeout, mayWait);
        }
        finally
        {
            if (!isPosted)
            {
                lock (_gate)
                {
                    Ended();
                }
            }
        }

        return isPosted;
    }

    /// <summary>Posts when the window, or the queue of messages that wait to be sent, has room again.</summary>
    private async ValueTask WaitAndPostAsync(MqttMessage message, TimeSpan timeout, CancellationToken cancellationToken)
    {
        long started = _exchanges.TimeProvider.GetTimestamp();
        while (true)
        {
            Task room = Task.CompletedTask;
            bool isFull;
            lock (_gate)
            {
                // With nothing outstanding, the queue is full of what others have sent: there is no end of ours to wait for.
                isFull = _outstanding > 0;
                if (isFull)
                {
                    _room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                    _roomAt = _outstanding >= Window ? Window / 2 : _outstanding - 1;
                    room = _room.Task;
                }
            }

            TimeSpan left = timeout;
            if (timeout != Timeout.InfiniteTimeSpan)
            {
                TimeSpan waited = _exchanges.TimeProvider.GetElapsedTime(started);
                left = waited < timeout ? timeout - waited : TimeSpan.Zero;
            }

            await OperationTimeouts.WaitAsync(
                room,
                left,
                _exchanges.TimeProvider,
                $"There was no room for the message for '{message.Topic}'",
                cancellationToken).ConfigureAwait(false);
            if (TryPost(message, timeout, mayWait: isFull))
            {
                return;
            }
        }
    }

    /// <summary>One message less is outstanding. Under the lock.</summary>
    private void Ended()
    {
        Interlocked.Decrement(ref _outstanding);
        if (_room is not null && _outstanding <= _roomAt)
        {
            _room.TrySetResult();
            _room = null;
        }

        if (_empty is not null && _outstanding == 0)
        {
            _empty.TrySetResult();
            _empty = null;
        }
    }
}
