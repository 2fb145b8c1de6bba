using System.Collections;
using PSMqtt.Broker;
using PSMqtt.Connections;

namespace PSMqtt.Completion;

/// <summary>Completes servers: those that were connected to in this process, and its own brokers.</summary>
internal sealed class ServerCompleter : NameCompleter
{
    protected override IEnumerable<string> GetNames(IDictionary parameters) =>
        RecentNames.Servers.All.Concat(BrokerTable.All.Where(static broker => broker.State == MqttBrokerState.Running).Select(static broker => broker.Uri));
}
