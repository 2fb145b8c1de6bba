namespace PSMqtt.Protocol;

/// <summary>What happens to a message that comes when a subscription's queue is full.</summary>
public enum MqttQueueOverflow
{
    /// <summary>The server is made to wait: by its Receive Maximum for QoS 1 and 2, by not reading for QoS 0. Loses nothing. The default.</summary>
    Wait,

    /// <summary>The oldest message in the queue is dropped, counted and reported.</summary>
    DropOldest,

    /// <summary>The message that has come is dropped, counted and reported.</summary>
    DropNewest,
}
