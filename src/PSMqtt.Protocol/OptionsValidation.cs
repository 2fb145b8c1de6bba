using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Sessions;
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
        InRange(options.Reconnect.Delay, TimeSpan.Zero, TimeSpan.MaxValue, nameof(ReconnectPolicy.Delay));
        InRange(options.Reconnect.DelayMaximum, TimeSpan.Zero, TimeSpan.MaxValue, nameof(ReconnectPolicy.DelayMaximum));
        ArgumentNullException.ThrowIfNull(options.Reconnect.Jitter);
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
            CheckWill(will);
        }

        MqttText.GetByteCount(options.ClientId, "client identifier");
        Check(options.Credential);
        foreach (MqttEndpoint server in options.Servers)
        {
            Check(server.Credential);
        }

        Check(options.UserProperties, "CONNECT");

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

    private static void CheckWill(MqttMessage will)
    {
        const string Option = nameof(MqttClientOptions.Will);
        TopicName.Validate(will.Topic, Option);
        if (will.QoS is < MqttQualityOfService.AtMostOnce or > MqttQualityOfService.ExactlyOnce)
        {
            throw new ArgumentOutOfRangeException(nameof(will), will.QoS, "The QoS of a will must be 0, 1 or 2 [MQTT-3.1.2-12].");
        }

        AtMost(will.Payload.Length, "payload of the will");
        new OutgoingMessage(will).ValidateFormat(Option);
        if (will.ResponseTopic is { } responseTopic)
        {
            TopicName.Validate(responseTopic, Option);
        }

        if (will.ContentType is { } contentType)
        {
            MqttText.GetByteCount(contentType, "content type of the will");
        }

        AtMost(will.CorrelationData?.Length ?? 0, "correlation data of the will");
        Check(will.UserProperties, "the will");
    }

    private static void Check(MqttCredential? credential)
    {
        if (credential?.UserName is { } userName)
        {
            MqttText.GetByteCount(userName, "user name");
        }

        AtMost(credential?.PasswordBytes?.Length ?? 0, "password");
    }

    private static void Check(IReadOnlyList<MqttUserProperty> properties, string owner)
    {
        foreach (MqttUserProperty property in properties)
        {
            MqttText.GetByteCount(property.Name ?? string.Empty, $"name of a user property of {owner}");
            MqttText.GetByteCount(property.Value ?? string.Empty, $"value of a user property of {owner}");
        }
    }

    private static void AtMost(int length, string what)
    {
        if (length > MqttText.MaximumByteCount)
        {
            throw new ArgumentException($"The {what} has {length} bytes; MQTT allows at most {MqttText.MaximumByteCount}. Shorten it.", nameof(length));
        }
    }

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
        if ((value <= TimeSpan.Zero && value != Timeout.InfiniteTimeSpan) || value.TotalMilliseconds >= uint.MaxValue)
        {
            throw new ArgumentOutOfRangeException(
                name, value, $"{name} must be more than zero and at most 49 days; Timeout.InfiniteTimeSpan waits for ever.");
        }
    }
}
