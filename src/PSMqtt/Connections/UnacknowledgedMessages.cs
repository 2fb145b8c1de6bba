using PSMqtt.Protocol;

namespace PSMqtt.Connections;

/// <summary>Says what becomes of messages that the broker had not acknowledged when their connection ended.</summary>
internal static class UnacknowledgedMessages
{
    /// <summary>How many there are on a connection that is closed, or about to be.</summary>
    public static long Count(MqttConnection connection)
    {
        MqttClientCounters counters = connection.Client.Counters;
        return counters.MessagesAbandoned + counters.InFlight + counters.Queued;
    }

    /// <summary>What to tell the user.</summary>
    /// <param name="connection">The connection, which has ended.</param>
    /// <returns>A sentence or two; <see langword="null"/>: everything was acknowledged.</returns>
    public static string? Explain(MqttConnection connection)
    {
        long count = Count(connection);
        if (count == 0)
        {
            return null;
        }

        bool isOne = count == 1;
        string them = isOne ? "it" : "them";
        string head = $"{count} message{(isOne ? " of" : "s of")} '{connection.Name}' {(isOne ? "was" : "were")} not acknowledged by the broker";
        return connection switch
        {
            { SessionPath: { } path } =>
                $"{head} and stay{(isOne ? "s" : string.Empty)} in '{path}': the next connection with that -SessionPath delivers {them}. "
                + "Get-MqttOutbox shows what waits.",
            { KeepsSession: true } =>
                $"{head} and stay{(isOne ? "s" : string.Empty)} in memory: the next Connect-Mqtt -PersistentSession -ClientId '{connection.ClientId}' to this "
                + $"server delivers {them}, while this process lives. With -SessionPath a later process could.",
            _ =>
                $"{head} when it ended, and {(isOne ? "was" : "were")} given up: {(isOne ? "it" : "they")} may or may not have been delivered. A longer "
                + $"-TimeoutSeconds of Disconnect-Mqtt waits for {them}; Connect-Mqtt -SessionPath keeps what is left for a later run.",
        };
    }
}
