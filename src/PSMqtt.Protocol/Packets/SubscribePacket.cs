using System.Buffers;

namespace PSMqtt.Protocol.Packets;

/// <summary>SUBSCRIBE.</summary>
internal sealed class SubscribePacket : IMqttPacketBody
{
    public SubscribePacket()
    {
    }

    private SubscribePacket(in MqttFrame frame, MqttProtocolVersion version)
    {
        var body = new MqttBufferReader(MqttPacketType.Subscribe, frame.Body);
        PacketIdentifier = body.ReadPacketIdentifier("MQTT-2.2.1-3");
        if (version == MqttProtocolVersion.V500)
        {
            List<MqttUserProperty>? userProperties = null;
            var properties = new MqttPropertyReader(ref body, MqttPacketType.Subscribe);
            while (properties.Read())
            {
                if (properties.Identifier == MqttPropertyIdentifier.SubscriptionIdentifier)
                {
                    SubscriptionIdentifier = (int)properties.Number;
                }
                else
                {
                    (userProperties ??= []).Add(properties.UserProperty);
                }
            }

            UserProperties = (IReadOnlyList<MqttUserProperty>?)userProperties ?? [];
        }

        List<MqttTopicSubscription> subscriptions = [];
        while (!body.IsAtEnd)
        {
            string filter = body.ReadText("topic filter");
            subscriptions.Add(ReadOptions(filter, body.ReadByte("subscription options"), version));
        }

        Subscriptions = subscriptions.Count > 0
            ? subscriptions
            : throw ProtocolViolation.Error("MQTT-3.8.3-2", "A SUBSCRIBE has no topic filter.");
    }

    public MqttPacketType Type => MqttPacketType.Subscribe;

    public ushort PacketIdentifier { get; init; }

    /// <summary>The subscription identifier (5.0): 1 to 268,435,455.</summary>
    public int? SubscriptionIdentifier { get; init; }

    public IReadOnlyList<MqttUserProperty> UserProperties { get; init; } = [];

    public IReadOnlyList<MqttTopicSubscription> Subscriptions { get; init; } = [];

    /// <summary>Reads one, as a server does.</summary>
    /// <param name="frame">The packet.</param>
    /// <param name="version">The version of the connection.</param>
    /// <returns>What it says.</returns>
    /// <exception cref="MqttProtocolException">It breaks the specification.</exception>
    public static SubscribePacket Read(in MqttFrame frame, MqttProtocolVersion version) => new(frame, version);

    /// <inheritdoc />
    public void Write(IBufferWriter<byte> output, MqttProtocolVersion version) => MqttPacketEncoder.Write(this, output, version);

    /// <inheritdoc />
    public void WriteBody(ref MqttPacketWriter writer, MqttProtocolVersion version)
    {
        if (SubscriptionIdentifier is < 1 or > VariableByteInteger.MaximumValue)
        {
            throw new ArgumentException(
                $"The subscription identifier {SubscriptionIdentifier} is not from 1 to {VariableByteInteger.MaximumValue}.", nameof(version));
        }

        writer.WriteUInt16(PacketIdentifier);
        if (version == MqttProtocolVersion.V500)
        {
            int begin = writer.BeginProperties();
            writer.WriteProperty(MqttPropertyIdentifier.SubscriptionIdentifier, (uint?)SubscriptionIdentifier);
            writer.WriteUserProperties(UserProperties);
            writer.EndProperties(begin);
        }

        foreach (MqttTopicSubscription subscription in Subscriptions)
        {
            int options = (int)subscription.QoS;
            if (version == MqttProtocolVersion.V500)
            {
                options |= (subscription.NoLocal ? 0x04 : 0) | (subscription.RetainAsPublished ? 0x08 : 0) | (int)subscription.RetainHandling << 4;
            }

            writer.WriteText(subscription.Filter, "topic filter");
            writer.WriteByte((byte)options);
        }
    }

    private static MqttTopicSubscription ReadOptions(string filter, byte options, MqttProtocolVersion version)
    {
        int reserved = version == MqttProtocolVersion.V500 ? 0xC0 : 0xFC;
        if ((options & reserved) != 0)
        {
            throw ProtocolViolation.Malformed("MQTT-3.8.3-5", $"The reserved bits of the subscription options of '{filter}' are not 0.");
        }

        if ((options & 0x03) == 0x03)
        {
            throw ProtocolViolation.Error("MQTT-3.8.3.1", $"The subscription options of '{filter}' ask for QoS 3.");
        }

        if ((options & 0x30) == 0x30)
        {
            throw ProtocolViolation.Error("MQTT-3.8.3.1", $"The subscription options of '{filter}' ask for Retain Handling 3.");
        }

        bool noLocal = (options & 0x04) != 0;
        if (noLocal && filter.StartsWith("$share/", StringComparison.Ordinal))
        {
            throw ProtocolViolation.Error("MQTT-3.8.3-4", $"The shared subscription '{filter}' asks for No Local.");
        }

        return new MqttTopicSubscription(filter, (MqttQualityOfService)(options & 0x03))
        {
            NoLocal = noLocal,
            RetainAsPublished = (options & 0x08) != 0,
            RetainHandling = (MqttRetainHandling)(options >> 4),
        };
    }
}
