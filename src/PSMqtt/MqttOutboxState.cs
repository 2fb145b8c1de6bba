namespace PSMqtt;

/// <summary>How far a message in an outbox has come.</summary>
public enum MqttOutboxState
{
    /// <summary>It was never sent.</summary>
    Waiting,

    /// <summary>It was sent, and the broker has not acknowledged it: the next connection sends it again.</summary>
    InFlight,

    /// <summary>QoS 2: the broker has it, and only the end of the exchange is missing.</summary>
    Received,

    /// <summary>It was never sent, and its time is over: the next connection drops it.</summary>
    Expired,
}
