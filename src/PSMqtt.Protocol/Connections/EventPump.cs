using System.Threading.Channels;

namespace PSMqtt.Protocol.Connections;

/// <summary>
/// Runs the handlers of a client's events one after the other, in order, on the thread pool: never on the reader or the writer loop, and never two at
/// once. A handler that throws ends nothing but itself.
/// </summary>
internal sealed class EventPump
{
    /// <summary>How long the end waits for a handler that does not return.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(2);

    private readonly Channel<Action> _actions = Channel.CreateUnbounded<Action>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Task _loop;

    public EventPump() => _loop = Task.Run(RunAsync);

    /// <summary>Has an action run after those before it.</summary>
    /// <returns>False when the pump has ended.</returns>
    public bool Post(Action action) => _actions.Writer.TryWrite(action);

    /// <summary>Ends when everything that was posted up to now has run.</summary>
    public Task FlushAsync()
    {
        TaskCompletionSource reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
        return Post(() => reached.TrySetResult()) ? reached.Task : _loop;
    }

    /// <summary>Nothing more is posted; ends when what was posted has run, unless it is called by a handler itself, or one does not return.</summary>
    public Task CompleteAsync()
    {
        _actions.Writer.TryComplete();
        return _isInHandler.Value ? Task.CompletedTask : Task.WhenAny(_loop, Task.Delay(s_patience));
    }

    private readonly AsyncLocal<bool> _isInHandler = new();

    private async Task RunAsync()
    {
        _isInHandler.Value = true;
        await foreach (Action action in _actions.Reader.ReadAllAsync().ConfigureAwait(false))
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
}
