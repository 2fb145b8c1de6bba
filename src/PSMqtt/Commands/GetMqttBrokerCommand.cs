using System.Management.Automation;
using PSMqtt.Broker;
using PSMqtt.Completion;

namespace PSMqtt.Commands;

/// <summary>Lists the embedded brokers that run in this process, whichever runspace started them.</summary>
[Cmdlet(VerbsCommon.Get, "MqttBroker")]
[OutputType(typeof(MqttBroker))]
public sealed class GetMqttBrokerCommand : PSCmdlet
{
    /// <summary>Their names; wildcards are understood. Default: all.</summary>
    [Parameter(Position = 0, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(BrokerNameCompleter))]
    public string[] Name { get; set; } = ["*"];

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (string name in Name)
        {
            MqttBroker[] found = [.. BrokerNames.Find(name)];
            WriteObject(found, enumerateCollection: true);
            if (found.Length == 0 && !WildcardPattern.ContainsWildcardCharacters(name))
            {
                WriteError(BrokerNames.NotFound(name));
            }
        }
    }
}
