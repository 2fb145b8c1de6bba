using System.Management.Automation;
using System.Text;
using PSMqtt.Completion;
using PSMqtt.Parameters;
using PSMqtt.Payloads;
using PSMqtt.Protocol;

namespace PSMqtt.Commands;

/// <summary>The base of the cmdlets that make messages: what a message has besides its topic and its payload.</summary>
public abstract class MessageCommand : MqttCommand
{
    /// <summary>The parameters that only MQTT 5.0 has.</summary>
    private protected static readonly string[] Mqtt5Parameters =
    [
        nameof(ContentType), nameof(ResponseTopic), nameof(CorrelationData), nameof(MessageExpiry), nameof(UserProperty), nameof(PayloadFormat),
    ];

    private PayloadConversion? _conversion;
    private MqttMessage? _template;

    /// <summary>The encoding of text. Default: UTF-8, without a byte order mark.</summary>
    [Parameter]
    [Encoding]
    [ValidateNotNull]
    [ArgumentCompleter(typeof(EncodingCompleter))]
    public Encoding Encoding { get; set; } = EncodingAttribute.Utf8;

    /// <summary>How deep objects may nest in JSON. Default: 10; a .NET object only with its own properties, what they refer to as text.</summary>
    [Parameter]
    [ValidateRange(0, 100)]
    public int Depth { get; set; } = PayloadConversion.DefaultDepth;

    /// <summary>The delivery guarantee: 0, 1 or 2. Default: 0.</summary>
    [Parameter]
    [QualityOfService]
    public MqttQualityOfService QoS { get; set; }

    /// <summary>Has the broker keep the message for later subscribers.</summary>
    [Parameter]
    public SwitchParameter Retain { get; set; }

    /// <summary>A description of the content, such as a MIME type (MQTT 5.0).</summary>
    [Parameter]
    public string? ContentType { get; set; }

    /// <summary>The topic a reply shall be sent to (MQTT 5.0).</summary>
    [Parameter]
    [ArgumentCompleter(typeof(TopicCompleter))]
    public string? ResponseTopic { get; set; }

    /// <summary>Bytes, or a text, by which the reply will be recognised (MQTT 5.0).</summary>
    [Parameter]
    [Bytes]
    public byte[]? CorrelationData { get; set; }

    /// <summary>How long the message lives, in seconds (MQTT 5.0).</summary>
    [Parameter]
    [Seconds(1, uint.MaxValue)]
    public TimeSpan? MessageExpiry { get; set; }

    /// <summary>Names and values for the application (MQTT 5.0).</summary>
    [Parameter]
    [UserProperty]
    [Alias("UserProperties")]
    public MqttUserProperty[] UserProperty { get; set; } = [];

    /// <summary>Whether the payload is declared to be text (MQTT 5.0).</summary>
    [Parameter]
    public MqttPayloadFormat PayloadFormat { get; set; }

    /// <summary>Whether some of what was sent as JSON was nested deeper than allowed.</summary>
    private protected bool WasTruncated => _conversion?.WasTruncated ?? false;

    /// <summary>Makes a message.</summary>
    /// <param name="topic">Its topic.</param>
    /// <param name="payload">Its payload, as PowerShell has it.</param>
    /// <returns>The message.</returns>
    private protected MqttMessage Create(string topic, object? payload) => CreateFromBytes(topic, ToBytes(payload));

    /// <summary>Makes a message.</summary>
    /// <param name="topic">Its topic.</param>
    /// <param name="payload">Its payload.</param>
    /// <returns>The message.</returns>
    private protected MqttMessage CreateFromBytes(string topic, byte[] payload) =>
        new(_template ??= CreateTemplate()) { Topic = topic, Payload = payload };

    /// <summary>Converts a payload.</summary>
    /// <param name="payload">The payload, as PowerShell has it.</param>
    /// <returns>The bytes.</returns>
    private protected byte[] ToBytes(object? payload) =>
        (_conversion ??= new PayloadConversion(Encoding, IsGiven(nameof(Depth)) ? Depth : null)).ToBytes(payload);

    /// <summary>Whether the user has given a parameter.</summary>
    private protected bool IsGiven(string parameter) => MyInvocation.BoundParameters.ContainsKey(parameter);

    private MqttMessage CreateTemplate() => new()
    {
        QoS = QoS,
        Retain = Retain,
        ContentType = ContentType,
        ResponseTopic = ResponseTopic,
        CorrelationData = CorrelationData,
        MessageExpiry = MessageExpiry,
        UserProperties = UserProperty,
        PayloadFormat = PayloadFormat,
    };
}
