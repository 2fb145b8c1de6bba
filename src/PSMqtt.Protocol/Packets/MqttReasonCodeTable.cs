namespace PSMqtt.Protocol.Packets;

/// <summary>Which reason codes a packet may carry (sections 3.2 to 3.15), and the return codes of MQTT 3.1 and 3.1.1 that they stand for.</summary>
internal static class MqttReasonCodeTable
{
    private static ReadOnlySpan<byte> ConnAckCodes =>
    [
        0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8C, 0x90, 0x95, 0x97, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9F,
    ];

    private static ReadOnlySpan<byte> PublishResponseCodes => [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];

    private static ReadOnlySpan<byte> ReleaseCodes => [0x00, 0x92];

    private static ReadOnlySpan<byte> SubAckCodes => [0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2];

    private static ReadOnlySpan<byte> UnsubAckCodes => [0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91];

    // 0x8C is missing in the table of section 3.14, but section 2.4 lists it for DISCONNECT.
    private static ReadOnlySpan<byte> DisconnectCodes =>
    [
        0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8C, 0x8D, 0x8E, 0x8F, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9A,
        0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2,
    ];

    private static ReadOnlySpan<byte> AuthCodes => [0x00, 0x18, 0x19];

    /// <summary>The codes of a packet of MQTT 5.0.</summary>
    public static ReadOnlySpan<byte> CodesOf(MqttPacketType type) => type switch
    {
        MqttPacketType.ConnAck => ConnAckCodes,
        MqttPacketType.PubAck or MqttPacketType.PubRec => PublishResponseCodes,
        MqttPacketType.PubRel or MqttPacketType.PubComp => ReleaseCodes,
        MqttPacketType.SubAck => SubAckCodes,
        MqttPacketType.UnsubAck => UnsubAckCodes,
        MqttPacketType.Disconnect => DisconnectCodes,
        MqttPacketType.Auth => AuthCodes,
        _ => [],
    };

    /// <summary>Refuses a code that a packet of MQTT 5.0 may not carry.</summary>
    public static MqttReasonCode Check(MqttPacketType type, byte code)
    {
        if (!CodesOf(type).Contains(code))
        {
            ProtocolViolation.ThrowError(
                StatementOf(type), $"{MqttPropertyTable.OwnerName(type, isFirst: true)} has the reason code 0x{code:X2}, which it may not carry.");
        }

        return (MqttReasonCode)code;
    }

    /// <summary>Translates a return code of an MQTT 3.1 or 3.1.1 CONNACK.</summary>
    public static MqttReasonCode FromReturnCode(byte code) => code switch
    {
        0 => MqttReasonCode.Success,
        1 => MqttReasonCode.UnsupportedProtocolVersion,
        2 => MqttReasonCode.ClientIdentifierNotValid,
        3 => MqttReasonCode.ServerUnavailable,
        4 => MqttReasonCode.BadUserNameOrPassword,
        5 => MqttReasonCode.NotAuthorized,
        _ => throw ProtocolViolation.Error("MQTT-3.2.2-8", $"A CONNACK has the unknown return code {code}."),
    };

    /// <summary>The return code of MQTT 3.1 and 3.1.1 that stands for a reason code.</summary>
    /// <exception cref="ArgumentException">There is none.</exception>
    public static byte ToReturnCode(MqttReasonCode code) => code switch
    {
        MqttReasonCode.Success => 0,
        MqttReasonCode.UnsupportedProtocolVersion => 1,
        MqttReasonCode.ClientIdentifierNotValid => 2,
        MqttReasonCode.ServerUnavailable => 3,
        MqttReasonCode.BadUserNameOrPassword => 4,
        MqttReasonCode.NotAuthorized => 5,
        _ => throw new ArgumentException($"MQTT 3 has no return code for {code}; use one of the five that it has.", nameof(code)),
    };

    private static string StatementOf(MqttPacketType type) => type switch
    {
        MqttPacketType.ConnAck => "MQTT-3.2.2-8",
        MqttPacketType.PubAck => "MQTT-3.4.2-1",
        MqttPacketType.PubRec => "MQTT-3.5.2-1",
        MqttPacketType.PubRel => "MQTT-3.6.2-1",
        MqttPacketType.PubComp => "MQTT-3.7.2-1",
        MqttPacketType.SubAck => "MQTT-3.9.3-2",
        MqttPacketType.UnsubAck => "MQTT-3.11.3-2",
        MqttPacketType.Disconnect => "MQTT-3.14.2-1",
        MqttPacketType.Auth => "MQTT-3.15.2-1",
        _ => "MQTT-2.4",
    };
}
