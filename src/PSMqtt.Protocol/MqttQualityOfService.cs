namespace PSMqtt.Protocol;

/// <summary>The delivery guarantee of a message between a sender and a receiver.</summary>
public enum MqttQualityOfService : byte
{
    /// <summary>QoS 0: sent once, never acknowledged.</summary>
    AtMostOnce = 0,

    /// <summary>QoS 1: acknowledged with PUBACK; may arrive more than once.</summary>
    AtLeastOnce = 1,

    /// <summary>QoS 2: PUBREC, PUBREL and PUBCOMP; arrives exactly once.</summary>
    ExactlyOnce = 2,
}
