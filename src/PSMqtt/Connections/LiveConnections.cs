using System.Collections.Concurrent;
using PSMqtt.Protocol;

namespace PSMqtt.Connections;

/// <summary>
/// Every connection of the process that has not been closed yet. A script that simply ends has not asked for its will to be published, or for what
/// it sent last to be lost: so the process says DISCONNECT for it before it exits.
/// </summary>
internal static class LiveConnections
{
    private static readonly ConcurrentDictionary<MqttConnection, bool> s_connections = new();
    private static int s_exitHandlerSet;

    /// <summary>How long the end of a process, a runspace or a module waits for what is in flight.</summary>
    public static TimeSpan ExitTimeout { get; } = TimeSpan.FromSeconds(5);

    public static void Add(MqttConnection connection)
    {
        s_connections[connection] = true;
        if (Interlocked.Exchange(ref s_exitHandlerSet, 1) == 0)
        {
            AppDomain.CurrentDomain.ProcessExit += static (_, _) => CloseAll();
        }
    }

    public static void Remove(MqttConnection connection) => s_connections.TryRemove(connection, out _);

    private static void CloseAll()
    {
        Task[] closing =
        [
            .. s_connections.Keys.Select(static connection =>
                connection.CloseAsync(new MqttDisconnectOptions { DrainTimeout = ExitTimeout }, CancellationToken.None)),
        ];

        // A second more than the drain may take, for DISCONNECT itself.
        ((IAsyncResult)Task.WhenAll(closing)).AsyncWaitHandle.WaitOne(ExitTimeout + TimeSpan.FromSeconds(1));
    }
}
