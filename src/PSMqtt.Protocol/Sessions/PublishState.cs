namespace PSMqtt.Protocol.Sessions;

/// <summary>Where an outgoing message stands.</summary>
internal enum PublishState
{
    /// <summary>Not begun, or ended.</summary>
    None,

    /// <summary>Waits to be sent for the first time.</summary>
    Queued,

    /// <summary>QoS 0: its payload is being sent from where the caller has it.</summary>
    Leaving,

    /// <summary>QoS 1: sent, PUBACK awaited.</summary>
    AwaitingPubAck,

    /// <summary>QoS 2: sent, PUBREC awaited.</summary>
    AwaitingPubRec,

    /// <summary>QoS 2: PUBREC has come, PUBREL sent or to be sent, PUBCOMP awaited.</summary>
    AwaitingPubComp,
}
