namespace PSMqtt.Protocol.Sessions;

/// <summary>Our messages on their way to the server, each in the list that says how far it has come. Guarded by the session's lock.</summary>
internal sealed class OutboundLists
{
    /// <summary>QoS 0 that found no room in the output buffer. Apart from the others: a used-up quota must not hold it back [MQTT-3.3.4-8].</summary>
    public OperationList UnacknowledgedQueue { get; } = new();

    /// <summary>QoS 0 whose payload is being sent from where the caller has it, which is told when that is done.</summary>
    public OperationList Leaving { get; } = new();

    /// <summary>QoS 1 and 2 that were never sent.</summary>
    public OperationList Queue { get; } = new();

    /// <summary>Sent on an earlier connection, to be sent again before anything of the queue.</summary>
    public OperationList Resend { get; } = new();

    /// <summary>Sent on this connection; PUBACK or PUBREC awaited. In the order they were sent.</summary>
    public OperationList InFlight { get; } = new();

    /// <summary>PUBCOMP awaited. In the order PUBREC came, which is the order of their PUBRELs [MQTT-4.6.0-4].</summary>
    public OperationList Released { get; } = new();

    /// <summary>Messages whose PUBLISH was sent, unacknowledged.</summary>
    public int UnacknowledgedCount => InFlight.Count + Resend.Count + Released.Count;

    /// <summary>Messages that have not left.</summary>
    public int QueuedCount => Queue.Count + UnacknowledgedQueue.Count + Leaving.Count;

    /// <summary>The payloads of the queues.</summary>
    public long QueuedBytes => Queue.Bytes + UnacknowledgedQueue.Bytes;

    public bool AreEmpty => UnacknowledgedCount + QueuedCount == 0;

    /// <summary>Every message as it stands now; the lists may change while they are walked, by the loss of the one at hand.</summary>
    public IEnumerable<PublishOperation> All()
    {
        foreach (OperationList list in (OperationList[])[Released, Resend, InFlight, Queue, UnacknowledgedQueue, Leaving])
        {
            for (PublishOperation? operation = list.First; operation is not null;)
            {
                PublishOperation? next = operation.Next;
                yield return operation;
                operation = next;
            }
        }
    }

    /// <summary>
    /// The connection is lost, and what was sent on it is to be sent again. Whatever was not yet sent again comes after what was: nothing new is sent
    /// before all of it has been.
    /// </summary>
    public void MoveInFlightToResend()
    {
        var unfinished = new OperationList();
        InFlight.MoveTo(unfinished);
        Resend.MoveTo(unfinished);
        unfinished.MoveTo(Resend);
    }
}
