using PSMqtt.Protocol.Topics;

namespace PSMqtt.Protocol.Sessions;

/// <summary>
/// Which local subscriptions a message is for: by its subscription identifier, where the server sends one, else by its topic. Guarded by the session's
/// lock.
/// </summary>
internal sealed class SubscriptionRouter
{
    /// <summary>
    /// How many identifiers of a filter are remembered. Each SUBSCRIBE brings a new one, and messages with the one before may be on their way; those with a
    /// forgotten one find their way by their topic.
    /// </summary>
    private const int IdentifiersKept = 16;

    private readonly Dictionary<string, ServerSubscription> _byFilter = new(StringComparer.Ordinal);
    private readonly Dictionary<int, (ServerSubscription Subscription, int Generation)> _byIdentifier = [];
    private readonly TopicTrie<ServerSubscription> _trie = new();
    private readonly List<ServerSubscription> _matches = [];

    /// <summary>Whom the last message was for that was routed by its topic: most messages have the topic of the one before.</summary>
    private readonly List<MqttSubscription> _lastTargets = [];
    private string? _lastTopic;
    private int _lastIdentifier;

    /// <summary>Whether the server may have subscriptions that another client object made, with identifiers of its own.</summary>
    public bool IsInherited { get; set; }

    /// <summary>The filters that somebody here wants.</summary>
    public Dictionary<string, ServerSubscription>.ValueCollection Subscriptions => _byFilter.Values;

    public ServerSubscription? Find(string filter) => _byFilter.GetValueOrDefault(filter);

    public bool Contains(ServerSubscription server) => ReferenceEquals(Find(server.Filter.ToString()), server);

    public void Add(ServerSubscription server)
    {
        string filter = server.Filter.ToString();
        _byFilter.Add(filter, server);
        _trie.Add(filter, server);
        Changed();
    }

    /// <summary>A filter leads nowhere any more; its identifiers still do, for what is on its way.</summary>
    public void Remove(ServerSubscription server)
    {
        string filter = server.Filter.ToString();
        _byFilter.Remove(filter);
        _trie.Remove(filter, server);
        Changed();
    }

    public void Clear()
    {
        foreach (ServerSubscription server in _byFilter.Values)
        {
            _trie.Remove(server.Filter.ToString(), server);
        }

        _byFilter.Clear();
        _byIdentifier.Clear();
        Changed();
    }

    /// <summary>Somebody has joined a filter, or left it.</summary>
    public void Changed() => _lastTopic = null;

    /// <summary>The identifier for the next SUBSCRIBE of a filter.</summary>
    public int AddIdentifier(ServerSubscription server)
    {
        do
        {
            _lastIdentifier = _lastIdentifier == SubscriptionLimits.LargestIdentifier ? 1 : _lastIdentifier + 1;
        }
        while (_byIdentifier.ContainsKey(_lastIdentifier));

        server.Identifiers.Add(_lastIdentifier);
        _byIdentifier.Add(_lastIdentifier, (server, server.Generation));
        if (server.Identifiers.Count > IdentifiersKept)
        {
            _byIdentifier.Remove(server.Identifiers[0]);
            server.Identifiers.RemoveAt(0);
        }

        return _lastIdentifier;
    }

    /// <summary>The server sends nothing more with the identifiers of a filter.</summary>
    public void ForgetIdentifiers(ServerSubscription server)
    {
        foreach (int identifier in server.Identifiers)
        {
            _byIdentifier.Remove(identifier);
        }

        server.Identifiers.Clear();
    }

    /// <summary>Finds the local subscriptions that a message is for.</summary>
    /// <param name="topic">Its topic.</param>
    /// <param name="identifier">Its only subscription identifier; 0 if it has none or several.</param>
    /// <param name="identifiers">All its subscription identifiers, where it has several.</param>
    /// <param name="isRetained">Its Retain flag.</param>
    /// <param name="targets">Where to add them.</param>
    /// <returns>Whether any filter matches.</returns>
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
            return false;
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
            || (IsInherited && !entry.Subscription.Filter.Matches(topic)))
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
}
