namespace PSMqtt.Protocol.Sessions;

/// <summary>
/// Messages of ours that a durable store has been told of and may not have on disk yet. While one group of them is being written the next one gathers.
/// Guarded by the session's lock.
/// </summary>
internal sealed class StoreCommits
{
    private readonly object _gate;
    private readonly ISessionStore _store;
    private readonly Action<PublishOperation, Exception?> _committed;
    private readonly Queue<(PublishOperation Operation, long Sequence)> _waiting = new();
    private TaskCompletionSource? _present;
    private TaskCompletionSource? _next;
    private readonly TaskCompletionSource _abandoned = New();

    /// <param name="gate">The session's lock.</param>
    /// <param name="store">The store.</param>
    /// <param name="committed">Called under the lock with each message that the store has, or with the reason why it cannot keep it.</param>
    public StoreCommits(object gate, ISessionStore store, Action<PublishOperation, Exception?> committed)
    {
        _gate = gate;
        _store = store;
        _committed = committed;
    }

    public void Add(PublishOperation operation)
    {
        _waiting.Enqueue((operation, operation.Sequence));
        _next ??= New();
        if (_present is null)
        {
            _ = CommitAsync();
        }
    }

    /// <summary>Ends when it is known of every message added so far whether the store has it.</summary>
    public Task WaitAsync() => (_next ?? _present) is { } last ? Task.WhenAny(last.Task, _abandoned.Task).Unwrap() : Task.CompletedTask;

    /// <summary>Nobody waits for the store any more, which may never end what it was asked for. It may have the messages all the same.</summary>
    public void Abandon(Exception reason)
    {
        foreach ((PublishOperation operation, long sequence) in _waiting)
        {
            if (operation.Sequence == sequence)
            {
                operation.Fail(reason);
            }
        }

        _abandoned.TrySetException(reason);
        _ = _abandoned.Task.Exception;
    }

    private async Task CommitAsync()
    {
        while (true)
        {
            int count;
            lock (_gate)
            {
                _present = _next;
                _next = null;
                count = _waiting.Count;
                if (_present is null)
                {
                    return;
                }
            }

            Exception? error = null;
            try
            {
                await _store.FlushAsync(CancellationToken.None).ConfigureAwait(false);
            }
            catch (Exception e)
            {
                // Each publisher hears of it.
                error = e;
            }

            lock (_gate)
            {
                for (; count > 0; count--)
                {
                    (PublishOperation operation, long sequence) = _waiting.Dequeue();

                    // One that has ended meanwhile may stand for another message by now.
                    if (operation.Sequence == sequence)
                    {
                        _committed(operation, error);
                    }
                }

                _present.TrySetResult();
            }
        }
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
