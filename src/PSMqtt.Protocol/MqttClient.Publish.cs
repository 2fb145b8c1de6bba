using PSMqtt.Protocol.Sessions;

namespace PSMqtt.Protocol;

/// <content>Publishing.</content>
public sealed partial class MqttClient
{
    /// <summary>Publishes a message and waits for its last acknowledgement (QoS 0: until it is in the output buffer).</summary>
    /// <param name="message">The message. Its payload must stay as it is until the exchange has ended, whoever waits for that.</param>
    /// <param name="cancellationToken">Ends the wait. What was not sent yet is withdrawn; what was sent goes on.</param>
    /// <returns>How it ended.</returns>
    /// <remarks>
    /// With a durable store (<see cref="Sessions.ISessionStore.IsDurable"/>) a message of QoS 1 or 2 is on disk before the task ends. It is then never
    /// withdrawn, and where there is no connection the task does not wait for one: see <see cref="MqttPublishResult.IsStored"/>.
    /// </remarks>
    /// <exception cref="ArgumentException">The topic, the payload or a property is not one MQTT can carry.</exception>
    /// <exception cref="Sessions.SessionStoreException">The session store cannot keep it.</exception>
    /// <exception cref="MqttOperationException">The server rejected it, or the server or the state of the connection does not allow it.</exception>
    /// <exception cref="TimeoutException">No acknowledgement came within <see cref="MqttClientOptions.OperationTimeout"/>.</exception>
    public ValueTask<MqttPublishResult> PublishAsync(MqttMessage message, CancellationToken cancellationToken = default) =>
        PublishAsync(message, Options.OperationTimeout, cancellationToken);

    /// <summary>Publishes a message, with a timeout of its own: see <see cref="PublishAsync(MqttMessage, CancellationToken)"/>.</summary>
    /// <param name="message">The message.</param>
    /// <param name="timeout">How long to wait; <see cref="Timeout.InfiniteTimeSpan"/>: for ever.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>How it ended.</returns>
    public ValueTask<MqttPublishResult> PublishAsync(MqttMessage message, TimeSpan timeout, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(message);
        return Publish(new OutgoingMessage(message), timeout, cancellationToken);
    }

    /// <summary>Publishes a message made of its parts: see <see cref="PublishAsync(MqttMessage, CancellationToken)"/>.</summary>
    /// <param name="topic">The topic name.</param>
    /// <param name="payload">The payload, which must stay as it is until the exchange has ended.</param>
    /// <param name="qos">The delivery guarantee.</param>
    /// <param name="retain">Whether the server keeps it for later subscribers.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>How it ended.</returns>
    public ValueTask<MqttPublishResult> PublishAsync(
        string topic,
        ReadOnlyMemory<byte> payload,
        MqttQualityOfService qos = MqttQualityOfService.AtMostOnce,
        bool retain = false,
        CancellationToken cancellationToken = default) =>
        Publish(new OutgoingMessage(topic, payload, qos, retain), Options.OperationTimeout, cancellationToken);

    /// <summary>Publishes a message made of its parts, with a timeout of its own: see <see cref="PublishAsync(MqttMessage, CancellationToken)"/>.</summary>
    /// <param name="topic">The topic name.</param>
    /// <param name="payload">The payload, which must stay as it is until the exchange has ended.</param>
    /// <param name="qos">The delivery guarantee.</param>
    /// <param name="retain">Whether the server keeps it for later subscribers.</param>
    /// <param name="timeout">How long to wait; <see cref="Timeout.InfiniteTimeSpan"/>: for ever.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>How it ended.</returns>
    public ValueTask<MqttPublishResult> PublishAsync(
        string topic,
        ReadOnlyMemory<byte> payload,
        MqttQualityOfService qos,
        bool retain,
        TimeSpan timeout,
        CancellationToken cancellationToken = default) =>
        Publish(new OutgoingMessage(topic, payload, qos, retain), timeout, cancellationToken);

    /// <summary>Makes a pipelined sender: many messages in flight, their outcomes collected.</summary>
    /// <param name="keepResults">Whether successes are collected too, not only failures.</param>
    /// <param name="timeout">How long each message may take; default: <see cref="MqttClientOptions.OperationTimeout"/>.</param>
    /// <returns>The sender.</returns>
    public MqttPublisher CreatePublisher(bool keepResults = false, TimeSpan? timeout = null)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        OperationTimeouts.Check(timeout ?? Options.OperationTimeout);
        return new MqttPublisher(_session.Outbound, keepResults, timeout ?? Options.OperationTimeout);
    }

    private ValueTask<MqttPublishResult> Publish(in OutgoingMessage message, TimeSpan timeout, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        OperationTimeouts.Check(timeout);
        try
        {
            return _session.Outbound.Publish(message, timeout, cancellationToken);
        }
        catch (Exception e) when (e is MqttOperationException or SessionStoreException)
        {
            // Wrong arguments are refused at the call; how the operation ends, its task says, for whoever awaits many of them together.
            return ValueTask.FromException<MqttPublishResult>(e);
        }
    }
}
