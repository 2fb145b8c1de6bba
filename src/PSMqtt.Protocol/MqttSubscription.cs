using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using PSMqtt.Protocol.Sessions;

namespace PSMqtt.Protocol;

/// <summary>
/// A set of topic filters and the messages that have come for them. Messages wait in order until they are taken; one of QoS 1 or 2 is acknowledged
/// to the server when it is taken, unless the options ask for manual acknowledgement.
/// </summary>
/// <remarks>Any number of threads may take messages; <see cref="TryPeek"/> and <see cref="Advance"/> together are for one.</remarks>
public sealed class MqttSubscription : IAsyncDisposable
{
    private readonly object _gate = new();
    private readonly Queue<MqttMessage> _queue = new();

    /// <summary>
    /// Messages that are queued together, so that the reader meets a consumer at the lock once for many messages, not for each. Guarded by the session's
    /// lock, and empty whenever that is free.
    /// </summary>
    private readonly List<MqttMessage> _staged = [];

    /// <summary>With manual acknowledgement: what was taken and not acknowledged, and perhaps some that was, behind it.</summary>
    private readonly Queue<MqttMessage> _unconfirmed = new();
    private readonly Session _session;
    private long _stagedBytes;
    private TaskCompletionSource<bool>? _arrival;
    private MqttMessage? _peeked;
    private bool _isFull;
    private int _queuedQoS0;
    private int _dropReport;

    internal MqttSubscription(
        MqttClient client, Session session, IReadOnlyList<MqttTopicSubscription> filters, MqttSubscriptionOptions options, string name)
    {
        Client = client;
        _session = session;
        Filters = filters;
        Options = options;
        Name = name;
    }

    /// <summary>The label of the options, or the filters.</summary>
    public string Name { get; }

    /// <summary>The client it belongs to.</summary>
    public MqttClient Client { get; }

    /// <summary>The filters.</summary>
    public IReadOnlyList<MqttTopicSubscription> Filters { get; }

    /// <summary>How it keeps messages.</summary>
    public MqttSubscriptionOptions Options { get; }

    /// <summary>Whether messages still come: not once it was unsubscribed, was refused after a reconnect, or its client was disconnected by its owner.</summary>
    public bool IsActive { get; private set; } = true;

    /// <summary>Why it ended, when neither its owner nor the client's ended it.</summary>
    public Exception? EndReason { get; private set; }

    /// <summary>How many messages wait.</summary>
    public int QueuedCount
    {
        get
        {
            lock (_gate)
            {
                return _queue.Count;
            }
        }
    }

    /// <summary>How many payload bytes wait.</summary>
    public long QueuedBytes { get; private set; }

    /// <summary>How many messages have come.</summary>
    public long ReceivedCount { get; private set; }

    /// <summary>How many messages were dropped: by a full queue, or with the queue when the subscription ended.</summary>
    public long DroppedCount { get; private set; }

    /// <summary>Whether the queue is at its limit.</summary>
    internal bool IsFull => _isFull;

    /// <summary>Whether the queue holds twice what it should, and none of that is QoS 0, which could be dropped.</summary>
    internal bool IsOverflowingWithAcknowledged
    {
        get
        {
            lock (_gate)
            {
                return IsOverflowing && _queuedQoS0 == 0;
            }
        }
    }

    private bool IsOverflowing => _queue.Count >= 2L * Options.QueueLimit || QueuedBytes >= 2 * Options.QueueByteLimit;

    /// <summary>Waits until there is a message. Any number may wait.</summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>True when there is a message to try to take; false when the subscription has ended and none is left.</returns>
    public ValueTask<bool> WaitToReadAsync(CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<bool>(cancellationToken);
        }

        Task<bool> arrival;
        lock (_gate)
        {
            if (_queue.Count > 0)
            {
                return ValueTask.FromResult(true);
            }

            if (!IsActive)
            {
                return ValueTask.FromResult(false);
            }

            _arrival ??= new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
            arrival = _arrival.Task;
        }

        return new ValueTask<bool>(arrival.WaitAsync(cancellationToken));
    }

    /// <summary>Waits until there is a message, no longer than a time: see <see cref="WaitToReadAsync(CancellationToken)"/>.</summary>
    /// <param name="timeout">How long to wait, up to 49 days; <see cref="Timeout.InfiniteTimeSpan"/>: for ever.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>True when there is a message to try to take; false when the subscription has ended and none is left.</returns>
    /// <exception cref="TimeoutException">No message came in time.</exception>
    public async ValueTask<bool> WaitToReadAsync(TimeSpan timeout, CancellationToken cancellationToken = default)
    {
        OperationTimeouts.CheckWait(timeout);
        if (timeout == Timeout.InfiniteTimeSpan)
        {
            return await WaitToReadAsync(cancellationToken).ConfigureAwait(false);
        }

        ValueTask<bool> wait = WaitToReadAsync(CancellationToken.None);
        if (wait.IsCompleted && !cancellationToken.IsCancellationRequested)
        {
            return await wait.ConfigureAwait(false);
        }

        Task<bool> arrival = wait.AsTask();
        await OperationTimeouts
            .WaitAsync(arrival, timeout, Client.Options.TimeProvider, $"No message came for the subscription to '{Name}'", cancellationToken)
            .ConfigureAwait(false);
        return await arrival.ConfigureAwait(false);
    }

    /// <summary>Takes the next message, if there is one.</summary>
    /// <param name="message">The message.</param>
    /// <returns>Whether there was one.</returns>
    public bool TryRead([NotNullWhen(true)] out MqttMessage? message)
    {
        bool hasRoom;
        lock (_gate)
        {
            if (!_queue.TryDequeue(out message))
            {
                return false;
            }

            _peeked = null;
            hasRoom = Dequeued(message);
            AwaitConfirmation(message);
        }

        Taken(message, hasRoom);
        return true;
    }

    /// <summary>Looks at the next message, and leaves it where it is.</summary>
    /// <param name="message">The message.</param>
    /// <returns>Whether there is one.</returns>
    public bool TryPeek([NotNullWhen(true)] out MqttMessage? message)
    {
        lock (_gate)
        {
            _queue.TryPeek(out message);
            _peeked = message;
            return message is not null;
        }
    }

    /// <summary>Takes the message that <see cref="TryPeek"/> has shown. Does nothing if an overflow has dropped it meanwhile.</summary>
    public void Advance()
    {
        MqttMessage? message;
        bool hasRoom;
        lock (_gate)
        {
            message = _peeked;
            _peeked = null;
            if (message is null || !_queue.TryPeek(out MqttMessage? head) || !ReferenceEquals(head, message))
            {
                return;
            }

            _queue.Dequeue();
            hasRoom = Dequeued(message);
            AwaitConfirmation(message);
        }

        Taken(message, hasRoom);
    }

    /// <summary>Takes messages as they come, until the subscription ends.</summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The messages.</returns>
    public IAsyncEnumerable<MqttMessage> ReadAllAsync(CancellationToken cancellationToken = default) =>
        ReadAllAsync(Timeout.InfiniteTimeSpan, cancellationToken);

    /// <summary>Takes messages as they come, until the subscription ends, or none comes for a time.</summary>
    /// <param name="timeout">How long to wait for each message, up to 49 days; <see cref="Timeout.InfiniteTimeSpan"/>: for ever.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The messages.</returns>
    /// <exception cref="TimeoutException">No message came in time.</exception>
    public async IAsyncEnumerable<MqttMessage> ReadAllAsync(TimeSpan timeout, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        while (await WaitToReadAsync(timeout, cancellationToken).ConfigureAwait(false))
        {
            while (TryRead(out MqttMessage? message))
            {
                yield return message;
            }
        }
    }

    /// <summary>Ends the subscription: see <see cref="MqttClient.UnsubscribeAsync"/>. Fails silently when the server does not answer.</summary>
    /// <returns>A task that ends when the server has answered.</returns>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await Client.UnsubscribeAsync(this).ConfigureAwait(false);
        }
        catch (Exception e) when (e is TimeoutException or MqttOperationException or OperationCanceledException)
        {
            // It has ended here, which is what disposing asks for; the server is told again when the session resumes.
        }
    }

    /// <summary>Its name.</summary>
    /// <returns>The name.</returns>
    public override string ToString() => Name;

    /// <summary>Whether a report of dropped messages is to be made: one at a time, however many are dropped.</summary>
    internal bool TryBeginDropReport() => Interlocked.Exchange(ref _dropReport, 1) == 0;

    internal void EndDropReport() => Volatile.Write(ref _dropReport, 0);

    /// <summary>
    /// A message has come, and may wait for others to be queued with it by <see cref="QueueStaged"/>: where there is room enough, so that it cannot be the
    /// one that fills the queue. Called under the session's lock.
    /// </summary>
    /// <param name="message">The message.</param>
    /// <param name="isFirst">Whether it is the only one yet.</param>
    /// <returns>False when it must be queued at once.</returns>
    internal bool TryStage(MqttMessage message, out bool isFirst)
    {
        isFirst = _staged.Count == 0;

        // A look without the queue's own lock: consumers only make more room.
        if (_queue.Count + _staged.Count + 1 >= Options.QueueLimit
            || QueuedBytes + _stagedBytes + message.Payload.Length >= Options.QueueByteLimit)
        {
            return false;
        }

        _staged.Add(message);
        _stagedBytes += message.Payload.Length;
        return true;
    }

    /// <summary>Queues what was staged. Called under the session's lock.</summary>
    /// <param name="dropped">As with <see cref="Enqueue"/>.</param>
    internal void QueueStaged(List<MqttMessage> dropped)
    {
        if (_staged.Count == 0)
        {
            return;
        }

        TaskCompletionSource<bool>? arrival;
        lock (_gate)
        {
            foreach (MqttMessage message in _staged)
            {
                Add(message, dropped);
            }

            arrival = TakeArrival();
        }

        // Not under the lock: the consumer that it wakes asks for it first thing.
        arrival?.TrySetResult(true);
        _staged.Clear();
        _stagedBytes = 0;
    }

    /// <summary>A message has come. Called under the session's lock.</summary>
    /// <param name="message">The message.</param>
    /// <param name="dropped">Where to add the messages that give way to it, or itself: their acknowledgements are due.</param>
    internal void Enqueue(MqttMessage message, List<MqttMessage> dropped)
    {
        QueueStaged(dropped);
        TaskCompletionSource<bool>? arrival;
        lock (_gate)
        {
            Add(message, dropped);
            arrival = TakeArrival();
        }

        arrival?.TrySetResult(true);
    }

    /// <summary>Takes out the messages that a condition is true of, without acknowledging them.</summary>
    internal List<MqttMessage> Extract(Func<MqttMessage, bool> condition)
    {
        lock (_gate)
        {
            var extracted = new List<MqttMessage>();
            for (int count = _queue.Count; count > 0; count--)
            {
                MqttMessage message = _queue.Dequeue();
                if (condition(message))
                {
                    extracted.Add(message);
                    Dequeued(message);
                }
                else
                {
                    _queue.Enqueue(message);
                }
            }

            return extracted;
        }
    }

    /// <summary>No more messages come.</summary>
    /// <param name="reason">Why, when its owner did not ask for it.</param>
    /// <param name="discard">Whether what waits is given up too, and returned, for its acknowledgements are due.</param>
    internal List<MqttMessage> End(Exception? reason, bool discard)
    {
        lock (_gate)
        {
            List<MqttMessage> left = [];
            IsActive = false;
            EndReason ??= reason;
            if (discard)
            {
                // What nobody can confirm any more must not hold back the messages of others.
                left.AddRange(_unconfirmed.Where(static message => message.Acknowledger is not null));
                _unconfirmed.Clear();
                left.AddRange(_queue);
                DroppedCount += left.Count;
                _queue.Clear();
                QueuedBytes = 0;
                _queuedQoS0 = 0;
                _isFull = false;
            }

            _arrival?.TrySetResult(_queue.Count > 0);
            _arrival = null;
            return left;
        }
    }

    private void Add(MqttMessage message, List<MqttMessage> dropped)
    {
        ReceivedCount++;
        if (!IsActive || !MakeRoomFor(message, dropped))
        {
            DroppedCount++;
            dropped.Add(message);
            return;
        }

        _queue.Enqueue(message);
        QueuedBytes += message.Payload.Length;
        _queuedQoS0 += message.QoS == MqttQualityOfService.AtMostOnce ? 1 : 0;
        _isFull |= _queue.Count >= Options.QueueLimit || QueuedBytes >= Options.QueueByteLimit;
    }

    /// <summary>What a waiting consumer is to be woken by; <see langword="null"/>: none waits, or there is nothing for it.</summary>
    private TaskCompletionSource<bool>? TakeArrival()
    {
        if (_arrival is null || _queue.Count == 0)
        {
            return null;
        }

        TaskCompletionSource<bool> arrival = _arrival;
        _arrival = null;
        return arrival;
    }

    /// <summary>Whether a message of its is the one that an entry stands for, and has not been acknowledged.</summary>
    internal bool Owes(InboundEntry entry)
    {
        lock (_gate)
        {
            return _queue.Any(message => message.Owes(entry)) || _unconfirmed.Any(message => message.Owes(entry));
        }
    }

    /// <summary>Whether there is a place for a message, after others have given way where the options say so.</summary>
    private bool MakeRoomFor(MqttMessage message, List<MqttMessage> dropped)
    {
        switch (Options.Overflow)
        {
            case MqttQueueOverflow.DropNewest:
                return !IsFullFor(message);
            case MqttQueueOverflow.DropOldest:
                while (IsFullFor(message))
                {
                    dropped.Add(Drop(_queue.Dequeue()));
                }

                return true;
            default:
                // QoS 1 and 2 are never dropped: the server's window, and the reader that stops, bound them.
                while (IsOverflowing && _queuedQoS0 > 0)
                {
                    dropped.Add(DropOldestQoS0());
                }

                return !IsOverflowing || message.QoS != MqttQualityOfService.AtMostOnce;
        }
    }

    /// <summary>Whether a message would go beyond a limit. One alone always has its place, however large it is.</summary>
    private bool IsFullFor(MqttMessage message) =>
        _queue.Count > 0 && (_queue.Count >= Options.QueueLimit || QueuedBytes + message.Payload.Length > Options.QueueByteLimit);

    private MqttMessage DropOldestQoS0()
    {
        if (_queue.Peek().QoS == MqttQualityOfService.AtMostOnce)
        {
            return Drop(_queue.Dequeue());
        }

        MqttMessage? oldest = null;
        for (int count = _queue.Count; count > 0; count--)
        {
            MqttMessage message = _queue.Dequeue();
            if (oldest is null && message.QoS == MqttQualityOfService.AtMostOnce)
            {
                oldest = message;
            }
            else
            {
                _queue.Enqueue(message);
            }
        }

        return Drop(oldest!);
    }

    private MqttMessage Drop(MqttMessage message)
    {
        DroppedCount++;
        Dequeued(message);
        return message;
    }

    /// <summary>
    /// A message has left the queue. One that was full has room again when half of it is empty: a reader that was woken for each place would do little
    /// else than go to sleep again.
    /// </summary>
    /// <returns>Whether the queue was full until now.</returns>
    private bool Dequeued(MqttMessage message)
    {
        QueuedBytes -= message.Payload.Length;
        _queuedQoS0 -= message.QoS == MqttQualityOfService.AtMostOnce ? 1 : 0;
        if (_isFull && _queue.Count <= Options.QueueLimit / 2 && QueuedBytes <= Options.QueueByteLimit / 2)
        {
            _isFull = false;
            return true;
        }

        return false;
    }

    /// <summary>Under the lock. Receive Maximum bounds how many there are: acknowledgements leave in order.</summary>
    private void AwaitConfirmation(MqttMessage message)
    {
        if (Options.ManualAcknowledge && message.Acknowledger is not null)
        {
            while (_unconfirmed.TryPeek(out MqttMessage? first) && first.Acknowledger is null)
            {
                _unconfirmed.Dequeue();
            }

            _unconfirmed.Enqueue(message);
        }
    }

    private void Taken(MqttMessage message, bool hasRoom)
    {
        if (hasRoom)
        {
            _session.RoomMade();
        }

        if (!Options.ManualAcknowledge)
        {
            _session.Acknowledge(message, MqttReasonCode.Success);
        }
    }
}
