namespace PSMqtt.Protocol;

/// <summary>Counts since a client was made: one consistent look at them.</summary>
public readonly record struct MqttClientCounters
{
    /// <summary>Messages handed to the network, repetitions not counted.</summary>
    public long MessagesSent { get; init; }

    /// <summary>Messages received, recognised repetitions not counted.</summary>
    public long MessagesReceived { get; init; }

    /// <summary>Bytes handed to the network.</summary>
    public long BytesSent { get; init; }

    /// <summary>Bytes received.</summary>
    public long BytesReceived { get; init; }

    /// <summary>Messages that a full subscription queue dropped.</summary>
    public long MessagesDropped { get; init; }

    /// <summary>Messages that matched no subscription and were not kept.</summary>
    public long MessagesUnclaimed { get; init; }

    /// <summary>Our messages of QoS 1 and 2 that wait for an acknowledgement.</summary>
    public int InFlight { get; init; }

    /// <summary>Our messages that wait to be sent.</summary>
    public int Queued { get; init; }

    /// <summary>Messages of QoS 1 and 2 that we have received and not acknowledged.</summary>
    public int Unacknowledged { get; init; }

    /// <summary>Connections made after the first.</summary>
    public long Reconnects { get; init; }

    /// <summary>Acknowledgements that nobody waited for, ignored.</summary>
    public long StrayAcknowledgements { get; init; }

    /// <summary>Our messages that expired before they could be sent.</summary>
    public long MessagesExpired { get; init; }

    /// <summary>Our messages that the server has refused, with a failure in PUBACK or PUBREC (5.0).</summary>
    public long MessagesRejected { get; init; }

    /// <summary>
    /// Our messages of QoS 1 and 2 that were accepted and then could not be delivered, when nobody waited for them any more: refused by the server, expired,
    /// or of unknown outcome. Those that an earlier process has left in the session store are among them. See <see cref="MqttClient.MessageUndelivered"/>.
    /// </summary>
    public long MessagesUndelivered { get; init; }

    /// <summary>Our messages of QoS 1 and 2 that were given up, unacknowledged, when the client was disconnected and kept no session for them.</summary>
    public long MessagesAbandoned { get; init; }

    /// <summary>The counters that say most, in words.</summary>
    /// <returns>Such as <c>12 sent, 3 received, 0 in flight</c>.</returns>
    public override string ToString() => FormattableString.Invariant($"{MessagesSent} sent, {MessagesReceived} received, {InFlight} in flight");
}
