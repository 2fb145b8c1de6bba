using System.Management.Automation;
using PSMqtt.Completion;
using PSMqtt.Connections;
using PSMqtt.Errors;

namespace PSMqtt.Commands;

/// <summary>Get-MqttConnection: the connections of this runspace.</summary>
[Cmdlet(VerbsCommon.Get, "MqttConnection")]
[OutputType(typeof(MqttConnection))]
public sealed class GetMqttConnectionCommand : PSCmdlet
{
    /// <summary>The names, with wildcards. Default: all.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(ConnectionNameCompleter))]
    public string[] Name { get; set; } = ["*"];

    /// <inheritdoc />
    protected override void ProcessRecord()
    {
        MqttConnection[] connections = ConnectionTable.Here?.All ?? [];
        foreach (string name in Name)
        {
            WildcardPattern pattern = WildcardPattern.Get(name, WildcardOptions.IgnoreCase);
            MqttConnection[] found = Array.FindAll(connections, connection => pattern.IsMatch(connection.Name));
            if (found.Length == 0 && !WildcardPattern.ContainsWildcardCharacters(name))
            {
                WriteError(MqttErrors.ConnectionNotFound.ToRecord($"This runspace has no connection named '{name}'.", name));
            }

            WriteObject(found, enumerateCollection: true);
        }
    }
}
