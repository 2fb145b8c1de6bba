using System.Collections;
using System.Management.Automation;
using PSMqtt.Broker;

namespace PSMqtt.Completion;

/// <summary>Completes embedded brokers, for a parameter that takes them and not their names: with the command that gets one.</summary>
internal sealed class BrokerCompleter : NameCompleter
{
    protected override IEnumerable<string> GetNames(IDictionary parameters) => BrokerTable.All.Select(static broker => broker.Name);

    protected override string Insert(string name, char quote, IDictionary parameters) => $"(Get-MqttBroker -Name {Quote(WildcardPattern.Escape(name))})";
}
