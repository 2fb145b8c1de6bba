using System.Runtime.InteropServices;
using PSMqtt.Protocol.Connections;
using PSMqtt.Protocol.Packets;

namespace PSMqtt.Protocol.Sessions;

/// <summary>
/// Our messages on their way to the server: the queue before the network, the exchanges of QoS 1 and 2, the server's quota, and what is sent again
/// after a reconnect. Guarded by the session's lock, which the public methods named so take themselves.
/// </summary>
internal sealed class OutboundExchanges
{
    private const string QoS2 = "a QoS 2 PUBLISH";

    private const int PoolLimit = 2048;

    private const int DefaultInFlight = 1000;

    private const int AliasSize = 5;

    private const int DefaultInFlightBefore5 = 20;

    /// <summary>Holds the packet identifier of an exchange that could not go on, and that the server may still know.</summary>
    private static readonly object s_abandoned = new();

    private readonly object _gate;
    private readonly MqttClientOptions _options;
    private readonly PacketIdentifiers _identifiers;
    private readonly List<ushort> _abandoned = [];
    private readonly ISessionStore? _store;
    private readonly StoreCommits? _commits;
    private readonly OperationDeadlines _deadlines;
    private readonly Stack<PublishOperation> _pool = new();

    /// <summary>QoS 0 that found no room in the output buffer. Apart from the others: a used-up quota must not hold it back [MQTT-3.3.4-8].</summary>
    private readonly OperationList _unacknowledgedQueue = new();

    /// <summary>QoS 0 whose payload is being sent from where the caller has it, which is told when that is done.</summary>
    private readonly OperationList _leaving = new();

    /// <summary>QoS 1 and 2 that were never sent.</summary>
    private readonly OperationList _queue = new();

    /// <summary>Sent on an earlier connection, to be sent again before anything of the queue.</summary>
    private readonly OperationList _resend = new();

    /// <summary>Sent on this connection; PUBACK or PUBREC awaited. In the order they were sent.</summary>
    private readonly OperationList _inFlight = new();

    /// <summary>PUBCOMP awaited. In the order PUBREC came, which is the order of their PUBRELs [MQTT-4.6.0-4].</summary>
    private readonly OperationList _released = new();

    private ConnectionWriter? _writer;
    private MqttConnectResult? _limits;
    private OutboundAliases _aliases = new(0);
    private TaskCompletionSource? _drained;
    private bool _isAccepting;
    private string? _lastValidTopic;
    private bool _isOpen;
    private int _quotaMaximum;
    private long _sequence;

    public OutboundExchanges(object gate, MqttClientOptions options, PacketIdentifiers identifiers)
    {
        _gate = gate;
        _options = options;
        _identifiers = identifiers;
        _store = options.SessionStore;
        _commits = _store is { IsDurable: true } ? new StoreCommits(gate, _store, Committed) : null;
        _deadlines = new OperationDeadlines(gate, options.TimeProvider, SweepDeadlines);
    }

    /// <summary>The clock.</summary>
    public TimeProvider TimeProvider => _options.TimeProvider;

    /// <summary>Messages whose PUBLISH was sent, unacknowledged.</summary>
    public int InFlight => _inFlight.Count + _resend.Count + _released.Count;

    public int Queued => _queue.Count + _unacknowledgedQueue.Count + _leaving.Count;

    /// <summary>
    /// How many more exchanges the server allows now. An exchange that goes on with its PUBREL after a reconnect still is one at the server: it takes a place
    /// as well. A server that allows fewer than before makes this negative.
    /// </summary>
    private int Quota => _quotaMaximum - _inFlight.Count - _released.Count;

    public long MessagesSent { get; private set; }

    public long MessagesExpired { get; private set; }

    /// <summary>Messages that the server has refused with PUBACK or PUBREC.</summary>
    public long MessagesRejected { get; private set; }

    /// <summary>Messages of QoS 1 and 2 that have failed when nobody waited for them any more.</summary>
    public long MessagesUndelivered { get; private set; }

    /// <summary>Called under the lock when an exchange begins to wait for the server: the reader must not stop reading now.</summary>
    public Action? WaitBegun { get; set; }

    /// <summary>Called under the lock with each message whose exchange has ended; set only while somebody listens.</summary>
    public Action<MqttPublishResult, Exception?>? Ended { get; set; }

    /// <summary>Called under the lock with each message that has failed when nobody waited for it any more.</summary>
    public Action<MqttMessage, MqttOperationException>? Undelivered { get; set; }

    /// <summary>Hands a message over. Takes the lock.</summary>
    /// <exception cref="ArgumentException">The topic, the payload or a property is not one MQTT can carry.</exception>
    /// <exception cref="MqttOperationException">The server, or the state of the connection, does not allow it.</exception>
    public ValueTask<MqttPublishResult> Publish(in OutgoingMessage message, TimeSpan timeout, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<MqttPublishResult>(cancellationToken);
        }

        PublishOperation? operation;
        ConnectionWriter? writer;
        lock (_gate)
        {
            operation = Begin(message, null, timeout);
            operation?.Register(cancellationToken);
            writer = _writer is { } attached && attached.TryStart() ? attached : null;
        }

        writer?.Run();

        return operation is null
            ? new ValueTask<MqttPublishResult>(new MqttPublishResult { Topic = message.Topic })
            : new ValueTask<MqttPublishResult>(operation, operation.Version);
    }

    /// <summary>Hands a message of a publisher over. Takes the lock.</summary>
    /// <param name="message">The message.</param>
    /// <param name="publisher">The publisher.</param>
    /// <param name="timeout">How long it may take.</param>
    /// <param name="mayWait">Whether the publisher would rather wait than be told that the queue is full, as long as there is a connection.</param>
    /// <returns>False when it has to wait.</returns>
    public bool Post(MqttMessage message, MqttPublisher publisher, TimeSpan timeout, bool mayWait)
    {
        ConnectionWriter? writer;
        lock (_gate)
        {
            if (mayWait && _isOpen && IsFullFor(new OutgoingMessage(message)))
            {
                return false;
            }

            Begin(new OutgoingMessage(message), publisher, timeout);
            writer = _writer is { } attached && attached.TryStart() ? attached : null;
        }

        writer?.Run();
        return true;
    }

    /// <summary>Takes up what a store has kept.</summary>
    public void Restore(SessionContents contents)
    {
        _sequence = Math.Max(_sequence, contents.LastSequence);
        long now = _options.TimeProvider.GetTimestamp();
        DateTimeOffset time = _options.TimeProvider.GetUtcNow();
        foreach (StoredMessage stored in contents.Messages)
        {
            // Its expiry has run on since it was accepted, whatever has become of that process.
            double age = stored.Accepted == default ? 0 : Math.Max(0, (time - stored.Accepted).TotalSeconds);
            PublishOperation operation = Rent();
            operation.BeginUnawaited(new OutgoingMessage(stored.Message), now - (long)(age * _options.TimeProvider.TimestampFrequency));
            operation.Sequence = stored.Sequence;
            operation.IsCommitted = true;
            if (stored.PacketIdentifier == 0)
            {
                operation.State = PublishState.Queued;
                _queue.Add(operation);
                continue;
            }

            operation.PacketIdentifier = (ushort)stored.PacketIdentifier;
            _identifiers.Restore(operation.PacketIdentifier, operation);
            if (stored.IsReceivedByServer)
            {
                operation.State = PublishState.AwaitingPubComp;
                _released.Add(operation);
            }
            else
            {
                operation.State = stored.Message.QoS == MqttQualityOfService.AtLeastOnce
                    ? PublishState.AwaitingPubAck : PublishState.AwaitingPubRec;
                _resend.Add(operation);
            }
        }
    }

    /// <summary>From now on messages are accepted.</summary>
    public void Open() => _isAccepting = true;

    /// <summary>A connection is made, and the session's fate known. What is owed to the server follows with <see cref="Resume"/>.</summary>
    public void Attach(ConnectionWriter writer, MqttConnectResult limits)
    {
        _writer = writer;
        _limits = limits;
        _aliases = new OutboundAliases(Math.Min(limits.TopicAliasMaximum, _options.OutboundTopicAliasMaximum));
        int wanted = _options.InFlightMaximum
            ?? (limits.ProtocolVersion == MqttProtocolVersion.V500 ? DefaultInFlight : DefaultInFlightBefore5);
        _quotaMaximum = Math.Min(limits.ReceiveMaximum, wanted);
    }

    /// <summary>Sends again what an earlier connection left unfinished, in its order, then what was queued.</summary>
    public void Resume()
    {
        _isOpen = true;
        for (PublishOperation? operation = _released.First; operation is not null; operation = operation.Next)
        {
            WriteRelease(operation.PacketIdentifier, MqttReasonCode.Success);
        }

        Pump();
        if (HasOpenExchanges)
        {
            WaitBegun?.Invoke();
        }
    }

    /// <summary>Whether an acknowledgement is awaited on this connection.</summary>
    public bool HasOpenExchanges => _isOpen && (_inFlight.Count > 0 || _released.Count > 0 || _resend.Count > 0);

    /// <summary>The connection is lost.</summary>
    public void Detach()
    {
        _writer = null;
        _isOpen = false;

        // Whatever was not yet sent again comes after what was: nothing new is sent before all of it has been.
        var unfinished = new OperationList();
        _inFlight.MoveTo(unfinished);
        _resend.MoveTo(unfinished);
        unfinished.MoveTo(_resend);
        while (_leaving.First is { } operation)
        {
            End(operation, new MqttOperationException(
                MqttOperation.Publish,
                MqttOperationFailure.OutcomeUnknown,
                $"The connection was lost while the message for '{operation.Topic}' was being sent: it may or may not have reached the server.")
            { Topic = operation.Topic });
        }

        while (!_options.QueueQoS0WhileDisconnected && _unacknowledgedQueue.First is { } operation)
        {
            End(operation, NotConnected(operation.Topic));
        }
    }

    /// <summary>
    /// The server has no session: the old exchanges are discarded [MQTT-3.2.2-5], and their messages published as new ones. One that was past PUBREC
    /// may have been delivered: its outcome is unknown, unless the options have it sent again.
    /// </summary>
    public void RestartExchanges()
    {
        _abandoned.ForEach(_identifiers.Release);
        _abandoned.Clear();
        var owed = new OperationList();
        while (_released.First is { } operation)
        {
            if (_options.RepublishUncertainQoS2)
            {
                Restart(operation, owed);
            }
            else
            {
                End(operation, new MqttOperationException(
                    MqttOperation.Publish,
                    MqttOperationFailure.OutcomeUnknown,
                    $"The server lost the session after it had received the QoS 2 message for '{operation.Topic}', before it confirmed the delivery. "
                    + "The message may or may not have been delivered: send it again if delivering it twice does no harm.")
                { Topic = operation.Topic });
            }
        }

        while (_resend.First is { } operation)
        {
            Restart(operation, owed);
        }

        _queue.MoveTo(owed);
        owed.MoveTo(_queue);
    }

    /// <summary>Every message is given up, and none accepted any more until <see cref="Open"/>.</summary>
    /// <param name="reason">Makes what a message's owner is told, from its topic.</param>
    /// <param name="keepExchanges">Whether messages of QoS 1 and 2 stay in the session, though nobody waits for them any more.</param>
    public void Close(Func<string, Exception> reason, bool keepExchanges)
    {
        _isAccepting = false;
        foreach (OperationList list in (OperationList[])[_released, _resend, _inFlight, _queue, _unacknowledgedQueue, _leaving])
        {
            for (PublishOperation? operation = list.First; operation is not null;)
            {
                PublishOperation? next = operation.Next;
                if (keepExchanges && operation.QoS != MqttQualityOfService.AtMostOnce)
                {
                    if (_commits is null)
                    {
                        operation.Fail(reason(operation.Topic));
                    }
                    else if (operation.IsCommitted)
                    {
                        Accept(operation);
                    }
                }
                else
                {
                    End(operation, reason(operation.Topic));
                }

                operation = next;
            }
        }

        SignalDrained();
    }

    /// <summary>Ends when every message handed over so far is on disk, or known not to be. Takes the lock.</summary>
    public Task WaitUntilCommittedAsync()
    {
        lock (_gate)
        {
            return _commits?.WaitAsync() ?? Task.CompletedTask;
        }
    }

    /// <summary>The client is disposed: no deadline is watched any more, and no store waited for.</summary>
    public void Stop()
    {
        _deadlines.Stop();
        _commits?.Abandon(new ObjectDisposedException(
            nameof(MqttClient), "The client was disposed before the session's store had said whether it has the message: it may be sent by the next client."));
    }

    /// <summary>Ends when nothing is in flight or queued. Takes the lock.</summary>
    public Task WaitUntilDrainedAsync()
    {
        lock (_gate)
        {
            if (InFlight + Queued == 0)
            {
                return Task.CompletedTask;
            }

            _drained ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _drained.Task;
        }
    }

    /// <summary>Handles PUBACK, PUBREC and PUBCOMP.</summary>
    /// <returns>False when nobody waits for it.</returns>
    /// <exception cref="MqttProtocolException">It is of the wrong kind for the exchange its identifier belongs to.</exception>
    public bool Acknowledged(in AcknowledgementPacket packet)
    {
        object? owner = _identifiers[packet.PacketIdentifier];
        if (owner is null || owner == s_abandoned)
        {
            if (packet.Type == MqttPacketType.PubRec && !packet.ReasonCode.IsFailure())
            {
                // Legal recovery: let the server end an exchange that we know nothing of [MQTT-4.3.3-4].
                WriteRelease(packet.PacketIdentifier, MqttReasonCode.PacketIdentifierNotFound);
            }

            return false;
        }

        if (owner is not PublishOperation operation)
        {
            throw WrongKind(packet, "a SUBSCRIBE or UNSUBSCRIBE");
        }

        switch (packet.Type, operation.State)
        {
            case (MqttPacketType.PubAck, PublishState.AwaitingPubAck):
            case (MqttPacketType.PubComp, PublishState.AwaitingPubComp):
                EndExchange(operation, packet);
                break;
            case (MqttPacketType.PubRec, PublishState.AwaitingPubRec) when packet.ReasonCode.IsFailure():
                EndExchange(operation, packet);
                break;
            case (MqttPacketType.PubRec, PublishState.AwaitingPubRec):
                operation.State = PublishState.AwaitingPubComp;
                operation.ReceivedReasonCode = packet.ReasonCode;
                operation.ReceivedReasonString = packet.ReasonString;
                operation.List!.Remove(operation);
                _released.Add(operation);
                _store?.Append(new SessionChange(SessionChangeKind.MessageReceivedByServer, operation.Sequence));
                WriteRelease(packet.PacketIdentifier, MqttReasonCode.Success);
                break;
            case (MqttPacketType.PubRec, PublishState.AwaitingPubComp) when !packet.ReasonCode.IsFailure():
                WriteRelease(packet.PacketIdentifier, MqttReasonCode.Success);
                break;
            default:
                throw WrongKind(packet, operation.QoS == MqttQualityOfService.AtLeastOnce ? "a QoS 1 PUBLISH" : QoS2);
        }

        return true;
    }

    /// <summary>Sends what room and quota allow: first what must be sent again, then what is queued.</summary>
    public void Pump()
    {
        if (!_isOpen || _writer is null)
        {
            return;
        }

        while (_unacknowledgedQueue.First is { } operation && _writer.HasRoom)
        {
            TrySend(operation, isRepetition: false);
        }

        while (Quota > 0 && _resend.First is { } operation && _writer.HasRoom)
        {
            TrySend(operation, isRepetition: true);
        }

        while (Quota > 0 && _resend.Count == 0 && _queue.First is { } operation && _writer.HasRoom && !_identifiers.AreExhausted)
        {
            TrySend(operation, isRepetition: false);
        }
    }

    /// <summary>The payload of a QoS 0 message has left. Under the lock.</summary>
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

    private PublishOperation? Begin(in OutgoingMessage message, MqttPublisher? publisher, TimeSpan timeout)
    {
        if (!ReferenceEquals(message.Topic, _lastValidTopic))
        {
            Topics.TopicName.Validate(message.Topic, nameof(message));
            _lastValidTopic = message.Topic;
        }

        if (message.QoS > MqttQualityOfService.ExactlyOnce)
        {
            throw new ArgumentException($"QoS {(int)message.QoS} does not exist: use 0, 1 or 2.", nameof(message));
        }

        if (message.Properties is { PayloadFormat: MqttPayloadFormat.Utf8 } && !System.Text.Unicode.Utf8.IsValid(message.Payload.Span))
        {
            throw new ArgumentException(
                $"The message for '{message.Topic}' says that its payload is text, and the payload is not valid UTF-8. Leave the payload format out.",
                nameof(message));
        }

        if (!_isAccepting)
        {
            throw NotConnected(message.Topic);
        }

        if (_limits is { } limits && _isOpen)
        {
            PublishLimits.Check(message, limits);
        }

        bool isUnacknowledged = message.QoS == MqttQualityOfService.AtMostOnce;
        if (isUnacknowledged)
        {
            if (_isOpen && _unacknowledgedQueue.Count == 0 && _writer!.HasRoom && !(publisher is not null && _writer.TakesWhole(message.Payload.Length)))
            {
                Write(message, 0, isRepetition: false, waited: TimeSpan.Zero);
                publisher?.Completed(message.Source!, new MqttPublishResult { Topic = message.Topic }, null);
                Ended?.Invoke(new MqttPublishResult { Topic = message.Topic }, null);
                return null;
            }

            if (!_isOpen && !_options.QueueQoS0WhileDisconnected)
            {
                throw NotConnected(message.Topic);
            }
        }

        if (IsFullFor(message))
        {
            throw new MqttOperationException(
                MqttOperation.Publish,
                MqttOperationFailure.QueueFull,
                $"The message for '{message.Topic}' was not accepted: {Queued:N0} messages ({QueuedBytes:N0} bytes) wait to be sent already. "
                + "Wait for some of them to be acknowledged, or raise the limit of the publish queue.")
            { Topic = message.Topic };
        }

        if (!isUnacknowledged && _commits is not null)
        {
            // What no packet can carry is refused now: once it is accepted nobody might be there to hear of it.
            PublishWriter.GetHeaderSize(
                message.Topic, 0, message.QoS, message.Properties, message.Payload.Length, _limits?.ProtocolVersion ?? MqttProtocolVersion.V500, out _, out _);
            _store!.EnsureRoom(message.Payload.Length);
        }

        PublishOperation operation = Rent();
        operation.Begin(message, publisher, _options.TimeProvider.GetTimestamp());
        operation.State = PublishState.Queued;
        operation.Deadline = _deadlines.Add(operation.Started, timeout);
        if (!isUnacknowledged && _store is not null)
        {
            operation.Sequence = ++_sequence;
            MqttMessage kept = message.Source ?? new MqttMessage(message.Topic, message.Payload.ToArray(), message.QoS, message.Retain);
            _store.Append(new SessionChange(SessionChangeKind.MessageAccepted, operation.Sequence, Message: kept)
            {
                Time = _options.TimeProvider.GetUtcNow(),
            });
        }

        (isUnacknowledged ? _unacknowledgedQueue : _queue).Add(operation);
        Pump();
        if (operation.Sequence != 0)
        {
            _commits?.Add(operation);
        }

        return operation;
    }

    private long QueuedBytes => _queue.Bytes + _unacknowledgedQueue.Bytes;

    /// <summary>Whether a message would have to wait, and there is no place to.</summary>
    private bool IsFullFor(in OutgoingMessage message)
    {
        if (Queued < _options.PublishQueueLimit && QueuedBytes + message.Payload.Length <= _options.PublishQueueByteLimit)
        {
            return false;
        }

        bool leavesAtOnce = _isOpen && _writer!.HasRoom && (message.QoS == MqttQualityOfService.AtMostOnce
            ? _unacknowledgedQueue.Count == 0
            : Quota > 0 && _resend.Count == 0 && _queue.Count == 0 && !_identifiers.AreExhausted);
        return !leavesAtOnce;
    }

    private void TrySend(PublishOperation operation, bool isRepetition)
    {
        var message = operation.Message is { } source
            ? new OutgoingMessage(source)
            : new OutgoingMessage(operation.Topic, operation.Payload, operation.QoS, operation.Retain);
        TimeSpan waited = _options.TimeProvider.GetElapsedTime(operation.Started);
        try
        {
            if (!isRepetition && operation.Properties?.MessageExpirySeconds is { } expiry && waited.TotalSeconds >= Math.Max(1, expiry))
            {
                MessagesExpired++;
                throw new MqttOperationException(
                    MqttOperation.Publish,
                    MqttOperationFailure.Expired,
                    $"The message for '{operation.Topic}' expired after {expiry} s, before it could be sent.")
                { Topic = operation.Topic };
            }

            PublishLimits.Check(message, _limits!);
            if (operation.QoS == MqttQualityOfService.AtMostOnce)
            {
                if (Write(message, 0, isRepetition: false, waited, operation))
                {
                    End(operation, MqttReasonCode.Success, null);
                }
                else
                {
                    operation.State = PublishState.Leaving;
                    operation.List!.Remove(operation);
                    _leaving.Add(operation);
                }

                return;
            }

            bool isNew = operation.PacketIdentifier == 0;
            if (isNew)
            {
                operation.PacketIdentifier = _identifiers.Take(operation);
            }

            Write(message, operation.PacketIdentifier, isRepetition, waited);
            if (_store is not null)
            {
                if (isNew)
                {
                    _store.Append(new SessionChange(SessionChangeKind.MessageSent, operation.Sequence, operation.PacketIdentifier));
                }

                _writer!.AwaitStore();
            }
        }
        catch (Exception e) when (e is MqttOperationException or ArgumentException)
        {
            if (isRepetition)
            {
                Abandon(operation.PacketIdentifier);
            }

            End(operation, e);
            return;
        }

        bool wasWaiting = _inFlight.Count > 0;
        operation.State = operation.QoS == MqttQualityOfService.AtLeastOnce ? PublishState.AwaitingPubAck : PublishState.AwaitingPubRec;
        operation.List!.Remove(operation);
        _inFlight.Add(operation);
        if (!wasWaiting)
        {
            WaitBegun?.Invoke();
        }
    }

    /// <summary>Writes a PUBLISH.</summary>
    /// <returns>Whether the payload has been copied; if not, <paramref name="owner"/> is told when it has been sent.</returns>
    private bool Write(in OutgoingMessage message, ushort packetIdentifier, bool isRepetition, TimeSpan waited, PublishOperation? owner = null)
    {
        MqttConnectResult limits = _limits!;
        MqttMessageProperties? properties = message.Properties;
        if (properties?.MessageExpirySeconds is { } expiry && waited.TotalSeconds >= 1)
        {
            properties = properties with { MessageExpirySeconds = (uint)Math.Max(1, expiry - Math.Floor(waited.TotalSeconds)) };
        }

        // The size is that of the packet with its topic: an alias may be forgotten, the message must not fail then.
        int size = PublishWriter.GetHeaderSize(
            message.Topic, 0, message.QoS, properties, message.Payload.Length, limits.ProtocolVersion, out int topicByteCount, out int propertyLength);
        PublishLimits.CheckSize(message, (long)size + message.Payload.Length, limits);

        // A packet that is almost too large has no room for the alias as well, which takes three bytes and may lengthen both lengths.
        string topic = message.Topic;
        bool isKnown = false;
        ushort alias = (long)size + message.Payload.Length + AliasSize <= limits.MaximumPacketSize ? _aliases.Use(topic, out isKnown) : (ushort)0;
        if (alias != 0)
        {
            topic = isKnown ? string.Empty : topic;
            size = PublishWriter.GetHeaderSize(
                topic, alias, message.QoS, properties, message.Payload.Length, limits.ProtocolVersion, out topicByteCount, out propertyLength);
        }

        if (!isRepetition)
        {
            MessagesSent++;
        }

        OutgoingBytes output = _writer!.Output;

        // Whoever awaits a single QoS 0 message gets the next one ready meanwhile, so it is worth a copy; others have to leave the payload alone anyway.
        bool mayRefer = message.QoS != MqttQualityOfService.AtMostOnce || owner?.Publisher is not null;
        bool isCopied = !(mayRefer && _writer.TakesWhole(message.Payload.Length)) | !MemoryMarshal.TryGetArray(message.Payload, out ArraySegment<byte> payload);
        Span<byte> span = output.GetSpan(isCopied ? size + message.Payload.Length : size);
        int written = PublishWriter.WriteHeader(
            span, topic, topicByteCount, alias, packetIdentifier, message.QoS, message.Retain, isRepetition, properties, propertyLength,
            message.Payload.Length, limits.ProtocolVersion);
        output.Advance(written);
        if (isCopied)
        {
            message.Payload.Span.CopyTo(span[written..]);
            output.Advance(message.Payload.Length);
        }
        else
        {
            output.Refer(payload, owner);
        }

        return isCopied;
    }

    private void WriteRelease(ushort packetIdentifier, MqttReasonCode reasonCode)
    {
        OutgoingBytes output = _writer!.Output;
        int before = output.Count;
        new AcknowledgementPacket(MqttPacketType.PubRel, packetIdentifier, reasonCode).Write(output, _limits!.ProtocolVersion);
        _writer.AwaitStore();
        _writer.CountAnswer(output.Count - before);
    }

    private void EndExchange(PublishOperation operation, in AcknowledgementPacket packet)
    {
        // A PUBCOMP with 0x92 is no failure: the server had the message, and lost only its memory of the exchange.
        if (packet.ReasonCode.IsFailure() && packet.Type != MqttPacketType.PubComp)
        {
            End(operation, Rejected(operation.Topic, packet));
        }
        else if (packet.ReasonCode == MqttReasonCode.Success && packet.Type == MqttPacketType.PubComp)
        {
            // What became of the message, PUBREC has said.
            End(operation, operation.ReceivedReasonCode, packet.ReasonString ?? operation.ReceivedReasonString);
        }
        else
        {
            End(operation, packet.ReasonCode, packet.ReasonString);
        }

        Pump();
    }

    private void End(PublishOperation operation, MqttReasonCode reasonCode, string? reasonString)
    {
        var result = new MqttPublishResult
        {
            Topic = operation.Topic,
            QoS = operation.QoS,
            PacketIdentifier = operation.PacketIdentifier,
            ReasonCode = reasonCode,
            ReasonString = reasonString,
            Elapsed = _options.TimeProvider.GetElapsedTime(operation.Started),
        };
        operation.Succeed(result);
        Ended?.Invoke(result, null);
        Forget(operation);
    }

    private void End(PublishOperation operation, Exception error)
    {
        MessagesRejected += error is MqttOperationException { Failure: MqttOperationFailure.Rejected } ? 1 : 0;
        ReportUndelivered(operation, error);
        operation.Fail(error);
        if (Ended is { } ended)
        {
            var result = new MqttPublishResult
            {
                Topic = operation.Topic,
                QoS = operation.QoS,
                PacketIdentifier = operation.PacketIdentifier,
                ReasonCode = (error as MqttOperationException)?.ReasonCode ?? MqttReasonCode.UnspecifiedError,
                ReasonString = (error as MqttOperationException)?.ReasonString,
                Elapsed = _options.TimeProvider.GetElapsedTime(operation.Started),
            };
            ended(result, error);
        }

        Forget(operation);
    }

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
            report(message, error as MqttOperationException ?? new MqttOperationException(
                MqttOperation.Publish, MqttOperationFailure.Rejected, $"The message for '{operation.Topic}' could not be sent: {error.Message}", error)
            { Topic = operation.Topic });
        }
    }

    /// <summary>
    /// The server allows less than on the connection before, and a message must not be sent again. Its exchange was never acknowledged: the identifier
    /// stays taken for as long as the session lasts [MQTT-2.2.1-3], or a QoS 2 message that got it would be taken for a repetition and swallowed.
    /// </summary>
    private void Abandon(ushort identifier)
    {
        _identifiers.Restore(identifier, s_abandoned);
        _abandoned.Add(identifier);
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
        if (_drained is not null && InFlight + Queued == 0)
        {
            SignalDrained();
        }
    }

    private void SignalDrained()
    {
        _drained?.TrySetResult();
        _drained = null;
    }

    private void Restart(PublishOperation operation, OperationList owed)
    {
        _identifiers.Release(operation.PacketIdentifier);
        operation.PacketIdentifier = 0;
        operation.State = PublishState.Queued;
        operation.List!.Remove(operation);
        owed.Add(operation);
        _store?.Append(new SessionChange(SessionChangeKind.MessageRestarted, operation.Sequence));
    }

    /// <summary>Ends a caller's wait. What was never sent is withdrawn; what was sent goes on without the caller.</summary>
    private void GiveUp(PublishOperation operation, Exception error)
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

    /// <summary>A durable store has a message, or cannot keep it.</summary>
    private void Committed(PublishOperation operation, Exception? error)
    {
        if (error is not null)
        {
            GiveUp(operation, error);
            return;
        }

        operation.IsCommitted = true;
        if (!_isOpen || !_isAccepting)
        {
            Accept(operation);
        }
    }

    /// <summary>Ends a caller's wait for a message that is on disk, and that the server may get much later.</summary>
    private void Accept(PublishOperation operation)
    {
        if (!operation.IsCompleted)
        {
            operation.Succeed(new MqttPublishResult
            {
                Topic = operation.Topic,
                QoS = operation.QoS,
                PacketIdentifier = operation.PacketIdentifier,
                IsStored = true,
                Elapsed = _options.TimeProvider.GetElapsedTime(operation.Started),
            });
        }
    }

    private long SweepDeadlines(long now)
    {
        long next = long.MaxValue;
        foreach (OperationList list in (OperationList[])[_inFlight, _released, _resend, _queue, _unacknowledgedQueue, _leaving])
        {
            for (PublishOperation? operation = list.First; operation is not null;)
            {
                PublishOperation? following = operation.Next;
                if (operation.Deadline <= now)
                {
                    operation.Deadline = long.MaxValue;
                    if (operation.IsCommitted && !_isOpen)
                    {
                        Accept(operation);
                    }
                    else
                    {
                        GiveUp(operation, TimedOut(operation));
                    }
                }
                else if (!operation.IsCompleted)
                {
                    next = Math.Min(next, operation.Deadline);
                }

                operation = following;
            }
        }

        return next;
    }

    private TimeoutException TimedOut(PublishOperation operation)
    {
        TimeSpan waited = _options.TimeProvider.GetElapsedTime(operation.Started);
        string message = operation.IsCommitted
            ? $"The server did not acknowledge the message for '{operation.Topic}' within {waited.TotalSeconds:0.#} s. It is kept in the session's store, and "
                + "goes on its way as soon as the server takes it."
            : operation.State == PublishState.Leaving
            ? $"The server did not take all of the message for '{operation.Topic}' within {waited.TotalSeconds:0.#} s. It may still be delivered."
            : operation.State == PublishState.Queued
            ? $"The message for '{operation.Topic}' could not be sent within {waited.TotalSeconds:0.#} s and was withdrawn. "
                + (_isOpen ? "The server acknowledges too slowly." : "There is no connection to the server.")
            : $"The server did not acknowledge the message for '{operation.Topic}' within {waited.TotalSeconds:0.#} s. "
                + "It was sent and may still be delivered.";
        return new TimeoutException(message);
    }

    private PublishOperation Rent() => _pool.TryPop(out PublishOperation? operation) ? operation : new PublishOperation(this);

    private void Recycle(PublishOperation operation)
    {
        if (operation.TryRecycle() && _pool.Count < PoolLimit)
        {
            _pool.Push(operation);
        }
    }

    private static MqttOperationException NotConnected(string topic) => new(
        MqttOperation.Publish,
        MqttOperationFailure.NotConnected,
        $"The message for '{topic}' was not sent: there is no connection to the server. Connect first; while a lost connection is being made again, "
        + "only messages of QoS 1 and 2 wait for it, unless the options have QoS 0 queued too.")
    { Topic = topic };

    private static MqttOperationException Rejected(string topic, in AcknowledgementPacket packet) => new(
        MqttOperation.Publish,
        MqttOperationFailure.Rejected,
        $"The server rejected the message for '{topic}': {packet.ReasonCode.Describe()}"
        + (packet.ReasonString is { Length: > 0 } words ? $" ({words})" : string.Empty))
    { Topic = topic, ReasonCode = packet.ReasonCode, ReasonString = packet.ReasonString };

    private static MqttProtocolException WrongKind(in AcknowledgementPacket packet, string live)
    {
        string name = packet.Type.ToString().ToUpperInvariant();
        return new MqttProtocolException(
            MqttReasonCode.ProtocolError,
            packet.Type == MqttPacketType.PubAck ? "MQTT-4.3.2-3" : "MQTT-4.3.3-8",
            $"The server sent {name} for packet identifier {packet.PacketIdentifier}, which belongs to {live} that awaits another answer."
            + (packet.Type == MqttPacketType.PubAck && live == QoS2 ? " Servers without QoS 2, such as RabbitMQ, do that: publish with QoS 1." : string.Empty));
    }
}
