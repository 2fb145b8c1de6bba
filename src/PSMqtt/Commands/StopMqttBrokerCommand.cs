using System.Management.Automation;
using PSMqtt.Broker;

namespace PSMqtt.Commands;

/// <summary>
/// Stops embedded brokers, and waits until they have stopped: their clients are told (5.0), cut off, and the port is free again.
/// </summary>
[Cmdlet(VerbsLifecycle.Stop, "MqttBroker", DefaultParameterSetName = ByBroker, SupportsShouldProcess = true)]
[OutputType(typeof(void))]
public sealed class StopMqttBrokerCommand : PSCmdlet
{
    private const string ByBroker = "Broker";
    private const string ByName = "Name";

    /// <summary>The brokers. One that has been stopped already is left alone.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ParameterSetName = ByBroker)]
    [ValidateNotNull]
    public MqttBroker[] Broker { get; set; } = [];

    /// <summary>Their names; wildcards are understood.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ByName)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Name { get; set; } = [];

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (MqttBroker broker in ParameterSetName == ByBroker ? [.. Broker] : FindByName())
        {
            if (broker.State != MqttBrokerState.Running || !ShouldProcess(broker.ToString(), "Stop the broker"))
            {
                continue;
            }

            long dropped = broker.DroppedCount;
            broker.Dispose();
            if (dropped > 0)
            {
                WriteWarning($"The broker '{broker.Name}' has dropped {dropped} messages, because clients did not take them fast enough.");
            }
        }
    }

    private List<MqttBroker> FindByName()
    {
        var all = new List<MqttBroker>();
        foreach (string name in Name)
        {
            MqttBroker[] found = [.. BrokerNames.Find(name)];
            all.AddRange(found);
            if (found.Length == 0 && !WildcardPattern.ContainsWildcardCharacters(name))
            {
                WriteError(BrokerNames.NotFound(name));
            }
        }

        return all;
    }
}
