using System.Threading.Tasks.Sources;

namespace PSMqtt.Protocol.Sessions;

/// <summary>
/// An outgoing message: its exchange with the server, which the session owns, and its outcome, which a caller waits for. Pooled: it goes back
/// when both sides are done with it. Everything but <see cref="GetResult"/> and its like is guarded by the session's lock.
/// </summary>
internal sealed class PublishOperation : IValueTaskSource<MqttPublishResult>
{
    private readonly PublishOutcomes _outcomes;
    private ManualResetValueTaskSourceCore<MqttPublishResult> _core = new() { RunContinuationsAsynchronously = true };
    private CancellationTokenRegistration _cancellation;
    private bool _callbackMayRun;
    private bool _awaited;

    public PublishOperation(PublishOutcomes outcomes) => _outcomes = outcomes;

    public string Topic { get; private set; } = string.Empty;

    public ReadOnlyMemory<byte> Payload { get; private set; }

    public MqttQualityOfService QoS { get; private set; }

    public bool Retain { get; private set; }

    public MqttMessageProperties? Properties { get; private set; }

    /// <summary>The caller's object, where there is one.</summary>
    public MqttMessage? Message { get; private set; }

    /// <summary>What collects the outcome, instead of an awaiting caller.</summary>
    public MqttPublisher? Publisher { get; private set; }

    /// <summary>When it was asked for (a timestamp of the time provider).</summary>
    public long Started { get; private set; }

    /// <summary>When its caller stops waiting (a timestamp); <see cref="long.MaxValue"/>: never.</summary>
    public long Deadline { get; set; }

    /// <summary>Its name in the session store; 0 where there is none.</summary>
    public long Sequence { get; set; }

    /// <summary>Whether a durable store has it: from then on it is only given up by the server, or by its expiry.</summary>
    public bool IsCommitted { get; set; }

    public ushort PacketIdentifier { get; set; }

    public PublishState State { get; set; }

    /// <summary>What PUBREC has said.</summary>
    public MqttReasonCode ReceivedReasonCode { get; set; }

    public string? ReceivedReasonString { get; set; }

    /// <summary>Whether the outcome is known, or nobody waits for it any more.</summary>
    public bool IsCompleted { get; private set; }

    /// <summary>Whether the session still needs it.</summary>
    public bool IsHeldBySession { get; set; }

    public PublishOperation? Next { get; set; }

    public PublishOperation? Previous { get; set; }

    public OperationList? List { get; set; }

    public short Version => _core.Version;

    public void Begin(in OutgoingMessage message, MqttPublisher? publisher, long started)
    {
        Message = message.Source;
        Topic = message.Topic;
        Payload = message.Payload;
        QoS = message.QoS;
        Retain = message.Retain;
        Properties = message.Properties;
        Publisher = publisher;
        Started = started;
        Deadline = long.MaxValue;
        IsCompleted = false;
        IsHeldBySession = true;
        _awaited = publisher is null;
    }

    /// <summary>An exchange of an earlier process: nobody waits for its outcome.</summary>
    public void BeginUnawaited(in OutgoingMessage message, long started)
    {
        Begin(message, null, started);
        _awaited = false;
        IsCompleted = true;
    }

    public void Register(CancellationToken cancellationToken)
    {
        if (cancellationToken.CanBeCanceled && !IsCompleted)
        {
            _callbackMayRun = true;
            _cancellation = cancellationToken.UnsafeRegister(
                static (state, token) => ((PublishOperation)state!).Cancel(token), this);
        }
    }

    /// <summary>Its last byte has left.</summary>
    public void Sent() => _outcomes.Sent(this);

    public void Succeed(in MqttPublishResult result)
    {
        if (EndWait())
        {
            if (Publisher is { } publisher)
            {
                publisher.Completed(Message!, result, null);
            }
            else
            {
                _core.SetResult(result);
            }
        }
    }

    public void Fail(Exception error)
    {
        if (EndWait())
        {
            if (Publisher is { } publisher)
            {
                publisher.Completed(Message!, default, error);
            }
            else
            {
                _core.SetException(error);
            }
        }
    }

    public MqttPublishResult GetResult(short token)
    {
        try
        {
            return _core.GetResult(token);
        }
        finally
        {
            _outcomes.ReleasedByCaller(this);
        }
    }

    public ValueTaskSourceStatus GetStatus(short token) => _core.GetStatus(token);

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);

    /// <summary>The awaiting caller has its result.</summary>
    public void EndAwait() => _awaited = false;

    /// <summary>Whether nobody needs it any more and it can serve another message. Resets it if so.</summary>
    public bool TryRecycle()
    {
        if (IsHeldBySession || _awaited || _callbackMayRun)
        {
            return false;
        }

        _core.Reset();
        Message = null;
        Payload = default;
        Properties = null;
        Publisher = null;
        PacketIdentifier = 0;
        Sequence = 0;
        IsCommitted = false;
        State = PublishState.None;
        ReceivedReasonCode = MqttReasonCode.Success;
        ReceivedReasonString = null;
        return true;
    }

    private bool EndWait()
    {
        if (IsCompleted)
        {
            return false;
        }

        IsCompleted = true;
        if (_callbackMayRun)
        {
            // A callback that has begun keeps the object out of the pool: it must not cancel the next message.
            _callbackMayRun = !_cancellation.Unregister();
            _cancellation = default;
        }

        return true;
    }

    private void Cancel(CancellationToken token) => _outcomes.Cancel(this, token);
}
