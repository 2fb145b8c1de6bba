using System.Collections;
using System.Management.Automation;
using PSMqtt.Connections;

namespace PSMqtt.Completion;

/// <summary>Completes subscriptions, for a parameter that takes them and not their names: with the command that gets one.</summary>
internal sealed class SubscriptionCompleter : NameCompleter
{
    protected override IEnumerable<string> GetNames(IDictionary parameters) =>
        FindConnection(parameters)?.Subscriptions.Select(static subscription => subscription.Name) ?? [];

    protected override string Insert(string name, char quote, IDictionary parameters)
    {
        // -Name takes wildcards, and filters are full of them.
        string connection = FindConnection(parameters) is { } owner && owner != ConnectionTable.Here?.Current ? $" -Connection {Quote(owner.Name)}" : string.Empty;
        return $"(Get-MqttSubscription -Name {Quote(WildcardPattern.Escape(name))}{connection})";
    }
}
