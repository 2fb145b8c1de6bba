using System.Buffers.Binary;
using System.Text;

namespace PSMqtt.Protocol.Packets;

/// <summary>
/// Writes what stands before the payload of a PUBLISH, into memory of the caller's. The payload is the caller's business, so that it need not be
/// copied. Allocates nothing.
/// </summary>
internal static class PublishWriter
{
    /// <summary>Checks what is to be sent and counts the bytes before the payload, the fixed header included.</summary>
    /// <param name="topic">The topic name, or an empty string where the alias stands for it. Its characters have been checked.</param>
    /// <param name="topicAlias">The topic alias, or 0 for none (5.0).</param>
    /// <param name="qos">The delivery guarantee.</param>
    /// <param name="properties">The message's properties (5.0); left out in other versions.</param>
    /// <param name="payloadLength">The bytes of the payload.</param>
    /// <param name="version">The version of the connection.</param>
    /// <param name="topicByteCount">The bytes of the topic, for <see cref="WriteHeader"/>.</param>
    /// <param name="propertyLength">The bytes of the properties, for <see cref="WriteHeader"/>.</param>
    /// <returns>The bytes before the payload.</returns>
    /// <exception cref="ArgumentException">The message is too large for MQTT, or has a value that MQTT cannot carry.</exception>
    public static int GetHeaderSize(
        string topic,
        ushort topicAlias,
        MqttQualityOfService qos,
        MqttMessageProperties? properties,
        int payloadLength,
        MqttProtocolVersion version,
        out int topicByteCount,
        out int propertyLength)
    {
        topicByteCount = topic.Length == 0 ? 0 : Encoding.UTF8.GetByteCount(topic);
        if (topicByteCount > MqttText.MaximumByteCount)
        {
            ThrowTopicTooLong(topicByteCount);
        }

        propertyLength = 0;
        int length = 2 + topicByteCount;
        if (qos != MqttQualityOfService.AtMostOnce)
        {
            length += 2;
        }

        if (version == MqttProtocolVersion.V500)
        {
            if (topicAlias != 0)
            {
                propertyLength = 3;
            }

            if (properties is not null)
            {
                MqttPacketWriter measure = MqttPacketWriter.Measuring;
                MessageProperties.Write(ref measure, properties);
                propertyLength += measure.Length;
            }

            length += VariableByteInteger.GetSize(propertyLength) + propertyLength;
        }

        long remainingLength = (long)length + payloadLength;
        if (remainingLength > VariableByteInteger.MaximumValue)
        {
            ThrowTooLarge(remainingLength);
        }

        return 1 + VariableByteInteger.GetSize((int)remainingLength) + length;
    }

    /// <summary>Writes the bytes before the payload.</summary>
    /// <param name="destination">Where to: at least as many bytes as <see cref="GetHeaderSize"/> counted.</param>
    /// <param name="topic">As counted.</param>
    /// <param name="topicByteCount">What was counted.</param>
    /// <param name="topicAlias">As counted.</param>
    /// <param name="packetIdentifier">The packet identifier; not used with QoS 0.</param>
    /// <param name="qos">As counted.</param>
    /// <param name="retain">Whether the server shall keep the message.</param>
    /// <param name="duplicate">Whether this is a retransmission.</param>
    /// <param name="properties">As counted.</param>
    /// <param name="propertyLength">What was counted.</param>
    /// <param name="payloadLength">As counted.</param>
    /// <param name="version">As counted.</param>
    /// <returns>The bytes written.</returns>
    public static int WriteHeader(
        Span<byte> destination,
        string topic,
        int topicByteCount,
        ushort topicAlias,
        ushort packetIdentifier,
        MqttQualityOfService qos,
        bool retain,
        bool duplicate,
        MqttMessageProperties? properties,
        int propertyLength,
        int payloadLength,
        MqttProtocolVersion version)
    {
        bool hasProperties = version == MqttProtocolVersion.V500;
        int remainingLength = 2 + topicByteCount + payloadLength;
        if (qos != MqttQualityOfService.AtMostOnce)
        {
            remainingLength += 2;
        }

        if (hasProperties)
        {
            remainingLength += VariableByteInteger.GetSize(propertyLength) + propertyLength;
        }

        destination[0] = (byte)((int)MqttPacketType.Publish << 4 | (duplicate ? 8 : 0) | (int)qos << 1 | (retain ? 1 : 0));
        int position = 1 + VariableByteInteger.Write(destination[1..], remainingLength);
        BinaryPrimitives.WriteUInt16BigEndian(destination[position..], (ushort)topicByteCount);
        position += 2;
        MqttText.Write(destination[position..], topic, topicByteCount);
        position += topicByteCount;
        if (qos != MqttQualityOfService.AtMostOnce)
        {
            BinaryPrimitives.WriteUInt16BigEndian(destination[position..], packetIdentifier);
            position += 2;
        }

        if (!hasProperties)
        {
            return position;
        }

        if (propertyLength == 0)
        {
            destination[position] = 0;
            return position + 1;
        }

        if (properties is null)
        {
            // The topic alias alone, as in most messages to a server that takes aliases.
            BinaryPrimitives.WriteUInt32BigEndian(destination[position..], 3u << 24 | (uint)MqttPropertyIdentifier.TopicAlias << 16 | topicAlias);
            return position + 4;
        }

        return position + WriteProperties(destination[position..], topicAlias, properties, propertyLength);
    }

    private static int WriteProperties(Span<byte> destination, ushort topicAlias, MqttMessageProperties properties, int propertyLength)
    {
        var writer = new MqttPacketWriter(destination);
        writer.WriteVariableByteInteger(propertyLength);
        if (topicAlias != 0)
        {
            writer.WriteByte((byte)MqttPropertyIdentifier.TopicAlias);
            writer.WriteUInt16(topicAlias);
        }

        MessageProperties.Write(ref writer, properties);
        return writer.Length;
    }

    private static void ThrowTopicTooLong(int byteCount) =>
        throw new ArgumentException(
            $"The topic takes {byteCount} bytes of UTF-8; MQTT allows at most {MqttText.MaximumByteCount}. Shorten it.");

    private static void ThrowTooLarge(long length) =>
        throw new ArgumentException(
            $"The message takes {length} bytes with its topic and properties; an MQTT packet holds at most {VariableByteInteger.MaximumValue}. "
            + "Send the payload in several messages.");
}
