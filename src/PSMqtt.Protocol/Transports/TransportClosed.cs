namespace PSMqtt.Protocol.Transports;

/// <summary>What the use of a connection ends with after it was closed on this side.</summary>
internal static class TransportClosed
{
    public static IOException Exception(Exception? inner) => new("The connection was closed.", inner);
}
