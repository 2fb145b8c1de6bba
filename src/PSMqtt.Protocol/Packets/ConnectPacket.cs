using System.Buffers;

namespace PSMqtt.Protocol.Packets;

/// <summary>CONNECT. Which version it is of, it says itself.</summary>
internal sealed class ConnectPacket : IMqttPacketBody
{
    private const byte BridgeBit = 0x80;

    public ConnectPacket()
    {
    }

    private ConnectPacket(in MqttFrame frame)
    {
        var body = new MqttBufferReader(MqttPacketType.Connect, frame.Body);
        string name = body.ReadText("protocol name");
        if (name is not ("MQTT" or "MQIsdp"))
        {
            throw new MqttProtocolException(
                MqttReasonCode.UnsupportedProtocolVersion, "MQTT-3.1.2-1", "A CONNECT has a protocol name that is neither MQTT nor MQIsdp.");
        }

        byte level = body.ReadByte("protocol version");
        ProtocolVersion = (name, level & ~BridgeBit) switch
        {
            ("MQIsdp", 3) => MqttProtocolVersion.V310,
            ("MQTT", 4) => MqttProtocolVersion.V311,
            ("MQTT", 5) when level == 5 => MqttProtocolVersion.V500,
            _ => throw new MqttProtocolException(
                MqttReasonCode.UnsupportedProtocolVersion, "MQTT-3.1.2-2", $"A CONNECT asks for version {level} of {name}."),
        };
        Bridge = (level & BridgeBit) != 0;

        byte flags = body.ReadByte("connect flags");
        bool hasWill = (flags & 0x04) != 0;
        bool hasUserName = (flags & 0x80) != 0;
        bool hasPassword = (flags & 0x40) != 0;
        CheckFlags(flags, ProtocolVersion);
        CleanStart = (flags & 0x02) != 0;
        KeepAliveSeconds = body.ReadUInt16("keep alive");

        if (ProtocolVersion == MqttProtocolVersion.V500)
        {
            List<MqttUserProperty>? userProperties = null;
            var properties = new MqttPropertyReader(ref body, MqttPacketType.Connect);
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
                    case MqttPropertyIdentifier.MaximumPacketSize:
                        MaximumPacketSize = properties.Number;
                        break;
                    case MqttPropertyIdentifier.TopicAliasMaximum:
                        TopicAliasMaximum = (ushort)properties.Number;
                        break;
                    case MqttPropertyIdentifier.RequestResponseInformation:
                        RequestResponseInformation = properties.Flag;
                        break;
                    case MqttPropertyIdentifier.RequestProblemInformation:
                        RequestProblemInformation = properties.Flag;
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
            if (AuthenticationData is not null && AuthenticationMethod is null)
            {
                throw ProtocolViolation.Error("MQTT-3.1.2.11.10", "A CONNECT has Authentication Data without an Authentication Method.");
            }
        }

        ClientId = body.ReadText("client identifier");
        if (hasWill)
        {
            var message = default(MessageProperties);
            if (ProtocolVersion == MqttProtocolVersion.V500)
            {
                var properties = new MqttPropertyReader(ref body, MqttPropertyTable.Will);
                while (properties.Read())
                {
                    if (properties.Identifier == MqttPropertyIdentifier.WillDelayInterval)
                    {
                        WillDelaySeconds = properties.Number;
                    }

                    message.Take(properties);
                }
            }

            string topic = body.ReadText("will topic");
            byte[] payload = body.ReadBinary("will payload").ToArray();
            var qos = (MqttQualityOfService)((flags >> 3) & 3);
            Will = new MqttMessage(topic, payload, qos, (flags & 0x20) != 0, duplicate: false, message.Build(), timestampTicks: 0);
        }

        if (hasUserName)
        {
            UserName = body.ReadText("user name");
        }

        if (hasPassword)
        {
            Password = body.ReadBinary("password").ToArray();
        }

        body.ExpectEnd();
    }

    public MqttPacketType Type => MqttPacketType.Connect;

    public MqttProtocolVersion ProtocolVersion { get; init; } = MqttProtocolVersion.V500;

    /// <summary>Bit 7 of the protocol level, by which bridges say what they are (3.1 and 3.1.1).</summary>
    public bool Bridge { get; init; }

    public string ClientId { get; init; } = string.Empty;

    /// <summary>Clean Start, which MQTT 3.1 and 3.1.1 call Clean Session.</summary>
    public bool CleanStart { get; init; }

    public ushort KeepAliveSeconds { get; init; }

    public string? UserName { get; init; }

    public byte[]? Password { get; init; }

    public MqttMessage? Will { get; init; }

    /// <summary>How long the server waits before it publishes the will (5.0).</summary>
    public uint WillDelaySeconds { get; init; }

    public uint? SessionExpirySeconds { get; init; }

    public ushort? ReceiveMaximum { get; init; }

    public uint? MaximumPacketSize { get; init; }

    public ushort? TopicAliasMaximum { get; init; }

    public bool RequestResponseInformation { get; init; }

    public bool RequestProblemInformation { get; init; } = true;

    public IReadOnlyList<MqttUserProperty> UserProperties { get; init; } = [];

    public string? AuthenticationMethod { get; init; }

    public byte[]? AuthenticationData { get; init; }

    /// <summary>Reads one, as a server does.</summary>
    /// <param name="frame">The packet.</param>
    /// <param name="version">Not used: the packet says its version itself.</param>
    /// <returns>What it says.</returns>
    /// <exception cref="MqttProtocolException">It breaks the specification.</exception>
    public static ConnectPacket Read(in MqttFrame frame, MqttProtocolVersion version)
    {
        _ = version;
        return new ConnectPacket(frame);
    }

    /// <inheritdoc />
    public void Write(IBufferWriter<byte> output, MqttProtocolVersion version) => MqttPacketEncoder.Write(this, output, version);

    /// <inheritdoc />
    public void WriteBody(ref MqttPacketWriter writer, MqttProtocolVersion version)
    {
        if (Password is not null && UserName is null && version != MqttProtocolVersion.V500)
        {
            throw new ArgumentException("A password without a user name needs MQTT 5.0 [MQTT-3.1.2-22]. Give a user name too.", nameof(version));
        }

        writer.WriteText(version == MqttProtocolVersion.V310 ? "MQIsdp" : "MQTT", "protocol name");
        writer.WriteByte((byte)((int)version | (Bridge && version != MqttProtocolVersion.V500 ? BridgeBit : 0)));
        writer.WriteByte(Flags);
        writer.WriteUInt16(KeepAliveSeconds);
        if (version == MqttProtocolVersion.V500)
        {
            WriteProperties(ref writer);
        }

        writer.WriteText(ClientId, "client identifier");
        if (Will is not null)
        {
            if (version == MqttProtocolVersion.V500)
            {
                int begin = writer.BeginProperties();
                writer.WriteProperty(MqttPropertyIdentifier.WillDelayInterval, WillDelaySeconds == 0 ? null : WillDelaySeconds);
                MessageProperties.Write(ref writer, Will.Properties ?? MqttMessageProperties.None);
                writer.EndProperties(begin);
            }

            writer.WriteText(Will.Topic, "will topic");
            writer.WriteBinary(Will.Payload, "will payload");
        }

        if (UserName is not null)
        {
            writer.WriteText(UserName, "user name");
        }

        if (Password is not null)
        {
            writer.WriteBinary(Password, "password");
        }
    }

    private byte Flags => (byte)(
        (UserName is null ? 0 : 0x80)
        | (Password is null ? 0 : 0x40)
        | (Will is null ? 0 : 0x04 | (int)Will.QoS << 3 | (Will.Retain ? 0x20 : 0))
        | (CleanStart ? 0x02 : 0));

    private static void CheckFlags(byte flags, MqttProtocolVersion version)
    {
        // In MQTT 3.1 the bit is reserved without a value that it must have.
        if ((flags & 0x01) != 0 && version != MqttProtocolVersion.V310)
        {
            throw ProtocolViolation.Malformed("MQTT-3.1.2-3", "The reserved flag of a CONNECT is set.");
        }

        if ((flags & 0x18) == 0x18)
        {
            throw ProtocolViolation.Malformed("MQTT-3.1.2-12", "The will of a CONNECT has both QoS bits set.");
        }

        if ((flags & 0x04) == 0)
        {
            if ((flags & 0x18) != 0)
            {
                throw ProtocolViolation.Malformed("MQTT-3.1.2-11", "A CONNECT without a will has a will QoS.");
            }

            if ((flags & 0x20) != 0)
            {
                throw ProtocolViolation.Malformed("MQTT-3.1.2-13", "A CONNECT without a will has the Will Retain flag set.");
            }
        }

        if ((flags & 0xC0) == 0x40 && version != MqttProtocolVersion.V500)
        {
            throw ProtocolViolation.Malformed("MQTT-3.1.2-22", "A CONNECT has a password but no user name, which only MQTT 5.0 allows.");
        }
    }

    private void WriteProperties(ref MqttPacketWriter writer)
    {
        int begin = writer.BeginProperties();
        writer.WriteProperty(MqttPropertyIdentifier.SessionExpiryInterval, SessionExpirySeconds);
        writer.WriteProperty(MqttPropertyIdentifier.ReceiveMaximum, ReceiveMaximum);
        writer.WriteProperty(MqttPropertyIdentifier.MaximumPacketSize, MaximumPacketSize);
        writer.WriteProperty(MqttPropertyIdentifier.TopicAliasMaximum, TopicAliasMaximum);
        writer.WriteProperty(MqttPropertyIdentifier.RequestResponseInformation, RequestResponseInformation ? true : null);
        writer.WriteProperty(MqttPropertyIdentifier.RequestProblemInformation, RequestProblemInformation ? null : false);
        writer.WriteUserProperties(UserProperties);
        writer.WriteProperty(MqttPropertyIdentifier.AuthenticationMethod, AuthenticationMethod);
        writer.WriteProperty(MqttPropertyIdentifier.AuthenticationData, AuthenticationData);
        writer.EndProperties(begin);
    }
}
