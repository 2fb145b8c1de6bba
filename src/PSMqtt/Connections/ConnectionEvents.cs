using System.Threading.Channels;

namespace PSMqtt.Connections;

/// <summary>
/// Raises the events of a connection for the user's handlers: one after the other, in order, on a thread of their own, so that a slow handler keeps
/// neither the engine nor the module's own cmdlets waiting. Bounded: when far too many wait, the oldest are dropped, and counted.
/// </summary>
/// <param name="sender">The connection.</param>
internal sealed class ConnectionEvents(object sender)
{
    private const int Limit = 100_000;

    private readonly object _lock = new();
    private Channel<Action>? _waiting;
    private long _dropped;

    /// <summary>How many events were dropped, because the handlers did not keep up.</summary>
    public long Dropped => Interlocked.Read(ref _dropped);

    /// <summary>Raises an event.</summary>
    /// <param name="handlers">Its handlers.</param>
    /// <param name="args">Its arguments.</param>
    public void Raise<T>(EventHandler<T>? handlers, T args)
        where T : EventArgs
    {
        if (handlers is not null)
        {
            Waiting().TryWrite(() => Call(handlers, args));
        }
    }

    private ChannelWriter<Action> Waiting()
    {
        lock (_lock)
        {
            if (_waiting is null)
            {
                BoundedChannelOptions options = new(Limit)
                {
                    FullMode = BoundedChannelFullMode.DropOldest,
                    SingleReader = true,
                };
                _waiting = Channel.CreateBounded<Action>(options, _ => Interlocked.Increment(ref _dropped));
                _ = Task.Run(() => RunAsync(_waiting.Reader));
            }

            return _waiting.Writer;
        }
    }

    private void Call<T>(EventHandler<T> handlers, T args)
        where T : EventArgs
    {
        foreach (Delegate handler in handlers.GetInvocationList())
        {
            try
            {
                if (!PowerShellEvent.TryRaise(handler, sender, args))
                {
                    ((EventHandler<T>)handler)(sender, args);
                }
            }
            catch (Exception exception) when (exception is not OutOfMemoryException)
            {
                // A handler's failure is its own, a runspace may have been closed meanwhile, and the other handlers must still run.
            }
        }
    }

    private static async Task RunAsync(ChannelReader<Action> actions)
    {
        await foreach (Action action in actions.ReadAllAsync().ConfigureAwait(false))
        {
            action();
        }
    }
}
