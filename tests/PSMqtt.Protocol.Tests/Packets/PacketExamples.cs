using System.Text;
using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Tests.Scripted;

namespace PSMqtt.Protocol.Tests.Packets;

/// <summary>A packet, and the bytes that the specification gives it.</summary>
/// <param name="Name">What it shows.</param>
/// <param name="Version">The version of the connection.</param>
/// <param name="Packet">Its fields.</param>
/// <param name="Bytes">Its bytes, as hexadecimal digits.</param>
/// <param name="ValidPrefixes">The lengths to which its body can be cut so that it still is a packet, such as inside a payload.</param>
internal sealed record PacketExample(string Name, MqttProtocolVersion Version, object Packet, string Bytes, params int[] ValidPrefixes)
{
    public override string ToString() => $"{Name}, {Version}";
}

/// <summary>Every packet of every version: bare, and with everything that it can carry. The bytes were put together by hand.</summary>
internal static class PacketExamples
{
    private const MqttProtocolVersion V310 = MqttProtocolVersion.V310;
    private const MqttProtocolVersion V311 = MqttProtocolVersion.V311;
    private const MqttProtocolVersion V500 = MqttProtocolVersion.V500;

    private static readonly MqttUserProperty[] s_users = [new("a", "b")];

    public static IReadOnlyList<PacketExample> All { get; } =
    [
        new("CONNECT, bare", V310, new ConnectPacket { ProtocolVersion = V310, ClientId = "c", CleanStart = true, KeepAliveSeconds = 60 },
            "10 0F 0006 4D5149736470 03 02 003C 0001 63"),
        new("CONNECT, bare", V311, new ConnectPacket { ProtocolVersion = V311 }, "10 0C 0004 4D515454 04 00 0000 0000"),
        new("CONNECT, bare", V500, new ConnectPacket(), "10 0D 0004 4D515454 05 00 0000 00 0000"),
        new("CONNECT of a bridge", V310, new ConnectPacket { ProtocolVersion = V310, Bridge = true }, "10 0E 0006 4D5149736470 83 00 0000 0000"),
        new("CONNECT of a bridge", V311, new ConnectPacket { ProtocolVersion = V311, Bridge = true }, "10 0C 0004 4D515454 84 00 0000 0000"),
        new("CONNECT, full", V311,
            new ConnectPacket
            {
                ProtocolVersion = V311, ClientId = "c", CleanStart = true, KeepAliveSeconds = 65535, UserName = "u", Password = [0x70],
                Will = new MqttMessage("w", "hi", MqttQualityOfService.ExactlyOnce, retain: true),
            },
            "10 1A 0004 4D515454 04 F6 FFFF 0001 63 0001 77 0002 6869 0001 75 0001 70"),
        new("CONNECT, password alone", V500, new ConnectPacket { Password = [1, 2] }, "10 11 0004 4D515454 05 40 0000 00 0000 0002 0102"),
        new("CONNECT, full", V500,
            new ConnectPacket
            {
                ClientId = "c", CleanStart = true, KeepAliveSeconds = 60, UserName = "u", Password = [0x70], SessionExpirySeconds = 120,
                ReceiveMaximum = 100, MaximumPacketSize = 65536, TopicAliasMaximum = 10, RequestResponseInformation = true,
                RequestProblemInformation = false, UserProperties = s_users, AuthenticationMethod = "m", AuthenticationData = [0xFF],
                WillDelaySeconds = 5,
                Will = new MqttMessage("w", "hi", MqttQualityOfService.AtLeastOnce, retain: true)
                {
                    PayloadFormat = MqttPayloadFormat.Utf8, MessageExpiry = TimeSpan.FromSeconds(60), ContentType = "t", ResponseTopic = "r",
                    CorrelationData = [1], UserProperties = [new("k", "v")],
                },
            },
            "10 5E 0004 4D515454 05 EE 003C"
            + "23 11 00000078 21 0064 27 00010000 22 000A 19 01 17 00 26 0001 61 0001 62 15 0001 6D 16 0001 FF"
            + "0001 63"
            + "1F 18 00000005 01 01 02 0000003C 03 0001 74 08 0001 72 09 0001 01 26 0001 6B 0001 76"
            + "0001 77 0002 6869 0001 75 0001 70"),

        new("CONNACK, success", V310, new ConnAckPacket(), "20 02 00 00"),
        new("CONNACK, refused", V310, new ConnAckPacket { ReasonCode = MqttReasonCode.ServerUnavailable }, "20 02 00 03"),
        new("CONNACK, session present", V311, new ConnAckPacket { SessionPresent = true }, "20 02 01 00"),
        new("CONNACK, version", V311, new ConnAckPacket { ReasonCode = MqttReasonCode.UnsupportedProtocolVersion }, "20 02 00 01"),
        new("CONNACK, identifier", V311, new ConnAckPacket { ReasonCode = MqttReasonCode.ClientIdentifierNotValid }, "20 02 00 02"),
        new("CONNACK, password", V311, new ConnAckPacket { ReasonCode = MqttReasonCode.BadUserNameOrPassword }, "20 02 00 04"),
        new("CONNACK, authorisation", V311, new ConnAckPacket { ReasonCode = MqttReasonCode.NotAuthorized }, "20 02 00 05"),
        new("CONNACK, bare", V500, new ConnAckPacket { ReasonCode = MqttReasonCode.Banned }, "20 03 00 8A 00"),
        new("CONNACK, full", V500,
            new ConnAckPacket
            {
                SessionPresent = true, SessionExpirySeconds = 10, ReceiveMaximum = 10, MaximumQoS = MqttQualityOfService.AtLeastOnce,
                RetainAvailable = false, MaximumPacketSize = 4096, AssignedClientIdentifier = "abc", TopicAliasMaximum = 5, ReasonString = "ok",
                UserProperties = s_users, WildcardSubscriptionAvailable = false, SubscriptionIdentifiersAvailable = true,
                SharedSubscriptionAvailable = false, ServerKeepAlive = 30, ResponseInformation = "r", ServerReference = "s",
                AuthenticationMethod = "m", AuthenticationData = [1, 2],
            },
            "20 43 01 00 40 11 0000000A 21 000A 24 01 25 00 27 00001000 12 0003 616263 22 0005 1F 0002 6F6B 26 0001 61 0001 62"
            + "28 00 29 01 2A 00 13 001E 1A 0001 72 1C 0001 73 15 0001 6D 16 0002 0102"),

        new("PUBLISH, QoS 0", V310, new ServerPublish("a/b", "hi"), "30 07 0003 612F62 6869", 5, 6),
        new("PUBLISH, QoS 1", V311, new ServerPublish("a/b", [], MqttQualityOfService.AtLeastOnce, 10) { Retain = true }, "33 07 0003 612F62 000A"),
        new("PUBLISH, QoS 2", V311,
            new ServerPublish("t", [0], MqttQualityOfService.ExactlyOnce, 65535) { Retain = true, Duplicate = true }, "3D 06 0001 74 FFFF 00", 5),
        new("PUBLISH, bare", V500, new ServerPublish("t", "x"), "30 05 0001 74 00 78", 4),
        new("PUBLISH, alias alone", V500, new ServerPublish("", []) { TopicAlias = 258 }, "30 06 0000 03 23 0102"),
        new("PUBLISH, full", V500,
            new ServerPublish("t", "p", MqttQualityOfService.ExactlyOnce, 7)
            {
                TopicAlias = 1,
                Properties = new MqttMessageProperties
                {
                    PayloadFormat = MqttPayloadFormat.Utf8, MessageExpirySeconds = 1, ContentType = "c", ResponseTopic = "r",
                    CorrelationData = [1, 2], UserProperties = [new("a", "b"), new("a", "b")], SubscriptionIdentifiers = [1, 268_435_455],
                },
            },
            "34 33 0001 74 0007 2C 23 0001 01 01 02 00000001 03 0001 63 08 0001 72 09 0002 0102 26 0001 61 0001 62 26 0001 61 0001 62"
            + "0B 01 0B FFFFFF7F 70",
            50),

        .. Acknowledgements(MqttPacketType.PubAck, "40", MqttReasonCode.NoMatchingSubscribers, "10"),
        .. Acknowledgements(MqttPacketType.PubRec, "50", MqttReasonCode.QuotaExceeded, "97"),
        .. Acknowledgements(MqttPacketType.PubRel, "62", MqttReasonCode.PacketIdentifierNotFound, "92"),
        .. Acknowledgements(MqttPacketType.PubComp, "70", MqttReasonCode.PacketIdentifierNotFound, "92"),

        new("SUBSCRIBE", V310,
            new SubscribePacket { PacketIdentifier = 1, Subscriptions = [new("a", MqttQualityOfService.AtMostOnce), new("#", MqttQualityOfService.ExactlyOnce)] },
            "82 0A 0001 0001 61 00 0001 23 02", 6),
        new("SUBSCRIBE", V311, new SubscribePacket { PacketIdentifier = 65535, Subscriptions = [new("a/+")] }, "82 08 FFFF 0003 612F2B 01"),
        new("SUBSCRIBE, full", V500,
            new SubscribePacket
            {
                PacketIdentifier = 2, SubscriptionIdentifier = 200, UserProperties = s_users,
                Subscriptions =
                [
                    new("a", MqttQualityOfService.ExactlyOnce) { NoLocal = true, RetainAsPublished = true, RetainHandling = MqttRetainHandling.DoNotSend },
                    new("$share/g/a", MqttQualityOfService.AtMostOnce) { RetainHandling = MqttRetainHandling.SendIfNew },
                ],
            },
            "82 1E 0002 0A 0B C801 26 0001 61 0001 62 0001 61 2E 000A 2473686172652F672F61 10", 17),
        new("SUBACK", V310, new SubAckPacket { PacketIdentifier = 1, ReasonCodes = [MqttReasonCode.GrantedQoS2] }, "90 03 0001 02"),
        new("SUBACK", V311,
            new SubAckPacket
            {
                PacketIdentifier = 1,
                ReasonCodes = [MqttReasonCode.Success, MqttReasonCode.GrantedQoS1, MqttReasonCode.GrantedQoS2, MqttReasonCode.UnspecifiedError],
            },
            "90 06 0001 00 01 02 80", 3, 4, 5),
        new("SUBACK, full", V500,
            new SubAckPacket
            {
                PacketIdentifier = 1, ReasonString = "no", UserProperties = s_users,
                ReasonCodes = [MqttReasonCode.WildcardSubscriptionsNotSupported, MqttReasonCode.GrantedQoS1],
            },
            "90 11 0001 0C 1F 0002 6E6F 26 0001 61 0001 62 A2 01", 16),
        new("UNSUBSCRIBE", V310, new UnsubscribePacket { PacketIdentifier = 1, Filters = ["a"] }, "A2 05 0001 0001 61"),
        new("UNSUBSCRIBE", V311, new UnsubscribePacket { PacketIdentifier = 1, Filters = ["a", "b"] }, "A2 08 0001 0001 61 0001 62", 5),
        new("UNSUBSCRIBE, full", V500, new UnsubscribePacket { PacketIdentifier = 1, Filters = ["a", "b"], UserProperties = s_users },
            "A2 10 0001 07 26 0001 61 0001 62 0001 61 0001 62", 13),
        new("UNSUBACK", V310, new UnsubAckPacket { PacketIdentifier = 1 }, "B0 02 0001"),
        new("UNSUBACK", V311, new UnsubAckPacket { PacketIdentifier = 258 }, "B0 02 0102"),
        new("UNSUBACK, full", V500,
            new UnsubAckPacket
            {
                PacketIdentifier = 1, ReasonString = "", UserProperties = s_users,
                ReasonCodes = [MqttReasonCode.NoSubscriptionExisted, MqttReasonCode.Success],
            },
            "B0 0F 0001 0A 1F 0000 26 0001 61 0001 62 11 00", 14),

        new("PINGREQ", V311, MqttPacketType.PingReq, "C0 00"),
        new("PINGRESP", V500, MqttPacketType.PingResp, "D0 00"),

        new("DISCONNECT", V310, new DisconnectPacket(), "E0 00"),
        new("DISCONNECT", V311, new DisconnectPacket(), "E0 00"),
        new("DISCONNECT, bare", V500, new DisconnectPacket(), "E0 00"),
        new("DISCONNECT, code alone", V500, new DisconnectPacket { ReasonCode = MqttReasonCode.DisconnectWithWillMessage }, "E0 01 04", 0),
        new("DISCONNECT, full", V500,
            new DisconnectPacket
            {
                ReasonCode = MqttReasonCode.UseAnotherServer, SessionExpirySeconds = 0, ReasonString = "r", UserProperties = s_users,
                ServerReference = "s",
            },
            "E0 16 9C 14 11 00000000 1F 0001 72 26 0001 61 0001 62 1C 0001 73", 0, 1),

        new("AUTH, bare", V500, new AuthPacket(), "F0 00"),
        new("AUTH, full", V500,
            new AuthPacket
            {
                ReasonCode = MqttReasonCode.ContinueAuthentication, Method = "SCRAM", Data = [0xDE, 0xAD], ReasonString = "r", UserProperties = s_users,
            },
            "F0 1A 18 18 15 0005 534352414D 16 0002 DEAD 1F 0001 72 26 0001 61 0001 62", 0),
    ];

    public static TheoryData<string> Names => new(All.Select(example => example.ToString()));

    public static PacketExample Get(string name) => All.Single(example => example.ToString() == name);

    /// <summary>The bytes of all of them; the start of what the fuzzers do.</summary>
    public static IEnumerable<(MqttProtocolVersion Version, byte[] Bytes)> Corpus =>
        All.Select(example => (example.Version, PacketBytes.Hex(example.Bytes)));

    /// <summary>A text whose UTF-8 takes so many bytes.</summary>
    public static string TextOf(int byteCount) => new('x', byteCount);

    private static IEnumerable<PacketExample> Acknowledgements(MqttPacketType type, string first, MqttReasonCode code, string codeDigits)
    {
        string name = type.Name();
        yield return new($"{name}", V310, new AcknowledgementPacket(type, 1), $"{first} 02 0001");
        yield return new($"{name}", V311, new AcknowledgementPacket(type, 65535), $"{first} 02 FFFF");
        yield return new($"{name}, bare", V500, new AcknowledgementPacket(type, 5), $"{first} 02 0005");
        yield return new($"{name}, code", V500, new AcknowledgementPacket(type, 5, code), $"{first} 03 0005 {codeDigits}", 2);
        yield return new(
            $"{name}, full",
            V500,
            new AcknowledgementPacket(type, 5, code, Encoding.UTF8.GetString([0xC3, 0xBC]), s_users),
            $"{first} 10 0005 {codeDigits} 0C 1F 0002 C3BC 26 0001 61 0001 62",
            2,
            3);
    }
}
