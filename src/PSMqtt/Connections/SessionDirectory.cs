using PSMqtt.Protocol.Sessions.Files;

namespace PSMqtt.Connections;

/// <summary>The directory of a connection's session: open as long as the connection is.</summary>
internal sealed class SessionDirectory : IDisposable, IAsyncDisposable
{
    private SessionDirectory(FileSessionStore store) => Store = store;

    public FileSessionStore Store { get; }

    /// <summary>Opens it.</summary>
    /// <param name="path">The directory.</param>
    /// <param name="clientId">The client identifier; empty: the session's own.</param>
    /// <param name="option">What may say more about it.</param>
    /// <exception cref="PSMqtt.Protocol.Sessions.SessionStoreException">It cannot be used.</exception>
    public static SessionDirectory Open(string path, string clientId, MqttConnectionOption? option)
    {
        FileSessionStoreOptions options = new() { Directory = path };
        FileSessionStore store = new(options with
        {
            Durability = option?.SessionDurability ?? options.Durability,
            SizeLimit = option?.SessionSizeLimit ?? options.SizeLimit,
        });

        // Nothing to wait for here: the store reads its files before it returns, and the task has ended.
        _ = store.OpenAsync(clientId, CancellationToken.None).AsTask().GetAwaiter().GetResult();
        return new SessionDirectory(store);
    }

    public ValueTask DisposeAsync() => Store.DisposeAsync();

    // Only where no client has used it yet: nothing has to be written then, and it is closed when this returns.
    public void Dispose() => _ = Store.DisposeAsync().AsTask();
}
