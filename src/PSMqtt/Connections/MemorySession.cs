using System.Management.Automation.Runspaces;
using PSMqtt.Protocol.Sessions;
using PSMqtt.Protocol.Transports;

namespace PSMqtt.Connections;

/// <summary>
/// A persistent session's client half while no directory keeps it: what one connection leaves, the next one of the same client to the same server takes
/// up, as long as the process lives. A connection has it on loan, so that one that has ended cannot write into what another one uses by now; two that
/// live at the same time do not share it.
/// </summary>
internal sealed class MemorySession : ISessionStore, IDisposable
{
    /// <summary>How many sessions are kept that no connection uses; the one that was left first goes first.</summary>
    private const int KeptLimit = 100;

    private static readonly object s_lock = new();
    private static readonly Dictionary<(string Server, string ClientId), MemorySession> s_lent = [];
    private static readonly List<(string Server, string ClientId, Guid Runspace, MemorySessionStore Store)> s_kept = [];

    private readonly (string Server, string ClientId) _key;
    private readonly Guid _runspace = Runspace.DefaultRunspace?.InstanceId ?? Guid.Empty;
    private readonly MemorySessionStore _store;
    private MqttConnection? _connection;
    private volatile bool _isReturned;

    private MemorySession((string Server, string ClientId) key, MemorySessionStore store)
    {
        _key = key;
        _store = store;
    }

    /// <inheritdoc />
    public bool IsDurable => false;

    /// <summary>Takes up what an earlier connection has left; nothing, where a live one uses it.</summary>
    /// <param name="server">The first server of the connection.</param>
    /// <param name="clientId">The client identifier.</param>
    /// <param name="isFresh">Whether what was left is to be forgotten.</param>
    public static MemorySession Take(MqttEndpoint server, string clientId, bool isFresh)
    {
        (string Server, string ClientId) key = (server.ToString(), clientId);
        lock (s_lock)
        {
            if (s_lent.TryGetValue(key, out MemorySession? lent))
            {
                if (lent._connection is not { IsOver: true })
                {
                    return new MemorySession(key, new MemorySessionStore());
                }

                // Its connection has ended for good and nobody has disconnected it, or is still saying goodbye.
                lent.Return();
            }

            int left = s_kept.FindIndex(kept => (kept.Server, kept.ClientId) == key);
            MemorySessionStore? store = left < 0 ? null : s_kept[left].Store;
            if (left >= 0)
            {
                s_kept.RemoveAt(left);
            }

            MemorySession session = new(key, isFresh || store is null ? new MemorySessionStore() : store);
            s_lent.Add(key, session);
            return session;
        }
    }

    /// <summary>Forgets what an earlier connection has left.</summary>
    /// <param name="server">The first server of the connection.</param>
    /// <param name="clientId">The client identifier.</param>
    public static void Forget(MqttEndpoint server, string clientId)
    {
        string name = server.ToString();
        lock (s_lock)
        {
            s_kept.RemoveAll(kept => kept.Server == name && kept.ClientId == clientId);
        }
    }

    /// <summary>Forgets what connections of this runspace have left.</summary>
    public static void ForgetAll()
    {
        Guid here = Runspace.DefaultRunspace?.InstanceId ?? Guid.Empty;
        lock (s_lock)
        {
            s_kept.RemoveAll(kept => kept.Runspace == here);
        }
    }

    /// <summary>Says which connection has it.</summary>
    public void BelongTo(MqttConnection connection) => _connection = connection;

    /// <inheritdoc />
    public ValueTask<SessionContents> OpenAsync(string clientId, CancellationToken cancellationToken) => _store.OpenAsync(clientId, cancellationToken);

    /// <inheritdoc />
    public void EnsureRoom(int payloadLength) => _store.EnsureRoom(payloadLength);

    /// <inheritdoc />
    public void Append(SessionChange change)
    {
        if (!_isReturned)
        {
            _store.Append(change);
        }
    }

    /// <inheritdoc />
    public ValueTask FlushAsync(CancellationToken cancellationToken) => _store.FlushAsync(cancellationToken);

    /// <summary>Nobody uses it any more: it is kept for the next connection.</summary>
    public void Dispose()
    {
        lock (s_lock)
        {
            if (s_lent.TryGetValue(_key, out MemorySession? lent) && ReferenceEquals(lent, this))
            {
                Return();
            }
        }
    }

    /// <inheritdoc />
    public ValueTask DisposeAsync()
    {
        Dispose();
        return ValueTask.CompletedTask;
    }

    // Under the lock.
    private void Return()
    {
        _isReturned = true;
        s_lent.Remove(_key);
        // Nothing to wait for: a store in memory answers at once.
        SessionContents contents = _store.OpenAsync(_key.ClientId, CancellationToken.None).AsTask().GetAwaiter().GetResult();
        if (contents.Messages.Count + contents.InboundIdentifiers.Count + contents.Subscriptions.Count == 0)
        {
            return;
        }

        s_kept.Add((_key.Server, _key.ClientId, _runspace, _store));
        if (s_kept.Count > KeptLimit)
        {
            s_kept.RemoveAt(0);
        }
    }
}
