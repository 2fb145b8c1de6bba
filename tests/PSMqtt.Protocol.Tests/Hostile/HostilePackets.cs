using static PSMqtt.Protocol.MqttProtocolVersion;
using static PSMqtt.Protocol.MqttReasonCode;

namespace PSMqtt.Protocol.Tests.Hostile;

/// <summary>Every kind of packet that breaks the specification and that a server could send. The bytes were put together by hand.</summary>
internal static class HostilePackets
{
    private static readonly List<HostilePacket> s_all = [];

    static HostilePackets()
    {
        AddFraming();
        AddForbidden();
        AddPublish();
        AddAcknowledgements();
        AddSubscribing();
        AddProperties();
    }

    public static IReadOnlyList<HostilePacket> All => s_all;

    private static void AddFraming()
    {
        Both("type 0", "00 00", "MQTT-2.1.2", statementOf311: "MQTT-2.2.1");
        Both("a remaining length of five bytes", "D0 80 80 80 80 01", "MQTT-1.5.5-1", statementOf311: "MQTT-2.2.3");
        Both("a remaining length of four bytes that all go on", "30 FF FF FF FF", "MQTT-1.5.5-1", statementOf311: "MQTT-2.2.3");
        Both("a remaining length in more bytes than it needs", "D0 80 00", "MQTT-1.5.5-1", statementOf311: "MQTT-2.2.3");
        Both("PINGRESP with a body", "D0 01 00", "MQTT-3.13.1");
        Both("PINGRESP that announces 256 MiB", "D0 FF FF FF 7F", "MQTT-3.1.2-24", PacketTooLarge, statementOf311: "MQTT-2.2.3");
        foreach (byte first in (byte[])[0x21, 0x41, 0x51, 0x71, 0x91, 0xB1, 0xD1, 0xE1])
        {
            Both($"reserved flags in the first byte {first:X2}", $"{first:X2} 02 00 01", "MQTT-2.1.3-1", statementOf311: "MQTT-2.2.2-2");
        }

        Both("PUBREL without its flag bit", "60 02 00 01", "MQTT-2.1.3-1", statementOf311: "MQTT-2.2.2-2");
        Both("PUBREL with DUP", "6A 02 00 01", "MQTT-2.1.3-1", statementOf311: "MQTT-2.2.2-2");
        Add(V500, "AUTH with reserved flags", "F1 00", "MQTT-2.1.3-1", MalformedPacket);
        Both("nothing but ones", "FF FF FF FF", "MQTT-2.1.3-1", statementOf311: "MQTT-2.2.2-2");
    }

    private static void AddForbidden()
    {
        Both("CONNECT", "10 0D 0004 4D515454 05 00 0000 00 0000", "MQTT-4.13.1-1", ProtocolError, statementOf311: "MQTT-4.8.0-1");
        Add(V500, "a second CONNACK", "20 03 00 00 00", "MQTT-3.2.0-2", ProtocolError);
        Add(V311, "a second CONNACK", "20 02 00 00", "MQTT-3.2", ProtocolError);
        Both("SUBSCRIBE", "82 06 0001 0001 61 00", "MQTT-4.13.1-1", ProtocolError, statementOf311: "MQTT-4.8.0-1");
        Both("UNSUBSCRIBE", "A2 05 0001 0001 61", "MQTT-4.13.1-1", ProtocolError, statementOf311: "MQTT-4.8.0-1");
        Both("PINGREQ", "C0 00", "MQTT-4.13.1-1", ProtocolError, statementOf311: "MQTT-4.8.0-1");
        Add(V311, "DISCONNECT", "E0 00", "MQTT-4.8.0-1", ProtocolError);
        Add(V311, "AUTH", "F0 00", "MQTT-4.8.0-1", ProtocolError);
        Add(V500, "AUTH though no method was agreed on", "F0 06 18 04 15 0001 6D", "MQTT-4.12.0-6", ProtocolError);
        Add(V500, "DISCONNECT with a reason code that does not exist", "E0 01 01", "MQTT-3.14.2-1", ProtocolError);
        Add(V500, "DISCONNECT with a Session Expiry Interval", "E0 07 00 05 11 00000001", "MQTT-3.14.2-2", ProtocolError);
        Add(V500, "DISCONNECT with a property length past its end", "E0 02 00 05", "MQTT-3.14.2.2.1", MalformedPacket);
    }

    private static void AddPublish()
    {
        Both("PUBLISH with both QoS bits", "36 06 0001 61 0001 00", "MQTT-3.3.1-4");
        Both("PUBLISH of QoS 0 with DUP", "38 04 0001 61 00", "MQTT-3.3.1-2");
        Both("PUBLISH without a body", "30 00", "MQTT-2.1.4", statementOf311: "MQTT-2.2.3");
        Both("PUBLISH whose topic is longer than the packet", "30 05 FFFF 61 6161", "MQTT-2.1.4", statementOf311: "MQTT-2.2.3");
        Both("PUBLISH of QoS 1 without a packet identifier", "32 03 0001 61", "MQTT-2.1.4", statementOf311: "MQTT-2.2.3");
        Add(V311, "PUBLISH of QoS 1 with packet identifier 0", "32 05 0001 61 0000", "MQTT-2.3.1-4", ProtocolError);
        Add(V500, "PUBLISH of QoS 1 with packet identifier 0", "32 06 0001 61 0000 00", "MQTT-2.2.1-4", ProtocolError);
        Add(V311, "PUBLISH with an empty topic", "30 02 0000", "MQTT-4.7.3-1", ProtocolError);
        Add(V500, "PUBLISH with an empty topic and no alias", "30 03 0000 00", "MQTT-4.7.3-1", ProtocolError);
        foreach ((string name, string topic) in (ReadOnlySpan<(string, string)>)[("#", "612F23"), ("+", "2B2F61")])
        {
            Publish($"a {name} in the topic", topic, "MQTT-3.3.2-2", TopicNameInvalid);
        }

        Publish("U+0000 in the topic", "610061", "MQTT-1.5.4-2", statementOf311: "MQTT-1.5.3-2");
        Publish("a broken UTF-8 sequence in the topic", "61C328", "MQTT-1.5.4-1", statementOf311: "MQTT-1.5.3-1");
        Publish("an overlong UTF-8 sequence in the topic", "61C0AF", "MQTT-1.5.4-1", statementOf311: "MQTT-1.5.3-1");
        Publish("a surrogate in the topic", "EDA080", "MQTT-1.5.4-1", statementOf311: "MQTT-1.5.3-1");
        Publish("a code point above U+10FFFF in the topic", "F4908080", "MQTT-1.5.4-1", statementOf311: "MQTT-1.5.3-1");
        Publish("a topic that ends inside a character", "61E282", "MQTT-1.5.4-1", statementOf311: "MQTT-1.5.3-1");
        Add(V500, "PUBLISH with the topic alias 0", "30 07 0001 61 03 23 0000", "MQTT-3.3.2-8", TopicAliasInvalid);
        Add(V500, "PUBLISH with a topic alias beyond the maximum", "30 07 0001 61 03 23 FFFF", "MQTT-3.3.2-11", TopicAliasInvalid);
        Add(V500, "PUBLISH with a topic alias that was given no topic", "30 06 0000 03 23 0001", "MQTT-3.3.4", ProtocolError);
        Add(V500, "PUBLISH that exceeds the Receive Maximum",
            "32 07 0001 61 0001 00 31" + "32 07 0001 61 0002 00 31" + "32 07 0001 61 0003 00 31", "MQTT-3.3.4-9", ReceiveMaximumExceeded);
        Add(V311, "PUBLISH with a packet identifier in use", "32 06 0001 61 0001 31" + "32 06 0001 61 0001 32", "MQTT-2.3.1-4", ProtocolError);
        Add(V500, "PUBLISH with a packet identifier in use", "32 07 0001 61 0001 00 31" + "32 07 0001 61 0001 00 32", "MQTT-2.2.1-4", ProtocolError);
        Add(V311, "PUBREL of a message that has no PUBREC yet", "34 06 0001 61 0001 31" + "62 02 0001", "MQTT-4.3.3-1", ProtocolError);
        Add(V500, "PUBREL of a message that has no PUBREC yet", "34 07 0001 61 0001 00 31" + "62 02 0001", "MQTT-4.3.3-4", ProtocolError);
        Both("PUBLISH beyond our Maximum Packet Size", "30 80 80 04 0001 61", "MQTT-3.1.2-24", PacketTooLarge, statementOf311: "MQTT-2.2.3");
        Both("PUBLISH that announces 256 MiB", "30 FF FF FF 7F 0001 61", "MQTT-3.1.2-24", PacketTooLarge, statementOf311: "MQTT-2.2.3");
    }

    private static void AddAcknowledgements()
    {
        foreach ((string name, string first) in (ReadOnlySpan<(string, string)>)[("PUBACK", "40"), ("PUBREC", "50"), ("PUBREL", "62"), ("PUBCOMP", "70")])
        {
            Both($"{name} without a body", $"{first} 00", "MQTT-2.1.4", statementOf311: "MQTT-2.2.3");
            Both($"{name} of one byte", $"{first} 01 00", "MQTT-2.1.4", statementOf311: "MQTT-2.2.3");
            Both($"{name} with packet identifier 0", $"{first} 02 0000", "MQTT-2.2.1-5", ProtocolError, statementOf311: "MQTT-2.3.1-6");
            Add(V311, $"{name} with a reason code", $"{first} 03 0009 00", "MQTT-2.2.3", MalformedPacket);
            Add(V500, $"{name} with a reason code that does not exist", $"{first} 03 0009 05", AcknowledgementStatement(name), ProtocolError);
            Add(V500, $"{name} with a property length past its end", $"{first} 04 0009 00 05", PropertySection(name), MalformedPacket);
            Add(V500, $"{name} with bytes after its properties", $"{first} 05 0009 00 00 00", "MQTT-2.1.4", MalformedPacket);
            Add(V500, $"{name} with a Topic Alias", $"{first} 07 0009 00 03 23 0001", "MQTT-2.2.2.2", MalformedPacket);
        }

        Both("PUBREC for a QoS 1 message", "50 02 0002", "MQTT-4.3.3-8", ProtocolError, Waiting.PubAck, statementOf311: "MQTT-4.3.3-1");
        Both("PUBCOMP for a QoS 1 message", "70 02 0002", "MQTT-4.3.3-8", ProtocolError, Waiting.PubAck, statementOf311: "MQTT-4.3.3-1");
        Both("PUBACK for a QoS 2 message", "40 02 0002", "MQTT-4.3.2-3", ProtocolError, Waiting.PubRec, statementOf311: "MQTT-4.3.2-1");
        Both("PUBCOMP before PUBREC", "70 02 0002", "MQTT-4.3.3-8", ProtocolError, Waiting.PubRec, statementOf311: "MQTT-4.3.3-1");
        Both("PUBACK after PUBREC", "40 02 0002", "MQTT-4.3.2-3", ProtocolError, Waiting.PubComp, statementOf311: "MQTT-4.3.2-1");
        Add(V311, "SUBACK for a QoS 1 message", "90 03 0002 00", "MQTT-3.8.4-2", ProtocolError, Waiting.PubAck);
        Add(V500, "SUBACK for a QoS 1 message", "90 04 0002 00 00", "MQTT-3.8.4-2", ProtocolError, Waiting.PubAck);
        Add(V311, "UNSUBACK for a QoS 2 message", "B0 02 0002", "MQTT-3.10.4-4", ProtocolError, Waiting.PubRec);
        Add(V500, "UNSUBACK for a QoS 2 message", "B0 04 0002 00 00", "MQTT-3.10.4-5", ProtocolError, Waiting.PubRec);
        Both("PUBACK for a SUBSCRIBE", "40 02 0002", "MQTT-4.3.2-3", ProtocolError, Waiting.SubAck, statementOf311: "MQTT-4.3.2-1");
        Both("PUBREC for a SUBSCRIBE", "50 02 0002", "MQTT-4.3.3-8", ProtocolError, Waiting.SubAck, statementOf311: "MQTT-4.3.3-1");
        Both("PUBCOMP for an UNSUBSCRIBE", "70 02 0002", "MQTT-4.3.3-8", ProtocolError, Waiting.UnsubAck, statementOf311: "MQTT-4.3.3-1");
    }

    private static void AddSubscribing()
    {
        Add(V311, "SUBACK without a code", "90 02 0002", "MQTT-3.8.3-3", ProtocolError, Waiting.SubAck);
        Add(V500, "SUBACK without a code", "90 03 0002 00", "MQTT-3.8.3-2", ProtocolError, Waiting.SubAck);
        Add(V311, "SUBACK with a code too many", "90 04 0002 00 01", "MQTT-3.8.4-5", ProtocolError, Waiting.SubAck);
        Add(V500, "SUBACK with a code too many", "90 05 0002 00 00 01", "MQTT-3.8.4-6", ProtocolError, Waiting.SubAck);
        Add(V311, "SUBACK with a reserved code", "90 03 0002 03", "MQTT-3.9.3-2", ProtocolError, Waiting.SubAck);
        Add(V500, "SUBACK with a code that does not exist", "90 04 0002 00 03", "MQTT-3.9.3-2", ProtocolError, Waiting.SubAck);
        Add(V500, "SUBACK with a property length past its end", "90 04 0002 7F 00", "MQTT-3.9.2.1.1", MalformedPacket, Waiting.SubAck);
        Both("SUBACK with packet identifier 0", "90 04 0000 00 00", "MQTT-2.2.1-6", ProtocolError, statementOf311: "MQTT-2.3.1-7");
        Both("SUBACK of one byte", "90 01 00", "MQTT-2.1.4", statementOf311: "MQTT-2.2.3");
        Add(V311, "UNSUBACK for a SUBSCRIBE", "B0 02 0002", "MQTT-3.10.4-4", ProtocolError, Waiting.SubAck);
        Add(V500, "UNSUBACK for a SUBSCRIBE", "B0 04 0002 00 00", "MQTT-3.10.4-5", ProtocolError, Waiting.SubAck);
        Add(V311, "SUBACK for an UNSUBSCRIBE", "90 03 0002 00", "MQTT-3.8.4-2", ProtocolError, Waiting.UnsubAck);
        Add(V500, "SUBACK for an UNSUBSCRIBE", "90 04 0002 00 00", "MQTT-3.8.4-2", ProtocolError, Waiting.UnsubAck);
        Add(V500, "UNSUBACK without a code", "B0 03 0002 00", "MQTT-3.11.3-2", ProtocolError, Waiting.UnsubAck);
        Add(V500, "UNSUBACK with a code too many", "B0 05 0002 00 00 00", "MQTT-3.11.3-1", ProtocolError, Waiting.UnsubAck);
        Add(V311, "UNSUBACK with a code", "B0 03 0002 00", "MQTT-2.2.3", MalformedPacket, Waiting.UnsubAck);
        Add(V500, "UNSUBACK with a code that does not exist", "B0 04 0002 00 01", "MQTT-3.11.3-2", ProtocolError, Waiting.UnsubAck);
        Both("UNSUBACK with packet identifier 0", "B0 02 0000", "MQTT-2.2.1-6", ProtocolError, statementOf311: "MQTT-2.3.1-7");
    }

    private static void AddProperties()
    {
        Property("a property that does not exist", "04 0001 61", "MQTT-2.2.2.2");
        Property("a property of CONNACK", "21 0001", "MQTT-2.2.2.2");
        Property("a property identifier in more bytes than it needs", "A6 00 0001 61 0001 62", "MQTT-1.5.5-1");
        Property("a property identifier beyond every property", "FF FF FF 7F", "MQTT-2.2.2.2");
        Property("a property that ends inside its value", "02 0000", "MQTT-2.2.2.1");
        Property("a text that is longer than the properties", "03 0005 61", "MQTT-2.2.2.1");
        Property("binary data that is longer than the properties", "09 FFFF", "MQTT-2.2.2.1");
        Property("U+0000 in a Content Type", "03 0001 00", "MQTT-1.5.4-2");
        Property("broken UTF-8 in a User Property", "26 0001 61 0001 80", "MQTT-1.5.4-1");
        Property("half a User Property", "26 0001 61", "MQTT-2.2.2.1");
        Property("a Content Type twice", "03 0001 61 03 0001 61", "MQTT-3.3.2.3.9", ProtocolError);
        Property("a Payload Format Indicator of 2", "01 02", "MQTT-3.3.2.3.2", ProtocolError);
        Property("a Response Topic with a wildcard", "08 0001 23", "MQTT-3.3.2-14", ProtocolError);
        Property("a Subscription Identifier of 0", "0B 00", "MQTT-3.3.2.3.8", ProtocolError);
        Add(V500, "PUBLISH with a property length past its end", "30 05 0001 61 7F 00", "MQTT-3.3.2.3.1", MalformedPacket);
        Add(V500, "PUBLISH with a property length of five bytes", "30 09 0001 61 80 80 80 80 01 00", "MQTT-1.5.5-1", MalformedPacket);
        Add(V500, "PUBLISH without a property length", "30 03 0001 61", "MQTT-2.1.4", MalformedPacket);
    }

    private static void Publish(
        string name, string topic, string statement, MqttReasonCode reasonCode = MalformedPacket, string? statementOf311 = null)
    {
        int length = topic.Length / 2;
        Add(V311, $"PUBLISH with {name}", $"30 {length + 3:X2} {length:X4} {topic} 31", statementOf311 ?? statement, reasonCode);
        Add(V500, $"PUBLISH with {name}", $"30 {length + 4:X2} {length:X4} {topic} 00 31", statement, reasonCode);
    }

    private static void Property(string name, string property, string statement, MqttReasonCode reasonCode = MalformedPacket)
    {
        int length = property.Replace(" ", "", StringComparison.Ordinal).Length / 2;
        Add(V500, $"PUBLISH with {name}", $"30 {length + 4:X2} 0001 61 {length:X2} {property}", statement, reasonCode);
    }

    private static string AcknowledgementStatement(string name) => name switch
    {
        "PUBACK" => "MQTT-3.4.2-1",
        "PUBREC" => "MQTT-3.5.2-1",
        "PUBREL" => "MQTT-3.6.2-1",
        _ => "MQTT-3.7.2-1",
    };

    private static string PropertySection(string name) => name switch
    {
        "PUBACK" => "MQTT-3.4.2.2.1",
        "PUBREC" => "MQTT-3.5.2.2.1",
        "PUBREL" => "MQTT-3.6.2.2.1",
        _ => "MQTT-3.7.2.2.1",
    };

    private static void Both(
        string name,
        string hexadecimal,
        string statement,
        MqttReasonCode reasonCode = MalformedPacket,
        Waiting waiting = Waiting.Nothing,
        string? statementOf311 = null)
    {
        Add(V311, name, hexadecimal, statementOf311 ?? statement, reasonCode, waiting);
        Add(V500, name, hexadecimal, statement, reasonCode, waiting);
    }

    private static void Add(
        MqttProtocolVersion version,
        string name,
        string hexadecimal,
        string statement,
        MqttReasonCode reasonCode,
        Waiting waiting = Waiting.Nothing) =>
        s_all.Add(new HostilePacket(name, version, hexadecimal, statement, reasonCode, waiting));
}
