namespace PSMqtt.Protocol.Packets;

/// <summary>A whole packet in a buffer: its fixed header taken apart, its body not yet.</summary>
internal readonly ref struct MqttFrame
{
    public MqttFrame(MqttPacketType type, byte flags, ReadOnlySpan<byte> body, int totalLength)
    {
        Type = type;
        Flags = flags;
        Body = body;
        TotalLength = totalLength;
    }

    public MqttPacketType Type { get; }

    /// <summary>The lower half of the first byte.</summary>
    public byte Flags { get; }

    /// <summary>What follows the fixed header.</summary>
    public ReadOnlySpan<byte> Body { get; }

    /// <summary>The bytes of the packet, its fixed header included.</summary>
    public int TotalLength { get; }
}
