using PSMqtt.Protocol.Topics;

namespace PSMqtt.Protocol.Sessions;

/// <summary>
/// One filter as the server knows it, and the local subscriptions that share it: a second SUBSCRIBE with the same filter would replace the first
/// [MQTT-3.8.4-3]. Guarded by the session's lock.
/// </summary>
internal sealed class ServerSubscription
{
    public ServerSubscription(TopicFilter filter, MqttTopicSubscription options)
    {
        Filter = filter;
        Options = options;
    }

    public TopicFilter Filter { get; }

    /// <summary>What the last SUBSCRIBE asked for: the highest QoS of all who share it.</summary>
    public MqttTopicSubscription Options { get; set; }

    public List<LocalSubscription> Locals { get; } = [];

    /// <summary>Counts the SUBSCRIBEs: a newcomer's retained messages belong to the newest.</summary>
    public int Generation { get; set; }

    /// <summary>The newest generation that the server has answered.</summary>
    public int GrantedGeneration { get; set; }

    /// <summary>The newest generation that was sent on this connection.</summary>
    public int SentGeneration { get; set; }

    /// <summary>Whether the server has the subscription, as far as we know.</summary>
    public bool IsGranted { get; set; }

    /// <summary>Whether the server may have it: it was asked for it, and the answer was not no.</summary>
    public bool MayBeAtServer { get; set; }

    /// <summary>Whether the server has yet to hear, or to grant, what is wanted.</summary>
    public bool MustBeSent => !IsGranted || GrantedGeneration < Generation;

    /// <summary>What the server has granted: what a refused change goes back to.</summary>
    public MqttTopicSubscription? GrantedOptions { get; set; }

    /// <summary>The identifiers it was given, one a generation, for as long as messages with them may come.</summary>
    public List<int> Identifiers { get; } = [];

    public IReadOnlyList<MqttUserProperty> UserProperties { get; set; } = [];

    /// <summary>Who waits for the server's answer.</summary>
    public List<(SubscribeRequest Request, int Generation)> Waiting { get; } = [];

    /// <summary>
    /// The subscription is made again on a new session: what all who share it want together is asked for, and all of them get what is retained, which
    /// may have changed since.
    /// </summary>
    /// <param name="mayBeAtServer">Whether the server may have it nevertheless.</param>
    public void BeginAnew(bool mayBeAtServer)
    {
        IsGranted = false;
        GrantedOptions = null;
        MayBeAtServer &= mayBeAtServer;
        GrantedGeneration = 0;
        SentGeneration = 0;
        if (Locals.Count == 0)
        {
            // One that a store has kept: as it was.
            return;
        }

        Options = Options with
        {
            QoS = Locals.Max(static l => l.Requested.QoS),
            RetainHandling = Locals.Min(static l => l.Requested.RetainHandling),
        };
        for (int i = 0; i < Locals.Count; i++)
        {
            Locals[i] = Locals[i] with { Generation = Generation };
        }
    }
}

/// <summary>A local subscription's share in a filter.</summary>
/// <param name="Subscription">The local subscription.</param>
/// <param name="Requested">What it asked for.</param>
/// <param name="Generation">The SUBSCRIBE whose retained messages are for it.</param>
internal sealed record LocalSubscription(MqttSubscription Subscription, MqttTopicSubscription Requested, int Generation);

/// <summary>A SUBSCRIBE that awaits its SUBACK: the owner of its packet identifier.</summary>
internal sealed record SubscribeExchange(ServerSubscription Target, int Generation, MqttTopicSubscription Options);

/// <summary>An UNSUBSCRIBE that awaits its UNSUBACK: the owner of its packet identifier.</summary>
internal sealed record UnsubscribeExchange(ServerSubscription Target, List<UnsubscribeRequest> Requests);
