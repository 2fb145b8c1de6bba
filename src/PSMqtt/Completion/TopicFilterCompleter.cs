using System.Collections;

namespace PSMqtt.Completion;

/// <summary>Completes topic filters: those that the connection has registered, and the topics it has seen.</summary>
internal sealed class TopicFilterCompleter : NameCompleter
{
    protected override IEnumerable<string> GetNames(IDictionary parameters) =>
        FindConnection(parameters) is { } connection
            ? connection.Subscriptions.SelectMany(static subscription => subscription.Filters).Select(static filter => filter.Filter)
                .Concat(connection.SentTopics.All)
                .Concat(connection.Client.RecentTopics.Order(StringComparer.Ordinal))
            : [];
}
