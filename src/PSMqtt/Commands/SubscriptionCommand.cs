using System.Management.Automation;
using PSMqtt.Errors;
using PSMqtt.Parameters;
using PSMqtt.Protocol;
using PSMqtt.Protocol.Topics;

namespace PSMqtt.Commands;

/// <summary>The base of the cmdlets that subscribe: how the broker shall send what matches.</summary>
public abstract class SubscriptionCommand : ConnectionCommand
{
    private static readonly string[] s_mqtt5Parameters = [nameof(NoLocal), nameof(RetainAsPublished), nameof(RetainHandling)];

    /// <summary>The largest QoS that messages are sent with. Default: 1.</summary>
    [Parameter]
    [QualityOfService]
    public MqttQualityOfService QoS { get; set; } = MqttQualityOfService.AtLeastOnce;

    /// <summary>Leaves out the messages that this connection has sent itself (MQTT 5.0).</summary>
    [Parameter]
    public SwitchParameter NoLocal { get; set; }

    /// <summary>Leaves the Retain flag of messages as it was published (MQTT 5.0).</summary>
    [Parameter]
    public SwitchParameter RetainAsPublished { get; set; }

    /// <summary>Whether the broker sends retained messages when the subscription is made (MQTT 5.0).</summary>
    [Parameter]
    public MqttRetainHandling RetainHandling { get; set; }

    /// <summary>Makes the request for a set of filters, or ends the cmdlet with an error that names the invalid one.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="filters">The topic filters.</param>
    /// <param name="retainHandling">Whether the broker sends retained messages.</param>
    /// <returns>The request.</returns>
    private protected MqttTopicSubscription[] GetRequest(MqttConnection connection, string[] filters, MqttRetainHandling retainHandling)
    {
        RequireMqtt5(connection, s_mqtt5Parameters);
        foreach (string filter in filters)
        {
            if (!TopicFilter.IsValid(filter, out string? problem))
            {
                Fail(MqttErrors.InvalidTopicFilter.ToRecord(problem, filter));
            }
        }

        return Array.ConvertAll(filters, filter => new MqttTopicSubscription(filter, QoS)
        {
            NoLocal = NoLocal,
            RetainAsPublished = RetainAsPublished,
            RetainHandling = retainHandling,
        });
    }
}
