namespace PSMqtt.Protocol.Packets;

/// <summary>
/// MQTT 3.1.1 and 5.0 number the same rules differently. Whoever finds a rule broken names it as 5.0 does; where a connection of another version ends for
/// it, the number is 3.1.1's. Version 3.1 has no numbers of its own, and takes those of 3.1.1. Where one of the two has no numbered statement, the section
/// takes its place.
/// </summary>
internal static class StatementNumbers
{
    /// <summary>The number that a version gives to a rule.</summary>
    /// <param name="statement">The number that 5.0 gives it.</param>
    /// <param name="version">The version of the connection.</param>
    public static string In(string statement, MqttProtocolVersion version) => version == MqttProtocolVersion.V500 ? statement : Before5(statement);

    private static string Before5(string statement) => statement switch
    {
        "MQTT-1.5.4-1" => "MQTT-1.5.3-1",
        "MQTT-1.5.4-2" => "MQTT-1.5.3-2",
        "MQTT-1.5.5-1" => "MQTT-2.2.3",
        "MQTT-2.1.2" => "MQTT-2.2.1",
        "MQTT-2.1.3-1" => "MQTT-2.2.2-2",
        "MQTT-2.1.4" => "MQTT-2.2.3",
        "MQTT-2.2.1-3" => "MQTT-2.3.1-1",
        "MQTT-2.2.1-4" => "MQTT-2.3.1-4",
        "MQTT-2.2.1-5" => "MQTT-2.3.1-6",
        "MQTT-2.2.1-6" => "MQTT-2.3.1-7",
        "MQTT-3.1.2-11" => "MQTT-3.1.2-13",
        "MQTT-3.1.2-12" => "MQTT-3.1.2-14",
        "MQTT-3.1.2-13" => "MQTT-3.1.2-15",

        // The limit is only ours there: what it limits is the remaining length.
        "MQTT-3.1.2-24" => "MQTT-2.2.3",
        "MQTT-3.2.0-2" => "MQTT-3.2",
        "MQTT-3.2.2-1" => "MQTT-3.2.2.1",
        "MQTT-3.2.2-2" => "MQTT-3.2.2-1",
        "MQTT-3.2.2-6" => "MQTT-3.2.2-4",
        "MQTT-3.2.2-8" => "MQTT-3.2.2.3",
        "MQTT-3.8.3-2" => "MQTT-3.8.3-3",
        "MQTT-3.8.3-5" or "MQTT-3.8.3.1" => "MQTT-3.8.3-4",
        "MQTT-3.8.4-6" => "MQTT-3.8.4-5",
        "MQTT-3.10.4-5" => "MQTT-3.10.4-4",
        "MQTT-4.3.2-3" => "MQTT-4.3.2-1",
        "MQTT-4.3.3-4" or "MQTT-4.3.3-8" => "MQTT-4.3.3-1",
        "MQTT-4.13.1-1" => "MQTT-4.8.0-1",
        _ => statement,
    };
}
