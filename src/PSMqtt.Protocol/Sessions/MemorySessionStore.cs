namespace PSMqtt.Protocol.Sessions;

/// <summary>
/// A session store in memory: what one client leaves in it, the next client of this process takes up. A client that needs no more than its own
/// lifetime needs no store at all.
/// </summary>
public sealed class MemorySessionStore : ISessionStore
{
    private readonly object _gate = new();
    private readonly Files.SessionState _state = new();

    /// <inheritdoc />
    public bool IsDurable => false;

    /// <inheritdoc />
    public ValueTask<SessionContents> OpenAsync(string clientId, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            return ValueTask.FromResult(_state.Copy());
        }
    }

    /// <inheritdoc />
    public void EnsureRoom(int payloadLength)
    {
        // The client's own limits of its queue are the only ones.
    }

    /// <inheritdoc />
    public void Append(SessionChange change)
    {
        lock (_gate)
        {
            _state.Apply(change);
        }
    }

    /// <inheritdoc />
    public ValueTask FlushAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <inheritdoc />
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
