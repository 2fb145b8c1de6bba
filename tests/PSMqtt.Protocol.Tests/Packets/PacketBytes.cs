using System.Buffers;
using System.Collections;
using System.Globalization;
using System.Reflection;
using System.Text;
using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Tests.Scripted;

namespace PSMqtt.Protocol.Tests.Packets;

/// <summary>Bytes to packets and back, and packets as text that shows every field, so that two can be compared.</summary>
internal static class PacketBytes
{
    private static readonly string[] s_derived = ["EqualityContract", "Text", "IsEmpty"];

    public static byte[] Hex(string digits) => Convert.FromHexString(digits.Replace(" ", "", StringComparison.Ordinal));

    /// <summary>A whole packet from its first byte and its body.</summary>
    public static byte[] Frame(byte first, ReadOnlySpan<byte> body)
    {
        var frame = new byte[1 + VariableByteInteger.GetSize(body.Length) + body.Length];
        frame[0] = first;
        int header = 1 + VariableByteInteger.Write(frame.AsSpan(1), body.Length);
        body.CopyTo(frame.AsSpan(header));
        return frame;
    }

    public static byte[] Body(ReadOnlySpan<byte> packet) =>
        MqttPacketReader.TryReadFrame(packet, int.MaxValue, out MqttFrame frame, out _)
            ? frame.Body.ToArray()
            : throw new ArgumentException("Not a whole packet.", nameof(packet));

    public static byte[] Encode(IMqttPacket packet, MqttProtocolVersion version)
    {
        var output = new ArrayBufferWriter<byte>();
        packet.Write(output, version);
        return output.WrittenSpan.ToArray();
    }

    /// <summary>Decodes a buffer that holds one packet and nothing else.</summary>
    public static object Decode(ReadOnlySpan<byte> packet, MqttProtocolVersion version)
    {
        Assert.True(MqttPacketReader.TryReadFrame(packet, int.MaxValue, out MqttFrame frame, out int needed));
        Assert.Equal(packet.Length, frame.TotalLength);
        Assert.Equal(packet.Length, needed);
        return Decode(frame, version);
    }

    public static object Decode(in MqttFrame frame, MqttProtocolVersion version) => frame.Type switch
    {
        MqttPacketType.Connect => ConnectPacket.Read(frame, version),
        MqttPacketType.ConnAck => ConnAckPacket.Read(frame, version),
        MqttPacketType.Publish => ReceivedPublish.Read(frame, version),
        MqttPacketType.Subscribe => SubscribePacket.Read(frame, version),
        MqttPacketType.SubAck => SubAckPacket.Read(frame, version),
        MqttPacketType.Unsubscribe => UnsubscribePacket.Read(frame, version),
        MqttPacketType.UnsubAck => UnsubAckPacket.Read(frame, version),
        MqttPacketType.Disconnect => DisconnectPacket.Read(frame, version),
        MqttPacketType.Auth => AuthPacket.Read(frame, version),
        MqttPacketType.PingReq or MqttPacketType.PingResp => frame.Type,
        _ => AcknowledgementPacket.Read(frame, version),
    };

    public static MqttProtocolException Refused(ReadOnlySpan<byte> packet, MqttProtocolVersion version)
    {
        try
        {
            Decode(packet, version);
        }
        catch (MqttProtocolException exception)
        {
            return exception;
        }

        throw new Xunit.Sdk.XunitException($"{Convert.ToHexString(packet)} was not refused in {version}.");
    }

    /// <summary>Asserts that a packet is refused with a statement and a reason code.</summary>
    public static void AssertRefused(
        string statement, ReadOnlySpan<byte> packet, MqttProtocolVersion version, MqttReasonCode reasonCode = MqttReasonCode.MalformedPacket)
    {
        MqttProtocolException exception = Refused(packet, version);
        Assert.Equal((statement, reasonCode), (exception.Statement, exception.ReasonCode));
        Assert.EndsWith($"[{statement}]", exception.Message, StringComparison.Ordinal);
    }

    /// <summary>A PUBLISH to be sent in the form in which it is received.</summary>
    public static object AsReceived(object packet) => packet is ServerPublish publish
        ? new ReceivedPublish(
            publish.Topic,
            publish.Payload,
            publish.QoS,
            publish.PacketIdentifier,
            publish.Retain,
            publish.Duplicate,
            publish.TopicAlias ?? 0,
            publish.Properties is { IsEmpty: false } properties ? properties : null)
        : packet;

    /// <summary>Every field of a packet, one line each.</summary>
    public static string Dump(object? value)
    {
        var text = new StringBuilder();
        Dump(text, value, "");
        return text.ToString();
    }

    private static void Dump(StringBuilder text, object? value, string path)
    {
        switch (value)
        {
            case null:
                text.AppendLine(CultureInfo.InvariantCulture, $"{path} = null");
                break;
            case byte[] bytes when bytes.GetType() == typeof(byte[]):
                text.AppendLine(CultureInfo.InvariantCulture, $"{path} = 0x{Convert.ToHexString(bytes)}");
                break;
            case string or Enum or IConvertible:
                text.AppendLine(CultureInfo.InvariantCulture, $"{path} = {value}");
                break;
            case MqttMessage message:
                Dump(text, (message.Topic, message.Payload, message.QoS, message.Retain, message.Properties), path);
                break;
            case System.Runtime.CompilerServices.ITuple tuple:
                for (int index = 0; index < tuple.Length; index++)
                {
                    Dump(text, tuple[index], $"{path}.{index}");
                }

                break;
            case IEnumerable items:
                int count = 0;
                foreach (object? item in items)
                {
                    Dump(text, item, $"{path}[{count++}]");
                }

                text.AppendLine(CultureInfo.InvariantCulture, $"{path}.Count = {count}");
                break;
            default:
                foreach (PropertyInfo property in value.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance))
                {
                    if (!s_derived.Contains(property.Name))
                    {
                        Dump(text, property.GetValue(value), $"{path}.{property.Name}");
                    }
                }

                break;
        }
    }
}
