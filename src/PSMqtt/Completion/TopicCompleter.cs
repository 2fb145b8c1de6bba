using System.Collections;

namespace PSMqtt.Completion;

/// <summary>Completes topic names: those that the connection has sent to and received from lately.</summary>
internal sealed class TopicCompleter : NameCompleter
{
    protected override IEnumerable<string> GetNames(IDictionary parameters) =>
        FindConnection(parameters) is { } connection ? connection.SentTopics.All.Concat(connection.Client.RecentTopics.Order(StringComparer.Ordinal)) : [];
}
