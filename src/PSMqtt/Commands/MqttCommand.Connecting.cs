using System.Management.Automation;
using PSMqtt.Connections;
using PSMqtt.Errors;
using PSMqtt.Parameters;
using PSMqtt.Protocol;
using PSMqtt.Protocol.Sessions;
using PSMqtt.Protocol.Transports;

namespace PSMqtt.Commands;

/// <content>Making connections, for the runspace or for the cmdlet itself.</content>
public abstract partial class MqttCommand
{
    // Said by Connect-Mqtt, too: how long an attempt to connect may take.
    private const double ConnectSeconds = 30;

    private MqttConnection? _own;

    /// <summary>Makes a connection, and connects it.</summary>
    /// <param name="settings">What the user says about it.</param>
    /// <param name="noWait">Whether to return while it is still being made.</param>
    /// <param name="problem">Why there is no connection.</param>
    /// <returns>The connection, which is in no table yet; <see langword="null"/>: it could not be made.</returns>
    private protected MqttConnection? Open(ConnectionSettings settings, bool noWait, out ErrorRecord? problem)
    {
        MqttConnection connection;
        try
        {
            connection = new ConnectionBuilder(this, settings).Build();
        }
        catch (SessionStoreException exception)
        {
            problem = Explain(exception, settings.SessionPath!);
            return null;
        }

        foreach (MqttEndpoint server in connection.Client.Options.Servers)
        {
            // What the query holds is not shown, and so cannot be completed.
            RecentNames.Servers.Add(server.ToString().Replace("?***", string.Empty, StringComparison.Ordinal));
        }

        Follow(connection);
        try
        {
            foreach (string warning in ConnectionWarnings.Of(connection.Client.Options))
            {
                WriteWarning(warning);
            }

            if (noWait)
            {
                connection.Client.Start();
            }
            else
            {
                WaitFor(connection.Client.ConnectAsync(StopToken));
                WarnOfReference(connection);
            }

            problem = null;
            return connection;
        }
        catch (Exception exception)
        {
            string server = connection.Server;
            TimeSpan limit = IsStopped ? TimeSpan.FromMilliseconds(100) : LiveConnections.ExitTimeout;
            WaitForCleanup(connection.CloseAsync(new MqttDisconnectOptions { DrainTimeout = TimeSpan.Zero }, CancellationToken.None), limit);
            if (IsStopped || exception is RuntimeException)
            {
                // What PowerShell itself has thrown: Ctrl+C, or a warning that is to end the script.
                throw;
            }

            connection.GiveBackId();
            problem = Explain(exception, server);
            return null;
        }
    }

    /// <summary>The connection to use: one of the cmdlet's own to -Server, else the one that -Connection names, else the current one.</summary>
    /// <param name="server">The servers; <see langword="null"/>: not given.</param>
    /// <param name="parameters">What else is known about the connection to them.</param>
    /// <param name="connection">The connection given.</param>
    /// <param name="timeoutSeconds">How long connecting may take; 0: as long as Connect-Mqtt allows.</param>
    /// <returns>The connection; <see langword="null"/> when there is none, which has been reported.</returns>
    private protected MqttConnection? GetConnection(
        string[]? server, OneShotParameters? parameters, MqttConnectionReference? connection, double timeoutSeconds)
    {
        if (server is null)
        {
            return GetConnection(connection);
        }

        if (connection is not null)
        {
            Fail(MqttErrors.InvalidOption.ToRecord("Give only one of -Server, to connect for this command alone, and -Connection.", nameof(server)));
        }

        TimeSpan timeout = TimeSpan.FromSeconds(timeoutSeconds > 0 ? Math.Min(timeoutSeconds, ConnectSeconds) : ConnectSeconds);
        _own = Open((parameters ?? new OneShotParameters()).ToSettings(server, timeout), noWait: false, out ErrorRecord? problem);
        if (_own is null)
        {
            GiveUp(problem!);
            return null;
        }

        LiveConnections.Add(_own);
        return _own;
    }

    /// <summary>Disconnects the connection that the cmdlet has made for itself, if there is one, when what it has sent has been acknowledged.</summary>
    /// <param name="timeoutSeconds">How long to wait for that.</param>
    private protected void CloseOwnConnection(double timeoutSeconds)
    {
        if (_own is { } own)
        {
            MqttDisconnectOptions options = new() { DrainTimeout = TimeLimitAttribute.ToTimeSpan(timeoutSeconds) };
            WaitFor(own.CloseAsync(options, StopToken).WaitAsync(StopToken));
        }
    }

    // After an error, or a downstream command that has had enough; Ctrl+C waits for next to nothing. The goodbye goes on without the pipeline.
    private void DropOwnConnection()
    {
        if (_own is { } own)
        {
            TimeSpan limit = TimeSpan.FromMilliseconds(IsStopped ? 100 : 2000);
            WaitForCleanup(own.CloseAsync(new MqttDisconnectOptions { DrainTimeout = limit / 2 }, CancellationToken.None), limit);
        }
    }
}
