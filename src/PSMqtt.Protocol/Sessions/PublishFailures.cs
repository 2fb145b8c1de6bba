using PSMqtt.Protocol.Packets;

namespace PSMqtt.Protocol.Sessions;

/// <summary>The words for messages of ours that were not sent, or not acknowledged. What a server never takes, <see cref="PublishLimits"/> refuses.</summary>
internal static class PublishFailures
{
    public static MqttOperationException NotConnected(string topic) => Make(
        MqttOperationFailure.NotConnected,
        topic,
        $"The message for '{topic}' was not sent: there is no connection to the server. Connect first; while a lost connection is being made again, "
        + "only messages of QoS 1 and 2 wait for it, unless the options have QoS 0 queued too.");

    public static MqttOperationException QueueFull(string topic, int messages, long bytes) => Make(
        MqttOperationFailure.QueueFull,
        topic,
        $"The message for '{topic}' was not accepted: {messages:N0} messages ({bytes:N0} bytes) wait to be sent already. "
        + "Wait for some of them to be acknowledged, or raise the limit of the publish queue.");

    public static MqttOperationException Expired(string topic, uint seconds) => Make(
        MqttOperationFailure.Expired, topic, $"The message for '{topic}' expired after {seconds} s, before it could be sent.");

    /// <summary>QoS 0, and the connection was lost before the last byte had left.</summary>
    public static MqttOperationException ConnectionLost(string topic) => Make(
        MqttOperationFailure.OutcomeUnknown,
        topic,
        $"The connection was lost while the message for '{topic}' was being sent: it may or may not have reached the server.");

    /// <summary>QoS 2, and the server's session was lost after PUBREC.</summary>
    public static MqttOperationException SessionLost(string topic) => Make(
        MqttOperationFailure.OutcomeUnknown,
        topic,
        $"The server lost the session after it had received the QoS 2 message for '{topic}', before it confirmed the delivery. "
        + "The message may or may not have been delivered: send it again if delivering it twice does no harm.");

    public static MqttOperationException Rejected(string topic, in AcknowledgementPacket packet) => new(
        MqttOperation.Publish,
        MqttOperationFailure.Rejected,
        $"The server rejected the message for '{topic}': {packet.ReasonCode.Describe()}"
        + (packet.ReasonString is { Length: > 0 } words ? $" ({words})" : string.Empty))
    { Topic = topic, ReasonCode = packet.ReasonCode, ReasonString = packet.ReasonString };

    /// <summary>Something else than the server's answer has ended a message that nobody waited for any more.</summary>
    public static MqttOperationException Undelivered(string topic, Exception error) => new(
        MqttOperation.Publish, MqttOperationFailure.Rejected, $"The message for '{topic}' could not be sent: {error.Message}", error)
    { Topic = topic };

    /// <summary>Its caller does not wait any longer.</summary>
    /// <param name="operation">The message.</param>
    /// <param name="waited">How long its caller has waited.</param>
    /// <param name="isConnected">Whether there is a connection.</param>
    public static TimeoutException TimedOut(PublishOperation operation, TimeSpan waited, bool isConnected)
    {
        string message = operation.IsCommitted
            ? $"The server did not acknowledge the message for '{operation.Topic}' within {waited.TotalSeconds:0.#} s. It is kept in the session's store, and "
                + "goes on its way as soon as the server takes it."
            : operation.State == PublishState.Leaving
            ? $"The server did not take all of the message for '{operation.Topic}' within {waited.TotalSeconds:0.#} s. It may still be delivered."
            : operation.State == PublishState.Queued
            ? $"The message for '{operation.Topic}' could not be sent within {waited.TotalSeconds:0.#} s and was withdrawn. "
                + (isConnected ? "The server acknowledges too slowly." : "There is no connection to the server.")
            : $"The server did not acknowledge the message for '{operation.Topic}' within {waited.TotalSeconds:0.#} s. "
                + "It was sent and may still be delivered.";
        return new TimeoutException(message);
    }

    /// <summary>The server has answered a request with the answer to another kind.</summary>
    /// <param name="packet">The answer.</param>
    /// <param name="owner">The message that its packet identifier belongs to; <see langword="null"/>: that is a SUBSCRIBE or UNSUBSCRIBE.</param>
    public static MqttProtocolException WrongKind(in AcknowledgementPacket packet, PublishOperation? owner)
    {
        string name = packet.Type.ToString().ToUpperInvariant();
        string live = owner is null ? "a SUBSCRIBE or UNSUBSCRIBE" : $"a QoS {(int)owner.QoS} PUBLISH";
        string cause = packet.Type == MqttPacketType.PubAck && owner is { QoS: MqttQualityOfService.ExactlyOnce }
            ? " Servers without QoS 2, such as RabbitMQ, do that: publish with QoS 1." : string.Empty;
        return new MqttProtocolException(
            MqttReasonCode.ProtocolError,
            packet.Type == MqttPacketType.PubAck ? "MQTT-4.3.2-3" : "MQTT-4.3.3-8",
            $"The server sent {name} for packet identifier {packet.PacketIdentifier}, which belongs to {live} that awaits another answer.{cause}");
    }

    private static MqttOperationException Make(MqttOperationFailure failure, string topic, string message) =>
        new(MqttOperation.Publish, failure, message) { Topic = topic };
}
