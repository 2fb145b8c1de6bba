namespace PSMqtt.Protocol;

/// <summary>The state of a client's connection.</summary>
public enum MqttConnectionState
{
    /// <summary>There is none, and none is being made.</summary>
    Disconnected,

    /// <summary>The first one is being made.</summary>
    Connecting,

    /// <summary>It is made: CONNACK has come, and the session is in order.</summary>
    Connected,

    /// <summary>It was lost, and another is being made, or waited for.</summary>
    Reconnecting,

    /// <summary>It is being ended by its owner.</summary>
    Disconnecting,

    /// <summary>The client has been disposed.</summary>
    Disposed,
}
