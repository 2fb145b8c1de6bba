using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;

namespace PSMqtt.Protocol.Packets;

/// <summary>A PUBLISH that was received: a view of its bytes, which must stay as they are while it is used.</summary>
internal readonly ref struct PublishPacket
{
    private readonly ReadOnlySpan<byte> _properties;

    private PublishPacket(
        byte flags,
        ReadOnlySpan<byte> topic,
        ushort packetIdentifier,
        ReadOnlySpan<byte> payload,
        ReadOnlySpan<byte> properties,
        ushort topicAlias,
        bool hasMessageProperties,
        int onlySubscriptionIdentifier)
    {
        QoS = (MqttQualityOfService)((flags >> 1) & 3);
        Retain = (flags & 1) != 0;
        Duplicate = (flags & 8) != 0;
        Topic = topic;
        PacketIdentifier = packetIdentifier;
        Payload = payload;
        _properties = properties;
        TopicAlias = topicAlias;
        HasMessageProperties = hasMessageProperties;
        OnlySubscriptionIdentifier = onlySubscriptionIdentifier;
    }

    /// <summary>The bytes of the topic name, not checked; empty where a topic alias stands for it. <see cref="TopicCache"/> makes a string of them.</summary>
    public ReadOnlySpan<byte> Topic { get; }

    /// <summary>The packet identifier; 0 with QoS 0.</summary>
    public ushort PacketIdentifier { get; }

    public MqttQualityOfService QoS { get; }

    public bool Retain { get; }

    public bool Duplicate { get; }

    /// <summary>The topic alias; 0 if there is none.</summary>
    public ushort TopicAlias { get; }

    public bool HasTopicAlias => TopicAlias != 0;

    public ReadOnlySpan<byte> Payload { get; }

    /// <summary>Whether there is any property but the topic alias.</summary>
    public bool HasMessageProperties { get; }

    /// <summary>
    /// The subscription identifier, where one such is all that the message's properties say; else 0. Servers add one to every message, so that this
    /// case is worth its own way: see <see cref="MessagePropertiesCache"/>.
    /// </summary>
    public int OnlySubscriptionIdentifier { get; }

    /// <summary>Takes a PUBLISH apart and checks all of it but the characters of the topic. Allocates nothing.</summary>
    /// <param name="frame">The packet.</param>
    /// <param name="version">The version of the connection.</param>
    /// <returns>The view.</returns>
    /// <exception cref="MqttProtocolException">It breaks the specification.</exception>
    public static PublishPacket Read(in MqttFrame frame, MqttProtocolVersion version)
    {
        ReadOnlySpan<byte> body = frame.Body;
        if (body.Length < 2)
        {
            ThrowTruncated("topic name");
        }

        int position = 2 + BinaryPrimitives.ReadUInt16BigEndian(body);
        if (position > body.Length)
        {
            ThrowTruncated("topic name");
        }

        ReadOnlySpan<byte> topic = body[2..position];
        ushort packetIdentifier = 0;
        if ((frame.Flags & 0b0110) != 0)
        {
            if (body.Length - position < 2)
            {
                ThrowTruncated("packet identifier");
            }

            packetIdentifier = BinaryPrimitives.ReadUInt16BigEndian(body[position..]);
            position += 2;
            if (packetIdentifier == 0)
            {
                ProtocolViolation.ThrowError("MQTT-2.2.1-4", "A PUBLISH has the packet identifier 0.");
            }
        }

        if (version == MqttProtocolVersion.V500)
        {
            // Most messages have no properties: one byte of length, which is 0.
            if (position == body.Length || body[position] != 0)
            {
                ReadOnlySpan<byte> rest = body[position..];
                return TryReadUsualProperties(rest, out ushort topicAlias, out int subscriptionIdentifier)
                    ? new PublishPacket(
                        frame.Flags,
                        topic.IsEmpty && topicAlias == 0 ? ThrowEmptyTopic() : topic,
                        packetIdentifier,
                        rest[(1 + rest[0])..],
                        rest.Slice(1, rest[0]),
                        topicAlias,
                        subscriptionIdentifier != 0,
                        subscriptionIdentifier)
                    : ReadWithProperties(frame.Flags, topic, packetIdentifier, rest);
            }

            position++;
        }

        if (topic.IsEmpty)
        {
            ThrowEmptyTopic();
        }

        return new PublishPacket(frame.Flags, topic, packetIdentifier, body[position..], default, 0, false, 0);
    }

    /// <summary>Makes an object of the properties, the topic alias left out.</summary>
    /// <returns>The properties; <see langword="null"/> if they say nothing.</returns>
    public MqttMessageProperties? ReadMessageProperties()
    {
        if (!HasMessageProperties)
        {
            return null;
        }

        var message = default(MessageProperties);
        var properties = new MqttPropertyReader(MqttPacketType.Publish, _properties);
        while (properties.Read())
        {
            message.Take(properties);
        }

        return message.Build();
    }

    /// <summary>
    /// Reads the properties that servers add to message after message: a topic alias, and a subscription identifier of one byte. Anything else, and
    /// anything wrong, is left to <see cref="ReadWithProperties"/>.
    /// </summary>
    private static bool TryReadUsualProperties(ReadOnlySpan<byte> rest, out ushort topicAlias, out int subscriptionIdentifier)
    {
        topicAlias = 0;
        subscriptionIdentifier = 0;

        // A topic alias takes three bytes, the identifier two.
        if (rest.IsEmpty || rest[0] > 5 || rest[0] >= rest.Length)
        {
            return false;
        }

        ReadOnlySpan<byte> properties = rest.Slice(1, rest[0]);
        while (!properties.IsEmpty)
        {
            if (properties[0] == (byte)MqttPropertyIdentifier.TopicAlias && properties.Length >= 3 && topicAlias == 0)
            {
                topicAlias = BinaryPrimitives.ReadUInt16BigEndian(properties[1..]);
                properties = properties[3..];
                if (topicAlias == 0)
                {
                    return false;
                }
            }
            else if (properties[0] == (byte)MqttPropertyIdentifier.SubscriptionIdentifier && properties.Length >= 2
                && subscriptionIdentifier == 0 && properties[1] is > 0 and < 0x80)
            {
                subscriptionIdentifier = properties[1];
                properties = properties[2..];
            }
            else
            {
                return false;
            }
        }

        return true;
    }

    private static PublishPacket ReadWithProperties(byte flags, ReadOnlySpan<byte> topic, ushort packetIdentifier, ReadOnlySpan<byte> rest)
    {
        var body = new MqttBufferReader(MqttPacketType.Publish, rest);
        ReadOnlySpan<byte> bytes = MqttPropertyReader.TakeProperties(ref body, MqttPacketType.Publish);
        var properties = new MqttPropertyReader(MqttPacketType.Publish, bytes);
        ushort topicAlias = 0;
        int subscriptionIdentifier = 0;
        int others = 0;
        while (properties.Read())
        {
            if (properties.Identifier == MqttPropertyIdentifier.TopicAlias)
            {
                topicAlias = (ushort)properties.Number;
            }
            else if (properties.Identifier == MqttPropertyIdentifier.SubscriptionIdentifier && subscriptionIdentifier == 0)
            {
                subscriptionIdentifier = (int)properties.Number;
            }
            else
            {
                others++;
            }
        }

        if (topic.IsEmpty && topicAlias == 0)
        {
            ThrowEmptyTopic();
        }

        return new PublishPacket(
            flags,
            topic,
            packetIdentifier,
            body.ReadRest(),
            bytes,
            topicAlias,
            others > 0 || subscriptionIdentifier != 0,
            others > 0 ? 0 : subscriptionIdentifier);
    }

    private static void ThrowTruncated(string field) =>
        ProtocolViolation.ThrowMalformed("MQTT-2.1.4", $"A PUBLISH ends inside its {field}.");

    [DoesNotReturn]
    private static ReadOnlySpan<byte> ThrowEmptyTopic() =>
        throw ProtocolViolation.Error("MQTT-4.7.3-1", "A PUBLISH has an empty topic name, and no topic alias that stands for one.");
}
