namespace PSMqtt.Protocol.Sessions;

/// <summary>A received message of QoS 1 or 2 that is not acknowledged yet. Guarded by the session's lock.</summary>
internal sealed class InboundEntry
{
    public ushort PacketIdentifier { get; private set; }

    public MqttQualityOfService QoS { get; private set; }

    /// <summary>How many subscriptions have yet to take it.</summary>
    public int Outstanding { get; set; }

    /// <summary>The first of the subscriptions that have it.</summary>
    public MqttSubscription? Holder { get; set; }

    /// <summary>What the acknowledgement will say: a failure that one of its takers gave, else success.</summary>
    public MqttReasonCode ReasonCode { get; set; }

    /// <summary>Whether the server has sent it on the present connection, and waits for its acknowledgement there.</summary>
    public bool IsOnConnection { get; set; }

    public bool IsTaken => Outstanding == 0;

    /// <summary>Begins to stand for a message, an earlier one having ended.</summary>
    public void Begin(ushort packetIdentifier, MqttQualityOfService qos)
    {
        PacketIdentifier = packetIdentifier;
        QoS = qos;
        Outstanding = 0;
        Holder = null;
        ReasonCode = MqttReasonCode.Success;
        IsOnConnection = true;
    }
}
