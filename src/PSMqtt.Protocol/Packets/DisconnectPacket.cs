using System.Buffers;

namespace PSMqtt.Protocol.Packets;

/// <summary>DISCONNECT. In MQTT 3.1 and 3.1.1 it has no body, and only clients send it.</summary>
internal sealed class DisconnectPacket : IMqttPacketBody
{
    public DisconnectPacket()
    {
    }

    private DisconnectPacket(in MqttFrame frame, MqttProtocolVersion version)
    {
        var body = new MqttBufferReader(MqttPacketType.Disconnect, frame.Body);
        if (version != MqttProtocolVersion.V500)
        {
            body.ExpectEnd();
        }

        if (body.IsAtEnd)
        {
            return;
        }

        ReasonCode = MqttReasonCodeTable.Check(MqttPacketType.Disconnect, body.ReadByte("reason code"));
        if (body.IsAtEnd)
        {
            return;
        }

        List<MqttUserProperty>? userProperties = null;
        var properties = new MqttPropertyReader(ref body, MqttPacketType.Disconnect);
        body.ExpectEnd();
        while (properties.Read())
        {
            switch (properties.Identifier)
            {
                case MqttPropertyIdentifier.SessionExpiryInterval:
                    SessionExpirySeconds = properties.Number;
                    break;
                case MqttPropertyIdentifier.ReasonString:
                    ReasonString = properties.Text;
                    break;
                case MqttPropertyIdentifier.ServerReference:
                    ServerReference = properties.Text;
                    break;
                default:
                    (userProperties ??= []).Add(properties.UserProperty);
                    break;
            }
        }

        UserProperties = (IReadOnlyList<MqttUserProperty>?)userProperties ?? [];
    }

    public MqttPacketType Type => MqttPacketType.Disconnect;

    public MqttReasonCode ReasonCode { get; init; }

    /// <summary>The new session expiry; only a client may send it [MQTT-3.14.2-2].</summary>
    public uint? SessionExpirySeconds { get; init; }

    public string? ReasonString { get; init; }

    public string? ServerReference { get; init; }

    public IReadOnlyList<MqttUserProperty> UserProperties { get; init; } = [];

    /// <summary>Reads one. Whether it may be sent at all is the session's business.</summary>
    /// <param name="frame">The packet.</param>
    /// <param name="version">The version of the connection.</param>
    /// <returns>What it says.</returns>
    /// <exception cref="MqttProtocolException">It breaks the specification.</exception>
    public static DisconnectPacket Read(in MqttFrame frame, MqttProtocolVersion version) => new(frame, version);

    /// <summary>Checks what a server may not send.</summary>
    /// <exception cref="MqttProtocolException">It is there.</exception>
    public void CheckFromServer()
    {
        if (SessionExpirySeconds is not null)
        {
            throw new MqttProtocolException(
                MqttReasonCode.ProtocolError, "MQTT-3.14.2-2", "The server sent a DISCONNECT with a Session Expiry Interval, which only a client may send.");
        }

        if (ReasonCode == MqttReasonCode.DisconnectWithWillMessage)
        {
            throw new MqttProtocolException(
                MqttReasonCode.ProtocolError, "MQTT-3.14.2-1", "The server sent a DISCONNECT with reason code 0x04, which only a client may send.");
        }
    }

    /// <inheritdoc />
    public void Write(IBufferWriter<byte> output, MqttProtocolVersion version) => MqttPacketEncoder.Write(this, output, version);

    /// <inheritdoc />
    public void WriteBody(ref MqttPacketWriter writer, MqttProtocolVersion version)
    {
        bool hasProperties = SessionExpirySeconds is not null || ReasonString is not null || ServerReference is not null || UserProperties.Count > 0;
        if (version != MqttProtocolVersion.V500 || (ReasonCode == MqttReasonCode.Success && !hasProperties))
        {
            return;
        }

        writer.WriteByte((byte)ReasonCode);
        if (hasProperties)
        {
            int begin = writer.BeginProperties();
            writer.WriteProperty(MqttPropertyIdentifier.SessionExpiryInterval, SessionExpirySeconds);
            writer.WriteReason(ReasonString, UserProperties);
            writer.WriteProperty(MqttPropertyIdentifier.ServerReference, ServerReference);
            writer.EndProperties(begin);
        }
    }
}
