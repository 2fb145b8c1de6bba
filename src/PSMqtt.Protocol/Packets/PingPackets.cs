namespace PSMqtt.Protocol.Packets;

/// <summary>PINGREQ and PINGRESP: two bytes each, always the same.</summary>
internal static class PingPackets
{
    public static ReadOnlySpan<byte> PingReq => [0xC0, 0x00];

    public static ReadOnlySpan<byte> PingResp => [0xD0, 0x00];
}
