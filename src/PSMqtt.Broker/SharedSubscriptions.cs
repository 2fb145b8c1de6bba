using System.Collections.Immutable;
using System.Globalization;
using MQTTnet;
using MQTTnet.Packets;
using MQTTnet.Protocol;
using MQTTnet.Server;
using PSMqtt.Protocol.Topics;

namespace PSMqtt.Broker;

/// <summary>
/// Shared subscriptions (section 4.8.2), which the library does not have: each message goes to one member of every group whose filter matches, in
/// turn, and to one that is connected if there is one.
/// </summary>
/// <param name="findSession">Finds a session of the server; null where there is none.</param>
internal sealed class SharedSubscriptions(Func<string, MqttSessionStatus?> findSession)
{
    private const string Prefix = "$share/";

    // The library refuses what begins with $share/ before anybody is asked. Under this name it asks. It carries the subscription identifier too.
    private const string Mark = "$shared:";

    private readonly object _lock = new();
    private ImmutableDictionary<string, Group> _groups = ImmutableDictionary<string, Group>.Empty;

    /// <summary>Renames the shared filters of a SUBSCRIBE, so that the library asks about them.</summary>
    public static void Rename(MqttSubscribePacket subscribe)
    {
        foreach (MqttTopicFilter filter in subscribe.TopicFilters)
        {
            filter.Topic = Rename(filter.Topic, subscribe.SubscriptionIdentifier);
        }
    }

    /// <summary>Renames those of an UNSUBSCRIBE.</summary>
    public static void Rename(MqttUnsubscribePacket unsubscribe)
    {
        for (int i = 0; i < unsubscribe.TopicFilters.Count; i++)
        {
            unsubscribe.TopicFilters[i] = Rename(unsubscribe.TopicFilters[i], 0);
        }
    }

    /// <summary>What the client has asked for.</summary>
    public static string OriginalOf(string filter) => TryUnmark(filter, out string original, out _) ? original : filter;

    /// <summary>Makes a client a member of a group, if a filter is a shared one.</summary>
    /// <returns>Whether it is.</returns>
    public bool TrySubscribe(InterceptingSubscriptionEventArgs subscription)
    {
        if (!TryUnmark(subscription.TopicFilter.Topic, out string filter, out uint identifier))
        {
            return false;
        }

        subscription.ProcessSubscription = false;
        if (!TopicFilter.IsValid(filter))
        {
            subscription.Response.ReasonCode = MqttSubscribeReasonCode.TopicFilterInvalid;
            return true;
        }

        var member = new Member(subscription.ClientId, subscription.TopicFilter.QualityOfServiceLevel, subscription.TopicFilter.RetainAsPublished, identifier);
        lock (_lock)
        {
            Group group = _groups.GetValueOrDefault(filter) ?? new Group(FilterCover.WithoutShare(filter));
            group.Members = group.Members.RemoveAll(other => other.ClientId == member.ClientId).Add(member);
            _groups = _groups.SetItem(filter, group);
        }

        return true;
    }

    /// <summary>Ends a client's membership, if a filter is a shared one.</summary>
    public void TryUnsubscribe(InterceptingUnsubscriptionEventArgs unsubscription)
    {
        if (TryUnmark(unsubscription.Topic, out string filter, out _))
        {
            unsubscription.ProcessUnsubscription = false;
            bool wasMember = Remove(unsubscription.ClientId, filter);
            unsubscription.Response.ReasonCode = wasMember ? MqttUnsubscribeReasonCode.Success : MqttUnsubscribeReasonCode.NoSubscriptionExisted;
        }
    }

    /// <summary>Ends all memberships of a client, with its session.</summary>
    public void Forget(string clientId)
    {
        foreach (string filter in _groups.Keys)
        {
            Remove(clientId, filter);
        }
    }

    /// <summary>Gives a message to a member of every group that wants it.</summary>
    /// <returns>Whether there was one.</returns>
    public bool Deliver(MqttApplicationMessage message)
    {
        bool isTaken = false;
        foreach (Group group in _groups.Values)
        {
            if (TopicFilter.Matches(group.Filter, message.Topic))
            {
                isTaken |= Deliver(message, group);
            }
        }

        return isTaken;
    }

    private static string Rename(string filter, uint identifier) => filter is not null && filter.StartsWith(Prefix, StringComparison.Ordinal)
        ? string.Create(CultureInfo.InvariantCulture, $"{Mark}{identifier}/{filter.AsSpan(Prefix.Length)}")
        : filter!;

    private static bool TryUnmark(string filter, out string original, out uint identifier)
    {
        (original, identifier) = (filter, 0);
        if (!filter.StartsWith(Mark, StringComparison.Ordinal))
        {
            return false;
        }

        int end = filter.IndexOf('/', StringComparison.Ordinal);
        if (end < 0 || !uint.TryParse(filter.AsSpan(Mark.Length, end - Mark.Length), NumberStyles.None, CultureInfo.InvariantCulture, out identifier))
        {
            return false;
        }

        original = Prefix + filter[(end + 1)..];
        return true;
    }

    private bool Deliver(MqttApplicationMessage message, Group group)
    {
        ImmutableArray<Member> members = group.Members;
        int first = group.Next();
        (Member Member, MqttSessionStatus Session)? chosen = null;
        for (int i = 0; i < members.Length; i++)
        {
            Member member = members[(first + i) % members.Length];
            if (findSession(member.ClientId) is not { } session)
            {
                continue;
            }

            chosen ??= (member, session);
            if (session.DisconnectedTimestamp is null)
            {
                chosen = (member, session);
                break;
            }
        }

        return chosen is { } found && found.Session.TryEnqueueApplicationMessage(CopyFor(found.Member, message), out _);
    }

    private static MqttApplicationMessage CopyFor(Member member, MqttApplicationMessage message) => new()
    {
        Topic = message.Topic,
        Payload = message.Payload,
        QualityOfServiceLevel = (MqttQualityOfServiceLevel)Math.Min((int)member.QoS, (int)message.QualityOfServiceLevel),
        Retain = member.RetainAsPublished && message.Retain,
        ContentType = message.ContentType,
        CorrelationData = message.CorrelationData,
        MessageExpiryInterval = message.MessageExpiryInterval,
        PayloadFormatIndicator = message.PayloadFormatIndicator,
        ResponseTopic = message.ResponseTopic,
        UserProperties = message.UserProperties,
        SubscriptionIdentifiers = member.Identifier == 0 ? null : [member.Identifier],
    };

    private bool Remove(string clientId, string filter)
    {
        lock (_lock)
        {
            if (_groups.GetValueOrDefault(filter) is not { } group)
            {
                return false;
            }

            ImmutableArray<Member> rest = group.Members.RemoveAll(member => member.ClientId == clientId);
            bool wasMember = rest.Length < group.Members.Length;
            group.Members = rest;
            if (rest.IsEmpty)
            {
                _groups = _groups.Remove(filter);
            }

            return wasMember;
        }
    }

    private sealed record Member(string ClientId, MqttQualityOfServiceLevel QoS, bool RetainAsPublished, uint Identifier);

    private sealed class Group(string filter)
    {
        private uint _turn;

        public string Filter { get; } = filter;

        public ImmutableArray<Member> Members { get; set; } = [];

        public int Next() => (int)(Interlocked.Increment(ref _turn) % int.MaxValue);
    }
}
