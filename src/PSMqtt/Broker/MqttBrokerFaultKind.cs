namespace PSMqtt;

/// <summary>What an embedded broker does wrong on purpose.</summary>
public enum MqttBrokerFaultKind
{
    /// <summary>It refuses connections.</summary>
    RefuseConnection,

    /// <summary>It refuses topic filters.</summary>
    RefuseFilter,

    /// <summary>It refuses messages.</summary>
    RefuseMessage,

    /// <summary>It does not send an acknowledgement.</summary>
    DropAcknowledgement,

    /// <summary>It sends an acknowledgement late.</summary>
    DelayAcknowledgement,

    /// <summary>It sends an acknowledgement twice.</summary>
    DuplicateAcknowledgement,

    /// <summary>It neither reads nor sends anything, and closes nothing.</summary>
    Silence,
}
