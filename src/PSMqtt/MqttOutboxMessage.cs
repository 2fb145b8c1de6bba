using PSMqtt.Protocol;
using PSMqtt.Protocol.Sessions;

namespace PSMqtt;

/// <summary>A message that waits in the directory of a session: what <c>Get-MqttOutbox</c> writes. It shows how things stood then.</summary>
public sealed class MqttOutboxMessage
{
    internal MqttOutboxMessage(string sessionPath, StoredMessage stored, DateTimeOffset now)
    {
        SessionPath = sessionPath;
        Sequence = stored.Sequence;
        Message = stored.Message;
        Accepted = stored.Accepted;
        Age = now > stored.Accepted ? now - stored.Accepted : TimeSpan.Zero;
        State = stored switch
        {
            { IsReceivedByServer: true } => MqttOutboxState.Received,
            { PacketIdentifier: not 0 } => MqttOutboxState.InFlight,
            { Message.MessageExpiry: { } expiry } when Age >= expiry => MqttOutboxState.Expired,
            _ => MqttOutboxState.Waiting,
        };
    }

    /// <summary>The topic name.</summary>
    public string Topic => Message.Topic;

    /// <summary>How many bytes its payload has.</summary>
    public int Size => Message.Payload.Length;

    /// <summary>The delivery guarantee.</summary>
    public MqttQualityOfService QoS => Message.QoS;

    /// <summary>Whether the broker shall keep it.</summary>
    public bool Retain => Message.Retain;

    /// <summary>How far it has come.</summary>
    public MqttOutboxState State { get; }

    /// <summary>How long ago it was accepted.</summary>
    public TimeSpan Age { get; }

    /// <summary>When it was accepted.</summary>
    public DateTimeOffset Accepted { get; }

    /// <summary>How long it lives from its acceptance; <see langword="null"/>: for ever.</summary>
    public TimeSpan? MessageExpiry => Message.MessageExpiry;

    /// <summary>Its number in the session: later messages have higher ones.</summary>
    public long Sequence { get; }

    /// <summary>The message.</summary>
    public MqttMessage Message { get; }

    /// <summary>The directory of the session.</summary>
    public string SessionPath { get; }

    /// <summary>The topic, and how far the message has come.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => $"{Topic} ({State})";
}
