namespace PSMqtt.Protocol.Packets;

/// <summary>Request Problem Information: where it is off, only PUBLISH, CONNACK and DISCONNECT may explain themselves [MQTT-3.1.2-29].</summary>
internal static class ProblemInformation
{
    /// <summary>Refuses an explanation that was not wanted, in any other packet.</summary>
    /// <param name="isWanted">What CONNECT had asked for.</param>
    /// <param name="type">The packet.</param>
    /// <param name="reasonString">Its reason string.</param>
    /// <param name="userProperties">Its user properties.</param>
    /// <exception cref="MqttProtocolException">There is one.</exception>
    public static void Check(bool isWanted, MqttPacketType type, string? reasonString, IReadOnlyList<MqttUserProperty> userProperties)
    {
        if (!isWanted && (reasonString is not null || userProperties.Count > 0))
        {
            throw ProtocolViolation.Error(
                "MQTT-3.1.2-29",
                $"{MqttPropertyTable.OwnerName(type, isFirst: true)} has a reason string or user properties, though CONNECT had asked for none.");
        }
    }
}
