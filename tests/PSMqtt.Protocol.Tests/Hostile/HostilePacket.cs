namespace PSMqtt.Protocol.Tests.Hostile;

/// <summary>What the client is doing when a hostile packet comes, so that identifiers have owners. The request has the packet identifier 2.</summary>
public enum Waiting
{
    Nothing,
    PubAck,
    PubRec,
    PubComp,
    SubAck,
    UnsubAck,
}

/// <summary>Bytes that a server may not send, and what has to follow from them.</summary>
/// <param name="Name">What is wrong with them.</param>
/// <param name="Version">The version of the connection.</param>
/// <param name="Hexadecimal">The bytes.</param>
/// <param name="Statement">The statement of the specification they break.</param>
/// <param name="ReasonCode">The reason code of the DISCONNECT, where the version has one.</param>
/// <param name="Waiting">What the client waits for meanwhile.</param>
internal sealed record HostilePacket(
    string Name, MqttProtocolVersion Version, string Hexadecimal, string Statement, MqttReasonCode ReasonCode, Waiting Waiting)
{
    public override string ToString() => $"{Name}, {Version}";
}
