using System.Collections;

namespace PSMqtt.Completion;

/// <summary>Completes the names of the connection's registered subscriptions.</summary>
internal sealed class SubscriptionNameCompleter : NameCompleter
{
    protected override IEnumerable<string> GetNames(IDictionary parameters) =>
        FindConnection(parameters)?.Subscriptions.Select(static subscription => subscription.Name) ?? [];
}
