using System.Text;

namespace PSMqtt.Protocol;

/// <summary>
/// An application message: one that was received, or one to be sent. It cannot be changed; <c>with</c>-like copies are made by
/// <see cref="MqttMessage(MqttMessage)"/> and an initialiser.
/// </summary>
/// <remarks>
/// A message that is being sent must keep its payload bytes unchanged until the operation has ended: the engine may have to send them again,
/// and makes no copy.
/// </remarks>
public sealed class MqttMessage
{
    private static readonly UTF8Encoding s_strictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly MqttMessageProperties? _properties;
    private readonly long _timestampTicks;
    private string? _text;
    private Sessions.InboundEntry? _entry;

    /// <summary>Creates an empty message. Set <see cref="Topic"/> and what else it needs with an initialiser.</summary>
    public MqttMessage()
    {
    }

    /// <summary>Creates a message.</summary>
    /// <param name="topic">The topic name: 1 to 65,535 bytes of UTF-8, without wildcards.</param>
    /// <param name="payload">The payload; <see langword="null"/> means empty. Not copied.</param>
    /// <param name="qos">The delivery guarantee.</param>
    /// <param name="retain">Whether the server keeps it for later subscribers.</param>
    public MqttMessage(string topic, byte[]? payload, MqttQualityOfService qos = MqttQualityOfService.AtMostOnce, bool retain = false)
    {
        Topic = topic;
        Payload = payload ?? [];
        QoS = qos;
        Retain = retain;
    }

    /// <summary>Creates a message from a text, encoded as UTF-8.</summary>
    /// <param name="topic">The topic name.</param>
    /// <param name="text">The payload as text; <see langword="null"/> means empty.</param>
    /// <param name="qos">The delivery guarantee.</param>
    /// <param name="retain">Whether the server keeps it for later subscribers.</param>
    public MqttMessage(string topic, string? text, MqttQualityOfService qos = MqttQualityOfService.AtMostOnce, bool retain = false)
        : this(topic, text is null ? null : Encoding.UTF8.GetBytes(text), qos, retain)
    {
    }

    /// <summary>Copies a message, to be changed by an initialiser. The copy is not tied to an acknowledgement.</summary>
    /// <param name="other">The message to copy. Its payload is shared, not copied.</param>
    public MqttMessage(MqttMessage other)
    {
        ArgumentNullException.ThrowIfNull(other);
        Topic = other.Topic;
        Payload = other.Payload;
        QoS = other.QoS;
        Retain = other.Retain;
        Duplicate = other.Duplicate;
        _properties = other._properties;
        _timestampTicks = other._timestampTicks;
    }

    internal MqttMessage(
        string topic,
        byte[] payload,
        MqttQualityOfService qos,
        bool retain,
        bool duplicate,
        MqttMessageProperties? properties,
        long timestampTicks)
    {
        Topic = topic;
        Payload = payload;
        QoS = qos;
        Retain = retain;
        Duplicate = duplicate;
        _properties = properties;
        _timestampTicks = timestampTicks;
    }

    /// <summary>The topic name.</summary>
    public string Topic { get; init; } = string.Empty;

    /// <summary>The payload, as it is on the wire. Never <see langword="null"/>.</summary>
    public byte[] Payload { get; init; } = [];

    /// <summary>
    /// The payload as text. Bytes that are not valid UTF-8 are shown as hexadecimal digits, so that nothing is silently replaced.
    /// Decoded when first read.
    /// </summary>
    public string Text => _text ??= Decode(Payload);

    /// <summary>Whether the payload is valid UTF-8, and <see cref="Text"/> therefore exact.</summary>
    public bool IsText => System.Text.Unicode.Utf8.IsValid(Payload);

    /// <summary>The delivery guarantee.</summary>
    public MqttQualityOfService QoS { get; init; }

    /// <summary>
    /// Sent: whether the server shall keep the message. Received: whether it was kept and is sent because of a new subscription, or (with Retain As
    /// Published) whether its publisher had set it.
    /// </summary>
    public bool Retain { get; init; }

    /// <summary>Whether a received message may be the repetition of an earlier one. Not used for messages to be sent.</summary>
    public bool Duplicate { get; init; }

    /// <summary>Whether the payload is declared to be text. MQTT 5.0.</summary>
    public MqttPayloadFormat PayloadFormat
    {
        get => _properties?.PayloadFormat ?? MqttPayloadFormat.Unspecified;
        init => Change(ref _properties, p => p with { PayloadFormat = value });
    }

    /// <summary>
    /// How long the message lives from the time it is sent: whole seconds, 1 second to 4,294,967,295 seconds; <see langword="null"/>, the default,
    /// means for ever. On a received message, what was left of it. MQTT 5.0.
    /// </summary>
    public TimeSpan? MessageExpiry
    {
        get => _properties?.MessageExpirySeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : null;
        init => Change(ref _properties, p => p with { MessageExpirySeconds = MqttSeconds.FromTimeSpan(value, nameof(MessageExpiry)) });
    }

    /// <summary>A description of the content, such as a MIME type. MQTT 5.0.</summary>
    public string? ContentType
    {
        get => _properties?.ContentType;
        init => Change(ref _properties, p => p with { ContentType = value });
    }

    /// <summary>The topic a reply shall be sent to. MQTT 5.0.</summary>
    public string? ResponseTopic
    {
        get => _properties?.ResponseTopic;
        init => Change(ref _properties, p => p with { ResponseTopic = value });
    }

    /// <summary>Bytes by which the sender of a request recognises the reply. MQTT 5.0.</summary>
    public byte[]? CorrelationData
    {
        get => _properties?.CorrelationData;
        init => Change(ref _properties, p => p with { CorrelationData = value });
    }

    /// <summary>Names and values for the application, in their order. Never <see langword="null"/>. MQTT 5.0.</summary>
    public IReadOnlyList<MqttUserProperty> UserProperties
    {
        get => _properties?.UserProperties ?? [];
        init => Change(ref _properties, p => p with { UserProperties = value ?? [] });
    }

    /// <summary>The identifiers of the subscriptions that a received message matched, as the server gave them. Not used for messages to be sent.</summary>
    public IReadOnlyList<int> SubscriptionIdentifiers => _properties?.SubscriptionIdentifiers ?? [];

    /// <summary>When a received message was read from the network (UTC); <see cref="DateTimeOffset.MinValue"/> on others.</summary>
    public DateTimeOffset Timestamp => new(_timestampTicks, TimeSpan.Zero);

    internal MqttMessageProperties? Properties => _properties;

    /// <summary>The acknowledgement that a received message of QoS 1 or 2 owes; <see langword="null"/> on others, and once it is given.</summary>
    internal Sessions.InboundEntry? TakeEntry() => _entry is null ? null : Interlocked.Exchange(ref _entry, null);

    /// <summary>The message is in another subscription's queue now, which is the one that holds back what follows.</summary>
    internal void MoveEntry(MqttSubscription holder)
    {
        if (_entry is { } entry)
        {
            entry.Holder = holder;
        }
    }

    /// <summary>The client that a message owes its acknowledgement to; <see langword="null"/> where it owes none.</summary>
    internal MqttClient? Acknowledger => _entry?.Holder?.Client;

    /// <summary>Whether the message still owes the acknowledgement that an entry stands for.</summary>
    internal bool Owes(Sessions.InboundEntry entry) => ReferenceEquals(_entry, entry);

    internal void SetEntry(Sessions.InboundEntry entry) => _entry = entry;

    /// <summary>The payload as text: see <see cref="Text"/>.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => Text;

    private static string Decode(byte[] payload)
    {
        try
        {
            return s_strictUtf8.GetString(payload);
        }
        catch (DecoderFallbackException)
        {
            return Convert.ToHexString(payload);
        }
    }

    private static void Change(ref MqttMessageProperties? properties, Func<MqttMessageProperties, MqttMessageProperties> change)
    {
        MqttMessageProperties changed = change(properties ?? MqttMessageProperties.None);
        properties = changed.IsEmpty ? null : changed;
    }
}
