using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using PSMqtt.Protocol;

namespace PSMqtt.Connections;

/// <summary>
/// Notices that a subscription which nobody reads holds up a connection: once the server may send no more, and nothing has moved for a while. What is
/// only slow is not meant.
/// </summary>
/// <param name="client">The connection's client.</param>
internal sealed class BlockageWatch(MqttClient client)
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(2);

    private readonly object _lock = new();
    private (MqttSubscription? Subscription, int Queued, long Received) _last;
    private MqttSubscription? _reported;
    private long _since;

    /// <summary>Looks, and says so once for a subscription.</summary>
    /// <param name="subscription">The subscription that holds up the connection.</param>
    /// <returns>Whether there is one that was not reported yet.</returns>
    public bool TryReport([NotNullWhen(true)] out MqttSubscription? subscription)
    {
        subscription = client.BlockedBy;
        lock (_lock)
        {
            if (subscription is null || ReferenceEquals(subscription, _reported))
            {
                return false;
            }

            (MqttSubscription?, int, long) now = (subscription, subscription.QueuedCount, client.Counters.MessagesReceived);
            if (now != _last)
            {
                _last = now;
                _since = Stopwatch.GetTimestamp();
            }

            if (Stopwatch.GetElapsedTime(_since) < s_patience)
            {
                return false;
            }

            _reported = subscription;
            return true;
        }
    }

    /// <summary>What to add to the error of a command that has waited in vain.</summary>
    /// <returns>A space and a sentence or two; empty where nothing holds up the connection.</returns>
    public static string ExplainTimeout(MqttConnection? connection) =>
        connection?.BlockedBy is { } subscription ? " " + Explain(connection, subscription) : string.Empty;

    /// <summary>What to tell the user.</summary>
    public static string Explain(MqttConnection connection, MqttSubscription subscription) =>
        $"The connection '{connection.Name}' is held up by its subscription '{subscription.Name}': "
        + (subscription.Options.ManualAcknowledge ? "messages of it have not been confirmed" : "nobody reads its messages")
        + ", the server sends no more before they are acknowledged, and acknowledgements keep their order. "
        + (subscription.Options.ManualAcknowledge
            ? "Confirm them with Confirm-MqttMessage, or end the subscription with Unregister-MqttSubscription."
            : "Read them with Receive-MqttMessage, or end the subscription with Unregister-MqttSubscription.");
}
