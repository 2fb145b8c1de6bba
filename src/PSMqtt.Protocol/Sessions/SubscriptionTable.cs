using PSMqtt.Protocol.Connections;
using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Topics;

namespace PSMqtt.Protocol.Sessions;

/// <summary>
/// Who is subscribed to what: one subscription a filter at the server, shared by the local ones, made again when the session is gone and brought up to
/// date when it is not; and which local subscriptions a message is for. Guarded by the session's lock.
/// </summary>
internal sealed class SubscriptionTable
{
    /// <summary>
    /// How many identifiers of a filter are remembered. Each SUBSCRIBE brings a new one, and messages with the one before may be on their way; those with a
    /// forgotten one find their way by their topic.
    /// </summary>
    private const int IdentifiersKept = 16;

    private readonly PacketIdentifiers _packetIdentifiers;
    private readonly ISessionStore? _store;
    private readonly Dictionary<string, ServerSubscription> _byFilter = new(StringComparer.Ordinal);
    private readonly Dictionary<int, (ServerSubscription Subscription, int Generation)> _byIdentifier = [];
    private readonly TopicTrie<ServerSubscription> _trie = new();

    /// <summary>Filters that the server still has and nobody wants: they are unsubscribed when there is a connection again.</summary>
    private readonly Dictionary<string, ServerSubscription> _unwanted = new(StringComparer.Ordinal);

    /// <summary>
    /// Subscriptions that the store has kept and nobody here has taken up. The server has them, or gets them again with its session; what comes for them is
    /// unclaimed.
    /// </summary>
    private readonly Dictionary<string, ServerSubscription> _kept = new(StringComparer.Ordinal);
    private readonly List<(ushort PacketIdentifier, SubscribeExchange Exchange)> _subscribing = [];
    private readonly List<(ushort PacketIdentifier, UnsubscribeExchange Exchange)> _unsubscribing = [];
    private readonly List<ServerSubscription> _matches = [];

    /// <summary>Whom the last message was for that was routed by its topic: most messages have the topic of the one before.</summary>
    private readonly List<MqttSubscription> _lastTargets = [];
    private string? _lastTopic;

    /// <summary>UNSUBSCRIBEs that wait for a packet identifier: 65,535 requests are in flight.</summary>
    private readonly Queue<(ServerSubscription Target, UnsubscribeRequest? Request)> _unsent = new();

    private ConnectionWriter? _writer;
    private MqttConnectResult? _limits;
    private int _lastIdentifier;
    private bool _isInherited;

    public SubscriptionTable(PacketIdentifiers packetIdentifiers, ISessionStore? store)
    {
        _packetIdentifiers = packetIdentifiers;
        _store = store;
    }

    /// <summary>Whether an answer of the server is awaited.</summary>
    public bool HasOpenExchanges => _subscribing.Count > 0 || _unsubscribing.Count > 0;

    /// <summary>Called under the lock with each answer of the server; set only while somebody listens.</summary>
    public Action<bool, string, MqttReasonCode>? Answered { get; set; }

    /// <summary>Called under the lock when a request begins to wait for the server: the reader must not stop reading now.</summary>
    public Action? WaitBegun { get; set; }

    /// <summary>Called under the lock when the server no longer has a filter that is wanted, and refuses it.</summary>
    public Action<MqttSubscription, Exception>? Lost { get; set; }

    /// <summary>Whether there are subscriptions of an earlier client that nobody here has taken up: somebody may yet.</summary>
    public bool HasKept => _kept.Count > 0;

    /// <summary>Takes up what a store has kept: the server has these, and until somebody subscribes what comes for them waits.</summary>
    public void Restore(SessionContents contents)
    {
        _isInherited |= contents.Subscriptions.Count > 0;
        foreach (MqttTopicSubscription kept in contents.Subscriptions)
        {
            if (!_byFilter.ContainsKey(kept.Filter))
            {
                _kept[kept.Filter] = new ServerSubscription(TopicFilter.Parse(kept.Filter), kept)
                {
                    Generation = 1,
                    GrantedGeneration = 1,
                    IsGranted = true,
                    MayBeAtServer = true,
                };
            }
        }
    }

    /// <summary>Adds a local subscription.</summary>
    /// <exception cref="MqttOperationException">A filter cannot be shared as asked, or the server does not support it.</exception>
    public SubscribeRequest Add(MqttSubscription subscription)
    {
        _lastTopic = null;
        foreach (MqttTopicSubscription wanted in subscription.Filters)
        {
            if (_limits is not null)
            {
                SubscriptionLimits.Check(wanted, subscription.Options.UserProperties, _limits);
            }

            CheckConflict(wanted);
        }

        var request = new SubscribeRequest(subscription);
        foreach (MqttTopicSubscription wanted in subscription.Filters)
        {
            if (!_byFilter.TryGetValue(wanted.Filter, out ServerSubscription? server))
            {
                server = new ServerSubscription(TopicFilter.Parse(wanted.Filter), wanted) { UserProperties = subscription.Options.UserProperties };
                _byFilter.Add(wanted.Filter, server);
                _trie.Add(wanted.Filter, server);
                _unwanted.Remove(wanted.Filter);
                server.MayBeAtServer = _kept.Remove(wanted.Filter, out ServerSubscription? kept) && kept.MayBeAtServer;
                server.Generation = 1;
            }
            else
            {
                Join(server, wanted);
            }

            server.Locals.Add(new LocalSubscription(subscription, wanted, server.Generation));
            if (server.Generation > server.GrantedGeneration || !server.IsGranted)
            {
                request.Expect();
                server.Waiting.Add((request, server.Generation));
                if (_writer is not null && server.SentGeneration < server.Generation)
                {
                    TrySendSubscribe(server);
                }
            }
        }

        request.EndOfFilters();
        return request;
    }

    /// <summary>Removes a local subscription; the server is told about the filters that nobody else wants.</summary>
    public UnsubscribeRequest Remove(MqttSubscription subscription)
    {
        _lastTopic = null;
        var request = new UnsubscribeRequest();
        foreach (MqttTopicSubscription wanted in subscription.Filters)
        {
            if (!_byFilter.TryGetValue(wanted.Filter, out ServerSubscription? server)
                || server.Locals.RemoveAll(l => ReferenceEquals(l.Subscription, subscription)) == 0)
            {
                continue;
            }

            foreach ((SubscribeRequest waiting, int _) in server.Waiting)
            {
                if (ReferenceEquals(waiting.Subscription, subscription))
                {
                    waiting.Fail(new OperationCanceledException($"The subscription to '{wanted.Filter}' was ended before the server had answered."));
                }
            }

            server.Waiting.RemoveAll(w => ReferenceEquals(w.Request.Subscription, subscription));
            if (server.Locals.Count > 0)
            {
                continue;
            }

            Release(server, request);
        }

        request.EndOfFilters();
        return request;
    }

    /// <summary>A connection is made: makes the server's subscriptions what is wanted here. Comes before anything else is sent.</summary>
    /// <param name="writer">Where packets go.</param>
    /// <param name="limits">What the server supports.</param>
    /// <param name="isSessionPresent">Whether the server has kept the session; on MQTT 3.1, whether it may have.</param>
    /// <param name="hasSubscriptions">Whether it is certain that the server still has the subscriptions it had.</param>
    /// <param name="isInherited">Whether it may have subscriptions that another client object made.</param>
    public void Attach(ConnectionWriter writer, MqttConnectResult limits, bool isSessionPresent, bool hasSubscriptions, bool isInherited)
    {
        _writer = writer;
        _limits = limits;
        _isInherited = isInherited;
        if (!isSessionPresent)
        {
            foreach (ServerSubscription server in _unwanted.Values)
            {
                ForgetIdentifiers(server);
            }

            _unwanted.Clear();
        }

        foreach (ServerSubscription server in _unwanted.Values)
        {
            TrySendUnsubscribe(server, null);
        }

        _unwanted.Clear();
        foreach (ServerSubscription server in (ServerSubscription[])[.. _kept.Values, .. _byFilter.Values])
        {
            if (!hasSubscriptions)
            {
                server.BeginAnew(isSessionPresent);
                if (!isSessionPresent)
                {
                    ForgetIdentifiers(server);
                }
            }

            if (server.MustBeSent)
            {
                try
                {
                    SubscriptionLimits.Check(server.Options, server.UserProperties, limits);
                    TrySendSubscribe(server);
                }
                catch (MqttOperationException e)
                {
                    Refuse(server, e);
                }
            }
        }
    }

    public void Detach()
    {
        _writer = null;
        foreach ((ushort packetIdentifier, SubscribeExchange _) in _subscribing)
        {
            _packetIdentifiers.Release(packetIdentifier);
        }

        foreach ((ushort packetIdentifier, UnsubscribeExchange exchange) in _unsubscribing)
        {
            // Whether the server has carried it out is not known: with the session it would still send, so it is asked again.
            _packetIdentifiers.Release(packetIdentifier);
            string filter = exchange.Target.Filter.ToString();
            if (!_byFilter.ContainsKey(filter))
            {
                _unwanted[filter] = exchange.Target;
            }

            exchange.Requests.ForEach(r => r.Answered());
        }

        while (_unsent.TryDequeue(out (ServerSubscription Target, UnsubscribeRequest? Request) unsent))
        {
            _unwanted[unsent.Target.Filter.ToString()] = unsent.Target;
            unsent.Request?.Answered();
        }

        _packetIdentifiers.Freed = null;
        _subscribing.Clear();
        _unsubscribing.Clear();
        foreach (ServerSubscription server in _byFilter.Values.Concat(_kept.Values))
        {
            server.SentGeneration = server.IsGranted ? server.GrantedGeneration : 0;
        }
    }

    /// <summary>Everything ends here: all who wait are told why.</summary>
    /// <param name="reason">Why.</param>
    /// <param name="isKept">Whether the session goes on without us, or may: then its subscriptions do too.</param>
    public void Clear(Exception reason, bool isKept)
    {
        _lastTopic = null;
        foreach (ServerSubscription server in _byFilter.Values)
        {
            if (!isKept)
            {
                EndInStore(server);
            }
            else if (server.IsGranted && _store is not null)
            {
                server.Locals.Clear();
                server.Identifiers.Clear();
                server.Waiting.ForEach(w => w.Request.Fail(reason));
                server.Waiting.Clear();
                server.Options = server.GrantedOptions ?? server.Options;
                server.GrantedGeneration = server.Generation;
                _kept[server.Filter.ToString()] = server;
            }
        }

        if (!isKept)
        {
            foreach (ServerSubscription server in _kept.Values)
            {
                EndInStore(server);
            }

            _kept.Clear();
        }

        _packetIdentifiers.Freed = null;
        foreach (ServerSubscription server in _byFilter.Values)
        {
            server.Waiting.ForEach(w => w.Request.Fail(reason));
        }

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

        foreach (ServerSubscription server in _byFilter.Values)
        {
            _trie.Remove(server.Filter.ToString(), server);
        }

        _unsubscribing.Clear();
        _subscribing.Clear();
        _byFilter.Clear();
        _byIdentifier.Clear();
        _unwanted.Clear();
    }

    /// <summary>Handles SUBACK.</summary>
    /// <returns>False when nobody waits for it.</returns>
    public bool Acknowledged(SubAckPacket packet)
    {
        object? owner = _packetIdentifiers[packet.PacketIdentifier];
        if (owner is not SubscribeExchange exchange)
        {
            return owner is null ? false : throw WrongKind("SUBACK", packet.PacketIdentifier, "MQTT-3.8.4-2");
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
        ServerSubscription server = exchange.Target;
        MqttReasonCode code = packet.ReasonCodes[0];
        string filter = server.Filter.ToString();
        Answered?.Invoke(true, filter, code);
        if (code.IsFailure())
        {
            var error = new MqttOperationException(
                MqttOperation.Subscribe,
                MqttOperationFailure.Rejected,
                $"The server refused the subscription to '{filter}': {code.Describe()}"
                + (packet.ReasonString is { Length: > 0 } words ? $" ({words})" : string.Empty))
            { Topic = filter, ReasonCode = code, ReasonString = packet.ReasonString };
            Refuse(server, exchange.Generation, error);
            return true;
        }

        if (exchange.Generation >= server.GrantedGeneration)
        {
            server.IsGranted = true;
            server.GrantedGeneration = exchange.Generation;
            server.GrantedOptions = exchange.Options;
            if (IsInUse(server))
            {
                _store?.Append(new SessionChange(SessionChangeKind.Subscribed, Subscription: exchange.Options));
            }
        }

        for (int i = server.Waiting.Count - 1; i >= 0; i--)
        {
            (SubscribeRequest request, int generation) = server.Waiting[i];
            if (generation <= exchange.Generation)
            {
                server.Waiting.RemoveAt(i);
                request.Answered();
            }
        }

        return true;
    }

    /// <summary>Handles UNSUBACK.</summary>
    /// <returns>False when nobody waits for it.</returns>
    public bool Acknowledged(UnsubAckPacket packet)
    {
        object? owner = _packetIdentifiers[packet.PacketIdentifier];
        if (owner is not UnsubscribeExchange exchange)
        {
            return owner is null ? false : throw WrongKind("UNSUBACK", packet.PacketIdentifier, "MQTT-3.10.4-5");
        }

        if (_limits!.ProtocolVersion == MqttProtocolVersion.V500 && packet.ReasonCodes.Count != 1)
        {
            throw new MqttProtocolException(
                MqttReasonCode.ProtocolError,
                "MQTT-3.11.3-1",
                $"The server sent UNSUBACK with {packet.ReasonCodes.Count} reason codes for an UNSUBSCRIBE with one filter.");
        }

        _unsubscribing.RemoveAll(s => s.PacketIdentifier == packet.PacketIdentifier);
        _packetIdentifiers.Release(packet.PacketIdentifier);
        ServerSubscription server = exchange.Target;
        string filter = server.Filter.ToString();
        MqttReasonCode code = packet.ReasonCodes.Count > 0 ? packet.ReasonCodes[0] : MqttReasonCode.Success;
        Answered?.Invoke(false, filter, code);
        ForgetIdentifiers(server);
        if (code.IsFailure())
        {
            var error = new MqttOperationException(
                MqttOperation.Unsubscribe,
                MqttOperationFailure.Rejected,
                $"The server refused to end the subscription to '{filter}': {code.Describe()}"
                + (packet.ReasonString is { Length: > 0 } words ? $" ({words})" : string.Empty))
            { Topic = filter, ReasonCode = code, ReasonString = packet.ReasonString };
            exchange.Requests.ForEach(r => r.Fail(error));
        }
        else
        {
            exchange.Requests.ForEach(r => r.Answered());
        }

        return true;
    }

    /// <summary>Finds the local subscriptions that a message is for.</summary>
    /// <param name="topic">Its topic.</param>
    /// <param name="identifier">Its only subscription identifier; 0 if it has none or several.</param>
    /// <param name="identifiers">All its subscription identifiers, where it has several.</param>
    /// <param name="isRetained">Its Retain flag.</param>
    /// <param name="targets">Where to add them.</param>
    /// <returns>Whether any filter of ours matches, even one that nobody wants any more.</returns>
    public bool Route(string topic, int identifier, IReadOnlyList<int>? identifiers, bool isRetained, List<MqttSubscription> targets)
    {
        bool isKnown = false;
        if (identifier != 0)
        {
            isKnown = RouteByIdentifier(topic, identifier, isRetained, targets);
        }
        else if (identifiers is not null)
        {
            foreach (int each in identifiers)
            {
                isKnown |= RouteByIdentifier(topic, each, isRetained, targets);
            }
        }

        if (isKnown)
        {
            return true;
        }

        if (ReferenceEquals(topic, _lastTopic) && !isRetained)
        {
            targets.AddRange(_lastTargets);
            return true;
        }

        _matches.Clear();
        _trie.Match(topic, _matches);
        foreach (ServerSubscription server in _matches)
        {
            foreach (LocalSubscription local in server.Locals)
            {
                // A Retain flag means the replay to a newcomer: those who had the filter before have had theirs.
                bool isForOthers = isRetained && !server.Options.RetainAsPublished && local.Generation < server.GrantedGeneration;
                if (!isForOthers && !targets.Contains(local.Subscription))
                {
                    targets.Add(local.Subscription);
                }
            }
        }

        if (_matches.Count == 0)
        {
            return IsUnwanted(topic);
        }

        if (!isRetained && identifier == 0 && identifiers is null)
        {
            _lastTopic = topic;
            _lastTargets.Clear();
            _lastTargets.AddRange(targets);
        }

        return true;
    }

    private bool RouteByIdentifier(string topic, int identifier, bool isRetained, List<MqttSubscription> targets)
    {
        if (!_byIdentifier.TryGetValue(identifier, out (ServerSubscription Subscription, int Generation) entry)
            || (_isInherited && !entry.Subscription.Filter.Matches(topic)))
        {
            // Of a subscription that an earlier process made.
            return false;
        }

        foreach (LocalSubscription local in entry.Subscription.Locals)
        {
            if (isRetained && !entry.Subscription.Options.RetainAsPublished && local.Generation != entry.Generation)
            {
                continue;
            }

            if (local.Subscription.Filters.Count > 1 && !IsFirstMatch(local, topic, isRetained))
            {
                continue;
            }

            if (!targets.Contains(local.Subscription))
            {
                targets.Add(local.Subscription);
            }
        }

        return true;
    }

    /// <summary>
    /// A server may send a copy for each overlapping filter. A subscription that has several of them takes the copy of the first that matches, and so
    /// gets its message once.
    /// </summary>
    private bool IsFirstMatch(LocalSubscription local, string topic, bool isRetained)
    {
        foreach (MqttTopicSubscription filter in local.Subscription.Filters)
        {
            if (ReferenceEquals(filter, local.Requested))
            {
                return true;
            }

            // Retained messages that are only sent for a new subscription may not have been sent for that filter.
            bool sendsThis = !isRetained
                || (filter.RetainHandling == MqttRetainHandling.SendAtSubscribe && local.Requested.RetainHandling == MqttRetainHandling.SendAtSubscribe);
            if (sendsThis
                && filter.NoLocal == local.Requested.NoLocal
                && _byFilter.TryGetValue(filter.Filter, out ServerSubscription? server)
                && !server.Filter.IsShared
                && !local.Requested.Filter.StartsWith("$share/", StringComparison.Ordinal)
                && server.IsGranted
                && server.Filter.Matches(topic))
            {
                return false;
            }
        }

        return true;
    }

    private bool IsUnwanted(string topic)
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

    private void CheckConflict(MqttTopicSubscription wanted)
    {
        if (_byFilter.TryGetValue(wanted.Filter, out ServerSubscription? server))
        {
            string? option = wanted.NoLocal != server.Options.NoLocal ? "No Local"
                : wanted.RetainAsPublished != server.Options.RetainAsPublished ? "Retain As Published" : null;
            if (option is not null)
            {
                throw new MqttOperationException(
                    MqttOperation.Subscribe,
                    MqttOperationFailure.SubscriptionConflict,
                    $"'{wanted.Filter}' is subscribed already by '{server.Locals[0].Subscription.Name}' with another {option}. A server keeps one "
                    + "subscription a filter: use the same option, another filter, or another connection.")
                { Topic = wanted.Filter };
            }
        }
    }

    /// <summary>A further local subscription shares a filter: SUBSCRIBE is sent again when it needs a higher QoS or the retained messages.</summary>
    private static void Join(ServerSubscription server, MqttTopicSubscription wanted)
    {
        bool wantsMore = wanted.QoS > server.Options.QoS;
        bool wantsReplay = wanted.RetainHandling == MqttRetainHandling.SendAtSubscribe && !server.Filter.IsShared;
        bool isOpen = server.SentGeneration < server.Generation;
        if (wantsMore)
        {
            server.Options = server.Options with { QoS = wanted.QoS };
        }

        if (isOpen)
        {
            // Not sent yet: the one SUBSCRIBE serves both.
            server.Options = server.Options with
            {
                RetainHandling = (MqttRetainHandling)Math.Min((int)server.Options.RetainHandling, (int)wanted.RetainHandling),
            };
            return;
        }

        if (wantsMore || wantsReplay)
        {
            server.Options = server.Options with
            {
                RetainHandling = wantsReplay ? MqttRetainHandling.SendAtSubscribe : MqttRetainHandling.DoNotSend,
            };
            server.Generation++;
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

        foreach (ServerSubscription server in _kept.Values.Concat(_byFilter.Values))
        {
            if (!_packetIdentifiers.AreExhausted && server.MustBeSent && server.SentGeneration < server.Generation)
            {
                SendSubscribe(server);
            }
        }

        if (_unsent.Count > 0 || _kept.Values.Concat(_byFilter.Values).Any(static s => s.MustBeSent && s.SentGeneration < s.Generation))
        {
            _packetIdentifiers.Freed = SendWaiting;
        }
    }

    private void TrySendSubscribe(ServerSubscription server)
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

    private void TrySendUnsubscribe(ServerSubscription server, UnsubscribeRequest? request)
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

    private void SendSubscribe(ServerSubscription server)
    {
        // What comes for a kept subscription finds its way by its topic, to whoever may have come for it, or to nobody yet: no identifier leads there.
        int? identifier = null;
        if (!IsKept(server) && _limits!.SubscriptionIdentifiersAvailable && _limits.ProtocolVersion == MqttProtocolVersion.V500)
        {
            do
            {
                _lastIdentifier = _lastIdentifier == SubscriptionLimits.LargestIdentifier ? 1 : _lastIdentifier + 1;
            }
            while (_byIdentifier.ContainsKey(_lastIdentifier));

            identifier = _lastIdentifier;
            server.Identifiers.Add(_lastIdentifier);
            _byIdentifier.Add(_lastIdentifier, (server, server.Generation));
            if (server.Identifiers.Count > IdentifiersKept)
            {
                _byIdentifier.Remove(server.Identifiers[0]);
                server.Identifiers.RemoveAt(0);
            }
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
        var exchange = new UnsubscribeExchange(server, request is null ? [] : [request]);
        ushort packetIdentifier = _packetIdentifiers.Take(exchange);
        _unsubscribing.Add((packetIdentifier, exchange));
        WaitBegun?.Invoke();
        new UnsubscribePacket { PacketIdentifier = packetIdentifier, Filters = [server.Filter.ToString()] }
            .Write(_writer!.Output, _limits!.ProtocolVersion);
    }

    /// <summary>
    /// The server has refused a SUBSCRIBE. Those who wait for it are refused. Those who had the filter before keep it, if the server does: a refused change
    /// leaves what was granted as it is.
    /// </summary>
    private void Refuse(ServerSubscription server, int generation, MqttOperationException error)
    {
        _lastTopic = null;
        for (int i = server.Waiting.Count - 1; i >= 0; i--)
        {
            (SubscribeRequest request, int awaited) = server.Waiting[i];
            if (awaited <= generation)
            {
                server.Waiting.RemoveAt(i);
                request.Fail(error);
                server.Locals.RemoveAll(l => ReferenceEquals(l.Subscription, request.Subscription));
            }
        }

        if (generation < server.SentGeneration)
        {
            // A later SUBSCRIBE is under way, and its answer decides about the rest; unless they have left meanwhile.
            if (server.Locals.Count == 0 && IsInUse(server))
            {
                Release(server, null);
            }

            return;
        }

        if (server.IsGranted)
        {
            server.Options = server.GrantedOptions!;
            server.GrantedGeneration = generation;
            if (server.Locals.Count == 0 && IsInUse(server))
            {
                // Who had it before has left meanwhile.
                Release(server, null);
            }

            return;
        }

        Refuse(server, error);
    }

    /// <summary>The server does not have a filter, and will not: everybody loses it.</summary>
    private void Refuse(ServerSubscription server, MqttOperationException error)
    {
        _lastTopic = null;
        server.SentGeneration = 0;
        server.MayBeAtServer = false;
        server.Waiting.ForEach(w => w.Request.Fail(error));
        server.Waiting.Clear();
        foreach (LocalSubscription local in server.Locals)
        {
            Lost?.Invoke(local.Subscription, error);
        }

        server.Locals.Clear();
        if (IsInUse(server))
        {
            string filter = server.Filter.ToString();
            EndInStore(server);
            _byFilter.Remove(filter);
            _trie.Remove(filter, server);
        }
        else if (IsKept(server))
        {
            EndInStore(server);
            _kept.Remove(server.Filter.ToString());
        }

        ForgetIdentifiers(server);
    }

    /// <summary>A subscription has ended: no later client makes it again.</summary>
    private void EndInStore(ServerSubscription server) =>
        _store?.Append(new SessionChange(SessionChangeKind.Unsubscribed, Subscription: server.Options));

    private bool IsKept(ServerSubscription server) =>
        _kept.TryGetValue(server.Filter.ToString(), out ServerSubscription? present) && ReferenceEquals(present, server);

    private bool IsInUse(ServerSubscription server) =>
        _byFilter.TryGetValue(server.Filter.ToString(), out ServerSubscription? present) && ReferenceEquals(present, server);

    /// <summary>Nobody here wants a filter any more.</summary>
    private void Release(ServerSubscription server, UnsubscribeRequest? request)
    {
        _lastTopic = null;
        // A later subscribe to the same filter starts afresh: what still comes for this one must not reach it.
        string filter = server.Filter.ToString();
        EndInStore(server);
        _byFilter.Remove(filter);
        _trie.Remove(filter, server);
        if (!server.MayBeAtServer)
        {
            ForgetIdentifiers(server);
        }
        else if (_writer is not null)
        {
            request?.Expect();
            TrySendUnsubscribe(server, request);
        }
        else
        {
            _unwanted[filter] = server;
        }
    }

    private void ForgetIdentifiers(ServerSubscription server)
    {
        foreach (int identifier in server.Identifiers)
        {
            _byIdentifier.Remove(identifier);
        }

        server.Identifiers.Clear();
    }

    private static MqttProtocolException WrongKind(string packet, ushort packetIdentifier, string statement) => new(
        MqttReasonCode.ProtocolError,
        statement,
        $"The server sent {packet} for packet identifier {packetIdentifier}, which belongs to a request that awaits another answer.");
}
