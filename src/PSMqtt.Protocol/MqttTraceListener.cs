namespace PSMqtt.Protocol;

/// <summary>Somebody who listens to what a client does: see <see cref="MqttClient.Listen"/>. Disposing ends it.</summary>
public sealed class MqttTraceListener : IDisposable
{
    private readonly Func<Task> _flush;
    private Action? _remove;

    internal MqttTraceListener(Action remove, Func<Task> flush)
    {
        _remove = remove;
        _flush = flush;
    }

    /// <summary>Waits until the listener has been called for everything that has happened up to now.</summary>
    /// <returns>A task that ends then. Not to be waited for by the listener itself, or by a handler of the client's events.</returns>
    public Task FlushAsync() => _flush();

    /// <summary>The listener is called no more, except with what has happened already.</summary>
    public void Dispose() => Interlocked.Exchange(ref _remove, null)?.Invoke();
}
