using System.Management.Automation;
using System.Management.Automation.Host;
using System.Management.Automation.Runspaces;
using System.Runtime.CompilerServices;
using PSMqtt.Protocol;

namespace PSMqtt.Connections;

/// <summary>
/// The connections of one runspace, and which of them is the current one. Runspaces do not see each other's; a runspace that closes ends its own.
/// Used on the runspace's pipeline thread, and by the runspace when it closes.
/// </summary>
internal sealed class ConnectionTable
{
    private static readonly ConditionalWeakTable<Runspace, ConnectionTable> s_tables = [];

    private readonly object _lock = new();
    private readonly List<MqttConnection> _connections = [];
    private MqttConnection? _current;
    private PSHost? _host;
    private Action? _stopListening;

    /// <summary>The table of the runspace that this thread works for; <see langword="null"/> on a thread that works for none.</summary>
    public static ConnectionTable? Here => Runspace.DefaultRunspace is { } runspace ? s_tables.GetValue(runspace, Create) : null;

    /// <summary>The connection that cmdlets use when they are given none.</summary>
    public MqttConnection? Current
    {
        get
        {
            lock (_lock)
            {
                return _current is { State: not MqttConnectionState.Disposed } current ? current : null;
            }
        }
    }

    /// <summary>All of them, in the order they were made.</summary>
    public MqttConnection[] All
    {
        get
        {
            lock (_lock)
            {
                // Another runspace, or the user's own code, may have ended one.
                _connections.RemoveAll(static connection => connection.State == MqttConnectionState.Disposed);
                return [.. _connections];
            }
        }
    }

    /// <summary>Finds a connection by its name.</summary>
    public MqttConnection? Find(string name) =>
        Array.Find(All, connection => string.Equals(connection.Name, name, StringComparison.OrdinalIgnoreCase));

    /// <summary>Adds a connection and makes it the current one.</summary>
    public void Add(MqttConnection connection)
    {
        lock (_lock)
        {
            _connections.Add(connection);
            _current = connection;
        }

        LiveConnections.Add(connection);
    }

    /// <summary>Forgets a connection. No other one takes its place as the current one: a message must not go where nobody sent it.</summary>
    public void Remove(MqttConnection connection)
    {
        lock (_lock)
        {
            _connections.Remove(connection);
            if (ReferenceEquals(_current, connection))
            {
                _current = null;
            }
        }
    }

    /// <summary>
    /// Has the end of the runspace, and of the process with it, say through its host what could not be delivered any more: no pipeline is there then to warn.
    /// </summary>
    /// <param name="events">The runspace's events.</param>
    /// <param name="host">Its host.</param>
    public void SpeakAtEnd(PSEventManager events, PSHost host)
    {
        lock (_lock)
        {
            if (_host is null)
            {
                _host = host;
                PSEventSubscriber subscriber = events.SubscribeEvent(
                    null, null, PSEngineEvent.Exiting, null, (_, _) => End(), supportEvent: true, forwardEvent: false);
                _stopListening = () => events.UnsubscribeEvent(subscriber);
            }
        }
    }

    private bool SpeaksAtEnd
    {
        get
        {
            lock (_lock)
            {
                return _stopListening is not null;
            }
        }
    }

    /// <summary>The module is removed: ends every connection, and waits for that, so that the brokers know.</summary>
    public void Leave()
    {
        Action? stopListening;
        lock (_lock)
        {
            stopListening = _stopListening;
            _stopListening = null;
        }

        stopListening?.Invoke();
        End(isPatient: true);
        lock (_lock)
        {
            _host = null;
        }
    }

    /// <summary>Ends every connection, waits for those that have something to deliver, and says what they could not.</summary>
    /// <param name="isPatient">Whether the others are waited for, too.</param>
    private void End(bool isPatient = false)
    {
        MqttConnection[] connections = All;
        MqttConnection[] unfinished = Array.FindAll(connections, static connection => UnacknowledgedMessages.Count(connection) > 0);
        Task closing = CloseAllAsync();
        if (isPatient || unfinished.Length > 0)
        {
            // A broker that does not answer cannot hold it up for longer; a second more than the drain may take, for DISCONNECT itself.
            ((IAsyncResult)closing).AsyncWaitHandle.WaitOne(LiveConnections.ExitTimeout + TimeSpan.FromSeconds(1));
        }

        foreach (MqttConnection connection in unfinished)
        {
            if (UnacknowledgedMessages.Explain(connection) is { } warning)
            {
                _host?.UI?.WriteWarningLine(warning);
            }
        }
    }

    /// <summary>Ends every connection of the runspace, each as a script that ends would.</summary>
    private Task CloseAllAsync()
    {
        MqttConnection[] connections;
        lock (_lock)
        {
            connections = [.. _connections];
            _connections.Clear();
            _current = null;
        }

        return Task.WhenAll(Array.ConvertAll(
            connections,
            static connection => connection.CloseAsync(new MqttDisconnectOptions { DrainTimeout = LiveConnections.ExitTimeout }, CancellationToken.None)));
    }

    private static ConnectionTable Create(Runspace runspace)
    {
        ConnectionTable table = new();
        runspace.StateChanged += (_, change) =>
        {
            if (change.RunspaceStateInfo.State is RunspaceState.Closed or RunspaceState.Broken
                || (change.RunspaceStateInfo.State == RunspaceState.Closing && !table.SpeaksAtEnd))
            {
                // Not waited for here: the thread that closes a runspace has its own plans. The process waits for it before it exits. Where there is a host
                // to speak through, the event that follows Closing does all this.
                _ = table.CloseAllAsync();
            }
        };
        return table;
    }
}
