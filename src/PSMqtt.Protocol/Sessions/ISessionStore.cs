namespace PSMqtt.Protocol.Sessions;

/// <summary>
/// Keeps what a session must not lose: our messages of QoS 1 and 2 until they have been acknowledged, the identifiers of received QoS 2 messages
/// until they are released, and the subscriptions. One client uses a store at a time.
/// </summary>
/// <remarks>
/// <see cref="Append"/> is called in the order of events, under the session's lock: it only takes note, quickly, and does not throw. What is costly
/// is awaited in <see cref="FlushAsync"/>, once for everything appended before: a group commit.
/// </remarks>
public interface ISessionStore : IAsyncDisposable
{
    /// <summary>
    /// Whether an accepted message must be flushed before its publisher is told so. A store in memory says no, and costs nobody a wait.
    /// </summary>
    bool IsDurable { get; }

    /// <summary>Opens the store and reads what an earlier client has left.</summary>
    /// <param name="clientId">The client identifier; empty when the server shall assign one.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>What was left; empty for a new session.</returns>
    ValueTask<SessionContents> OpenAsync(string clientId, CancellationToken cancellationToken);

    /// <summary>Checks, before a message of ours is accepted, that there is room for it. Called as <see cref="Append"/> is, and as quick.</summary>
    /// <param name="payloadLength">The length of its payload in bytes.</param>
    /// <exception cref="SessionStoreException">There is none, or the store cannot be written at present.</exception>
    void EnsureRoom(int payloadLength);

    /// <summary>Takes note of a change.</summary>
    /// <param name="change">The change.</param>
    void Append(SessionChange change);

    /// <summary>Ends when every change appended before is as safe as the store makes it.</summary>
    /// <param name="cancellationToken">Ends the wait, not the writing.</param>
    /// <returns>A task that fails if the changes could not be kept.</returns>
    ValueTask FlushAsync(CancellationToken cancellationToken);
}
