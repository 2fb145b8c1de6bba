using PSMqtt.Protocol.Connections;
using PSMqtt.Protocol.Packets;

namespace PSMqtt.Protocol.Sessions;

/// <summary>
/// What outlives a connection: the exchanges in both directions, the subscriptions, the queues. A state machine without I/O: packets and requests go
/// in, packets come out in the <see cref="ConnectionWriter.Output"/> of the connection that is attached, messages in the subscriptions' queues.
/// </summary>
/// <remarks>One lock, <see cref="Gate"/>, guards all of it, and the output buffer; no user code ever runs under it.</remarks>
internal sealed class Session
{
    private readonly MqttClientOptions _options;
    private readonly PacketIdentifiers _packetIdentifiers = new();
    private readonly TopicCache _topics = new();
    private readonly MessagePropertiesCache _properties = new();
    private readonly List<MqttSubscription> _targets = [];
    private readonly List<MqttSubscription> _full = [];
    private readonly List<MqttMessage> _dropped = [];

    /// <summary>Those that have staged messages.</summary>
    private readonly List<MqttSubscription> _staging = [];

    private ConnectionWriter? _writer;
    private InboundAliases _aliases = new(0);
    private MqttProtocolVersion _version;
    private TaskCompletionSource? _resume;
    private bool _awaitsWriter;
    private bool _keepsUnclaimed;
    private long _maximumPacketSize;
    private long _receivedAt;

    public Session(MqttClientOptions options)
    {
        _options = options;
        Outbound = new OutboundExchanges(Gate, options, _packetIdentifiers) { WaitBegun = Resume };
        Inbound = new InboundLedger(options.SessionStore);
        Subscriptions = new SubscriptionTable(_packetIdentifiers, options.SessionStore) { WaitBegun = Resume };
    }

    /// <summary>The lock.</summary>
    public object Gate { get; } = new();

    public OutboundExchanges Outbound { get; }

    public InboundLedger Inbound { get; }

    public SubscriptionTable Subscriptions { get; }

    /// <summary>Messages of an inherited session that match no subscription of ours. Set by the client.</summary>
    public MqttSubscription? Unclaimed { get; set; }

    /// <summary>Called under the lock when a full queue has dropped a message.</summary>
    public Action<MqttSubscription, MqttMessage>? Dropped { get; set; }

    public long MessagesReceived { get; private set; }

    public long MessagesDropped { get; private set; }

    public long MessagesUnclaimed { get; private set; }

    public long StrayAcknowledgements { get; private set; }

    /// <summary>Topics of messages received lately, in no order. Takes the lock.</summary>
    public string[] RecentTopics
    {
        get
        {
            lock (Gate)
            {
                return [.. _topics.Topics];
            }
        }
    }

    /// <summary>Takes up what a store has kept.</summary>
    public void Restore(SessionContents contents)
    {
        lock (Gate)
        {
            Outbound.Restore(contents);
            Inbound.Restore(contents);
            Subscriptions.Restore(contents);
        }
    }

    /// <summary>
    /// A connection is made. Everything the server is owed is written in the order that counts: subscriptions, repetitions, what is queued.
    /// </summary>
    /// <param name="writer">The connection's way out.</param>
    /// <param name="limits">What CONNACK said.</param>
    /// <param name="isSessionPresent">Whether our exchanges go on.</param>
    /// <param name="isInherited">Whether the server's session was begun by somebody else than this object.</param>
    /// <param name="hasSubscriptions">Whether the server still has our subscriptions; on MQTT 3.1 that is not said.</param>
    public void Attach(ConnectionWriter writer, MqttConnectResult limits, bool isSessionPresent, bool isInherited, bool hasSubscriptions)
    {
        lock (Gate)
        {
            _writer = writer;
            _version = limits.ProtocolVersion;
            _maximumPacketSize = limits.MaximumPacketSize;
            _aliases = new InboundAliases(_version == MqttProtocolVersion.V500 ? _options.TopicAliasMaximum : 0);
            _keepsUnclaimed |= (isInherited && isSessionPresent) || Subscriptions.HasKept;
            if (!isSessionPresent)
            {
                // Of what the store has, only the received identifiers end with the server's session: messages and subscriptions are made anew.
                Inbound.Forget();
                Outbound.RestartExchanges();
            }

            Inbound.Attach(writer, _version, _options);
            Outbound.Attach(writer, limits);
            Subscriptions.Attach(writer, limits, isSessionPresent, hasSubscriptions, isInherited);
            Outbound.Resume();
        }

        Flush();
    }

    /// <summary>The connection is lost.</summary>
    public void Detach()
    {
        lock (Gate)
        {
            _writer?.Close();
            _writer = null;
            Inbound.Detach();
            Outbound.Detach();
            Subscriptions.Detach();
            Resume();
        }
    }

    /// <summary>Sends what has been written. Not under the lock.</summary>
    public void Flush()
    {
        ConnectionWriter? writer;
        lock (Gate)
        {
            writer = _writer is { } attached && attached.TryStart() ? attached : null;
        }

        writer?.Run();
    }

    /// <summary>Bytes have come; the packets in them follow.</summary>
    public void BeginReceive() => _receivedAt = _options.TimeProvider.GetUtcNow().UtcTicks;

    /// <summary>
    /// Handles a packet that concerns the session. Under the lock, and messages reach their subscriptions only with <see cref="HandOver"/>, which follows
    /// before the lock is released: so the lock, and that of the queue, are taken once for many packets.
    /// </summary>
    /// <returns>False when it is not one of those.</returns>
    /// <exception cref="MqttProtocolException">It breaks the specification.</exception>
    public bool Receive(in MqttFrame frame)
    {
        switch (frame.Type)
        {
            case MqttPacketType.Publish:
                Receive(PublishPacket.Read(frame, _version));
                return true;
            case MqttPacketType.PubAck or MqttPacketType.PubRec or MqttPacketType.PubComp:
                AcknowledgementPacket acknowledgement = Checked(AcknowledgementPacket.Read(frame, _version));
                Count(Outbound.Acknowledged(acknowledgement));
                return true;
            case MqttPacketType.PubRel:
                AcknowledgementPacket release = Checked(AcknowledgementPacket.Read(frame, _version));
                RefuseUnanswerable(frame.Type);
                Count(Inbound.Release(release.PacketIdentifier));
                return true;
            case MqttPacketType.SubAck:
                HandOver();
                SubAckPacket subAck = SubAckPacket.Read(frame, _version);
                ProblemInformation.Check(_options.RequestProblemInformation, frame.Type, subAck.ReasonString, subAck.UserProperties);
                Count(Subscriptions.Acknowledged(subAck));
                Outbound.Pump();
                return true;
            case MqttPacketType.UnsubAck:
                HandOver();
                UnsubAckPacket unsubAck = UnsubAckPacket.Read(frame, _version);
                ProblemInformation.Check(_options.RequestProblemInformation, frame.Type, unsubAck.ReasonString, unsubAck.UserProperties);
                Count(Subscriptions.Acknowledged(unsubAck));
                Outbound.Pump();
                return true;
            default:
                return false;
        }
    }

    private AcknowledgementPacket Checked(in AcknowledgementPacket packet)
    {
        ProblemInformation.Check(_options.RequestProblemInformation, packet.Type, packet.ReasonString, packet.UserProperties);
        return packet;
    }

    /// <summary>Gives the subscriptions the messages that have come. Under the lock.</summary>
    public void HandOver()
    {
        foreach (MqttSubscription target in _staging)
        {
            target.QueueStaged(_dropped);
            Settle(target);
        }

        _staging.Clear();
    }

    /// <summary>Somebody has taken a message: its acknowledgement is due. Takes the lock.</summary>
    /// <returns>False when it needs none, or has had it.</returns>
    public bool Acknowledge(MqttMessage message, MqttReasonCode reasonCode)
    {
        if (message.TakeEntry() is not { } entry)
        {
            return false;
        }

        ConnectionWriter? writer;
        lock (Gate)
        {
            Inbound.Taken(entry, reasonCode);
            writer = _writer is { } attached && attached.TryStart() ? attached : null;
        }

        writer?.Run();
        return true;
    }

    /// <summary>Bytes have left and there is room for more. Under the lock.</summary>
    public void Drained()
    {
        Outbound.Pump();
        if (_awaitsWriter && _writer is not { OwesTooMuch: true })
        {
            Resume();
        }
    }

    /// <summary>A full queue has room again, or an answer is awaited that the reader must read. Takes the lock.</summary>
    public void RoomMade()
    {
        lock (Gate)
        {
            Resume();
        }
    }

    /// <summary>Whether <see cref="GetPause"/> is worth asking. A look without the lock: most of what is counted there is counted by the reader itself.</summary>
    public bool MayPause => _full.Count > 0 || _writer is { OwesTooMuch: true };

    /// <summary>
    /// Whether the reader must wait because a queue is full, or because the peer takes none of our answers, and for what. While an operation of ours awaits
    /// its answer it reads on however full a queue is, so that a consumer that publishes cannot wait for itself; then queues grow, up to twice their limit.
    /// </summary>
    /// <returns>Ends when it is worth asking again; <see langword="null"/>: read on.</returns>
    public Task? GetPause()
    {
        if (!MayPause)
        {
            return null;
        }

        lock (Gate)
        {
            if (_writer is { OwesTooMuch: true })
            {
                _awaitsWriter = true;
                _resume ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                return _resume.Task;
            }

            _full.RemoveAll(static s => !s.IsFull || !s.IsActive);
            if (_full.Count == 0 || _writer is null)
            {
                return null;
            }

            // What is read on meanwhile stays bounded: QoS 0 is dropped at the hard limit, and QoS 1 and 2 by the Receive Maximum. Servers before 5.0
            // know nothing of that, and some of 5.0 do not obey it; one that sends more must wait, even if an operation of ours waits with it.
            bool mustRead = Outbound.HasOpenExchanges || Subscriptions.HasOpenExchanges;
            if (mustRead && !(Inbound.IsBeyondWindow && _full.Exists(static s => s.IsOverflowingWithAcknowledged)))
            {
                return null;
            }

            _resume ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _resume.Task;
        }
    }

    /// <summary>Gives a new subscription what has come for it before it was there. Under the lock.</summary>
    public void Claim(MqttSubscription subscription)
    {
        if (Unclaimed is not { QueuedCount: > 0 } unclaimed)
        {
            return;
        }

        foreach (MqttMessage message in unclaimed.Extract(
            m => subscription.Filters.Any(f => Topics.TopicFilter.Matches(f.Filter, m.Topic))))
        {
            message.MoveEntry(subscription);
            Deliver(message, subscription);
        }
    }

    /// <summary>A message that a failed subscription had claimed waits on for another. Under the lock.</summary>
    /// <returns>False when it needs no acknowledgement, or the session is of our own making: then nobody will ask for it.</returns>
    public bool TryUnclaim(MqttMessage message)
    {
        if (!_keepsUnclaimed || Unclaimed is not { IsActive: true } unclaimed || message.Acknowledger is null)
        {
            return false;
        }

        message.MoveEntry(unclaimed);
        Deliver(message, unclaimed);
        return true;
    }

    private void Receive(in PublishPacket packet)
    {
        string topic = GetTopic(packet);
        InboundEntry? entry = null;
        if (packet.QoS != MqttQualityOfService.AtMostOnce)
        {
            RefuseUnanswerable(MqttPacketType.Publish);
            entry = Inbound.Receive(packet.PacketIdentifier, packet.QoS, packet.Duplicate);
            if (entry is null)
            {
                return;
            }
        }

        MessagesReceived++;
        MqttMessageProperties? properties = _properties.Read(packet);
        _targets.Clear();
        bool isKnown = Subscriptions.Route(
            topic, packet.OnlySubscriptionIdentifier, properties?.SubscriptionIdentifiers, packet.Retain, _targets);
        if (_targets.Count == 0)
        {
            if (entry is null || isKnown || !_keepsUnclaimed || Unclaimed is null)
            {
                MessagesUnclaimed++;
                Inbound.AcknowledgeTaken();
                return;
            }

            _targets.Add(Unclaimed);
        }

        if (entry is not null)
        {
            entry.Outstanding = _targets.Count;
            entry.Holder = _targets[0];
        }

        // Unlike ToArray it does not clear first what is then overwritten: a twentieth of the time that a message of 64 KiB takes.
        byte[] payload = GC.AllocateUninitializedArray<byte>(packet.Payload.Length);
        packet.Payload.CopyTo(payload);
        foreach (MqttSubscription target in _targets)
        {
            var message = new MqttMessage(topic, payload, packet.QoS, packet.Retain, packet.Duplicate, properties, _receivedAt);
            if (entry is not null)
            {
                message.SetEntry(entry);
            }

            if (!target.TryStage(message, out bool isFirst))
            {
                Deliver(message, target);
            }
            else if (isFirst)
            {
                _staging.Add(target);
            }
        }
    }

    /// <summary>A server that wants an answer must take one.</summary>
    private void RefuseUnanswerable(MqttPacketType type)
    {
        if (_maximumPacketSize < AcknowledgementPacket.LongestSize)
        {
            throw new MqttProtocolException(
                MqttReasonCode.ImplementationSpecificError,
                "MQTT-3.2.2-15",
                $"The server sent {type.Name()}, which must be acknowledged, and takes packets of {_maximumPacketSize} bytes at most: too few for that. "
                + "Raise its Maximum Packet Size.");
        }
    }

    private void Deliver(MqttMessage message, MqttSubscription target)
    {
        target.Enqueue(message, _dropped);
        Settle(target);
    }

    /// <summary>A subscription has been given messages: what it dropped is accounted for, and whether it is full is noted.</summary>
    private void Settle(MqttSubscription target)
    {
        if (_dropped.Count > 0)
        {
            foreach (MqttMessage dropped in _dropped)
            {
                MessagesDropped++;
                Dropped?.Invoke(target, dropped);
                if (dropped.TakeEntry() is { } owed)
                {
                    Inbound.Taken(owed, MqttReasonCode.Success);
                }
            }

            _dropped.Clear();
        }

        if (target.IsFull && target.Options.Overflow == MqttQueueOverflow.Wait && !_full.Contains(target))
        {
            _full.Add(target);
        }
    }

    private string GetTopic(in PublishPacket packet)
    {
        if (!packet.HasTopicAlias)
        {
            return _topics.GetTopic(packet.Topic);
        }

        if (packet.Topic.IsEmpty)
        {
            return _aliases.Get(packet.TopicAlias);
        }

        string topic = _topics.GetTopic(packet.Topic);
        _aliases.Set(packet.TopicAlias, topic);
        return topic;
    }

    /// <summary>An answer has come that nobody asked for, to something that is not the session's. Takes the lock.</summary>
    public void CountStray()
    {
        lock (Gate)
        {
            StrayAcknowledgements++;
        }
    }

    private void Count(bool wasAwaited) => StrayAcknowledgements += wasAwaited ? 0 : 1;

    private void Resume()
    {
        _awaitsWriter = false;
        _resume?.TrySetResult();
        _resume = null;
    }
}
