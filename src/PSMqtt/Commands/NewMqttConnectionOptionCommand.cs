using System.Collections;
using System.Globalization;
using System.Management.Automation;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using PSMqtt.Connections;
using PSMqtt.Errors;
using PSMqtt.Parameters;
using PSMqtt.Protocol;
using PSMqtt.Protocol.Sessions.Files;
using PSMqtt.Protocol.Transports;

namespace PSMqtt.Commands;

/// <summary>New-MqttConnectionOption: the rare settings of a connection, for Connect-Mqtt -Option.</summary>
[Cmdlet(VerbsCommon.New, "MqttConnectionOption")]
[OutputType(typeof(MqttConnectionOption))]
public sealed class NewMqttConnectionOptionCommand : PSCmdlet
{
    private static readonly MqttClientOptions s_defaults = MqttConnectionOption.ClientDefaults;
    private static readonly MqttSubscriptionOptions s_subscriptionDefaults = new();

    /// <summary>
    /// How many QoS 1 and 2 messages the broker may send without our acknowledgement. Default: 1,000, and a 5.0 broker that sends more is put up with;
    /// one that exceeds a number given here is disconnected.
    /// </summary>
    [Parameter]
    [ValidateRange(1, 65_535)]
    public int ReceiveMaximum { get; set; } = s_defaults.ReceiveMaximum;

    /// <summary>The largest packet that is accepted, in bytes. Default: what MQTT can express.</summary>
    [Parameter]
    [ValidateRange(1, 268_435_460)]
    public int MaximumPacketSize { get; set; } = s_defaults.MaximumPacketSize;

    /// <summary>How many topic aliases the broker may use (MQTT 5.0). Default: 64.</summary>
    [Parameter]
    [ValidateRange(0, 65_535)]
    public int TopicAliasMaximum { get; set; } = s_defaults.TopicAliasMaximum;

    /// <summary>The most topic aliases that are used towards the broker (MQTT 5.0). Default: 64.</summary>
    [Parameter]
    [ValidateRange(0, 65_535)]
    public int OutboundTopicAliasMaximum { get; set; } = s_defaults.OutboundTopicAliasMaximum;

    /// <summary>How many messages may wait in a subscription's queue. Default: 10,000.</summary>
    [Parameter]
    [ValidateRange(1, int.MaxValue)]
    public int QueueLimit { get; set; } = s_subscriptionDefaults.QueueLimit;

    /// <summary>How many payload bytes may wait in a subscription's queue. Default: 64 MiB.</summary>
    [Parameter]
    [ValidateRange(1, long.MaxValue)]
    public long QueueByteLimit { get; set; } = s_subscriptionDefaults.QueueByteLimit;

    /// <summary>What happens to a message that comes when a subscription's queue is full. Default: the broker is made to wait.</summary>
    [Parameter]
    public MqttQueueOverflow Overflow { get; set; } = s_subscriptionDefaults.Overflow;

    /// <summary>How many messages of QoS 1 and 2 may wait to be sent. Default: 100,000.</summary>
    [Parameter]
    [ValidateRange(1, int.MaxValue)]
    public int PublishQueueLimit { get; set; } = s_defaults.PublishQueueLimit;

    /// <summary>How many payload bytes of QoS 1 and 2 messages may wait to be sent. Default: 256 MiB.</summary>
    [Parameter]
    [ValidateRange(1, long.MaxValue)]
    public long PublishQueueByteLimit { get; set; } = s_defaults.PublishQueueByteLimit;

    /// <summary>
    /// How many of our QoS 1 and 2 messages may be unacknowledged at a time. Default: 1,000; 20 on MQTT 3.1.1 and 3.1, where a broker cannot say what it
    /// takes.
    /// </summary>
    [Parameter]
    [ValidateRange(1, 65_535)]
    public int? InFlightMaximum { get; set; }

    /// <summary>Has messages of QoS 0 that are sent while there is no connection wait for one too.</summary>
    [Parameter]
    public SwitchParameter QueueQoS0 { get; set; }

    /// <summary>Sends a QoS 2 message again whose session was lost on the way; it may then arrive twice.</summary>
    [Parameter]
    public SwitchParameter RepublishUncertain { get; set; }

    /// <summary>The bound of the first delay before a lost connection is made again, in seconds; it doubles. Default: 0.25.</summary>
    [Parameter]
    [Seconds(0.001, 86_400)]
    public TimeSpan ReconnectDelay { get; set; } = s_defaults.Reconnect.Delay;

    /// <summary>The bound of every delay before a lost connection is made again, in seconds. Default: 30.</summary>
    [Parameter]
    [Seconds(0.001, 86_400)]
    public TimeSpan ReconnectDelayMaximum { get; set; } = s_defaults.Reconnect.DelayMaximum;

    /// <summary>The local address to connect from. Default: the system's choice.</summary>
    [Parameter]
    [ValidateNotNull]
    public IPAddress? LocalAddress { get; set; }

    /// <summary>The proxy: <c>http://host:port</c> or <c>socks5://host:port</c>.</summary>
    [Parameter]
    [ValidateNotNull]
    public Uri? Proxy { get; set; }

    /// <summary>User name and password for the proxy.</summary>
    [Parameter]
    [Credential]
    [ValidateNotNull]
    public PSCredential? ProxyCredential { get; set; }

    /// <summary>
    /// Whether the certificates of servers are looked up in their issuers' lists of revoked ones. Default: None, because a machine without a way to the
    /// issuers could not connect.
    /// </summary>
    [Parameter]
    public MqttRevocationCheck CertificateRevocationCheck { get; set; }

    /// <summary>Headers of the WebSocket upgrade request.</summary>
    [Parameter]
    [ValidateNotNull]
    public IDictionary? WebSocketHeader { get; set; }

    /// <summary>User properties of CONNECT (MQTT 5.0).</summary>
    [Parameter]
    [UserProperty]
    public MqttUserProperty[] UserProperty { get; set; } = [];

    /// <summary>Asks the broker not to explain failures (MQTT 5.0), which saves bytes.</summary>
    [Parameter]
    public SwitchParameter NoProblemInformation { get; set; }

    /// <summary>Asks the broker what response topics should begin with (MQTT 5.0).</summary>
    [Parameter]
    public SwitchParameter RequestResponseInformation { get; set; }

    /// <summary>The enhanced authentication method (MQTT 5.0).</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? AuthenticationMethod { get; set; }

    /// <summary>
    /// Answers for the authentication method: <c>{ param($Step, $Data) ... }</c>, where Step is Begin, Continue or Complete, and Data are the
    /// broker's bytes. It writes bytes or a text. It runs in a runspace of its own, which keeps its variables from step to step.
    /// </summary>
    [Parameter]
    [ValidateNotNull]
    public ScriptBlock? AuthenticationScript { get; set; }

    /// <summary>Follows a broker that names another one to use (MQTT 5.0).</summary>
    [Parameter]
    public SwitchParameter FollowServerReference { get; set; }

    /// <summary>Connects as a bridge (MQTT 3.1.1 and 3.1), as some brokers understand it.</summary>
    [Parameter]
    public SwitchParameter Bridge { get; set; }

    /// <summary>What a message survives once a connection with -SessionPath has accepted it: a power failure (Flush), or the end of the process (Write).</summary>
    [Parameter]
    public SessionDurability SessionDurability { get; set; } = SessionDurability.Flush;

    /// <summary>The most bytes that messages may take in the directory of -SessionPath. Default: 512 MiB.</summary>
    [Parameter]
    [ValidateRange(4096, long.MaxValue)]
    public long SessionSizeLimit { get; set; } = 512L * 1024 * 1024;

    /// <summary>A file to append every step and every packet to, without secrets.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? TracePath { get; set; }

    /// <inheritdoc />
    protected override void ProcessRecord()
    {
        Check();
        MqttClientOptions client = s_defaults with
        {
            ReceiveMaximum = ReceiveMaximum,
            EnforceReceiveMaximum = MyInvocation.BoundParameters.ContainsKey(nameof(ReceiveMaximum)),
            MaximumPacketSize = MaximumPacketSize,
            TopicAliasMaximum = TopicAliasMaximum,
            OutboundTopicAliasMaximum = OutboundTopicAliasMaximum,
            PublishQueueLimit = PublishQueueLimit,
            PublishQueueByteLimit = PublishQueueByteLimit,
            InFlightMaximum = InFlightMaximum,
            QueueQoS0WhileDisconnected = QueueQoS0,
            RepublishUncertainQoS2 = RepublishUncertain,
            Reconnect = s_defaults.Reconnect with { Delay = ReconnectDelay, DelayMaximum = ReconnectDelayMaximum },
            LocalAddress = LocalAddress,
            Proxy = GetProxy(),
            Tls = s_defaults.Tls with { RevocationMode = (X509RevocationMode)CertificateRevocationCheck },
            WebSocketHeaders = GetHeaders(),
            UserProperties = UserProperty,
            RequestProblemInformation = !NoProblemInformation,
            RequestResponseInformation = RequestResponseInformation,
            FollowServerReference = FollowServerReference,
            Bridge = Bridge,
        };

        MqttSubscriptionOptions subscription = s_subscriptionDefaults with { QueueLimit = QueueLimit, QueueByteLimit = QueueByteLimit, Overflow = Overflow };
        WriteObject(new MqttConnectionOption(client, subscription)
        {
            TracePath = TracePath is null ? null : GetUnresolvedProviderPathFromPSPath(TracePath),
            SessionDurability = SessionDurability,
            SessionSizeLimit = SessionSizeLimit,
            AuthenticationMethod = AuthenticationMethod,
            AuthenticationScript = AuthenticationScript,
        });
    }

    private void Check()
    {
        string? problem = null;
        if (ReconnectDelay > ReconnectDelayMaximum)
        {
            problem = "-ReconnectDelay is longer than -ReconnectDelayMaximum.";
        }
        else if (AuthenticationMethod is null != AuthenticationScript is null)
        {
            problem = "-AuthenticationMethod and -AuthenticationScript need each other.";
        }
        else if (ProxyCredential is not null && Proxy is null)
        {
            problem = "-ProxyCredential needs -Proxy.";
        }

        if (problem is not null)
        {
            ThrowTerminatingError(MqttErrors.InvalidOption.ToRecord(problem, MyInvocation.MyCommand));
        }
    }

    private ProxyOptions? GetProxy()
    {
        if (Proxy is null)
        {
            return null;
        }

        try
        {
            return new ProxyOptions { Address = Proxy, Credential = ProxyCredential is null ? null : Credentials.From(ProxyCredential) };
        }
        catch (ArgumentException exception)
        {
            // Its name for the argument means nothing here.
            int parameter = exception.Message.LastIndexOf(" (", StringComparison.Ordinal);
            ThrowTerminatingError(MqttErrors.InvalidOption.ToRecord($"-Proxy: {(parameter < 0 ? exception.Message : exception.Message[..parameter])}", nameof(Proxy)));
            throw;
        }
    }

    private List<MqttWebSocketHeader> GetHeaders()
    {
        List<MqttWebSocketHeader> headers = [];
        foreach (DictionaryEntry entry in WebSocketHeader ?? new Hashtable())
        {
            headers.Add(new MqttWebSocketHeader(Text(entry.Key), Text(entry.Value)));
        }

        return headers;
    }

    private static string Text(object? value) => (string)LanguagePrimitives.ConvertTo(value, typeof(string), CultureInfo.InvariantCulture);
}
