using System.Diagnostics.CodeAnalysis;

namespace PSMqtt.Protocol.Packets;

/// <summary>
/// Makes the exceptions for what a peer may not send. Where no numbered statement applies, the section takes its place: <c>MQTT-2.1.4</c>.
/// </summary>
internal static class ProtocolViolation
{
    public static MqttProtocolException Malformed(string statement, string message) =>
        new(MqttReasonCode.MalformedPacket, statement, message);

    public static MqttProtocolException Error(string statement, string message) =>
        new(MqttReasonCode.ProtocolError, statement, message);

    /// <summary>Thrown from a method of its own, so that the callers on the path of every message stay small.</summary>
    [DoesNotReturn]
    public static void ThrowMalformed(string statement, string message) => throw Malformed(statement, message);

    /// <inheritdoc cref="ThrowMalformed" />
    [DoesNotReturn]
    public static void ThrowError(string statement, string message) => throw Error(statement, message);

    [DoesNotReturn]
    public static void ThrowTrailing(MqttPacketType type, int count) =>
        throw Malformed("MQTT-2.1.4", $"The {type.Name()} has {count} byte{(count == 1 ? string.Empty : "s")} after its last field.");
}
