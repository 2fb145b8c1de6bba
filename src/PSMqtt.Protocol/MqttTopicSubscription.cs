namespace PSMqtt.Protocol;

/// <summary>A topic filter and how messages that match it shall be sent.</summary>
public sealed record MqttTopicSubscription
{
    /// <summary>Creates it.</summary>
    /// <param name="filter">The topic filter; a shared subscription is <c>$share/group/filter</c>.</param>
    /// <param name="qos">The largest QoS that messages are sent with. Default: 1.</param>
    public MqttTopicSubscription(string filter, MqttQualityOfService qos = MqttQualityOfService.AtLeastOnce)
    {
        Filter = filter;
        QoS = qos;
    }

    /// <summary>The topic filter.</summary>
    public string Filter { get; init; }

    /// <summary>The largest QoS that messages are sent with.</summary>
    public MqttQualityOfService QoS { get; init; }

    /// <summary>Whether our own messages are left out (5.0). Default: false. Not allowed on a shared subscription [MQTT-3.8.3-4].</summary>
    public bool NoLocal { get; init; }

    /// <summary>Whether messages keep the Retain flag they were published with (5.0). Default: false.</summary>
    public bool RetainAsPublished { get; init; }

    /// <summary>Whether retained messages are sent when the subscription is made (5.0).</summary>
    public MqttRetainHandling RetainHandling { get; init; }

    /// <summary>The filter and its QoS.</summary>
    /// <returns>Such as <c>plant/# (QoS 1)</c>.</returns>
    public override string ToString() => $"{Filter} (QoS {(int)QoS})";
}
