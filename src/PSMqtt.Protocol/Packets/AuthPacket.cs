using System.Buffers;

namespace PSMqtt.Protocol.Packets;

/// <summary>AUTH: a step of the enhanced authentication. MQTT 5.0 only.</summary>
internal sealed class AuthPacket : IMqttPacketBody
{
    public AuthPacket()
    {
    }

    private AuthPacket(in MqttFrame frame, MqttProtocolVersion version)
    {
        if (version != MqttProtocolVersion.V500)
        {
            throw ProtocolViolation.Error("MQTT-2.1.2", "An AUTH was sent; only MQTT 5.0 has it.");
        }

        var body = new MqttBufferReader(MqttPacketType.Auth, frame.Body);
        if (body.IsAtEnd)
        {
            // Short for success without properties.
            return;
        }

        ReasonCode = MqttReasonCodeTable.Check(MqttPacketType.Auth, body.ReadByte("reason code"));
        List<MqttUserProperty>? userProperties = null;
        var properties = new MqttPropertyReader(ref body, MqttPacketType.Auth);
        body.ExpectEnd();
        while (properties.Read())
        {
            switch (properties.Identifier)
            {
                case MqttPropertyIdentifier.AuthenticationMethod:
                    Method = properties.Text;
                    break;
                case MqttPropertyIdentifier.AuthenticationData:
                    Data = properties.Bytes.ToArray();
                    break;
                case MqttPropertyIdentifier.ReasonString:
                    ReasonString = properties.Text;
                    break;
                default:
                    (userProperties ??= []).Add(properties.UserProperty);
                    break;
            }
        }

        UserProperties = (IReadOnlyList<MqttUserProperty>?)userProperties ?? [];
        if (Method is null)
        {
            throw ProtocolViolation.Error("MQTT-3.15.2.2.2", "An AUTH has no Authentication Method.");
        }
    }

    public MqttPacketType Type => MqttPacketType.Auth;

    public MqttReasonCode ReasonCode { get; init; }

    /// <summary>The authentication method; <see langword="null"/> only in the short form that says success.</summary>
    public string? Method { get; init; }

    public byte[]? Data { get; init; }

    public string? ReasonString { get; init; }

    public IReadOnlyList<MqttUserProperty> UserProperties { get; init; } = [];

    /// <summary>Reads one.</summary>
    /// <param name="frame">The packet.</param>
    /// <param name="version">The version of the connection.</param>
    /// <returns>What it says.</returns>
    /// <exception cref="MqttProtocolException">It breaks the specification.</exception>
    public static AuthPacket Read(in MqttFrame frame, MqttProtocolVersion version) => new(frame, version);

    /// <inheritdoc />
    public void Write(IBufferWriter<byte> output, MqttProtocolVersion version) => MqttPacketEncoder.Write(this, output, version);

    /// <inheritdoc />
    public void WriteBody(ref MqttPacketWriter writer, MqttProtocolVersion version)
    {
        if (version != MqttProtocolVersion.V500)
        {
            throw new ArgumentException("Only MQTT 5.0 has AUTH; connect with that version to authenticate with it.", nameof(version));
        }

        if (ReasonCode == MqttReasonCode.Success && Method is null && Data is null && ReasonString is null && UserProperties.Count == 0)
        {
            return;
        }

        writer.WriteByte((byte)ReasonCode);
        int begin = writer.BeginProperties();
        writer.WriteProperty(MqttPropertyIdentifier.AuthenticationMethod, Method);
        writer.WriteProperty(MqttPropertyIdentifier.AuthenticationData, Data);
        writer.WriteReason(ReasonString, UserProperties);
        writer.EndProperties(begin);
    }
}
