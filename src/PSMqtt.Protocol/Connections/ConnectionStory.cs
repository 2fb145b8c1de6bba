using System.Globalization;

namespace PSMqtt.Protocol.Connections;

/// <summary>What CONNACK said, in sentences.</summary>
internal static class ConnectionStory
{
    /// <summary>Where to, as whom, how.</summary>
    public static string Connected(MqttConnectResult result) =>
        $"Connected to {result.Server} as '{result.ClientId}' with MQTT {Name(result.ProtocolVersion)}, "
        + $"{(result.KeepAlive > TimeSpan.Zero ? $"keep-alive {Seconds(result.KeepAlive)}" : "without keep-alive")}, "
        + $"{(result.SessionPresent ? "with the session that the server has kept" : "with a new session")}.";

    /// <summary>What the server takes and keeps.</summary>
    public static string Limits(MqttConnectResult result)
    {
        List<string> missing = [];
        void Miss(bool available, string what)
        {
            if (!available)
            {
                missing.Add(what);
            }
        }

        Miss(result.RetainAvailable, "retained messages");
        Miss(result.WildcardSubscriptionAvailable, "wildcards in filters");
        Miss(result.SharedSubscriptionAvailable, "shared subscriptions");
        Miss(result.SubscriptionIdentifiersAvailable, "subscription identifiers");
        return string.Create(
            CultureInfo.InvariantCulture,
            $"The server takes QoS up to {(int)result.MaximumQoS}, {result.ReceiveMaximum} messages without acknowledgement, packets of up to "
            + $"{result.MaximumPacketSize} bytes and {result.TopicAliasMaximum} topic aliases")
            + $"; it keeps a lost session {Kept(result.SessionExpiry)}"
            + (missing.Count > 0 ? $"; it has no {string.Join(", no ", missing)}." : ".");
    }

    private static string Name(MqttProtocolVersion version) => version switch
    {
        MqttProtocolVersion.V310 => "3.1",
        MqttProtocolVersion.V311 => "3.1.1",
        _ => "5.0",
    };

    private static string Kept(TimeSpan expiry) =>
        expiry == Timeout.InfiniteTimeSpan ? "until it is ended" : expiry == TimeSpan.Zero ? "no longer than the connection" : $"for {Seconds(expiry)}";

    private static string Seconds(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.###} s");
}
