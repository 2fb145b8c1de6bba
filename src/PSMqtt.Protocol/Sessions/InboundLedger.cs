using PSMqtt.Protocol.Connections;
using PSMqtt.Protocol.Packets;

namespace PSMqtt.Protocol.Sessions;

/// <summary>
/// Received messages of QoS 1 and 2 from their PUBLISH to the end of their exchange. A message is acknowledged when all who get it have taken it, and
/// acknowledgements leave in the order of the messages [MQTT-4.6.0-2] [MQTT-4.6.0-3], however they were taken. Guarded by the session's lock.
/// </summary>
internal sealed class InboundLedger
{
    private const int PoolLimit = 1024;

    private readonly ISessionStore? _store;

    /// <summary>In the order they came on this connection: the order of the acknowledgements.</summary>
    private readonly Queue<InboundEntry> _order = new();

    /// <summary>Not acknowledged, by identifier; those of an earlier connection too, which the server will send again.</summary>
    private readonly Dictionary<ushort, InboundEntry> _live = [];

    /// <summary>QoS 2 past PUBREC, by identifier; whether the message takes a place in the present connection's window.</summary>
    private readonly Dictionary<ushort, bool> _unreleased = [];

    /// <summary>Entries whose exchange has ended: nobody has them any more, because everybody who got the message has given its entry back.</summary>
    private readonly Stack<InboundEntry> _pool = new();

    private ConnectionWriter? _writer;
    private MqttProtocolVersion _version;
    private int _maximum = 65_535;
    private bool _enforcesMaximum;
    private int _window;

    public InboundLedger(ISessionStore? store) => _store = store;

    /// <summary>Messages received and not acknowledged.</summary>
    public int Count => _live.Count;

    /// <summary>Whether a server has sent more than our Receive Maximum: one before 5.0, which knows nothing of it, or one that gets away with it.</summary>
    public bool IsBeyondWindow => _window > _maximum;

    /// <summary>The message that holds back all acknowledgements while the window is used up.</summary>
    public InboundEntry? Blocking => _window >= _maximum && _order.TryPeek(out InboundEntry? head) && !head.IsTaken ? head : null;

    public void Restore(SessionContents contents)
    {
        foreach (int identifier in contents.InboundIdentifiers)
        {
            _unreleased[(ushort)identifier] = false;
        }
    }

    public void Attach(ConnectionWriter writer, MqttProtocolVersion version, MqttClientOptions options)
    {
        _writer = writer;
        _version = version;
        _maximum = options.ReceiveMaximum;
        _enforcesMaximum = options.EnforceReceiveMaximum && version == MqttProtocolVersion.V500;
        _window = 0;
    }

    /// <summary>The connection is lost: the server will send again what we have not acknowledged.</summary>
    public void Detach()
    {
        _writer = null;
        _order.Clear();
        foreach (InboundEntry entry in _live.Values)
        {
            entry.IsOnConnection = false;
        }

        foreach (ushort identifier in _unreleased.Keys)
        {
            _unreleased[identifier] = false;
        }
    }

    /// <summary>The server has no session: nothing is owed to it. What subscriptions have queued stays theirs.</summary>
    public void Forget()
    {
        foreach (ushort identifier in _unreleased.Keys)
        {
            _store?.Append(new SessionChange(SessionChangeKind.InboundReleased, PacketIdentifier: identifier));
        }

        _order.Clear();
        _live.Clear();
        _unreleased.Clear();
        _window = 0;
    }

    /// <summary>A PUBLISH has come.</summary>
    /// <returns>Its entry; <see langword="null"/> if it repeats a message that we have.</returns>
    /// <exception cref="MqttProtocolException">Its identifier is in use, or the server sends more than it may.</exception>
    public InboundEntry? Receive(ushort packetIdentifier, MqttQualityOfService qos, bool isDuplicate)
    {
        if (qos == MqttQualityOfService.ExactlyOnce && _unreleased.TryGetValue(packetIdentifier, out bool counts))
        {
            // We have it: only our PUBREC was lost [MQTT-4.3.3-10].
            if (!counts)
            {
                TakeWindowPlace();
                _unreleased[packetIdentifier] = true;
            }

            Write(MqttPacketType.PubRec, packetIdentifier, MqttReasonCode.Success);
            return null;
        }

        if (qos == MqttQualityOfService.AtLeastOnce && _unreleased.TryGetValue(packetIdentifier, out bool isOnConnection) && isOnConnection)
        {
            throw new MqttProtocolException(
                MqttReasonCode.ProtocolError,
                "MQTT-2.2.1-4",
                $"The server sent a PUBLISH of QoS 1 with packet identifier {packetIdentifier}, whose earlier message of QoS 2 it has not released yet.");
        }

        if (_live.TryGetValue(packetIdentifier, out InboundEntry? known))
        {
            if (known.IsOnConnection)
            {
                if (known.QoS == qos && (isDuplicate || qos == MqttQualityOfService.ExactlyOnce))
                {
                    return null;
                }

                throw new MqttProtocolException(
                    MqttReasonCode.ProtocolError,
                    "MQTT-2.2.1-4",
                    $"The server sent a new PUBLISH with packet identifier {packetIdentifier}, whose earlier message is not acknowledged yet.");
            }

            if (isDuplicate && known.QoS == qos)
            {
                // Sent again after a reconnect: it is queued here already, or taken and only its acknowledgement was lost.
                TakeWindowPlace();
                known.IsOnConnection = true;
                _order.Enqueue(known);
                AcknowledgeTaken();
                return null;
            }

            _live.Remove(packetIdentifier);
        }

        TakeWindowPlace();
        InboundEntry entry = _pool.TryPop(out InboundEntry? pooled) ? pooled : new InboundEntry();
        entry.Begin(packetIdentifier, qos);
        _live.Add(packetIdentifier, entry);
        _order.Enqueue(entry);
        return entry;
    }

    /// <summary>One of those who got a message has taken it.</summary>
    public void Taken(InboundEntry entry, MqttReasonCode reasonCode)
    {
        if (reasonCode.IsFailure())
        {
            entry.ReasonCode = reasonCode;
        }

        entry.Outstanding--;
        if (entry.IsTaken && entry.IsOnConnection)
        {
            AcknowledgeTaken();
        }
    }

    /// <summary>Acknowledges, in their order, all that are taken.</summary>
    public void AcknowledgeTaken()
    {
        while (_writer is not null && _order.TryPeek(out InboundEntry? entry) && entry.IsTaken)
        {
            _order.Dequeue();
            _live.Remove(entry.PacketIdentifier);
            if (entry.QoS == MqttQualityOfService.AtLeastOnce)
            {
                _window--;
                Write(MqttPacketType.PubAck, entry.PacketIdentifier, entry.ReasonCode);
            }
            else
            {
                if (entry.ReasonCode.IsFailure())
                {
                    _window--;
                }
                else
                {
                    _unreleased.Add(entry.PacketIdentifier, true);
                    _store?.Append(new SessionChange(SessionChangeKind.InboundReceived, PacketIdentifier: entry.PacketIdentifier));
                }

                Write(MqttPacketType.PubRec, entry.PacketIdentifier, entry.ReasonCode);
            }

            if (_pool.Count < PoolLimit)
            {
                _pool.Push(entry);
            }
        }
    }

    /// <summary>PUBREL has come: answers it with PUBCOMP [MQTT-4.3.3-11].</summary>
    /// <returns>False when its identifier is not known.</returns>
    /// <exception cref="MqttProtocolException">The identifier belongs to a message that has not had its PUBREC or PUBACK.</exception>
    public bool Release(ushort packetIdentifier)
    {
        if (_unreleased.Remove(packetIdentifier, out bool counts))
        {
            _window -= counts ? 1 : 0;
            _store?.Append(new SessionChange(SessionChangeKind.InboundReleased, PacketIdentifier: packetIdentifier));
            Write(MqttPacketType.PubComp, packetIdentifier, MqttReasonCode.Success);
            return true;
        }

        if (_live.TryGetValue(packetIdentifier, out InboundEntry? entry) && entry.IsOnConnection)
        {
            throw new MqttProtocolException(
                MqttReasonCode.ProtocolError,
                "MQTT-4.3.3-4",
                $"The server sent PUBREL for packet identifier {packetIdentifier}, whose PUBLISH has not been acknowledged.");
        }

        Write(MqttPacketType.PubComp, packetIdentifier, MqttReasonCode.PacketIdentifierNotFound);
        return false;
    }

    private void TakeWindowPlace()
    {
        _window++;
        if (_window > _maximum && _enforcesMaximum)
        {
            throw new MqttProtocolException(
                MqttReasonCode.ReceiveMaximumExceeded,
                "MQTT-3.3.4-9",
                $"The server sent more than {_maximum} QoS 1 and 2 messages without an acknowledgement, the Receive Maximum we announced. Where a server "
                + "does not keep to it, announce a larger one (ReceiveMaximum in the options of the connection, up to 65,535).");
        }
    }

    private void Write(MqttPacketType type, ushort packetIdentifier, MqttReasonCode reasonCode)
    {
        OutgoingBytes output = _writer!.Output;
        int before = output.Count;
        new AcknowledgementPacket(type, packetIdentifier, reasonCode).Write(output, _version);
        _writer.CountAnswer(output.Count - before);
        if (type != MqttPacketType.PubAck)
        {
            _writer.AwaitStore();
        }
    }
}
