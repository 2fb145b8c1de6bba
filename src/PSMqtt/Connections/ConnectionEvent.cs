namespace PSMqtt.Connections;

/// <summary>The handlers of one event of a connection.</summary>
/// <param name="first">Called when the first has come: the engine makes some events only where somebody wants them.</param>
/// <param name="last">Called when the last has gone.</param>
internal sealed class ConnectionEvent<T>(Action? first = null, Action? last = null)
    where T : EventArgs
{
    private readonly object _lock = new();
    private EventHandler<T>? _handlers;

    /// <summary>The handlers; <see langword="null"/> when there are none.</summary>
    public EventHandler<T>? Handlers => _handlers;

    /// <summary>Adds a handler. One of PowerShell's comes on the pipeline thread of its runspace.</summary>
    public void Add(EventHandler<T>? handler)
    {
        PowerShellEvent.ActionsOf(handler)?.AddUser();
        lock (_lock)
        {
            if (_handlers is null)
            {
                first?.Invoke();
            }

            _handlers += handler;
        }
    }

    /// <summary>Takes a handler back.</summary>
    public void Remove(EventHandler<T>? handler)
    {
        lock (_lock)
        {
            EventHandler<T>? before = _handlers;
            _handlers -= handler;
            if (ReferenceEquals(before, _handlers))
            {
                return;
            }

            if (_handlers is null)
            {
                last?.Invoke();
            }
        }

        PowerShellEvent.ActionsOf(handler)?.RemoveUser();
    }
}
