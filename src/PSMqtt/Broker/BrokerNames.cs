using System.Management.Automation;

namespace PSMqtt.Broker;

/// <summary>Finds brokers by the names that users give.</summary>
internal static class BrokerNames
{
    public static IEnumerable<MqttBroker> Find(string name)
    {
        var pattern = new WildcardPattern(name, WildcardOptions.IgnoreCase);
        return BrokerTable.All.Where(broker => pattern.IsMatch(broker.Name));
    }

    public static ErrorRecord NotFound(string name)
    {
        string message = $"No broker named '{name}' runs in this process.";
        return new ErrorRecord(new ItemNotFoundException(message), "MqttBrokerNotFound", ErrorCategory.ObjectNotFound, name)
        {
            ErrorDetails = new ErrorDetails(message) { RecommendedAction = "Get-MqttBroker lists those that run; Start-MqttBroker starts one." },
        };
    }
}
