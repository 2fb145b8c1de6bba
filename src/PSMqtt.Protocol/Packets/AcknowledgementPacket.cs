using System.Buffers;
using System.Buffers.Binary;

namespace PSMqtt.Protocol.Packets;

/// <summary>PUBACK, PUBREC, PUBREL or PUBCOMP.</summary>
internal readonly struct AcknowledgementPacket : IMqttPacketBody
{
    /// <summary>The bytes of the longest that we send: one with a reason code.</summary>
    public const int LongestSize = 5;

    private readonly IReadOnlyList<MqttUserProperty>? _userProperties;

    public AcknowledgementPacket(
        MqttPacketType type,
        ushort packetIdentifier,
        MqttReasonCode reasonCode = MqttReasonCode.Success,
        string? reasonString = null,
        IReadOnlyList<MqttUserProperty>? userProperties = null)
    {
        Type = type;
        PacketIdentifier = packetIdentifier;
        ReasonCode = reasonCode;
        ReasonString = reasonString;
        _userProperties = userProperties;
    }

    public MqttPacketType Type { get; }

    public ushort PacketIdentifier { get; }

    /// <summary>The reason code; MQTT 3.1 and 3.1.1 have none, and it is success there.</summary>
    public MqttReasonCode ReasonCode { get; }

    public string? ReasonString { get; }

    /// <summary>The user properties. Never <see langword="null"/>.</summary>
    public IReadOnlyList<MqttUserProperty> UserProperties => _userProperties ?? [];

    /// <summary>Reads one. Allocates nothing where there are no properties.</summary>
    /// <param name="frame">The packet.</param>
    /// <param name="version">The version of the connection.</param>
    /// <returns>What it says.</returns>
    /// <exception cref="MqttProtocolException">It breaks the specification.</exception>
    public static AcknowledgementPacket Read(in MqttFrame frame, MqttProtocolVersion version)
    {
        if (frame.Body.Length == 2 && frame.Flags <= 2)
        {
            ushort only = BinaryPrimitives.ReadUInt16BigEndian(frame.Body);
            if (only != 0)
            {
                return new AcknowledgementPacket(frame.Type, only);
            }
        }

        // Only MQTT 3.1 knows the DUP flag here.
        if (frame.Flags > 2 && version != MqttProtocolVersion.V310)
        {
            ProtocolViolation.ThrowMalformed("MQTT-2.1.3-1", $"The reserved flag bits of a {frame.Type.Name()} are {frame.Flags:X1}; they must be 2.");
        }

        var body = new MqttBufferReader(frame.Type, frame.Body);
        ushort packetIdentifier = body.ReadPacketIdentifier("MQTT-2.2.1-5");
        if (body.IsAtEnd)
        {
            return new AcknowledgementPacket(frame.Type, packetIdentifier);
        }

        if (version != MqttProtocolVersion.V500)
        {
            body.ExpectEnd();
        }

        MqttReasonCode reasonCode = MqttReasonCodeTable.Check(frame.Type, body.ReadByte("reason code"));
        if (body.IsAtEnd)
        {
            return new AcknowledgementPacket(frame.Type, packetIdentifier, reasonCode);
        }

        var properties = new MqttPropertyReader(ref body, frame.Type);
        body.ExpectEnd();
        string? reasonString = null;
        List<MqttUserProperty>? userProperties = null;
        while (properties.Read())
        {
            if (properties.Identifier == MqttPropertyIdentifier.ReasonString)
            {
                reasonString = properties.Text;
            }
            else
            {
                (userProperties ??= []).Add(properties.UserProperty);
            }
        }

        return new AcknowledgementPacket(frame.Type, packetIdentifier, reasonCode, reasonString, userProperties);
    }

    /// <summary>Writes the four bytes of an acknowledgement that says success and nothing else.</summary>
    /// <param name="destination">Where to: at least four bytes.</param>
    /// <param name="type">Which acknowledgement.</param>
    /// <param name="packetIdentifier">What it acknowledges.</param>
    /// <returns>The bytes written: 4.</returns>
    public static int WriteSuccess(Span<byte> destination, MqttPacketType type, ushort packetIdentifier)
    {
        uint first = (uint)type << 4 | (type == MqttPacketType.PubRel ? 2u : 0u);
        BinaryPrimitives.WriteUInt32BigEndian(destination, first << 24 | 2 << 16 | packetIdentifier);
        return 4;
    }

    /// <inheritdoc />
    public void Write(IBufferWriter<byte> output, MqttProtocolVersion version)
    {
        if (version != MqttProtocolVersion.V500 || (ReasonCode == MqttReasonCode.Success && !HasProperties))
        {
            output.Advance(WriteSuccess(output.GetSpan(4), Type, PacketIdentifier));
        }
        else
        {
            MqttPacketEncoder.Write(this, output, version);
        }
    }

    /// <inheritdoc />
    public void WriteBody(ref MqttPacketWriter writer, MqttProtocolVersion version)
    {
        writer.WriteUInt16(PacketIdentifier);
        if (version != MqttProtocolVersion.V500 || (ReasonCode == MqttReasonCode.Success && !HasProperties))
        {
            return;
        }

        writer.WriteByte((byte)ReasonCode);
        if (HasProperties)
        {
            int begin = writer.BeginProperties();
            writer.WriteReason(ReasonString, UserProperties);
            writer.EndProperties(begin);
        }
    }

    private bool HasProperties => ReasonString is not null || _userProperties is { Count: > 0 };
}
