using PSMqtt.Protocol;

namespace PSMqtt.Connections;

/// <summary>What people call the versions of MQTT.</summary>
internal static class MqttVersionName
{
    public static string Of(MqttProtocolVersion version) => version switch
    {
        MqttProtocolVersion.V310 => "3.1",
        MqttProtocolVersion.V311 => "3.1.1",
        _ => "5.0",
    };

    public static MqttProtocolVersion? Parse(string? name) => name switch
    {
        null => null,
        "3.1" => MqttProtocolVersion.V310,
        "3.1.1" => MqttProtocolVersion.V311,
        _ => MqttProtocolVersion.V500,
    };
}
