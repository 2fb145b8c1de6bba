using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Tests.Scripted;
using static PSMqtt.Protocol.Tests.Packets.PacketBytes;

namespace PSMqtt.Protocol.Tests.Packets;

/// <summary>The rules of single packets that no table covers.</summary>
public sealed class PacketRuleTests
{
    private const MqttProtocolVersion V310 = MqttProtocolVersion.V310;
    private const MqttProtocolVersion V311 = MqttProtocolVersion.V311;
    private const MqttProtocolVersion V500 = MqttProtocolVersion.V500;

    [Fact(DisplayName = "[MQTT-3.2.2-1] the reserved flags of a CONNACK must be 0; in 3.1 the whole byte is reserved and ignored")]
    public void ConnAck_flags()
    {
        for (int flags = 2; flags < 256; flags++)
        {
            AssertRefused("MQTT-3.2.2-1", Hex($"20 02 {flags:X2} 00"), V311);
            AssertRefused("MQTT-3.2.2-1", Hex($"20 03 {flags:X2} 00 00"), V500);
            Assert.False(((ConnAckPacket)Decode(Hex($"20 02 {flags:X2} 00"), V310)).SessionPresent);
        }
    }

    [Fact(DisplayName = "[MQTT-3.2.2-6] [MQTT-3.1.1: MQTT-3.2.2-4] a CONNACK that refuses must not have Session Present set")]
    public void ConnAck_session_present_and_refused()
    {
        AssertRefused("MQTT-3.2.2-6", Hex("20 03 01 87 00"), V500, MqttReasonCode.ProtocolError);
        AssertRefused("MQTT-3.2.2-6", Hex("20 02 01 05"), V311, MqttReasonCode.ProtocolError);
    }

    [Theory(DisplayName = "A refusal in the form of 3.1.1 is understood on a connection that asked for 5.0")]
    [InlineData(1, MqttReasonCode.UnsupportedProtocolVersion)]
    [InlineData(2, MqttReasonCode.ClientIdentifierNotValid)]
    [InlineData(3, MqttReasonCode.ServerUnavailable)]
    [InlineData(4, MqttReasonCode.BadUserNameOrPassword)]
    [InlineData(5, MqttReasonCode.NotAuthorized)]
    public void ConnAck_of_an_old_server(int returnCode, MqttReasonCode reasonCode) =>
        Assert.Equal(reasonCode, ((ConnAckPacket)Decode(Hex($"20 02 00 {returnCode:X2}"), V500)).ReasonCode);

    [Fact]
    public void A_CONNACK_of_5_0_without_a_property_length_is_malformed()
    {
        AssertRefused("MQTT-2.1.4", Hex("20 02 00 00"), V500);
        AssertRefused("MQTT-2.1.4", Hex("20 02 00 87"), V500);
    }

    [Theory(DisplayName = "[MQTT-2.2.1-4] [MQTT-2.2.1-3] [MQTT-2.2.1-5] [MQTT-2.2.1-6] the packet identifier 0 is a protocol error")]
    [InlineData("32 05 0001 74 0000", "MQTT-2.2.1-4")]
    [InlineData("34 05 0001 74 0000", "MQTT-2.2.1-4")]
    [InlineData("40 02 0000", "MQTT-2.2.1-5")]
    [InlineData("50 02 0000", "MQTT-2.2.1-5")]
    [InlineData("62 02 0000", "MQTT-2.2.1-5")]
    [InlineData("70 02 0000", "MQTT-2.2.1-5")]
    [InlineData("90 03 0000 00", "MQTT-2.2.1-6")]
    [InlineData("B0 02 0000", "MQTT-2.2.1-6")]
    [InlineData("82 06 0000 0001 61 00", "MQTT-2.2.1-3")]
    [InlineData("A2 05 0000 0001 61", "MQTT-2.2.1-3")]
    public void Packet_identifier_0(string bytes, string statement)
    {
        AssertRefused(statement, Hex(bytes), V311, MqttReasonCode.ProtocolError);
        AssertRefused(statement, Hex(bytes), V310, MqttReasonCode.ProtocolError);
    }

    [Fact(DisplayName = "[MQTT-4.7.3-1] a PUBLISH with an empty topic and no alias is a protocol error")]
    public void Empty_topic()
    {
        AssertRefused("MQTT-4.7.3-1", Hex("30 03 0000 70"), V311, MqttReasonCode.ProtocolError);
        AssertRefused("MQTT-4.7.3-1", Hex("30 04 0000 00 70"), V500, MqttReasonCode.ProtocolError);
        AssertRefused("MQTT-4.7.3-1", Hex("30 06 0000 02 01 00 70"), V500, MqttReasonCode.ProtocolError);
    }

    [Theory(DisplayName = "[MQTT-3.3.2-2] a wildcard in the topic of a PUBLISH is refused")]
    [InlineData("23")]
    [InlineData("2B")]
    [InlineData("61 2F 23")]
    [InlineData("2B 2F C3 BC")]
    public void Wildcard_in_topic(string topic)
    {
        byte[] bytes = Hex(topic);
        AssertRefused("MQTT-3.3.2-2", Frame(0x30, [0, (byte)bytes.Length, .. bytes]), V311, MqttReasonCode.TopicNameInvalid);
    }

    [Fact(DisplayName = "[MQTT-3.3.2-8] the topic alias 0 is refused with 0x94")]
    public void Topic_alias_0() => AssertRefused("MQTT-3.3.2-8", Hex("30 07 0001 74 03 23 0000"), V500, MqttReasonCode.TopicAliasInvalid);

    [Fact(DisplayName = "[MQTT-3.3.2-14] a wildcard in a response topic is refused, both ways")]
    public void Wildcard_in_response_topic()
    {
        AssertRefused("MQTT-3.3.2-14", Hex("30 08 0001 74 04 08 0001 23"), V500, MqttReasonCode.ProtocolError);
        var properties = new MqttMessageProperties { ResponseTopic = "a/+" };
        Assert.Throws<ArgumentException>(
            () => PublishWriter.GetHeaderSize("t", 0, MqttQualityOfService.AtMostOnce, properties, 0, V500, out _, out _));
    }

    [Fact(DisplayName = "[MQTT-3.8.3-2] [MQTT-3.1.1: MQTT-3.8.3-3] a SUBACK without a reason code, and a SUBSCRIBE without a topic filter, are refused")]
    public void SubAck_and_Subscribe_without_entries()
    {
        AssertRefused("MQTT-3.8.3-2", Hex("90 02 0001"), V310, MqttReasonCode.ProtocolError);
        AssertRefused("MQTT-3.8.3-2", Hex("90 02 0001"), V311, MqttReasonCode.ProtocolError);
        AssertRefused("MQTT-3.8.3-2", Hex("90 03 0001 00"), V500, MqttReasonCode.ProtocolError);
        AssertRefused("MQTT-3.8.3-2", Hex("82 02 0001"), V311, MqttReasonCode.ProtocolError);
        AssertRefused("MQTT-3.8.3-2", Hex("82 03 0001 00"), V500, MqttReasonCode.ProtocolError);
    }

    [Fact(DisplayName = "[MQTT-3.11.3-2] [MQTT-3.10.3-2] [MQTT-3.1.1: MQTT-3.10.3-2] an UNSUBACK without a reason code (5.0), and an UNSUBSCRIBE without a topic filter, are refused")]
    public void UnsubAck_and_Unsubscribe_without_entries()
    {
        AssertRefused("MQTT-3.11.3-2", Hex("B0 03 0001 00"), V500, MqttReasonCode.ProtocolError);
        AssertRefused("MQTT-3.10.3-2", Hex("A2 02 0001"), V311, MqttReasonCode.ProtocolError);
        AssertRefused("MQTT-3.10.3-2", Hex("A2 03 0001 00"), V500, MqttReasonCode.ProtocolError);
        AssertRefused("MQTT-2.1.4", Hex("B0 03 0001 00"), V311);
    }

    [Theory]
    [InlineData("40 03 0001 00")]
    [InlineData("50 03 0001 00")]
    [InlineData("62 03 0001 00")]
    [InlineData("70 04 0001 00 00")]
    [InlineData("E0 01 00")]
    [InlineData("20 03 00 00 00")]
    public void A_body_that_only_5_0_has_is_malformed_in_3_1_1(string bytes)
    {
        AssertRefused("MQTT-2.1.4", Hex(bytes), V310);
        AssertRefused("MQTT-2.1.4", Hex(bytes), V311);
    }

    [Theory]
    [InlineData("40 04 0001 00 00", 0)]
    [InlineData("40 04 0001 10 00", 16)]
    [InlineData("50 03 0001 00", 0)]
    [InlineData("70 03 0001 92", 0x92)]
    public void An_acknowledgement_may_be_longer_than_it_needs(string bytes, int code) =>
        Assert.Equal((MqttReasonCode)code, ((AcknowledgementPacket)Decode(Hex(bytes), V500)).ReasonCode);

    [Fact]
    public void A_DISCONNECT_may_leave_out_its_reason_code_and_its_property_length()
    {
        Assert.Equal(MqttReasonCode.Success, ((DisconnectPacket)Decode(Hex("E0 00"), V500)).ReasonCode);
        Assert.Equal(MqttReasonCode.ServerShuttingDown, ((DisconnectPacket)Decode(Hex("E0 01 8B"), V500)).ReasonCode);
        Assert.Equal(MqttReasonCode.ServerShuttingDown, ((DisconnectPacket)Decode(Hex("E0 02 8B 00"), V500)).ReasonCode);
    }

    [Fact]
    public void An_AUTH_needs_its_method_and_5_0()
    {
        AssertRefused("MQTT-3.15.2.2.2", Hex("F0 02 18 00"), V500, MqttReasonCode.ProtocolError);
        AssertRefused("MQTT-3.15.2.2.2", Hex("F0 06 18 04 16 0001 61"), V500, MqttReasonCode.ProtocolError);
        AssertRefused("MQTT-2.1.4", Hex("F0 01 18"), V500);
        AssertRefused("MQTT-2.1.2", Hex("F0 00"), V311, MqttReasonCode.ProtocolError);
        Assert.Throws<ArgumentException>(() => Encode(new AuthPacket(), V311));
    }

    [Theory]
    [InlineData("10 0C 0004 4D515454 04 01 0000 0000", "MQTT-3.1.2-3")]
    [InlineData("10 0C 0004 4D515454 04 1E 0000 0000", "MQTT-3.1.2-12")]
    [InlineData("10 0C 0004 4D515454 04 0A 0000 0000", "MQTT-3.1.2-11")]
    [InlineData("10 0C 0004 4D515454 04 22 0000 0000", "MQTT-3.1.2-13")]
    [InlineData("10 0E 0004 4D515454 04 42 0000 0000 0000", "MQTT-3.1.2-22")]
    [InlineData("10 0C 0004 4D515454 04 82 0000 0000", "MQTT-2.1.4")]
    [InlineData("10 0C 0004 4D515454 04 06 0000 0000", "MQTT-2.1.4")]
    public void A_CONNECT_with_contradictory_flags_is_malformed(string bytes, string statement) => AssertRefused(statement, Hex(bytes), V311);

    [Theory]
    [InlineData("10 0C 0004 4D515454 03 02 0000 0000", "MQTT-3.1.2-2")]
    [InlineData("10 0C 0004 4D515454 06 02 0000 0000", "MQTT-3.1.2-2")]
    [InlineData("10 0D 0004 4D515454 85 02 0000 00 0000", "MQTT-3.1.2-2")]
    [InlineData("10 0E 0006 4D5149736470 04 02 0000 0000", "MQTT-3.1.2-2")]
    [InlineData("10 0C 0004 6D717474 04 02 0000 0000", "MQTT-3.1.2-1")]
    public void A_CONNECT_of_another_protocol_is_refused(string bytes, string statement) =>
        AssertRefused(statement, Hex(bytes), V311, MqttReasonCode.UnsupportedProtocolVersion);

    [Fact]
    public void A_CONNECT_with_authentication_data_needs_the_method() =>
        AssertRefused("MQTT-3.1.2.11.10", Hex("10 11 0004 4D515454 05 02 0000 04 16 0001 61 0000"), V500, MqttReasonCode.ProtocolError);

    [Fact(DisplayName = "[MQTT-3.1.2-22] a password without a user name is written in 5.0 only")]
    public void Password_without_user_name()
    {
        var packet = new ConnectPacket { Password = [1] };
        Assert.Throws<ArgumentException>(() => Encode(packet, V311));
        Assert.Throws<ArgumentException>(() => Encode(packet, V310));
        Assert.Equal([1], ((ConnectPacket)Decode(Encode(packet, V500), V500)).Password);
    }

    [Theory]
    [InlineData("03", "MQTT-3.8.3.1", MqttReasonCode.ProtocolError)]
    [InlineData("31", "MQTT-3.8.3.1", MqttReasonCode.ProtocolError)]
    [InlineData("40", "MQTT-3.8.3-5", MqttReasonCode.MalformedPacket)]
    [InlineData("80", "MQTT-3.8.3-5", MqttReasonCode.MalformedPacket)]
    public void Subscription_options_out_of_range_are_refused(string options, string statement, MqttReasonCode reasonCode) =>
        AssertRefused(statement, Hex($"82 07 0001 00 0001 61 {options}"), V500, reasonCode);

    [Fact(DisplayName = "[MQTT-3.8.3-4] No Local on a shared subscription is a protocol error")]
    public void No_local_on_a_shared_subscription() =>
        AssertRefused("MQTT-3.8.3-4", Hex("82 10 0001 00 000A 2473686172652F672F61 04"), V500, MqttReasonCode.ProtocolError);

    [Fact(DisplayName = "[MQTT-3.8.3-5] [MQTT-3.1.1: MQTT-3.8.3-4] subscription options other than QoS are reserved in 3.1.1")]
    public void Subscription_options_of_3_1_1()
    {
        AssertRefused("MQTT-3.8.3-5", Hex("82 06 0001 0001 61 04"), V311);
        var packet = new SubscribePacket
        {
            PacketIdentifier = 1,
            Subscriptions = [new("a") { NoLocal = true, RetainAsPublished = true, RetainHandling = MqttRetainHandling.DoNotSend }],
        };
        Assert.Equal("820600010001" + "6101", Convert.ToHexString(Encode(packet, V311)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(268_435_456)]
    public void A_subscription_identifier_out_of_range_is_the_senders_fault(int identifier)
    {
        var packet = new SubscribePacket { PacketIdentifier = 1, SubscriptionIdentifier = identifier, Subscriptions = [new("a")] };
        Assert.Throws<ArgumentException>(() => Encode(packet, V500));
    }

    [Fact(DisplayName = "[MQTT-3.3.4-6] subscription identifiers that a message was received with are not sent on")]
    public void Subscription_identifiers_do_not_travel()
    {
        var properties = new MqttMessageProperties { SubscriptionIdentifiers = [1] };
        Assert.Equal("3005000174" + "0070", Convert.ToHexString(PublishTests.Write(new ServerPublish("t", "p") { Properties = properties }, V500)));
    }

    [Fact]
    public void What_3_1_1_does_not_have_is_left_out()
    {
        IMqttPacket[] packets =
        [
            new AcknowledgementPacket(MqttPacketType.PubAck, 1, MqttReasonCode.QuotaExceeded, "r", [new("a", "b")]),
            new UnsubAckPacket { PacketIdentifier = 1, ReasonCodes = [MqttReasonCode.Success], ReasonString = "r" },
            new DisconnectPacket { ReasonCode = MqttReasonCode.DisconnectWithWillMessage, ReasonString = "r" },
            new ConnectPacket { ProtocolVersion = V311, SessionExpirySeconds = 5, UserProperties = [new("a", "b")], AuthenticationMethod = "m" },
        ];
        string[] bytes = ["40020001", "B0020001", "E000", "100C00044D515454040000000000"];
        Assert.Equal(bytes, packets.Select(packet => Convert.ToHexString(Encode(packet, V311))));
    }

    [Fact]
    public void Every_property_given_empty_is_there_and_not_left_out()
    {
        var packet = new ConnAckPacket
        {
            AssignedClientIdentifier = "",
            ReasonString = "",
            ResponseInformation = "",
            ServerReference = "",
            AuthenticationMethod = "",
            AuthenticationData = [],
            SessionExpirySeconds = 0,
            ServerKeepAlive = 0,
            TopicAliasMaximum = 0,
            UserProperties = [new("", "")],
        };
        Assert.Equal(Dump(packet), Dump(Decode(Encode(packet, V500), V500)));
    }
}
