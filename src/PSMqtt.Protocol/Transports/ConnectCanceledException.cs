namespace PSMqtt.Protocol.Transports;

/// <summary>An attempt to connect was cancelled, or ran out of time, after the socket was open; says in which phase.</summary>
internal sealed class ConnectCanceledException(MqttConnectPhase phase, OperationCanceledException inner)
    : OperationCanceledException(inner.Message, inner, inner.CancellationToken)
{
    /// <summary>The phase.</summary>
    public MqttConnectPhase Phase { get; } = phase;
}
