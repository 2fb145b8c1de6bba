namespace PSMqtt.Protocol;

/// <summary>What a trace entry is about.</summary>
public enum MqttTraceKind
{
    /// <summary>A step in the life of the connection.</summary>
    Connection,

    /// <summary>A packet that was sent.</summary>
    Sent,

    /// <summary>A packet that was received.</summary>
    Received,
}

/// <summary>A line of the trace: a packet or a step, without secrets.</summary>
/// <param name="Timestamp">When (UTC).</param>
/// <param name="Kind">What about.</param>
/// <param name="Text">The packet's name and its fields, or a sentence.</param>
public readonly record struct MqttTraceEntry(DateTimeOffset Timestamp, MqttTraceKind Kind, string Text);
