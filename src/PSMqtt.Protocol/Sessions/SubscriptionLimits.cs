using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Topics;

namespace PSMqtt.Protocol.Sessions;

/// <summary>Checks a subscription against what the server announced in CONNACK, before it is sent.</summary>
internal static class SubscriptionLimits
{
    /// <summary>The largest subscription identifier: the longest, too.</summary>
    public const int LargestIdentifier = 268_435_455;

    public static void Check(MqttTopicSubscription wanted, IReadOnlyList<MqttUserProperty> userProperties, MqttConnectResult limits)
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
                : wanted.RetainHandling != MqttRetainHandling.SendAtSubscribe ? "Retain Handling"
                : userProperties.Count > 0 ? "User Properties" : null;
            if (option is not null)
            {
                throw NotSupported(wanted, $"it asks for {option}, which only MQTT 5.0 has, and this connection speaks an older version.");
            }
        }

        var packet = new SubscribePacket
        {
            PacketIdentifier = 1,
            SubscriptionIdentifier = limits.SubscriptionIdentifiersAvailable ? LargestIdentifier : null,
            Subscriptions = [wanted],
            UserProperties = userProperties,
        };
        int size = GetSize(packet, limits);
        if (size > limits.MaximumPacketSize)
        {
            throw new MqttOperationException(
                MqttOperation.Subscribe,
                MqttOperationFailure.PacketTooLarge,
                $"The subscription to '{wanted.Filter}' makes a packet of {size:N0} bytes, and the server takes {limits.MaximumPacketSize:N0} at most "
                + "[MQTT-3.2.2-15]. Use a shorter filter, or raise the server's limit.")
            { Topic = wanted.Filter };
        }
    }

    /// <summary>Why an UNSUBSCRIBE cannot be sent to a server that takes less than when it was subscribed to; <see langword="null"/>: it can.</summary>
    public static MqttOperationException? FindUnsubscribeProblem(string filter, MqttConnectResult limits)
    {
        int size = GetSize(new UnsubscribePacket { PacketIdentifier = 1, Filters = [filter] }, limits);
        return size <= limits.MaximumPacketSize
            ? null
            : new MqttOperationException(
                MqttOperation.Unsubscribe,
                MqttOperationFailure.PacketTooLarge,
                $"The server could not be asked to end the subscription to '{filter}': that makes a packet of {size:N0} bytes, and it takes "
                + $"{limits.MaximumPacketSize:N0} at most by now [MQTT-3.2.2-15]. Raise the server's limit, or begin a new session.")
            { Topic = filter };
    }

    private static int GetSize<T>(T packet, MqttConnectResult limits)
        where T : IMqttPacketBody
    {
        MqttPacketWriter measure = MqttPacketWriter.Measuring;
        packet.WriteBody(ref measure, limits.ProtocolVersion);
        return 1 + VariableByteInteger.GetSize(measure.Length) + measure.Length;
    }

    private static MqttOperationException NotSupported(MqttTopicSubscription wanted, string why) => new(
        MqttOperation.Subscribe,
        MqttOperationFailure.NotSupportedByServer,
        $"The subscription to '{wanted.Filter}' was not sent: {why}")
    { Topic = wanted.Filter };
}
