using System.Management.Automation;
using System.Security;
using PSMqtt.Completion;
using PSMqtt.Connections;
using PSMqtt.Errors;
using PSMqtt.Parameters;
using PSMqtt.Protocol;

namespace PSMqtt.Commands;

/// <summary>Connect-Mqtt: connects to a broker, waits for its CONNACK, and makes the connection the current one of its runspace.</summary>
[Cmdlet(VerbsCommunications.Connect, "Mqtt")]
[OutputType(typeof(MqttConnection))]
public sealed class ConnectMqttCommand : MqttCommand
{
    /// <summary>The servers, tried in this order: <c>host</c>, <c>host:port</c> or a URI. Default: <c>localhost</c>.</summary>
    [Parameter(Position = 0, ValueFromPipelineByPropertyName = true)]
    [Alias("Uri")]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(ServerCompleter))]
    public string[] Server { get; set; } = ["localhost"];

    /// <summary>The client identifier. Default: the broker's choice, or a random one.</summary>
    [Parameter]
    [ValidateNotNull]
    public string ClientId { get; set; } = string.Empty;

    /// <summary>User name and password.</summary>
    [Parameter]
    [Credential]
    [ValidateNotNull]
    public PSCredential? Credential { get; set; }

    /// <summary>A password without a user name (MQTT 5.0), such as a token.</summary>
    [Parameter]
    [ValidateNotNull]
    public SecureString? Password { get; set; }

    /// <summary>Asked for a PSCredential before each attempt to connect. It runs in a runspace of its own and sees no variables.</summary>
    [Parameter]
    [ValidateNotNull]
    public ScriptBlock? CredentialScript { get; set; }

    /// <summary>A label for the connection, unique in its runspace. Default: mqtt and a number.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Name { get; set; }

    /// <summary>The version of MQTT. Default: the newest that the broker speaks.</summary>
    [Parameter]
    [ProtocolVersion]
    [ValidateSet("5.0", "3.1.1", "3.1")]
    public string? ProtocolVersion { get; set; }

    /// <summary>Has the broker keep the session, with its subscriptions and messages, when the connection ends.</summary>
    [Parameter]
    public SwitchParameter PersistentSession { get; set; }

    /// <summary>
    /// A directory that keeps our half of the session, with what was sent and not acknowledged yet: it survives the process. Implies -PersistentSession;
    /// the client identifier is kept there too.
    /// </summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? SessionPath { get; set; }

    /// <summary>How long the broker keeps the session after the connection is lost (MQTT 5.0), in seconds.</summary>
    [Parameter]
    [Seconds(0, uint.MaxValue, AllowInfinite = true)]
    public TimeSpan? SessionExpiry { get; set; }

    /// <summary>Starts the session afresh, although it is to be kept.</summary>
    [Parameter]
    public SwitchParameter CleanStart { get; set; }

    /// <summary>Connects with TLS, also where the URI does not ask for it.</summary>
    [Parameter]
    public SwitchParameter Tls { get; set; }

    /// <summary>The authorities to trust instead of the machine's: files (PEM, DER, PKCS#7, PFX) or certificates.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    public object[]? CACertificate { get; set; }

    /// <summary>Our own certificate with its key: a file (PEM or PFX), a certificate, on Windows a Cert: path or a thumbprint.</summary>
    [Parameter]
    [ValidateNotNull]
    public object? Certificate { get; set; }

    /// <summary>The PEM file of the certificate's key, where it is not in the same file.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? CertificateKey { get; set; }

    /// <summary>The password of the certificate's file, or of its key's.</summary>
    [Parameter]
    [ValidateNotNull]
    public SecureString? CertificatePassword { get; set; }

    /// <summary>Application protocols to offer in the TLS handshake (ALPN).</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? ApplicationProtocol { get; set; }

    /// <summary>Accepts any certificate of the server: for tests only.</summary>
    [Parameter]
    public SwitchParameter SkipCertificateCheck { get; set; }

    /// <summary>Accepts a trusted certificate for another host name.</summary>
    [Parameter]
    public SwitchParameter SkipHostNameCheck { get; set; }

    /// <summary>The message that the broker publishes when this client disappears.</summary>
    [Parameter]
    [ValidateNotNull]
    public MqttMessage? Will { get; set; }

    /// <summary>How long the broker waits before it publishes the will (MQTT 5.0), in seconds.</summary>
    [Parameter]
    [Seconds(0, uint.MaxValue)]
    public TimeSpan WillDelay { get; set; }

    /// <summary>The keep-alive time in seconds; 0 turns it off. Default: 60.</summary>
    [Parameter]
    [Seconds(0, ushort.MaxValue)]
    public TimeSpan KeepAlive { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>Does not make a lost connection again.</summary>
    [Parameter]
    public SwitchParameter NoReconnect { get; set; }

    /// <summary>Returns while the connection is still being made, in the background, for as long as it takes.</summary>
    [Parameter]
    public SwitchParameter NoWait { get; set; }

    /// <summary>The rare settings, made by New-MqttConnectionOption.</summary>
    [Parameter]
    [ValidateNotNull]
    public MqttConnectionOption? Option { get; set; }

    /// <summary>How long an attempt to connect may take, in seconds, to all the servers together. Default: 30.</summary>
    [Parameter]
    [ValidateRange(0.001, 86_400)]
    public double TimeoutSeconds { get; set; } = 30;

    /// <inheritdoc />
    protected override void ProcessRecord()
    {
        ConnectionTable table = ConnectionTable.Here!;
        if (!HasRoomForName(table))
        {
            return;
        }

        if (Open(GetSettings(), NoWait, out ErrorRecord? problem) is { } connection)
        {
            table.Add(connection);
            table.SpeakAtEnd(Events, Host);
            WriteObject(connection);
        }
        else
        {
            // The next server from the pipeline may do.
            WriteError(problem!);
        }
    }

    private bool HasRoomForName(ConnectionTable table)
    {
        if (Name is null || table.Find(Name) is not { } namesake)
        {
            return true;
        }

        if (namesake.State != MqttConnectionState.Disconnected)
        {
            WriteError(MqttErrors.ConnectionNameInUse.ToRecord($"There is a connection named '{Name}' already, to {namesake.Server}.", namesake));
            return false;
        }

        table.Remove(namesake);
        namesake.Dispose();
        return true;
    }

    private ConnectionSettings GetSettings() => new()
    {
        Server = Server,
        Name = Name,
        ClientId = ClientId,
        Credential = Credential,
        Password = Password,
        CredentialScript = CredentialScript,
        ProtocolVersion = MqttVersionName.Parse(ProtocolVersion),
        PersistentSession = PersistentSession,
        SessionPath = SessionPath is null ? null : GetUnresolvedProviderPathFromPSPath(SessionPath),
        SessionExpiry = SessionExpiry,
        CleanStart = CleanStart,
        Tls = Tls,
        CACertificate = CACertificate,
        Certificate = Certificate,
        CertificateKey = CertificateKey,
        CertificatePassword = CertificatePassword,
        ApplicationProtocol = ApplicationProtocol,
        SkipCertificateCheck = SkipCertificateCheck,
        SkipHostNameCheck = SkipHostNameCheck,
        Will = Will,
        WillDelay = MyInvocation.BoundParameters.ContainsKey(nameof(WillDelay)) ? WillDelay : null,
        KeepAlive = KeepAlive,
        Reconnects = !NoReconnect,
        Option = Option,
        Timeout = TimeSpan.FromSeconds(TimeoutSeconds),
    };
}
