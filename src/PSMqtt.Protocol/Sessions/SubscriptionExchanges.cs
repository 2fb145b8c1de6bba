using PSMqtt.Protocol.Connections;
using PSMqtt.Protocol.Packets;

namespace PSMqtt.Protocol.Sessions;

/// <summary>
/// SUBSCRIBE and UNSUBSCRIBE on their way, one filter each, and their answers: what is awaited, and what waits for a packet identifier. What an answer
/// means, <see cref="SubscriptionTable"/> knows. Guarded by the session's lock.
/// </summary>
internal sealed class SubscriptionExchanges
{
    private readonly PacketIdentifiers _packetIdentifiers;
    private readonly SubscriptionRouter _router;
    private readonly Func<IEnumerable<ServerSubscription>> _all;
    private readonly List<(ushort PacketIdentifier, SubscribeExchange Exchange)> _subscribing = [];
    private readonly List<(ushort PacketIdentifier, UnsubscribeExchange Exchange)> _unsubscribing = [];

    /// <summary>UNSUBSCRIBEs that wait for a packet identifier: 65,535 requests are in flight.</summary>
    private readonly Queue<(ServerSubscription Target, UnsubscribeRequest? Request)> _unsent = new();

    private ConnectionWriter? _writer;
    private MqttConnectResult? _limits;

    /// <param name="packetIdentifiers">The session's packet identifiers.</param>
    /// <param name="router">Where a filter's subscription identifiers lead to it.</param>
    /// <param name="all">Every subscription that the server shall have, in the order in which they are sent.</param>
    public SubscriptionExchanges(PacketIdentifiers packetIdentifiers, SubscriptionRouter router, Func<IEnumerable<ServerSubscription>> all)
    {
        _packetIdentifiers = packetIdentifiers;
        _router = router;
        _all = all;
    }

    /// <summary>Whether an answer of the server is awaited.</summary>
    public bool AreOpen => _subscribing.Count > 0 || _unsubscribing.Count > 0;

    /// <summary>Whether there is a connection.</summary>
    public bool IsAttached => _writer is not null;

    /// <summary>Whether the connection speaks 5.0: statements and packets are others before.</summary>
    private bool Is5 => _limits is { ProtocolVersion: MqttProtocolVersion.V500 };

    /// <summary>Called under the lock when a request begins to wait for the server: the reader must not stop reading now.</summary>
    public Action? WaitBegun { get; set; }

    /// <summary>A connection is made.</summary>
    public void Attach(ConnectionWriter writer, MqttConnectResult limits)
    {
        _writer = writer;
        _limits = limits;
    }

    /// <summary>The connection is lost: no answer comes any more.</summary>
    /// <returns>The filters that the server was, or should have been, asked to end, and whether it was.</returns>
    public List<(ServerSubscription Target, bool WasSent)> Detach()
    {
        _writer = null;
        List<(ServerSubscription Target, bool WasSent)> ending =
            [.. _unsubscribing.Select(static u => (u.Exchange.Target, true)), .. _unsent.Select(static u => (u.Target, false))];
        Clear();
        return ending;
    }

    /// <summary>Nobody waits for an answer any more.</summary>
    public void Clear()
    {
        // Giving identifiers back must not send anything.
        _packetIdentifiers.Freed = null;
        foreach ((ushort packetIdentifier, UnsubscribeExchange exchange) in _unsubscribing)
        {
            exchange.Requests.ForEach(r => r.Answered());
            _packetIdentifiers.Release(packetIdentifier);
        }

        foreach ((ushort packetIdentifier, SubscribeExchange _) in _subscribing)
        {
            _packetIdentifiers.Release(packetIdentifier);
        }

        while (_unsent.TryDequeue(out (ServerSubscription Target, UnsubscribeRequest? Request) unsent))
        {
            unsent.Request?.Answered();
        }

        _unsubscribing.Clear();
        _subscribing.Clear();
    }

    /// <summary>Whether a topic matches a filter that the server has been asked to end.</summary>
    public bool AreEnding(string topic)
    {
        foreach ((ushort _, UnsubscribeExchange exchange) in _unsubscribing)
        {
            if (exchange.Target.Filter.Matches(topic))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>SUBACK has come.</summary>
    /// <returns>The SUBSCRIBE it answers; <see langword="null"/> when nobody waits for it.</returns>
    /// <exception cref="MqttProtocolException">It is of the wrong kind, or does not answer one filter.</exception>
    public SubscribeExchange? End(SubAckPacket packet)
    {
        object? owner = _packetIdentifiers[packet.PacketIdentifier];
        if (owner is not SubscribeExchange exchange)
        {
            return owner is null ? null : throw WrongKind("SUBACK", packet.PacketIdentifier, "MQTT-3.8.4-2");
        }

        if (packet.ReasonCodes.Count != 1)
        {
            throw new MqttProtocolException(
                MqttReasonCode.ProtocolError,
                "MQTT-3.8.4-6",
                $"The server sent SUBACK with {packet.ReasonCodes.Count} reason codes for a SUBSCRIBE with one filter.");
        }

        _subscribing.RemoveAll(s => s.PacketIdentifier == packet.PacketIdentifier);
        _packetIdentifiers.Release(packet.PacketIdentifier);
        return exchange;
    }

    /// <summary>UNSUBACK has come.</summary>
    /// <returns>The UNSUBSCRIBE it answers; <see langword="null"/> when nobody waits for it.</returns>
    /// <exception cref="MqttProtocolException">It is of the wrong kind, or does not answer one filter.</exception>
    public UnsubscribeExchange? End(UnsubAckPacket packet)
    {
        object? owner = _packetIdentifiers[packet.PacketIdentifier];
        if (owner is not UnsubscribeExchange exchange)
        {
            return owner is null ? null : throw WrongKind("UNSUBACK", packet.PacketIdentifier, "MQTT-3.10.4-5");
        }

        if (Is5 && packet.ReasonCodes.Count != 1)
        {
            throw new MqttProtocolException(
                MqttReasonCode.ProtocolError,
                "MQTT-3.11.3-1",
                $"The server sent UNSUBACK with {packet.ReasonCodes.Count} reason codes for an UNSUBSCRIBE with one filter.");
        }

        _unsubscribing.RemoveAll(s => s.PacketIdentifier == packet.PacketIdentifier);
        _packetIdentifiers.Release(packet.PacketIdentifier);
        return exchange;
    }

    /// <summary>Sends SUBSCRIBE, or has it wait for a packet identifier.</summary>
    public void Subscribe(ServerSubscription server)
    {
        if (_packetIdentifiers.AreExhausted)
        {
            _packetIdentifiers.Freed = SendWaiting;
        }
        else
        {
            SendSubscribe(server);
        }
    }

    /// <summary>Sends UNSUBSCRIBE, or has it wait for a packet identifier.</summary>
    /// <param name="server">The filter.</param>
    /// <param name="request">Who waits for the answer; <see langword="null"/>: nobody.</param>
    public void Unsubscribe(ServerSubscription server, UnsubscribeRequest? request)
    {
        if (_packetIdentifiers.AreExhausted)
        {
            _unsent.Enqueue((server, request));
            _packetIdentifiers.Freed = SendWaiting;
        }
        else
        {
            SendUnsubscribe(server, request);
        }
    }

    /// <summary>Sends what had to wait for a packet identifier: before any PUBLISH gets one, and an UNSUBSCRIBE before the SUBSCRIBE that follows it.</summary>
    private void SendWaiting()
    {
        _packetIdentifiers.Freed = null;
        if (_writer is null)
        {
            return;
        }

        while (!_packetIdentifiers.AreExhausted && _unsent.TryDequeue(out (ServerSubscription Target, UnsubscribeRequest? Request) unsent))
        {
            SendUnsubscribe(unsent.Target, unsent.Request);
        }

        foreach (ServerSubscription server in _all())
        {
            if (!_packetIdentifiers.AreExhausted && server.MustBeSent && server.SentGeneration < server.Generation)
            {
                SendSubscribe(server);
            }
        }

        if (_unsent.Count > 0 || _all().Any(static s => s.MustBeSent && s.SentGeneration < s.Generation))
        {
            _packetIdentifiers.Freed = SendWaiting;
        }
    }

    private void SendSubscribe(ServerSubscription server)
    {
        // What comes for a kept subscription finds its way by its topic, to whoever may have come for it, or to nobody yet: no identifier leads there.
        int? identifier = null;
        if (_router.Contains(server) && _limits!.SubscriptionIdentifiersAvailable && Is5)
        {
            identifier = _router.AddIdentifier(server);
        }

        var exchange = new SubscribeExchange(server, server.Generation, server.Options);
        ushort packetIdentifier = _packetIdentifiers.Take(exchange);
        _subscribing.Add((packetIdentifier, exchange));
        server.SentGeneration = server.Generation;
        server.MayBeAtServer = true;
        WaitBegun?.Invoke();
        new SubscribePacket
        {
            PacketIdentifier = packetIdentifier,
            SubscriptionIdentifier = identifier,
            Subscriptions = [server.Options],
            UserProperties = server.UserProperties,
        }.Write(_writer!.Output, _limits!.ProtocolVersion);
    }

    private void SendUnsubscribe(ServerSubscription server, UnsubscribeRequest? request)
    {
        if (SubscriptionLimits.FindUnsubscribeProblem(server.Filter.ToString(), _limits!) is { } problem)
        {
            // It has the filter from an earlier connection, on which it took more. What comes for it finds nobody, and is acknowledged.
            request?.Fail(problem);
            return;
        }

        var exchange = new UnsubscribeExchange(server, request is null ? [] : [request]);
        ushort packetIdentifier = _packetIdentifiers.Take(exchange);
        _unsubscribing.Add((packetIdentifier, exchange));
        WaitBegun?.Invoke();
        new UnsubscribePacket { PacketIdentifier = packetIdentifier, Filters = [server.Filter.ToString()] }
            .Write(_writer!.Output, _limits!.ProtocolVersion);
    }

    private static MqttProtocolException WrongKind(string packet, ushort packetIdentifier, string statement) => new(
        MqttReasonCode.ProtocolError,
        statement,
        $"The server sent {packet} for packet identifier {packetIdentifier}, which belongs to a request that awaits another answer.");
}
