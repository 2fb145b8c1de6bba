using System.Collections.Concurrent;
using MQTTnet;
using MQTTnet.Packets;

namespace PSMqtt.Broker;

/// <summary>
/// Wills: the library does not know a Will Delay Interval (section 3.1.3.2.2), and forgets the will of a connection that another one takes over from.
/// </summary>
/// <param name="publish">Publishes a message for a client.</param>
internal sealed class Wills(Func<string, MqttApplicationMessage, Task> publish) : IDisposable
{
    private readonly ConcurrentDictionary<string, Pending> _pending = new(StringComparer.Ordinal);

    /// <summary>Takes the will out of a CONNECT, where the library would find it.</summary>
    public static MqttApplicationMessage? TakeFrom(MqttConnectPacket connect)
    {
        if (!connect.WillFlag)
        {
            return null;
        }

        connect.WillFlag = false;
        return new MqttApplicationMessage
        {
            Topic = connect.WillTopic,
            PayloadSegment = connect.WillMessage ?? [],
            QualityOfServiceLevel = connect.WillQoS,
            Retain = connect.WillRetain,
            ContentType = connect.WillContentType,
            CorrelationData = connect.WillCorrelationData,
            MessageExpiryInterval = connect.WillMessageExpiryInterval,
            PayloadFormatIndicator = connect.WillPayloadFormatIndicator,
            ResponseTopic = connect.WillResponseTopic,
            UserProperties = connect.WillUserProperties,
        };
    }

    /// <summary>Publishes a will now.</summary>
    public Task PublishAsync(string clientId, MqttApplicationMessage will) => publish(clientId, will);

    /// <summary>Publishes a will after a time, unless the client is back by then.</summary>
    public void Schedule(string clientId, MqttApplicationMessage will, TimeSpan delay)
    {
        if (delay == TimeSpan.Zero)
        {
            _ = PublishAsync(clientId, will);
            return;
        }

        var pending = new Pending(will, new CancellationTokenSource());
        _pending[clientId] = pending;
        _ = PublishLaterAsync(clientId, pending, delay);
    }

    /// <summary>The client is back: a session that goes on needs no will, one that ends gets it now [MQTT-3.1.3-9].</summary>
    public Task ReturnedAsync(string clientId, bool isSessionPresent)
    {
        if (!_pending.TryRemove(clientId, out Pending? pending))
        {
            return Task.CompletedTask;
        }

        pending.Waiting.Cancel();
        return isSessionPresent ? Task.CompletedTask : publish(clientId, pending.Will);
    }

    public void Dispose()
    {
        foreach (Pending pending in _pending.Values)
        {
            pending.Waiting.Cancel();
        }
    }

    private async Task PublishLaterAsync(string clientId, Pending pending, TimeSpan delay)
    {
        try
        {
            await Task.Delay(delay, pending.Waiting.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return;
        }

        if (_pending.TryRemove(new KeyValuePair<string, Pending>(clientId, pending)))
        {
            await publish(clientId, pending.Will).ConfigureAwait(false);
        }
    }

    private sealed record Pending(MqttApplicationMessage Will, CancellationTokenSource Waiting);
}
