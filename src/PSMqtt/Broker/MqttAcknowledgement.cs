namespace PSMqtt;

/// <summary>What a broker answers a client's packet with, and so what a fault can drop, delay or duplicate.</summary>
public enum MqttAcknowledgement
{
    /// <summary>CONNACK: the answer to CONNECT.</summary>
    ConnAck,

    /// <summary>PUBACK: the answer to a message of QoS 1.</summary>
    PubAck,

    /// <summary>PUBREC: the first answer to a message of QoS 2.</summary>
    PubRec,

    /// <summary>PUBREL: the answer to a client's PUBREC, for a message of QoS 2 that it receives.</summary>
    PubRel,

    /// <summary>PUBCOMP: the last answer to a message of QoS 2.</summary>
    PubComp,

    /// <summary>SUBACK: the answer to SUBSCRIBE.</summary>
    SubAck,

    /// <summary>UNSUBACK: the answer to UNSUBSCRIBE.</summary>
    UnsubAck,

    /// <summary>PINGRESP: the answer to PINGREQ.</summary>
    PingResp,
}
