namespace PSMqtt.Protocol;

/// <summary>A step in the life of a connection. The steps of a client are reported in order, on a thread of their own.</summary>
public sealed class MqttConnectionEventArgs : EventArgs
{
    internal MqttConnectionEventArgs(MqttConnectionState state, DateTimeOffset timestamp)
    {
        State = state;
        Timestamp = timestamp;
    }

    /// <summary>The state after this step.</summary>
    public MqttConnectionState State { get; }

    /// <summary>When it happened (UTC).</summary>
    public DateTimeOffset Timestamp { get; }

    /// <summary>The server concerned, without secrets.</summary>
    public string? Server { get; internal init; }

    /// <summary>What the server said in CONNACK; on <see cref="MqttClient.Connected"/> only.</summary>
    public MqttConnectResult? Result { get; internal init; }

    /// <summary>What ended the connection or the attempt; <see langword="null"/> when its owner ended it.</summary>
    public Exception? Error { get; internal init; }

    /// <summary>The reason code of the DISCONNECT that ended it, ours or the server's, where there was one.</summary>
    public MqttReasonCode? ReasonCode { get; internal init; }

    /// <summary>Whether the server, not we, ended it with a DISCONNECT.</summary>
    public bool ByServer { get; internal init; }

    /// <summary>How many attempts have failed in a row.</summary>
    public int Attempt { get; internal init; }

    /// <summary>When another attempt will be made; <see langword="null"/>: none will.</summary>
    public TimeSpan? RetryIn { get; internal init; }

    /// <summary>The step in a sentence.</summary>
    public string Explanation { get; internal init; } = string.Empty;

    /// <inheritdoc />
    public override string ToString() => Explanation;
}
