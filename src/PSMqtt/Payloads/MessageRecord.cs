using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Management.Automation;
using PSMqtt.Parameters;
using PSMqtt.Protocol;

namespace PSMqtt.Payloads;

/// <summary>
/// A message as an object with the properties of one, such as a row of <c>Import-Csv</c>: it has at least a Topic and a Payload. Empty fields count as
/// not there.
/// </summary>
internal sealed class MessageRecord
{
    private readonly string _topic;

    private MessageRecord(PSObject source, string topic, object? payload)
    {
        Source = source;
        _topic = topic;
        Payload = payload;
    }

    /// <summary>The object itself.</summary>
    public PSObject Source { get; }

    /// <summary>The payload, as PowerShell has it.</summary>
    public object? Payload { get; }

    /// <summary>Recognises a message by its properties.</summary>
    public static bool TryRead(PSObject source, [NotNullWhen(true)] out MessageRecord? record)
    {
        record = source.Properties["Topic"] is { } topic && source.Properties["Payload"] is { } payload
            ? new MessageRecord(source, System.Convert.ToString(topic.Value, CultureInfo.InvariantCulture) ?? string.Empty, payload.Value)
            : null;
        return record is not null;
    }

    /// <summary>Makes the message.</summary>
    /// <param name="payload">The payload's bytes.</param>
    /// <exception cref="PSInvalidCastException">A property cannot be converted to what a message has.</exception>
    public MqttMessage ToMessage(byte[] payload) => new(_topic, payload, Get<MqttQualityOfService>(nameof(MqttMessage.QoS)), GetBoolean(nameof(MqttMessage.Retain)))
    {
        ContentType = Get<string>(nameof(MqttMessage.ContentType)),
        ResponseTopic = Get<string>(nameof(MqttMessage.ResponseTopic)),
        CorrelationData = Value(nameof(MqttMessage.CorrelationData)) is { } correlation ? Convert<byte[]>(new BytesAttribute().Transform(null!, correlation)) : null,
        MessageExpiry = Value(nameof(MqttMessage.MessageExpiry)) is { } expiry ? (TimeSpan?)new SecondsAttribute(1, uint.MaxValue).Transform(null!, expiry) : null,
        PayloadFormat = Get<MqttPayloadFormat>(nameof(MqttMessage.PayloadFormat)),
        UserProperties = (Value("UserProperty") ?? Value(nameof(MqttMessage.UserProperties))) is { } properties
            ? (MqttUserProperty[])new UserPropertyAttribute().Transform(null!, properties)
            : [],
    };

    private static T Convert<T>(object value) => (T)LanguagePrimitives.ConvertTo(value, typeof(T), CultureInfo.InvariantCulture);

    private object? Value(string name)
    {
        object? value = PayloadConversion.Unwrap(Source.Properties[name]?.Value);
        return value is "" ? null : value;
    }

    private T? Get<T>(string name) => Value(name) is { } value ? Convert<T>(value) : default;

    // PowerShell takes every text that is not empty for true, "False" too.
    private bool GetBoolean(string name) => Value(name) switch
    {
        null => false,
        string text => bool.TryParse(text, out bool boolean) ? boolean : text != "0",
        { } other => LanguagePrimitives.IsTrue(other),
    };
}
