namespace PSMqtt.Protocol;

/// <summary>Whether a server sends the retained messages when a subscription is made (MQTT 5.0, section 3.8.3.1).</summary>
public enum MqttRetainHandling : byte
{
    /// <summary>Retained messages are sent at the time of the subscribe. The default, and all that MQTT 3.1 and 3.1.1 have.</summary>
    SendAtSubscribe = 0,

    /// <summary>Retained messages are sent only if the subscription does not exist yet.</summary>
    SendIfNew = 1,

    /// <summary>Retained messages are not sent.</summary>
    DoNotSend = 2,
}
