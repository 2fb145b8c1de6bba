using System.Runtime.InteropServices;
using PSMqtt.Protocol.Connections;
using PSMqtt.Protocol.Packets;

namespace PSMqtt.Protocol.Sessions;

/// <summary>
/// The way our messages take through one connection: writes PUBLISH and PUBREL as its server wants them, within its limits and with its topic aliases,
/// which end with it. Guarded by the session's lock.
/// </summary>
internal sealed class OutboundChannel
{
    private const int AliasSize = 5;

    private readonly ConnectionWriter _writer;
    private readonly OutboundAliases _aliases;

    public OutboundChannel(ConnectionWriter writer, MqttConnectResult limits, int topicAliasMaximum)
    {
        _writer = writer;
        Limits = limits;
        _aliases = new OutboundAliases(Math.Min(limits.TopicAliasMaximum, topicAliasMaximum));
    }

    /// <summary>What CONNACK said.</summary>
    public MqttConnectResult Limits { get; }

    /// <summary>Whether the output buffer takes more.</summary>
    public bool HasRoom => _writer.HasRoom;

    /// <summary>Whether a payload is sent from where its owner has it.</summary>
    public bool TakesWhole(int payloadLength) => _writer.TakesWhole(payloadLength);

    /// <summary>The writer, if the caller is to run it after the lock.</summary>
    public ConnectionWriter? Start() => _writer.TryStart() ? _writer : null;

    /// <summary>What is written leaves when the store has what it was told.</summary>
    public void AwaitStore() => _writer.AwaitStore();

    /// <summary>Writes a PUBLISH.</summary>
    /// <param name="message">The message.</param>
    /// <param name="packetIdentifier">Its packet identifier; 0 with QoS 0.</param>
    /// <param name="isRepetition">Whether it was sent before.</param>
    /// <param name="waited">How long it has waited here: its expiry has run on.</param>
    /// <param name="owner">The QoS 0 message to tell when the payload has been sent, where it may be sent from where it is.</param>
    /// <returns>Whether the payload has been copied; if not, <paramref name="owner"/> is told when it has been sent.</returns>
    public bool Publish(in OutgoingMessage message, ushort packetIdentifier, bool isRepetition, TimeSpan waited, PublishOperation? owner = null)
    {
        MqttMessageProperties? properties = message.Properties;
        if (properties?.MessageExpirySeconds is { } expiry && waited.TotalSeconds >= 1)
        {
            properties = properties with { MessageExpirySeconds = (uint)Math.Max(1, expiry - Math.Floor(waited.TotalSeconds)) };
        }

        // The size is that of the packet with its topic: an alias may be forgotten, the message must not fail then.
        int size = PublishWriter.GetHeaderSize(
            message.Topic, 0, message.QoS, properties, message.Payload.Length, Limits.ProtocolVersion, out int topicByteCount, out int propertyLength);
        PublishLimits.CheckSize(message, (long)size + message.Payload.Length, Limits);

        // A packet that is almost too large has no room for the alias as well, which takes three bytes and may lengthen both lengths.
        string topic = message.Topic;
        bool isKnown = false;
        ushort alias = (long)size + message.Payload.Length + AliasSize <= Limits.MaximumPacketSize ? _aliases.Use(topic, out isKnown) : (ushort)0;
        if (alias != 0)
        {
            topic = isKnown ? string.Empty : topic;
            size = PublishWriter.GetHeaderSize(
                topic, alias, message.QoS, properties, message.Payload.Length, Limits.ProtocolVersion, out topicByteCount, out propertyLength);
        }

        OutgoingBytes output = _writer.Output;

        // Whoever awaits a single QoS 0 message gets the next one ready meanwhile, so it is worth a copy; others have to leave the payload alone anyway.
        bool mayRefer = message.QoS != MqttQualityOfService.AtMostOnce || owner?.Publisher is not null;
        bool isCopied = !(mayRefer && _writer.TakesWhole(message.Payload.Length)) | !MemoryMarshal.TryGetArray(message.Payload, out ArraySegment<byte> payload);
        Span<byte> span = output.GetSpan(isCopied ? size + message.Payload.Length : size);
        int written = PublishWriter.WriteHeader(
            span, topic, topicByteCount, alias, packetIdentifier, message.QoS, message.Retain, isRepetition, properties, propertyLength,
            message.Payload.Length, Limits.ProtocolVersion);
        output.Advance(written);
        if (isCopied)
        {
            message.Payload.Span.CopyTo(span[written..]);
            output.Advance(message.Payload.Length);
        }
        else
        {
            output.Refer(payload, owner);
        }

        return isCopied;
    }

    /// <summary>Writes a PUBREL.</summary>
    public void Release(ushort packetIdentifier, MqttReasonCode reasonCode)
    {
        if (Limits.MaximumPacketSize < AcknowledgementPacket.LongestSize)
        {
            // The server takes less than on an earlier connection, and cannot be told [MQTT-3.2.2-15].
            return;
        }

        OutgoingBytes output = _writer.Output;
        int before = output.Count;
        new AcknowledgementPacket(MqttPacketType.PubRel, packetIdentifier, reasonCode).Write(output, Limits.ProtocolVersion);
        _writer.AwaitStore();
        _writer.CountAnswer(output.Count - before);
    }
}
