using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Management.Automation;
using PSMqtt.Parameters;
using PSMqtt.Protocol;

namespace PSMqtt.Payloads;

/// <summary>
/// A message as an object with the properties of one, such as a row of <c>Import-Csv</c>: it has at least a Topic, and a Payload or a Text. Empty fields
/// count as not there, and so does what <c>Export-Csv</c> writes of an array, the name of its type. A message that was exported, as a row or as JSON, is
/// the message again.
/// </summary>
internal sealed class MessageRecord
{
    private readonly string _topic;

    private MessageRecord(PSObject source, string topic)
    {
        Source = source;
        _topic = topic;
    }

    /// <summary>The object itself.</summary>
    public PSObject Source { get; }

    /// <summary>The payload, as PowerShell has it: an exported message's is its bytes where they are there, else its text.</summary>
    /// <exception cref="PSInvalidCastException">The payload was lost when the message was exported.</exception>
    public object? Payload
    {
        get
        {
            object? payload = Source.Properties["Payload"]?.Value;
            PSPropertyInfo? text = Source.Properties["Text"];
            return PayloadConversion.Unwrap(payload) switch
            {
                null or "" when text is not null => PayloadOf(text.Value),
                string name when IsTypeName(name) => text is not null
                    ? PayloadOf(text.Value)
                    : throw new PSInvalidCastException($"The Payload is '{name}', the name of a type and not the bytes: export the message with its Text."),
                object[] items when text is not null && BytesOf(items) is { } bytes => bytes,
                _ => payload,
            };
        }
    }

    /// <summary>Recognises a message by its properties.</summary>
    public static bool TryRead(PSObject source, [NotNullWhen(true)] out MessageRecord? record)
    {
        record = source.Properties["Topic"] is { } topic && (source.Properties["Payload"] ?? source.Properties["Text"]) is not null
            ? new MessageRecord(source, System.Convert.ToString(topic.Value, CultureInfo.InvariantCulture) ?? string.Empty)
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
        MessageExpiry = Value(nameof(MqttMessage.MessageExpiry)) is { } expiry
            ? (TimeSpan?)new SecondsAttribute(1, uint.MaxValue).Transform(null!, (expiry as PSObject)?.Properties[nameof(TimeSpan.TotalSeconds)]?.Value ?? expiry)
            : null,
        PayloadFormat = Get<MqttPayloadFormat>(nameof(MqttMessage.PayloadFormat)),
        UserProperties = (Value("UserProperty") ?? Value(nameof(MqttMessage.UserProperties))) is { } properties
            ? (MqttUserProperty[])new UserPropertyAttribute().Transform(null!, properties is object[] items ? Array.ConvertAll(items, PropertyOf) : properties)
            : [],
    };

    private static T Convert<T>(object value) => (T)LanguagePrimitives.ConvertTo(value, typeof(T), CultureInfo.InvariantCulture);

    private object? Value(string name)
    {
        object? value = PayloadConversion.Unwrap(Source.Properties[name]?.Value);
        return value is string text && (text.Length == 0 || IsTypeName(text)) ? null : value;
    }

    // A payload that is no text was exported as hexadecimal digits: then the text has not the size that the message had.
    private object? PayloadOf(object? text) =>
        text is string { Length: > 0 } digits && Value("Size") is { } size && LanguagePrimitives.TryConvertTo(size, CultureInfo.InvariantCulture, out int bytes)
            && digits.Length == 2L * bytes && digits.All(char.IsAsciiHexDigit)
            ? System.Convert.FromHexString(digits)
            : text;

    // ConvertTo-Json writes what lies deeper than its depth as text.
    private static object PropertyOf(object item) =>
        PayloadConversion.Unwrap(item) is string text && text.IndexOf('=', StringComparison.Ordinal) is int end and >= 0
            ? new MqttUserProperty(text[..end], text[(end + 1)..])
            : item;

    // As Export-Csv writes an array or a list.
    private static bool IsTypeName(string text) =>
        text is "System.Byte[]" or "System.Object[]" or "PSMqtt.Protocol.MqttUserProperty[]"
        || text.StartsWith("System.Collections.Generic.List`1[", StringComparison.Ordinal);

    // As ConvertFrom-Json reads an array of bytes.
    private static byte[]? BytesOf(object[] items)
    {
        byte[] bytes = new byte[items.Length];
        for (int i = 0; i < items.Length; i++)
        {
            if (PayloadConversion.Unwrap(items[i]) is not (long or int or byte) || !LanguagePrimitives.TryConvertTo(items[i], out bytes[i]))
            {
                return null;
            }
        }

        return bytes;
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
