using System.Collections;
using PSMqtt.Broker;

namespace PSMqtt.Completion;

/// <summary>Completes the names of the embedded brokers that run.</summary>
internal sealed class BrokerNameCompleter : NameCompleter
{
    protected override IEnumerable<string> GetNames(IDictionary parameters) => BrokerTable.All.Select(static broker => broker.Name);

    protected override string? Describe(string name) =>
        BrokerTable.All.FirstOrDefault(broker => broker.Name == name) is { } broker ? $"{broker.Name}: {broker.Uri}" : null;
}
