using System.Management.Automation;
using PSMqtt.Broker;
using PSMqtt.Completion;
using PSMqtt.Errors;

namespace PSMqtt.Commands;

/// <summary>
/// Stops embedded brokers, and waits until they have stopped: their clients are told (5.0), cut off, and the port is free again. Without parameters the
/// only one that runs.
/// </summary>
[Cmdlet(VerbsLifecycle.Stop, "MqttBroker", DefaultParameterSetName = ByBroker, SupportsShouldProcess = true)]
[OutputType(typeof(void))]
public sealed class StopMqttBrokerCommand : PSCmdlet
{
    private const string ByBroker = "Broker";
    private const string ByName = "Name";

    /// <summary>The brokers. One that has been stopped already is left alone. Default: the only one that runs.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ParameterSetName = ByBroker)]
    [ValidateNotNull]
    [ArgumentCompleter(typeof(BrokerCompleter))]
    public MqttBroker[] Broker { get; set; } = [];

    /// <summary>Their names; wildcards are understood.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ByName)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(BrokerNameCompleter))]
    public string[] Name { get; set; } = [];

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        bool isGiven = ParameterSetName == ByName || MyInvocation.ExpectingInput || MyInvocation.BoundParameters.ContainsKey(nameof(Broker));
        foreach (MqttBroker broker in ParameterSetName == ByName ? FindByName() : isGiven ? [.. Broker] : FindOnly())
        {
            if (broker.State != MqttBrokerState.Running || !ShouldProcess(broker.ToString(), "Stop the broker"))
            {
                continue;
            }

            long dropped = broker.DroppedCount;
            broker.Dispose();
            if (dropped > 0)
            {
                WriteWarning($"The broker '{broker.Name}' has dropped {dropped} messages, because clients did not take them fast enough, or take none so large.");
            }
        }
    }

    private List<MqttBroker> FindOnly()
    {
        List<MqttBroker> running = [.. BrokerTable.All.Where(static broker => broker.State == MqttBrokerState.Running)];
        if (running.Count == 1)
        {
            return running;
        }

        WriteError(running.Count == 0
            ? MqttErrors.NoBroker.ToRecord("No broker runs in this process.", MyInvocation.MyCommand)
            : MqttErrors.BrokerAmbiguous.ToRecord(
                $"{running.Count} brokers run in this process: {string.Join(", ", running.Select(static broker => broker.Name))}. Which one is meant?", running.ToArray()));
        return [];
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
