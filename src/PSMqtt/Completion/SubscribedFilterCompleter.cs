using System.Collections;

namespace PSMqtt.Completion;

/// <summary>Completes the topic filters that the connection has registered.</summary>
internal sealed class SubscribedFilterCompleter : NameCompleter
{
    protected override IEnumerable<string> GetNames(IDictionary parameters) =>
        FindConnection(parameters)?.Subscriptions.SelectMany(static subscription => subscription.Filters).Select(static filter => filter.Filter) ?? [];
}
