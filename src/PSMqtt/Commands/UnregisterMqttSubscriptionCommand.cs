using System.Management.Automation;
using PSMqtt.Completion;
using PSMqtt.Connections;
using PSMqtt.Errors;
using PSMqtt.Protocol;

namespace PSMqtt.Commands;

/// <summary>Unregister-MqttSubscription: ends subscriptions. Messages that have not been taken are released.</summary>
[Cmdlet(VerbsLifecycle.Unregister, "MqttSubscription", DefaultParameterSetName = "Subscription")]
[OutputType(typeof(void))]
public sealed class UnregisterMqttSubscriptionCommand : ConnectionCommand
{
    /// <summary>The subscriptions.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ParameterSetName = "Subscription")]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(SubscriptionCompleter))]
    public MqttSubscription[] Subscription { get; set; } = [];

    /// <summary>The topic filters, or the names, of the connection's subscriptions that shall end.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = "Topic")]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(SubscribedFilterCompleter))]
    public string[]? Topic { get; set; }

    /// <summary>How long to wait for UNSUBACK. Default: 30.</summary>
    [Parameter]
    [ValidateRange(0.001, 86_400)]
    public double TimeoutSeconds { get; set; } = 30;

    /// <inheritdoc />
    protected override void ProcessRecord()
    {
        foreach (MqttSubscription subscription in Topic is null ? Subscription : [.. Find(Topic)])
        {
            Unsubscribe(subscription);
        }
    }

    private List<MqttSubscription> Find(string[] filters)
    {
        List<MqttSubscription> found = [];
        if (GetConnection() is not { } connection)
        {
            return found;
        }

        foreach (string filter in filters)
        {
            int before = found.Count;
            found.AddRange(connection.Subscriptions.Where(subscription =>
                !found.Contains(subscription) && IsNamed(subscription, filter)));
            if (found.Count == before)
            {
                WriteError(MqttErrors.SubscriptionNotFound.ToRecord($"The connection '{connection.Name}' has no registered subscription '{filter}'.", filter));
            }
        }

        return found;
    }

    private static bool IsNamed(MqttSubscription subscription, string name) =>
        string.Equals(subscription.Name, name, StringComparison.OrdinalIgnoreCase)
        || subscription.Filters.Any(own => string.Equals(own.Filter, name, StringComparison.Ordinal));

    private void Unsubscribe(MqttSubscription subscription)
    {
        if (MqttConnection.OfClient.TryGet(subscription.Client, out MqttConnection? owner))
        {
            Follow(owner);
        }

        try
        {
            WaitFor(subscription.Client.UnsubscribeAsync(subscription, TimeSpan.FromSeconds(TimeoutSeconds), StopToken));
        }
        catch (Exception exception) when (exception is not PipelineStoppedException)
        {
            WriteError(Explain(exception, subscription, MqttErrors.UnsubscribeTimeout));
        }
        finally
        {
            if (!subscription.IsActive)
            {
                owner?.Remove(subscription);
            }
        }
    }
}
