using PSMqtt.Protocol.Topics;
using PSMqtt.Protocol.Transports;

namespace PSMqtt.Protocol;

/// <summary>Checks options before anything is sent: each error names the option, its range, and what to do.</summary>
internal static class OptionsValidation
{
    public static void Check(MqttClientOptions options)
    {
        if (options.Servers is not { Count: > 0 })
        {
            throw new ArgumentException("There is no server to connect to: name at least one.", nameof(options));
        }

        if (TransportOptions.FindProblem(options) is { } problem)
        {
            throw new ArgumentException(problem, nameof(options));
        }

        InRange(options.ReceiveMaximum, 1, 65_535, nameof(options.ReceiveMaximum));
        InRange(options.InFlightMaximum ?? 1, 1, 65_535, nameof(options.InFlightMaximum));
        InRange(options.MaximumPacketSize, 16, 268_435_460, nameof(options.MaximumPacketSize));
        InRange(options.TopicAliasMaximum, 0, 65_535, nameof(options.TopicAliasMaximum));
        InRange(options.OutboundTopicAliasMaximum, 0, 65_535, nameof(options.OutboundTopicAliasMaximum));
        InRange(options.PublishQueueLimit, 1, int.MaxValue, nameof(options.PublishQueueLimit));
        InRange(options.PublishQueueByteLimit, 1, long.MaxValue, nameof(options.PublishQueueByteLimit));
        InRange(options.KeepAlive, TimeSpan.Zero, TimeSpan.FromSeconds(65_535), nameof(options.KeepAlive));
        InRange(options.WillDelay, TimeSpan.Zero, TimeSpan.FromSeconds(uint.MaxValue), nameof(options.WillDelay));
        Positive(options.ConnectTimeout, nameof(options.ConnectTimeout));
        Positive(options.OperationTimeout, nameof(options.OperationTimeout));
        if (options.SessionExpiry != Timeout.InfiniteTimeSpan)
        {
            InRange(options.SessionExpiry, TimeSpan.Zero, TimeSpan.FromSeconds(uint.MaxValue), nameof(options.SessionExpiry));
        }

        if (options.PersistentSession && options.ClientId.Length == 0)
        {
            throw new ArgumentException(
                "A persistent session needs a client identifier: the server finds the session by it. Choose one that no other client uses.", nameof(options));
        }

        if (options.SessionStore is { IsDurable: true } && options.ClientId.Length == 0)
        {
            throw new ArgumentException(
                "A durable session store needs a client identifier: the server finds its half of the session by it. Choose one that no other client uses.",
                nameof(options));
        }

        if (options.Will is { } will)
        {
            TopicName.Validate(will.Topic, nameof(options.Will));
        }

        if (options.ProtocolVersion is not (null or MqttProtocolVersion.V310 or MqttProtocolVersion.V311 or MqttProtocolVersion.V500))
        {
            throw new ArgumentException($"There is no MQTT version {(int)options.ProtocolVersion}.", nameof(options));
        }

        if (options.ProtocolVersion is MqttProtocolVersion.V310 or MqttProtocolVersion.V311)
        {
            if (FindOnly5(options) is { } only5)
            {
                throw new ArgumentException($"Only MQTT 5.0 has {only5}: leave it out, or ask for version 5.0.", nameof(options));
            }

            if (options.Credential is { UserName: null, HasPassword: true })
            {
                throw new ArgumentException("Before MQTT 5.0 a password needs a user name [MQTT-3.1.2-22]: give one.", nameof(options));
            }
        }

        if (options.ProtocolVersion == MqttProtocolVersion.V310 && options.ClientId.Length > 23)
        {
            throw new ArgumentException("MQTT 3.1 allows 23 characters for a client identifier: choose a shorter one.", nameof(options));
        }
    }

    /// <summary>What the options ask for that only MQTT 5.0 has; <see langword="null"/>: nothing.</summary>
    public static string? FindOnly5(MqttClientOptions options) =>
        options.Authentication is not null ? "enhanced authentication"
        : options.Will is not null && options.WillDelay > TimeSpan.Zero ? "a will delay"
        : options.Will?.Properties is not null ? "properties of a will"
        : options.UserProperties.Count > 0 ? "user properties of a connection"
        : options.RequestResponseInformation ? "response information" : null;

    private static void InRange<T>(T value, T least, T most, string name)
        where T : IComparable<T>
    {
        if (value.CompareTo(least) < 0 || value.CompareTo(most) > 0)
        {
            throw new ArgumentOutOfRangeException(name, value, $"{name} must be from {least} to {most}.");
        }
    }

    private static void Positive(TimeSpan value, string name)
    {
        if (value <= TimeSpan.Zero && value != Timeout.InfiniteTimeSpan)
        {
            throw new ArgumentOutOfRangeException(name, value, $"{name} must be more than zero.");
        }
    }
}
