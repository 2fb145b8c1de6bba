namespace PSMqtt.Protocol.Connections;

/// <summary>
/// Runs the handlers of a client's events one after the other, in order, on the thread pool: never on the reader or the writer loop, and never two at
/// once. A handler that throws ends nothing but itself. While there is nothing to run it costs nothing: most clients have no handlers.
/// </summary>
/// <param name="timeProvider">The clock.</param>
internal sealed class EventPump(TimeProvider timeProvider) : IThreadPoolWorkItem
{
    /// <summary>How long the end waits for a handler that does not return.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(2);

    private readonly AsyncLocal<bool> _isInHandler = new();
    private readonly Queue<Action> _actions = [];
    private TaskCompletionSource? _idle;
    private bool _isRunning;
    private bool _isCompleted;

    /// <summary>Has an action run after those before it.</summary>
    /// <returns>False when the pump has ended.</returns>
    public bool Post(Action action)
    {
        lock (_actions)
        {
            if (_isCompleted)
            {
                return false;
            }

            _actions.Enqueue(action);
            if (_isRunning)
            {
                return true;
            }

            _isRunning = true;
        }

        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        return true;
    }

    /// <summary>Ends when everything that was posted up to now has run.</summary>
    public Task FlushAsync()
    {
        TaskCompletionSource reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
        return Post(() => reached.TrySetResult()) ? reached.Task : WaitUntilIdleAsync();
    }

    /// <summary>Nothing more is posted; ends when what was posted has run, unless it is called by a handler itself, or one does not return.</summary>
    public async Task CompleteAsync()
    {
        lock (_actions)
        {
            _isCompleted = true;
        }

        if (!_isInHandler.Value)
        {
            await WaitUntilIdleAsync().WaitAsync(s_patience, timeProvider).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    void IThreadPoolWorkItem.Execute()
    {
        _isInHandler.Value = true;
        while (TryTake() is { } action)
        {
            try
            {
                action();
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                // A handler's failure is its own: there is nobody to tell, and the other handlers must still run.
            }
        }
    }

    private Action? TryTake()
    {
        lock (_actions)
        {
            if (_actions.TryDequeue(out Action? action))
            {
                return action;
            }

            _isRunning = false;
            _idle?.TrySetResult();
            _idle = null;
            return null;
        }
    }

    private Task WaitUntilIdleAsync()
    {
        lock (_actions)
        {
            if (!_isRunning)
            {
                return Task.CompletedTask;
            }

            _idle ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _idle.Task;
        }
    }
}
