using PSMqtt.Protocol.Connections;
using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Topics;

namespace PSMqtt.Protocol.Sessions;

/// <summary>
/// Who is subscribed to what: one subscription a filter at the server, shared by the local ones, made again when the session is gone and brought up to
/// date when it is not. Guarded by the session's lock.
/// </summary>
internal sealed class SubscriptionTable
{
    private readonly ISessionStore? _store;
    private readonly SubscriptionRouter _router = new();
    private readonly SubscriptionExchanges _exchanges;

    /// <summary>Filters that the server still has and nobody wants: they are unsubscribed when there is a connection again.</summary>
    private readonly Dictionary<string, ServerSubscription> _unwanted = new(StringComparer.Ordinal);

    /// <summary>
    /// Subscriptions that the store has kept and nobody here has taken up. The server has them, or gets them again with its session; what comes for them is
    /// unclaimed.
    /// </summary>
    private readonly Dictionary<string, ServerSubscription> _kept = new(StringComparer.Ordinal);

    private MqttConnectResult? _limits;

    public SubscriptionTable(PacketIdentifiers packetIdentifiers, ISessionStore? store)
    {
        _store = store;
        _exchanges = new SubscriptionExchanges(packetIdentifiers, _router, () => _kept.Values.Concat(_router.Subscriptions));
    }

    /// <summary>Whether an answer of the server is awaited.</summary>
    public bool HasOpenExchanges => _exchanges.AreOpen;

    /// <summary>Called under the lock with each answer of the server; set only while somebody listens.</summary>
    public Action<bool, string, MqttReasonCode>? Answered { get; set; }

    /// <summary>Called under the lock when a request begins to wait for the server: the reader must not stop reading now.</summary>
    public Action? WaitBegun
    {
        get => _exchanges.WaitBegun;
        set => _exchanges.WaitBegun = value;
    }

    /// <summary>Called under the lock when the server no longer has a filter that is wanted, and refuses it.</summary>
    public Action<MqttSubscription, Exception>? Lost { get; set; }

    /// <summary>Whether there are subscriptions of an earlier client that nobody here has taken up: somebody may yet.</summary>
    public bool HasKept => _kept.Count > 0;

    /// <summary>Takes up what a store has kept: the server has these, and until somebody subscribes what comes for them waits.</summary>
    public void Restore(SessionContents contents)
    {
        _router.IsInherited |= contents.Subscriptions.Count > 0;
        foreach (MqttTopicSubscription kept in contents.Subscriptions)
        {
            if (_router.Find(kept.Filter) is null)
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
        _router.Changed();
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
            if (_router.Find(wanted.Filter) is not { } server)
            {
                server = new ServerSubscription(TopicFilter.Parse(wanted.Filter), wanted) { UserProperties = subscription.Options.UserProperties };
                _router.Add(server);
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
                if (_exchanges.IsAttached && server.SentGeneration < server.Generation)
                {
                    _exchanges.Subscribe(server);
                }
            }
        }

        request.EndOfFilters();
        return request;
    }

    /// <summary>Removes a local subscription; the server is told about the filters that nobody else wants.</summary>
    public UnsubscribeRequest Remove(MqttSubscription subscription)
    {
        _router.Changed();
        var request = new UnsubscribeRequest();
        foreach (MqttTopicSubscription wanted in subscription.Filters)
        {
            if (_router.Find(wanted.Filter) is not { } server
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
        _exchanges.Attach(writer, limits);
        _limits = limits;
        _router.IsInherited = isInherited;
        if (!isSessionPresent)
        {
            foreach (ServerSubscription server in _unwanted.Values)
            {
                _router.ForgetIdentifiers(server);
            }

            _unwanted.Clear();
        }

        foreach (ServerSubscription server in _unwanted.Values)
        {
            _exchanges.Unsubscribe(server, null);
        }

        _unwanted.Clear();
        foreach (ServerSubscription server in (ServerSubscription[])[.. _kept.Values, .. _router.Subscriptions])
        {
            if (!hasSubscriptions)
            {
                server.BeginAnew(isSessionPresent);
                if (!isSessionPresent)
                {
                    _router.ForgetIdentifiers(server);
                }
            }

            if (server.MustBeSent)
            {
                try
                {
                    SubscriptionLimits.Check(server.Options, server.UserProperties, limits);
                    _exchanges.Subscribe(server);
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
        foreach ((ServerSubscription server, bool wasSent) in _exchanges.Detach())
        {
            // Whether the server has carried it out is not known: with the session it would still send, so it is asked again.
            string filter = server.Filter.ToString();
            if (!wasSent || _router.Find(filter) is null)
            {
                _unwanted[filter] = server;
            }
        }

        foreach (ServerSubscription server in _router.Subscriptions.Concat(_kept.Values))
        {
            server.SentGeneration = server.IsGranted ? server.GrantedGeneration : 0;
        }
    }

    /// <summary>Everything ends here: all who wait are told why.</summary>
    /// <param name="reason">Why.</param>
    /// <param name="isKept">Whether the session goes on without us, or may: then its subscriptions do too.</param>
    public void Clear(Exception reason, bool isKept)
    {
        foreach (ServerSubscription server in _router.Subscriptions)
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

        foreach (ServerSubscription server in _router.Subscriptions)
        {
            server.Waiting.ForEach(w => w.Request.Fail(reason));
        }

        _exchanges.Clear();
        _router.Clear();
        _unwanted.Clear();
    }

    /// <summary>Handles SUBACK.</summary>
    /// <returns>False when nobody waits for it.</returns>
    public bool Acknowledged(SubAckPacket packet)
    {
        if (_exchanges.End(packet) is not { } exchange)
        {
            return false;
        }

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
            if (_router.Contains(server))
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
        if (_exchanges.End(packet) is not { } exchange)
        {
            return false;
        }

        ServerSubscription server = exchange.Target;
        string filter = server.Filter.ToString();
        MqttReasonCode code = packet.ReasonCodes.Count > 0 ? packet.ReasonCodes[0] : MqttReasonCode.Success;
        Answered?.Invoke(false, filter, code);
        _router.ForgetIdentifiers(server);
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

    /// <summary>Finds the local subscriptions that a message is for: see <see cref="SubscriptionRouter.Route"/>.</summary>
    /// <returns>Whether any filter of ours matches, even one that nobody wants any more.</returns>
    public bool Route(string topic, int identifier, IReadOnlyList<int>? identifiers, bool isRetained, List<MqttSubscription> targets) =>
        _router.Route(topic, identifier, identifiers, isRetained, targets) || _exchanges.AreEnding(topic);

    private void CheckConflict(MqttTopicSubscription wanted)
    {
        if (_router.Find(wanted.Filter) is { } server)
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

    /// <summary>
    /// The server has refused a SUBSCRIBE. Those who wait for it are refused. Those who had the filter before keep it, if the server does: a refused change
    /// leaves what was granted as it is.
    /// </summary>
    private void Refuse(ServerSubscription server, int generation, MqttOperationException error)
    {
        _router.Changed();
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
            if (server.Locals.Count == 0 && _router.Contains(server))
            {
                Release(server, null);
            }

            return;
        }

        if (server.IsGranted)
        {
            server.Options = server.GrantedOptions!;
            server.GrantedGeneration = generation;
            if (server.Locals.Count == 0 && _router.Contains(server))
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
        _router.Changed();
        server.SentGeneration = 0;
        server.MayBeAtServer = false;
        server.Waiting.ForEach(w => w.Request.Fail(error));
        server.Waiting.Clear();
        foreach (LocalSubscription local in server.Locals)
        {
            Lost?.Invoke(local.Subscription, error);
        }

        server.Locals.Clear();
        if (_router.Contains(server))
        {
            EndInStore(server);
            _router.Remove(server);
        }
        else if (IsKept(server))
        {
            EndInStore(server);
            _kept.Remove(server.Filter.ToString());
        }

        _router.ForgetIdentifiers(server);
    }

    /// <summary>A subscription has ended: no later client makes it again.</summary>
    private void EndInStore(ServerSubscription server) =>
        _store?.Append(new SessionChange(SessionChangeKind.Unsubscribed, Subscription: server.Options));

    private bool IsKept(ServerSubscription server) =>
        _kept.TryGetValue(server.Filter.ToString(), out ServerSubscription? present) && ReferenceEquals(present, server);

    /// <summary>Nobody here wants a filter any more.</summary>
    private void Release(ServerSubscription server, UnsubscribeRequest? request)
    {
        // A later subscribe to the same filter starts afresh: what still comes for this one must not reach it.
        EndInStore(server);
        _router.Remove(server);
        if (!server.MayBeAtServer)
        {
            _router.ForgetIdentifiers(server);
        }
        else if (_exchanges.IsAttached)
        {
            request?.Expect();
            _exchanges.Unsubscribe(server, request);
        }
        else
        {
            _unwanted[server.Filter.ToString()] = server;
        }
    }
}
