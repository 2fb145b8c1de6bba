using System.Management.Automation;
using PSMqtt.Completion;

namespace PSMqtt.Commands;

/// <summary>The base of the cmdlets that use one connection: the one that <see cref="Connection"/> names, or the runspace's current one.</summary>
public abstract class ConnectionCommand : MqttCommand
{
    /// <summary>The connection, or its name. Default: the runspace's current connection.</summary>
    [Parameter]
    [ValidateNotNull]
    [ArgumentCompleter(typeof(ConnectionNameCompleter))]
    public MqttConnectionReference? Connection { get; set; }

    /// <summary>Finds the connection.</summary>
    /// <returns>The connection; <see langword="null"/> when there is none, which has been reported.</returns>
    protected MqttConnection? GetConnection() => GetConnection(Connection);
}
