using PSMqtt.Protocol.Connections;
using PSMqtt.Protocol.Packets;

namespace PSMqtt.Protocol.Sessions;

/// <summary>
/// Our messages on their way to the server: who is let in, the exchanges of QoS 1 and 2, the server's quota, and what is sent again after a reconnect.
/// Guarded by the session's lock, which the public methods named so take themselves.
/// </summary>
internal sealed class OutboundExchanges
{
    private const int DefaultInFlight = 1000;

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
    private readonly OutboundLists _lists = new();

    /// <summary>The way through the present connection; <see langword="null"/> without one.</summary>
    private OutboundChannel? _channel;

    /// <summary>Whether what is owed may be sent on it.</summary>
    private bool _isOpen;
    private bool _isAccepting;
    private MqttProtocolVersion _version = MqttProtocolVersion.V500;
    private string? _lastValidTopic;
    private int _quotaMaximum;
    private long _sequence;

    public OutboundExchanges(object gate, MqttClientOptions options, PacketIdentifiers identifiers)
    {
        _gate = gate;
        _options = options;
        _identifiers = identifiers;
        _store = options.SessionStore;
        _commits = _store is { IsDurable: true } ? new StoreCommits(gate, _store, Committed) : null;
        Outcomes = new PublishOutcomes(gate, _lists, identifiers, options);
        _deadlines = new OperationDeadlines(gate, options.TimeProvider, SweepDeadlines);
    }

    /// <summary>The clock.</summary>
    public TimeProvider TimeProvider => _options.TimeProvider;

    /// <summary>What becomes of the messages, and who hears of it.</summary>
    public PublishOutcomes Outcomes { get; }

    /// <summary>Messages whose PUBLISH was sent, unacknowledged.</summary>
    public int InFlight => _lists.UnacknowledgedCount;

    /// <summary>Messages that have not left.</summary>
    public int Queued => _lists.QueuedCount;

    /// <summary>
    /// How many more exchanges the server allows now. An exchange that goes on with its PUBREL after a reconnect still is one at the server: it takes a place
    /// as well. A server that allows fewer than before makes this negative.
    /// </summary>
    private int Quota => _quotaMaximum - _lists.InFlight.Count - _lists.Released.Count;

    public long MessagesSent { get; private set; }

    public long MessagesExpired { get; private set; }

    /// <summary>Called under the lock when an exchange begins to wait for the server: the reader must not stop reading now.</summary>
    public Action? WaitBegun { get; set; }

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
            writer = _channel?.Start();
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
            writer = _channel?.Start();
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
            PublishOperation operation = Outcomes.Rent();
            operation.BeginUnawaited(new OutgoingMessage(stored.Message), now - (long)(age * _options.TimeProvider.TimestampFrequency));
            operation.Sequence = stored.Sequence;
            operation.IsCommitted = true;
            if (stored.PacketIdentifier == 0)
            {
                operation.State = PublishState.Queued;
                _lists.Queue.Add(operation);
                continue;
            }

            operation.PacketIdentifier = (ushort)stored.PacketIdentifier;
            _identifiers.Restore(operation.PacketIdentifier, operation);
            if (stored.IsReceivedByServer)
            {
                operation.State = PublishState.AwaitingPubComp;
                _lists.Released.Add(operation);
            }
            else
            {
                operation.State = AwaitingFirstAnswer(operation);
                _lists.Resend.Add(operation);
            }
        }
    }

    /// <summary>From now on messages are accepted.</summary>
    public void Open() => _isAccepting = true;

    /// <summary>A connection is made, and the session's fate known. What is owed to the server follows with <see cref="Resume"/>.</summary>
    public void Attach(ConnectionWriter writer, MqttConnectResult limits)
    {
        _channel = new OutboundChannel(writer, limits, _options.OutboundTopicAliasMaximum);
        _version = limits.ProtocolVersion;
        int wanted = _options.InFlightMaximum
            ?? (limits.ProtocolVersion == MqttProtocolVersion.V500 ? DefaultInFlight : DefaultInFlightBefore5);
        _quotaMaximum = Math.Min(limits.ReceiveMaximum, wanted);
    }

    /// <summary>Sends again what an earlier connection left unfinished, in its order, then what was queued.</summary>
    public void Resume()
    {
        _isOpen = true;
        for (PublishOperation? operation = _lists.Released.First; operation is not null; operation = operation.Next)
        {
            _channel!.Release(operation.PacketIdentifier, MqttReasonCode.Success);
        }

        Pump();
        if (HasOpenExchanges)
        {
            WaitBegun?.Invoke();
        }
    }

    /// <summary>Whether an acknowledgement is awaited on this connection.</summary>
    public bool HasOpenExchanges => _isOpen && (_lists.InFlight.Count > 0 || _lists.Released.Count > 0 || _lists.Resend.Count > 0);

    /// <summary>The connection is lost.</summary>
    public void Detach()
    {
        _channel = null;
        _isOpen = false;
        _lists.MoveInFlightToResend();
        while (_lists.Leaving.First is { } operation)
        {
            Outcomes.End(operation, PublishFailures.ConnectionLost(operation.Topic));
        }

        while (!_options.QueueQoS0WhileDisconnected && _lists.UnacknowledgedQueue.First is { } operation)
        {
            Outcomes.End(operation, PublishFailures.NotConnected(operation.Topic));
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
        while (_lists.Released.First is { } operation)
        {
            if (_options.RepublishUncertainQoS2)
            {
                Restart(operation, owed);
            }
            else
            {
                Outcomes.End(operation, PublishFailures.SessionLost(operation.Topic));
            }
        }

        while (_lists.Resend.First is { } operation)
        {
            Restart(operation, owed);
        }

        _lists.Queue.MoveTo(owed);
        owed.MoveTo(_lists.Queue);
    }

    /// <summary>Every message is given up, and none accepted any more until <see cref="Open"/>.</summary>
    /// <param name="reason">Makes what a message's owner is told, from the message, and whether it stays in the session.</param>
    /// <param name="keepExchanges">Whether messages of QoS 1 and 2 stay in the session, though nobody waits for them any more.</param>
    public void Close(Func<PublishOperation, bool, Exception> reason, bool keepExchanges)
    {
        _isAccepting = false;
        foreach (PublishOperation operation in _lists.All())
        {
            if (!keepExchanges || operation.QoS == MqttQualityOfService.AtMostOnce)
            {
                Outcomes.End(operation, reason(operation, false));
            }
            else if (_commits is null)
            {
                operation.Fail(reason(operation, true));
            }
            else if (operation.IsCommitted)
            {
                Outcomes.Accept(operation);
            }
        }

        Outcomes.SignalDrained();
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
                _channel!.Release(packet.PacketIdentifier, MqttReasonCode.PacketIdentifierNotFound);
            }

            return false;
        }

        if (owner is not PublishOperation operation)
        {
            throw PublishFailures.WrongKind(packet, null);
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
                _lists.Released.Add(operation);
                _store?.Append(new SessionChange(SessionChangeKind.MessageReceivedByServer, operation.Sequence));
                _channel!.Release(packet.PacketIdentifier, MqttReasonCode.Success);
                break;
            case (MqttPacketType.PubRec, PublishState.AwaitingPubComp) when !packet.ReasonCode.IsFailure():
                _channel!.Release(packet.PacketIdentifier, MqttReasonCode.Success);
                break;
            default:
                throw PublishFailures.WrongKind(packet, operation);
        }

        return true;
    }

    /// <summary>Sends what room and quota allow: first what must be sent again, then what is queued.</summary>
    public void Pump()
    {
        if (!_isOpen || _channel is not { } channel)
        {
            return;
        }

        while (_lists.UnacknowledgedQueue.First is { } operation && channel.HasRoom)
        {
            TrySend(channel, operation, isRepetition: false);
        }

        while (Quota > 0 && _lists.Resend.First is { } operation && channel.HasRoom)
        {
            TrySend(channel, operation, isRepetition: true);
        }

        while (Quota > 0 && _lists.Resend.Count == 0 && _lists.Queue.First is { } operation && channel.HasRoom && !_identifiers.AreExhausted)
        {
            TrySend(channel, operation, isRepetition: false);
        }
    }

    private PublishOperation? Begin(in OutgoingMessage message, MqttPublisher? publisher, TimeSpan timeout)
    {
        message.Validate(_lastValidTopic, nameof(message));
        _lastValidTopic = message.Topic;
        if (!_isAccepting)
        {
            throw PublishFailures.NotConnected(message.Topic);
        }

        if (_isOpen)
        {
            PublishLimits.Check(message, _channel!.Limits);
        }

        bool isUnacknowledged = message.QoS == MqttQualityOfService.AtMostOnce;
        if (isUnacknowledged)
        {
            if (_isOpen && _lists.UnacknowledgedQueue.Count == 0 && _channel!.HasRoom
                && !(publisher is not null && _channel.TakesWhole(message.Payload.Length)))
            {
                _channel.Publish(message, 0, isRepetition: false, waited: TimeSpan.Zero);
                MessagesSent++;
                publisher?.Completed(message.Source!, new MqttPublishResult { Topic = message.Topic }, null);
                Outcomes.Ended?.Invoke(new MqttPublishResult { Topic = message.Topic }, null);
                return null;
            }

            if (!_isOpen && !_options.QueueQoS0WhileDisconnected)
            {
                throw PublishFailures.NotConnected(message.Topic);
            }
        }

        if (IsFullFor(message))
        {
            throw PublishFailures.QueueFull(message.Topic, Queued, _lists.QueuedBytes);
        }

        if (!isUnacknowledged && _commits is not null)
        {
            // What no packet can carry is refused now: once it is accepted nobody might be there to hear of it.
            PublishWriter.GetHeaderSize(
                message.Topic, 0, message.QoS, message.Properties, message.Payload.Length, _version, out _, out _);
            _store!.EnsureRoom(message.Payload.Length);
        }

        PublishOperation operation = Outcomes.Rent();
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

        (isUnacknowledged ? _lists.UnacknowledgedQueue : _lists.Queue).Add(operation);
        Pump();
        if (operation.Sequence != 0)
        {
            _commits?.Add(operation);
        }

        return operation;
    }

    /// <summary>Whether a message would have to wait, and there is no place to.</summary>
    private bool IsFullFor(in OutgoingMessage message)
    {
        if (Queued < _options.PublishQueueLimit && _lists.QueuedBytes + message.Payload.Length <= _options.PublishQueueByteLimit)
        {
            return false;
        }

        bool leavesAtOnce = _isOpen && _channel!.HasRoom && (message.QoS == MqttQualityOfService.AtMostOnce
            ? _lists.UnacknowledgedQueue.Count == 0
            : Quota > 0 && _lists.Resend.Count == 0 && _lists.Queue.Count == 0 && !_identifiers.AreExhausted);
        return !leavesAtOnce;
    }

    private void TrySend(OutboundChannel channel, PublishOperation operation, bool isRepetition)
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
                throw PublishFailures.Expired(operation.Topic, expiry);
            }

            PublishLimits.Check(message, channel.Limits);
            if (operation.QoS == MqttQualityOfService.AtMostOnce)
            {
                bool isCopied = channel.Publish(message, 0, isRepetition: false, waited, operation);
                MessagesSent++;
                if (isCopied)
                {
                    Outcomes.End(operation, MqttReasonCode.Success, null);
                }
                else
                {
                    operation.State = PublishState.Leaving;
                    operation.List!.Remove(operation);
                    _lists.Leaving.Add(operation);
                }

                return;
            }

            bool isNew = operation.PacketIdentifier == 0;
            if (isNew)
            {
                operation.PacketIdentifier = _identifiers.Take(operation);
            }

            channel.Publish(message, operation.PacketIdentifier, isRepetition, waited);
            MessagesSent += isRepetition ? 0 : 1;
            if (_store is not null)
            {
                if (isNew)
                {
                    _store.Append(new SessionChange(SessionChangeKind.MessageSent, operation.Sequence, operation.PacketIdentifier));
                }

                channel.AwaitStore();
            }
        }
        catch (Exception e) when (e is MqttOperationException or ArgumentException)
        {
            if (isRepetition)
            {
                Abandon(operation.PacketIdentifier);
            }

            Outcomes.End(operation, e);
            return;
        }

        bool wasWaiting = _lists.InFlight.Count > 0;
        operation.State = AwaitingFirstAnswer(operation);
        operation.List!.Remove(operation);
        _lists.InFlight.Add(operation);
        if (!wasWaiting)
        {
            WaitBegun?.Invoke();
        }
    }

    private void EndExchange(PublishOperation operation, in AcknowledgementPacket packet)
    {
        // A PUBCOMP with 0x92 is no failure: the server had the message, and lost only its memory of the exchange.
        if (packet.ReasonCode.IsFailure() && packet.Type != MqttPacketType.PubComp)
        {
            Outcomes.End(operation, PublishFailures.Rejected(operation.Topic, packet));
        }
        else if (packet.ReasonCode == MqttReasonCode.Success && packet.Type == MqttPacketType.PubComp)
        {
            // What became of the message, PUBREC has said.
            Outcomes.End(operation, operation.ReceivedReasonCode, packet.ReasonString ?? operation.ReceivedReasonString);
        }
        else
        {
            Outcomes.End(operation, packet.ReasonCode, packet.ReasonString);
        }

        Pump();
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

    private void Restart(PublishOperation operation, OperationList owed)
    {
        _identifiers.Release(operation.PacketIdentifier);
        operation.PacketIdentifier = 0;
        operation.State = PublishState.Queued;
        operation.List!.Remove(operation);
        owed.Add(operation);
        _store?.Append(new SessionChange(SessionChangeKind.MessageRestarted, operation.Sequence));
    }

    /// <summary>A durable store has a message, or cannot keep it.</summary>
    private void Committed(PublishOperation operation, Exception? error)
    {
        if (error is not null)
        {
            Outcomes.GiveUp(operation, error);
            return;
        }

        operation.IsCommitted = true;
        if (!_isOpen || !_isAccepting)
        {
            Outcomes.Accept(operation);
        }
    }

    private long SweepDeadlines(long now)
    {
        long next = long.MaxValue;
        foreach (PublishOperation operation in _lists.All())
        {
            if (operation.Deadline > now)
            {
                next = operation.IsCompleted ? next : Math.Min(next, operation.Deadline);
                continue;
            }

            operation.Deadline = long.MaxValue;
            if (operation.IsCommitted && !_isOpen)
            {
                Outcomes.Accept(operation);
            }
            else
            {
                Outcomes.GiveUp(operation, PublishFailures.TimedOut(operation, TimeProvider.GetElapsedTime(operation.Started), _isOpen));
            }
        }

        return next;
    }

    private static PublishState AwaitingFirstAnswer(PublishOperation operation) =>
        operation.QoS == MqttQualityOfService.AtLeastOnce ? PublishState.AwaitingPubAck : PublishState.AwaitingPubRec;
}
