using System.Management.Automation;
using PSMqtt.Completion;
using PSMqtt.Errors;
using PSMqtt.Protocol;

namespace PSMqtt.Commands;

/// <summary>Get-MqttSubscription: the registered subscriptions of a connection.</summary>
[Cmdlet(VerbsCommon.Get, "MqttSubscription")]
[OutputType(typeof(MqttSubscription))]
public sealed class GetMqttSubscriptionCommand : ConnectionCommand
{
    /// <summary>Their topic filters, with PowerShell's wildcards. Default: all.</summary>
    [Parameter(Position = 0)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(SubscribedFilterCompleter))]
    public string[]? Topic { get; set; }

    /// <summary>Their labels, with wildcards. Default: all.</summary>
    [Parameter]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(SubscriptionNameCompleter))]
    public string[]? Name { get; set; }

    /// <inheritdoc />
    protected override void ProcessRecord()
    {
        if (GetConnection() is not { } connection)
        {
            return;
        }

        IReadOnlyList<MqttSubscription> all = connection.Subscriptions;
        Check(connection, Topic, all.SelectMany(static subscription => subscription.Filters).Select(static filter => filter.Filter));
        Check(connection, Name, all.Select(static subscription => subscription.Name));
        WriteObject(
            all.Where(subscription => Matches(Topic, subscription.Filters.Select(static filter => filter.Filter)) && Matches(Name, [subscription.Name])),
            enumerateCollection: true);
    }

    private static bool Matches(string[]? patterns, IEnumerable<string> values) =>
        patterns is null || patterns.Any(pattern => values.Any(value => Matches(pattern, value)));

    private static bool Matches(string pattern, string value) =>
        string.Equals(pattern, value, StringComparison.Ordinal) || WildcardPattern.Get(pattern, WildcardOptions.IgnoreCase).IsMatch(value);

    private void Check(MqttConnection connection, string[]? patterns, IEnumerable<string> values)
    {
        foreach (string pattern in patterns ?? [])
        {
            if (!WildcardPattern.ContainsWildcardCharacters(pattern) && !values.Any(value => Matches(pattern, value)))
            {
                WriteError(MqttErrors.SubscriptionNotFound.ToRecord($"The connection '{connection.Name}' has no registered subscription '{pattern}'.", pattern));
            }
        }
    }
}
