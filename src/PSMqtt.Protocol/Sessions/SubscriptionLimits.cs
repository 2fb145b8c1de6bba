using PSMqtt.Protocol.Topics;

namespace PSMqtt.Protocol.Sessions;

/// <summary>Checks a subscription against what the server announced in CONNACK, before it is sent.</summary>
internal static class SubscriptionLimits
{
    public static void Check(MqttTopicSubscription wanted, MqttConnectResult limits)
    {
        var filter = TopicFilter.Parse(wanted.Filter);
        if (filter.HasWildcards && !limits.WildcardSubscriptionAvailable)
        {
            throw NotSupported(wanted, "the server takes no filters with wildcards. Name the topics one by one.");
        }

        if (filter.IsShared && !limits.SharedSubscriptionAvailable)
        {
            throw NotSupported(wanted, "the server has no shared subscriptions. Use the filter without '$share/...'.");
        }

        if (limits.ProtocolVersion != MqttProtocolVersion.V500)
        {
            string? option = wanted.NoLocal ? "No Local"
                : wanted.RetainAsPublished ? "Retain As Published"
                : wanted.RetainHandling != MqttRetainHandling.SendAtSubscribe ? "Retain Handling" : null;
            if (option is not null)
            {
                throw NotSupported(wanted, $"it asks for {option}, which only MQTT 5.0 has, and this connection speaks an older version.");
            }
        }
    }

    private static MqttOperationException NotSupported(MqttTopicSubscription wanted, string why) => new(
        MqttOperation.Subscribe,
        MqttOperationFailure.NotSupportedByServer,
        $"The subscription to '{wanted.Filter}' was not sent: {why}")
    { Topic = wanted.Filter };
}
