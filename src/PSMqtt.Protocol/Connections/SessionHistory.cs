using PSMqtt.Protocol.Sessions;

namespace PSMqtt.Protocol.Connections;

/// <summary>
/// What is known of the session before a connection is made: whether there is one that goes on, whether somebody else began it, and what the store has of
/// it. Guarded by the session's lock.
/// </summary>
internal sealed class SessionHistory
{
    private readonly MqttClientOptions _options;
    private readonly Session _session;
    private Task<SessionContents>? _opening;

    public SessionHistory(MqttClientOptions options, Session session)
    {
        _options = options;
        _session = session;
    }

    /// <summary>Whether what the store has, if there is one, is in the session: only then anything new may be accepted.</summary>
    public bool IsRestored { get; private set; }

    /// <summary>Whether there is a session that goes on, as far as we know.</summary>
    public bool HasSession { get; private set; }

    /// <summary>Whether the server's session was begun by somebody else than this client object.</summary>
    public bool IsInherited { get; private set; }

    /// <summary>Whether the next connection begins a session that is kept, and must not be one of earlier.</summary>
    public bool MustBeginAfresh => _options is { CleanStart: true, PersistentSession: true } && !HasSession;

    /// <summary>Whether CONNECT asks for a clean session.</summary>
    public bool IsCleanStart(MqttProtocolVersion version) => version == MqttProtocolVersion.V500
        ? _options.CleanStart && !HasSession
        : !_options.PersistentSession;

    /// <summary>Begins to read what an earlier client has left, before anything new is accepted: its messages come first. Under the lock.</summary>
    public void OpenStore()
    {
        if (IsRestored || _options.SessionStore is not { } store)
        {
            IsRestored = true;
            return;
        }

        ValueTask<SessionContents> opening = store.OpenAsync(_options.ClientId, CancellationToken.None);
        if (opening.IsCompleted)
        {
            Restore(opening.GetAwaiter().GetResult());
        }
        else
        {
            _opening = opening.AsTask();
        }
    }

    /// <summary>Ends when the session has what an earlier client has left, and accepts what is new. Takes the lock.</summary>
    public async Task RestoreAsync(CancellationToken cancellationToken)
    {
        if (IsRestored)
        {
            return;
        }

        SessionContents contents = await _opening!.WaitAsync(cancellationToken).ConfigureAwait(false);
        lock (_session.Gate)
        {
            Restore(contents);
            _session.Outbound.Open();
        }
    }

    /// <summary>A connection is made.</summary>
    /// <param name="isSessionPresent">Whether the server had a session.</param>
    public void Attached(bool isSessionPresent)
    {
        IsInherited = isSessionPresent && (IsInherited || !HasSession);
        HasSession = true;
    }

    /// <summary>
    /// No connection uses the session any more. Where the server keeps it, it keeps subscriptions that have ended here: their messages are those of an
    /// inherited session, if there is another connection.
    /// </summary>
    public void Forget(bool isKept)
    {
        IsInherited = isKept && HasSession;
        HasSession &= isKept;
    }

    /// <summary>Takes up what an earlier client has left. Under the lock.</summary>
    private void Restore(SessionContents contents)
    {
        _session.Restore(contents);
        HasSession |= contents.Messages.Count + contents.InboundIdentifiers.Count + contents.Subscriptions.Count > 0;
        IsInherited |= HasSession;
        IsRestored = true;
    }
}
