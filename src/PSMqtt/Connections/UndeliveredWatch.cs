using System.Diagnostics.CodeAnalysis;
using PSMqtt.Protocol;

namespace PSMqtt.Connections;

/// <summary>
/// Notes messages that were accepted and could not be delivered, by this run or an earlier one with the same session: no cmdlet waits for them any more, so
/// the next one that uses the connection says so.
/// </summary>
internal sealed class UndeliveredWatch
{
    private readonly object _lock = new();
    private MqttOperationException? _last;
    private int _count;

    /// <param name="client">The connection's client.</param>
    public UndeliveredWatch(MqttClient client) => client.MessageUndelivered += (_, undelivered) =>
    {
        lock (_lock)
        {
            _count++;
            _last = undelivered.Error;
        }
    };

    /// <summary>Takes what was not reported yet.</summary>
    /// <param name="connection">The connection's name.</param>
    /// <param name="warning">What to tell the user.</param>
    /// <returns>Whether there is something.</returns>
    public bool TryReport(string connection, [NotNullWhen(true)] out string? warning)
    {
        lock (_lock)
        {
            warning = _last is null ? null
                : _count == 1 ? $"A message that was accepted earlier for '{connection}' was not delivered. {_last.Message}"
                : $"{_count} messages that were accepted earlier for '{connection}' were not delivered. The last of them: {_last.Message}";
            _count = 0;
            _last = null;
            return warning is not null;
        }
    }
}
