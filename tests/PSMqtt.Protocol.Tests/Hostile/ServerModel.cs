using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Tests.Packets;
using PSMqtt.Protocol.Tests.Scripted;

namespace PSMqtt.Protocol.Tests.Hostile;

/// <summary>
/// What a server knows of a session: it reads every packet of the client, and refuses those that break the specification; it applies its own packets,
/// sound or damaged, to what it knows, as the client has to.
/// </summary>
internal sealed class ServerModel
{
    private readonly Dictionary<ushort, string> _topicAliases = [];
    private readonly HashSet<ushort> _onConnection = [];
    private readonly Queue<ushort> _owedPubAcks = new();
    private readonly HashSet<ushort> _unacknowledged = [];

    /// <summary>The client's QoS 1 and 2 messages that are not done, in the order of their first PUBLISH.</summary>
    public Dictionary<ushort, Exchange> Outstanding { get; } = [];

    /// <summary>The client's SUBSCRIBEs (true) and UNSUBSCRIBEs that are not answered.</summary>
    public Dictionary<ushort, bool> Requests { get; } = [];

    /// <summary>The server's own QoS 2 messages that had their PUBREC.</summary>
    public HashSet<ushort> Received { get; } = [];

    public required MqttProtocolVersion Version { get; init; }

    public required MqttConnectResult Limits { get; set; }

    /// <summary>A new connection.</summary>
    public void Begin(bool isSessionPresent)
    {
        _topicAliases.Clear();
        _onConnection.Clear();
        _owedPubAcks.Clear();
        _unacknowledged.Clear();
        Requests.Clear();
        if (!isSessionPresent)
        {
            Outstanding.Clear();
            Received.Clear();
        }
    }

    /// <summary>Reads what the client has sent.</summary>
    public void Read(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            Assert.True(MqttPacketReader.TryReadFrame(bytes, int.MaxValue, out MqttFrame frame, out _), "The client sent part of a packet.");
            Assert.InRange(frame.TotalLength, 2, Limits.MaximumPacketSize);
            Read(PacketBytes.Decode(frame, Version));
            bytes = bytes[frame.TotalLength..];
        }
    }

    /// <summary>The client has taken a packet of ours without complaint.</summary>
    public void Apply(object packet)
    {
        switch (packet)
        {
            case AcknowledgementPacket acknowledgement:
                Apply(acknowledgement);
                break;
            case SubAckPacket answer:
                Requests.Remove(answer.PacketIdentifier);
                break;
            case UnsubAckPacket answer:
                Requests.Remove(answer.PacketIdentifier);
                break;
            case ReceivedPublish { QoS: MqttQualityOfService.AtLeastOnce } publish:
                if (_unacknowledged.Add(publish.PacketIdentifier))
                {
                    _owedPubAcks.Enqueue(publish.PacketIdentifier);
                }

                break;
        }
    }

    private void Apply(AcknowledgementPacket packet)
    {
        if (packet.Type == MqttPacketType.PubRel)
        {
            Received.Remove(packet.PacketIdentifier);
            return;
        }

        if (!Outstanding.TryGetValue(packet.PacketIdentifier, out Exchange exchange))
        {
            return;
        }

        bool isOver = packet.Type switch
        {
            MqttPacketType.PubRec => packet.ReasonCode.IsFailure(),
            _ => true,
        };
        if (isOver)
        {
            Outstanding.Remove(packet.PacketIdentifier);
            _onConnection.Remove(packet.PacketIdentifier);
        }
        else
        {
            Outstanding[packet.PacketIdentifier] = exchange with { IsReceived = true };
        }
    }

    private void Read(object packet)
    {
        switch (packet)
        {
            case ReceivedPublish publish:
                Read(publish);
                break;
            case SubscribePacket subscribe:
                Assert.DoesNotContain(subscribe.PacketIdentifier, Outstanding.Keys);
                Assert.True(Requests.TryAdd(subscribe.PacketIdentifier, true), "A packet identifier is used twice.");
                break;
            case UnsubscribePacket unsubscribe:
                Assert.DoesNotContain(unsubscribe.PacketIdentifier, Outstanding.Keys);
                Assert.True(Requests.TryAdd(unsubscribe.PacketIdentifier, false), "A packet identifier is used twice.");
                break;
            case AcknowledgementPacket { Type: MqttPacketType.PubRel } release when Outstanding.TryGetValue(release.PacketIdentifier, out Exchange exchange):
                Assert.True(exchange.IsReceived, "PUBREL before PUBREC.");
                break;
            case AcknowledgementPacket { Type: MqttPacketType.PubAck } acknowledgement:
                Assert.Equal(_owedPubAcks.Dequeue(), acknowledgement.PacketIdentifier);
                _unacknowledged.Remove(acknowledgement.PacketIdentifier);
                break;
            case AcknowledgementPacket { Type: MqttPacketType.PubRec } acknowledgement when !acknowledgement.ReasonCode.IsFailure():
                Received.Add(acknowledgement.PacketIdentifier);
                break;
            case AcknowledgementPacket:
                break;
            default:
                Assert.Fail($"A session does not send {packet}.");
                break;
        }
    }

    private void Read(ReceivedPublish publish)
    {
        Assert.InRange(publish.TopicAlias, 0, Limits.TopicAliasMaximum);
        Assert.True(publish.QoS <= Limits.MaximumQoS);
        if (publish.TopicAlias != 0 && publish.Topic.Length > 0)
        {
            _topicAliases[publish.TopicAlias] = publish.Topic;
        }

        Assert.True(publish.Topic.Length > 0 || _topicAliases.ContainsKey(publish.TopicAlias), "A topic alias that stands for nothing.");
        if (publish.QoS == MqttQualityOfService.AtMostOnce)
        {
            return;
        }

        Assert.DoesNotContain(publish.PacketIdentifier, Requests.Keys);
        if (Outstanding.TryGetValue(publish.PacketIdentifier, out Exchange exchange))
        {
            Assert.True(publish.Duplicate, "A packet identifier is used twice.");
            Assert.Equal(exchange.QoS, publish.QoS);
            Assert.False(exchange.IsReceived, "PUBLISH after PUBREC.");
            Assert.True(_onConnection.Add(publish.PacketIdentifier), "PUBLISH is repeated on one connection.");
        }
        else
        {
            Assert.False(publish.Duplicate, "DUP on a new message.");
            Assert.DoesNotContain(Outstanding, o => !o.Value.IsReceived && !_onConnection.Contains(o.Key));
            Outstanding.Add(publish.PacketIdentifier, new Exchange(publish.QoS, false));
            _onConnection.Add(publish.PacketIdentifier);
        }

        Assert.InRange(_onConnection.Count, 1, Limits.ReceiveMaximum);
    }

    /// <summary>One message of the client.</summary>
    /// <param name="QoS">Its QoS.</param>
    /// <param name="IsReceived">Whether it had its PUBREC.</param>
    internal readonly record struct Exchange(MqttQualityOfService QoS, bool IsReceived);
}
