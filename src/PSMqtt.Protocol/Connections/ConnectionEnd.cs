namespace PSMqtt.Protocol.Connections;

/// <summary>How a connection ended.</summary>
internal sealed record ConnectionEnd
{
    /// <summary>What went wrong; <see langword="null"/> when one side said DISCONNECT without a complaint, or just closed.</summary>
    public Exception? Error { get; init; }

    /// <summary>The reason code of the DISCONNECT, ours or the server's.</summary>
    public MqttReasonCode? ReasonCode { get; init; }

    /// <summary>Whether the server sent a DISCONNECT.</summary>
    public bool ByServer { get; init; }

    /// <summary>Whether the server closed the connection without a word.</summary>
    public bool IsSilentClose { get; init; }

    /// <summary>Another server that the DISCONNECT named.</summary>
    public string? ServerReference { get; init; }

    /// <summary>All that in a sentence.</summary>
    public required string Explanation { get; init; }
}
