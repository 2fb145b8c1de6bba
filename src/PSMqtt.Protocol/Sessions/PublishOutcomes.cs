namespace PSMqtt.Protocol.Sessions;

/// <summary>
/// Ends messages of ours: tells those who wait what has become of them, counts and reports what failed unseen, and gives back what a message held, its
/// packet identifier and its place in the store. Guarded by the session's lock, which the methods named so take themselves.
/// </summary>
internal sealed class PublishOutcomes
{
    private const int PoolLimit = 2048;

    private readonly object _gate;
    private readonly OutboundLists _lists;
    private readonly PacketIdentifiers _identifiers;
    private readonly ISessionStore? _store;
    private readonly TimeProvider _timeProvider;
    private readonly Stack<PublishOperation> _pool = new();
    private TaskCompletionSource? _drained;

    public PublishOutcomes(object gate, OutboundLists lists, PacketIdentifiers identifiers, MqttClientOptions options)
    {
        _gate = gate;
        _lists = lists;
        _identifiers = identifiers;
        _store = options.SessionStore;
        _timeProvider = options.TimeProvider;
    }

    /// <summary>Messages that the server has refused with PUBACK or PUBREC.</summary>
    public long MessagesRejected { get; private set; }

    /// <summary>Messages of QoS 1 and 2 that have failed when nobody waited for them any more.</summary>
    public long MessagesUndelivered { get; private set; }

    /// <summary>Called under the lock with each message whose exchange has ended; set only while somebody listens.</summary>
    public Action<MqttPublishResult, Exception?>? Ended { get; set; }

    /// <summary>Called under the lock with each message that has failed when nobody waited for it any more.</summary>
    public Action<MqttMessage, MqttOperationException>? Undelivered { get; set; }

    /// <summary>An operation that serves nobody yet.</summary>
    public PublishOperation Rent() => _pool.TryPop(out PublishOperation? operation) ? operation : new PublishOperation(this);

    /// <summary>A message has left, or the server has it.</summary>
    public void End(PublishOperation operation, MqttReasonCode reasonCode, string? reasonString)
    {
        MqttPublishResult result = MakeResult(operation, reasonCode, reasonString);
        operation.Succeed(result);
        Ended?.Invoke(result, null);
        Forget(operation);
    }

    /// <summary>A message has failed.</summary>
    public void End(PublishOperation operation, Exception error)
    {
        MessagesRejected += error is MqttOperationException { Failure: MqttOperationFailure.Rejected } ? 1 : 0;
        ReportUndelivered(operation, error);
        operation.Fail(error);
        if (Ended is { } ended)
        {
            var failure = error as MqttOperationException;
            ended(MakeResult(operation, failure?.ReasonCode ?? MqttReasonCode.UnspecifiedError, failure?.ReasonString), error);
        }

        Forget(operation);
    }

    /// <summary>Ends a caller's wait for a message that is on disk, and that the server may get much later.</summary>
    public void Accept(PublishOperation operation)
    {
        if (!operation.IsCompleted)
        {
            operation.Succeed(MakeResult(operation, MqttReasonCode.Success, null) with { IsStored = true });
        }
    }

    /// <summary>Ends a caller's wait. What was never sent is withdrawn; what was sent goes on without the caller.</summary>
    public void GiveUp(PublishOperation operation, Exception error)
    {
        if (operation.IsCompleted)
        {
            return;
        }

        if (operation.State == PublishState.Queued && !operation.IsCommitted)
        {
            End(operation, error);
        }
        else
        {
            operation.Fail(error);
        }
    }

    /// <summary>The payload of a QoS 0 message has left.</summary>
    public void Sent(PublishOperation operation)
    {
        if (operation.State == PublishState.Leaving)
        {
            End(operation, MqttReasonCode.Success, null);
        }
    }

    /// <summary>The caller of an operation has taken its result. Takes the lock.</summary>
    public void ReleasedByCaller(PublishOperation operation)
    {
        lock (_gate)
        {
            operation.EndAwait();
            Recycle(operation);
        }
    }

    /// <summary>The caller of an operation does not want to wait any longer. Takes the lock.</summary>
    public void Cancel(PublishOperation operation, CancellationToken token)
    {
        lock (_gate)
        {
            GiveUp(operation, new OperationCanceledException(token));
        }
    }

    /// <summary>Ends when nothing is in flight or queued. Takes the lock.</summary>
    public Task WaitUntilDrainedAsync()
    {
        lock (_gate)
        {
            if (_lists.AreEmpty)
            {
                return Task.CompletedTask;
            }

            _drained ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _drained.Task;
        }
    }

    /// <summary>Nobody needs to wait for the rest.</summary>
    public void SignalDrained()
    {
        _drained?.TrySetResult();
        _drained = null;
    }

    private MqttPublishResult MakeResult(PublishOperation operation, MqttReasonCode reasonCode, string? reasonString) => new()
    {
        Topic = operation.Topic,
        QoS = operation.QoS,
        PacketIdentifier = operation.PacketIdentifier,
        ReasonCode = reasonCode,
        ReasonString = reasonString,
        Elapsed = _timeProvider.GetElapsedTime(operation.Started),
    };

    /// <summary>
    /// A message that was accepted, and has failed later: in another run than the one that sent it, or after its sender has stopped waiting. What the owner
    /// gives up by disconnecting is no failure.
    /// </summary>
    private void ReportUndelivered(PublishOperation operation, Exception error)
    {
        if (operation is not { IsCompleted: true, QoS: not MqttQualityOfService.AtMostOnce }
            || error is ObjectDisposedException or MqttOperationException { Failure: MqttOperationFailure.Disconnected })
        {
            return;
        }

        MessagesUndelivered++;
        if (Undelivered is { } report)
        {
            MqttMessage message = operation.Message
                ?? new MqttMessage(operation.Topic, operation.Payload.ToArray(), operation.QoS, operation.Retain);
            report(message, error as MqttOperationException ?? PublishFailures.Undelivered(operation.Topic, error));
        }
    }

    private void Forget(PublishOperation operation)
    {
        operation.List?.Remove(operation);
        if (_identifiers[operation.PacketIdentifier] == operation)
        {
            _identifiers.Release(operation.PacketIdentifier);
        }

        if (operation.Sequence != 0)
        {
            _store?.Append(new SessionChange(SessionChangeKind.MessageEnded, operation.Sequence));
        }

        operation.IsHeldBySession = false;
        Recycle(operation);
        if (_drained is not null && _lists.AreEmpty)
        {
            SignalDrained();
        }
    }

    private void Recycle(PublishOperation operation)
    {
        if (operation.TryRecycle() && _pool.Count < PoolLimit)
        {
            _pool.Push(operation);
        }
    }
}
