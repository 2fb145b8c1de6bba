namespace PSMqtt.Protocol;

/// <summary>How a message of a <see cref="MqttPublisher"/> ended.</summary>
public readonly struct MqttPublishOutcome
{
    internal MqttPublishOutcome(MqttMessage message, MqttPublishResult result, Exception? error)
    {
        Message = message;
        Result = result;
        Error = error;
    }

    /// <summary>The message.</summary>
    public MqttMessage Message { get; }

    /// <summary>The result, where it was accepted.</summary>
    public MqttPublishResult Result { get; }

    /// <summary>Why it was not; <see langword="null"/> where it was.</summary>
    public Exception? Error { get; }
}
