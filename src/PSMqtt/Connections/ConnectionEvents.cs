using System.Threading.Channels;

namespace PSMqtt.Connections;

/// <summary>
/// Raises the events of a connection for the user's handlers: one after the other, in order, on a thread of their own, so that a slow handler keeps
/// neither the engine nor the module's own cmdlets waiting. The actions of Register-ObjectEvent wait for their turn in a runspace that may be busy, and
/// have a queue of their own, so that nobody else waits with them. Bounded: when far too many wait, the oldest are dropped, and counted.
/// </summary>
/// <param name="sender">The connection.</param>
internal sealed class ConnectionEvents(object sender)
{
    private const int Limit = 100_000;

    private readonly object _lock = new();
    private long _dropped;
    private ChannelWriter<Func<Task>>? _waiting;
    private ChannelWriter<Func<Task>>? _actions;

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
            Queue(ref _waiting).TryWrite(() =>
            {
                Call(handlers, args);
                return Task.CompletedTask;
            });
        }
    }

    private ChannelWriter<Func<Task>> Queue(ref ChannelWriter<Func<Task>>? queue)
    {
        lock (_lock)
        {
            if (queue is null)
            {
                BoundedChannelOptions options = new(Limit)
                {
                    FullMode = BoundedChannelFullMode.DropOldest,
                    SingleReader = true,
                };
                var channel = Channel.CreateBounded<Func<Task>>(options, _ => Interlocked.Increment(ref _dropped));
                _ = Task.Run(() => RunAsync(channel.Reader));
                queue = channel.Writer;
            }

            return queue;
        }
    }

    private void Call<T>(EventHandler<T> handlers, T args)
        where T : EventArgs
    {
        foreach (Delegate handler in handlers.GetInvocationList())
        {
            try
            {
                if (PowerShellEvent.Of(handler, sender, args) is not { } raised)
                {
                    ((EventHandler<T>)handler)(sender, args);
                }
                else if (raised.HasAction)
                {
                    Queue(ref _actions).TryWrite(raised.RaiseInTurnAsync);
                }
                else
                {
                    raised.Raise();
                }
            }
            catch (Exception exception) when (exception is not OutOfMemoryException)
            {
                // A handler's failure is its own, a runspace may have been closed meanwhile, and the other handlers must still run.
            }
        }
    }

    private static async Task RunAsync(ChannelReader<Func<Task>> calls)
    {
        await foreach (Func<Task> call in calls.ReadAllAsync().ConfigureAwait(false))
        {
            // What could be handled has been: what is left is a runspace that was closed.
            await call().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
