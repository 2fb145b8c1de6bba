using System.Buffers;

namespace PSMqtt.Protocol.Packets;

/// <summary>CONNACK. A property that is not there is <see langword="null"/>: what that means is the session's business.</summary>
internal sealed class ConnAckPacket : IMqttPacketBody
{
    public ConnAckPacket()
    {
    }

    private ConnAckPacket(in MqttFrame frame, MqttProtocolVersion version)
    {
        var body = new MqttBufferReader(MqttPacketType.ConnAck, frame.Body);
        byte flags = body.ReadByte("connect acknowledge flags");
        byte code = body.ReadByte("reason code");

        // MQTT 3.1 reserves the byte and says nothing of its value.
        if (version != MqttProtocolVersion.V310)
        {
            if ((flags & 0xFE) != 0)
            {
                throw ProtocolViolation.Malformed("MQTT-3.2.2-1", $"The reserved flags of a CONNACK are not 0 (0x{flags:X2}).");
            }

            SessionPresent = flags != 0;
        }

        // A server that knows only MQTT 3.1.1 refuses a newer client in its own language: two bytes, and a return code that 5.0 does not have; or with the
        // one code of 5.0 that says so.
        bool oldRefusal = version == MqttProtocolVersion.V500 && body.IsAtEnd
            && code is (>= 1 and <= 5) or 0x84;
        ReasonCode = version != MqttProtocolVersion.V500 || (oldRefusal && code <= 5)
            ? MqttReasonCodeTable.FromReturnCode(code)
            : MqttReasonCodeTable.Check(MqttPacketType.ConnAck, code);
        if (SessionPresent && code != 0)
        {
            throw ProtocolViolation.Error("MQTT-3.2.2-6", "A CONNACK refuses the connection and has Session Present set.");
        }

        if (version == MqttProtocolVersion.V500 && !oldRefusal)
        {
            List<MqttUserProperty>? userProperties = null;
            var properties = new MqttPropertyReader(ref body, MqttPacketType.ConnAck);
            while (properties.Read())
            {
                switch (properties.Identifier)
                {
                    case MqttPropertyIdentifier.SessionExpiryInterval:
                        SessionExpirySeconds = properties.Number;
                        break;
                    case MqttPropertyIdentifier.ReceiveMaximum:
                        ReceiveMaximum = (ushort)properties.Number;
                        break;
                    case MqttPropertyIdentifier.MaximumQoS:
                        MaximumQoS = (MqttQualityOfService)properties.Number;
                        break;
                    case MqttPropertyIdentifier.RetainAvailable:
                        RetainAvailable = properties.Flag;
                        break;
                    case MqttPropertyIdentifier.MaximumPacketSize:
                        MaximumPacketSize = properties.Number;
                        break;
                    case MqttPropertyIdentifier.AssignedClientIdentifier:
                        AssignedClientIdentifier = properties.Text;
                        break;
                    case MqttPropertyIdentifier.TopicAliasMaximum:
                        TopicAliasMaximum = (ushort)properties.Number;
                        break;
                    case MqttPropertyIdentifier.ReasonString:
                        ReasonString = properties.Text;
                        break;
                    case MqttPropertyIdentifier.WildcardSubscriptionAvailable:
                        WildcardSubscriptionAvailable = properties.Flag;
                        break;
                    case MqttPropertyIdentifier.SubscriptionIdentifierAvailable:
                        SubscriptionIdentifiersAvailable = properties.Flag;
                        break;
                    case MqttPropertyIdentifier.SharedSubscriptionAvailable:
                        SharedSubscriptionAvailable = properties.Flag;
                        break;
                    case MqttPropertyIdentifier.ServerKeepAlive:
                        ServerKeepAlive = (ushort)properties.Number;
                        break;
                    case MqttPropertyIdentifier.ResponseInformation:
                        ResponseInformation = properties.Text;
                        break;
                    case MqttPropertyIdentifier.ServerReference:
                        ServerReference = properties.Text;
                        break;
                    case MqttPropertyIdentifier.AuthenticationMethod:
                        AuthenticationMethod = properties.Text;
                        break;
                    case MqttPropertyIdentifier.AuthenticationData:
                        AuthenticationData = properties.Bytes.ToArray();
                        break;
                    default:
                        (userProperties ??= []).Add(properties.UserProperty);
                        break;
                }
            }

            UserProperties = (IReadOnlyList<MqttUserProperty>?)userProperties ?? [];
        }

        body.ExpectEnd();
    }

    public MqttPacketType Type => MqttPacketType.ConnAck;

    public bool SessionPresent { get; init; }

    /// <summary>The reason code; the return codes of MQTT 3.1 and 3.1.1 are translated.</summary>
    public MqttReasonCode ReasonCode { get; init; }

    public uint? SessionExpirySeconds { get; init; }

    public ushort? ReceiveMaximum { get; init; }

    public MqttQualityOfService? MaximumQoS { get; init; }

    public bool? RetainAvailable { get; init; }

    public uint? MaximumPacketSize { get; init; }

    public string? AssignedClientIdentifier { get; init; }

    public ushort? TopicAliasMaximum { get; init; }

    public string? ReasonString { get; init; }

    public IReadOnlyList<MqttUserProperty> UserProperties { get; init; } = [];

    public bool? WildcardSubscriptionAvailable { get; init; }

    public bool? SubscriptionIdentifiersAvailable { get; init; }

    public bool? SharedSubscriptionAvailable { get; init; }

    /// <summary>The keep-alive in seconds that the server wants instead of the client's.</summary>
    public ushort? ServerKeepAlive { get; init; }

    public string? ResponseInformation { get; init; }

    public string? ServerReference { get; init; }

    public string? AuthenticationMethod { get; init; }

    public byte[]? AuthenticationData { get; init; }

    /// <summary>Reads one. A refusal in the form of MQTT 3.1.1 is understood on a 5.0 connection too.</summary>
    /// <param name="frame">The packet.</param>
    /// <param name="version">The version of the connection.</param>
    /// <returns>What it says.</returns>
    /// <exception cref="MqttProtocolException">It breaks the specification.</exception>
    public static ConnAckPacket Read(in MqttFrame frame, MqttProtocolVersion version) => new(frame, version);

    /// <inheritdoc />
    public void Write(IBufferWriter<byte> output, MqttProtocolVersion version) => MqttPacketEncoder.Write(this, output, version);

    /// <inheritdoc />
    public void WriteBody(ref MqttPacketWriter writer, MqttProtocolVersion version)
    {
        writer.WriteByte((byte)(SessionPresent && version != MqttProtocolVersion.V310 ? 1 : 0));
        if (version != MqttProtocolVersion.V500)
        {
            writer.WriteByte(MqttReasonCodeTable.ToReturnCode(ReasonCode));
            return;
        }

        writer.WriteByte((byte)ReasonCode);
        int begin = writer.BeginProperties();
        writer.WriteProperty(MqttPropertyIdentifier.SessionExpiryInterval, SessionExpirySeconds);
        writer.WriteProperty(MqttPropertyIdentifier.ReceiveMaximum, ReceiveMaximum);
        writer.WriteProperty(MqttPropertyIdentifier.MaximumQoS, (uint?)MaximumQoS);
        writer.WriteProperty(MqttPropertyIdentifier.RetainAvailable, RetainAvailable);
        writer.WriteProperty(MqttPropertyIdentifier.MaximumPacketSize, MaximumPacketSize);
        writer.WriteProperty(MqttPropertyIdentifier.AssignedClientIdentifier, AssignedClientIdentifier);
        writer.WriteProperty(MqttPropertyIdentifier.TopicAliasMaximum, TopicAliasMaximum);
        writer.WriteReason(ReasonString, UserProperties);
        writer.WriteProperty(MqttPropertyIdentifier.WildcardSubscriptionAvailable, WildcardSubscriptionAvailable);
        writer.WriteProperty(MqttPropertyIdentifier.SubscriptionIdentifierAvailable, SubscriptionIdentifiersAvailable);
        writer.WriteProperty(MqttPropertyIdentifier.SharedSubscriptionAvailable, SharedSubscriptionAvailable);
        writer.WriteProperty(MqttPropertyIdentifier.ServerKeepAlive, ServerKeepAlive);
        writer.WriteProperty(MqttPropertyIdentifier.ResponseInformation, ResponseInformation);
        writer.WriteProperty(MqttPropertyIdentifier.ServerReference, ServerReference);
        writer.WriteProperty(MqttPropertyIdentifier.AuthenticationMethod, AuthenticationMethod);
        writer.WriteProperty(MqttPropertyIdentifier.AuthenticationData, AuthenticationData);
        writer.EndProperties(begin);
    }
}
