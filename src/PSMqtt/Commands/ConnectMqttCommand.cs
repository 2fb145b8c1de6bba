using System.Management.Automation;
using System.Net;
using System.Security;
using PSMqtt.Connections;
using PSMqtt.Errors;
using PSMqtt.Parameters;
using PSMqtt.Protocol;
using PSMqtt.Protocol.Transports;

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
    public MqttProtocolVersion? ProtocolVersion { get; set; }

    /// <summary>Has the broker keep the session, with its subscriptions and messages, when the connection ends.</summary>
    [Parameter]
    public SwitchParameter PersistentSession { get; set; }

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
    [Parameter]
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

    /// <summary>How long an attempt to connect may take. Default: 30.</summary>
    [Parameter]
    [ValidateRange(0.001, 86_400)]
    public double TimeoutSeconds { get; set; } = 30;

    /// <inheritdoc />
    protected override void ProcessRecord()
    {
        ConnectionTable table = ConnectionTable.Here!;
        MakeRoomForName(table);
        MqttConnection connection = Create(GetOptions());
        try
        {
            foreach (string warning in ConnectionWarnings.Of(connection.Client.Options))
            {
                WriteWarning(warning);
            }

            if (NoWait)
            {
                connection.Client.Start();
            }
            else
            {
                Connect(connection);
            }
        }
        catch
        {
            WaitForCleanup(connection.CloseAsync(new MqttDisconnectOptions { DrainTimeout = TimeSpan.Zero }, CancellationToken.None), LiveConnections.ExitTimeout);
            throw;
        }

        table.Add(connection);
        WriteObject(connection);
    }

    private void Connect(MqttConnection connection)
    {
        void Report(object? sender, MqttConnectionEventArgs step) => Post(() => WriteVerbose(step.Explanation));

        connection.Connecting += Report;
        connection.ConnectFailed += Report;
        try
        {
            MqttConnectResult result = WaitFor(connection.Client.ConnectAsync(StopToken));
            WriteVerbose(
                $"Connected to {result.Server} as '{result.ClientId}' with MQTT {MqttVersionName.Of(result.ProtocolVersion)}, "
                + $"keep-alive {result.KeepAlive.TotalSeconds} s, {(result.SessionPresent ? "with the session that the broker has kept" : "with a new session")}.");
        }
        catch (Exception exception) when (exception is not PipelineStoppedException)
        {
            Fail(exception, connection.Server);
        }
        finally
        {
            connection.Connecting -= Report;
            connection.ConnectFailed -= Report;
        }
    }

    private void MakeRoomForName(ConnectionTable table)
    {
        if (Name is null || table.Find(Name) is not { } namesake)
        {
            return;
        }

        if (namesake.State != MqttConnectionState.Disconnected)
        {
            Fail(MqttErrors.ConnectionNameInUse.ToRecord($"There is a connection named '{Name}' already, to {namesake.Server}.", namesake));
        }

        table.Remove(namesake);
        namesake.Dispose();
    }

    private MqttConnection Create(MqttClientOptions options)
    {
        List<IDisposable> resources = [];
        try
        {
            if (CredentialScript is not null)
            {
                ScriptRunspace script = new(CredentialScript);
                resources.Add(script);
                options = options with { CredentialProvider = Credentials.From(script) };
            }

            if (Option is { AuthenticationMethod: { } method, AuthenticationScript: { } answers })
            {
                ScriptAuthentication authentication = new(method, answers);
                resources.Add(authentication);
                options = options with { Authentication = authentication };
            }

            if (Option?.TracePath is { } path)
            {
                TraceFile trace = new(path);
                resources.Add(trace);
                options = options with { Trace = trace.Write };
            }

            return new MqttConnection(new MqttClient(options), Name, Option?.Subscription ?? new MqttSubscriptionOptions(), resources);
        }
        catch (Exception exception) when (exception is ArgumentException or IOException or UnauthorizedAccessException)
        {
            resources.ForEach(static resource => resource.Dispose());
            Fail(exception is ArgumentException ? MqttErrors.InvalidOption.ToRecord(exception, null) : MqttErrors.FileUnreadable.ToRecord(exception, Option?.TracePath));
            return null;
        }
    }

    private MqttClientOptions GetOptions()
    {
        CheckCombinations();
        MqttEndpoint[] servers = Array.ConvertAll(Server, ParseServer);
        CheckTls(servers);
        MqttClientOptions options = Option?.Client ?? new MqttClientOptions();
        return options with
        {
            Servers = servers,
            ClientId = ClientId,
            ProtocolVersion = ProtocolVersion,
            Credential = Credential is not null ? Credentials.From(Credential) : Password is not null ? Credentials.From(null, Password) : null,
            PersistentSession = PersistentSession,
            CleanStart = CleanStart || !PersistentSession,
            SessionExpiry = SessionExpiry ?? (PersistentSession ? Timeout.InfiniteTimeSpan : options.SessionExpiry),
            KeepAlive = KeepAlive,
            Will = Will,
            WillDelay = WillDelay,
            ConnectTimeout = TimeSpan.FromSeconds(TimeoutSeconds),
            Reconnect = options.Reconnect with { Enabled = options.Reconnect.Enabled && !NoReconnect },
            Tls = GetTls(options.Tls),
            ServiceRecordResolver = ServiceRecords.Instance,
        };
    }

    private MqttTlsOptions GetTls(MqttTlsOptions options)
    {
        Certificates certificates = new(this);
        string? password = CertificatePassword is null ? null : new NetworkCredential(string.Empty, CertificatePassword).Password;
        try
        {
            MqttClientCertificate? own = Certificate is null ? null : certificates.GetClientCertificate(Certificate, CertificateKey, password);
            return options with
            {
                CertificateAuthorities = CACertificate is null ? null : certificates.GetAuthorities(CACertificate, password),
                ClientCertificate = own?.Certificate,
                ClientCertificateChain = own?.Chain,
                ApplicationProtocols = ApplicationProtocol ?? [],
                SkipCertificateCheck = SkipCertificateCheck,
                SkipHostNameCheck = SkipHostNameCheck,
            };
        }
        catch (SessionStateException exception)
        {
            // The drive of a path, or what a path into a store or a thumbprint names.
            MqttErrorKind kind = exception is ItemNotFoundException ? MqttErrors.CertificateNotFound : MqttErrors.CertificateFileNotFound;
            Fail(kind.ToRecord(exception, exception.ItemName));
            return null;
        }
        catch (MqttCertificateException exception)
        {
            Fail(exception, exception.Path);
            return null;
        }
    }

    // A certificate that is never looked at would give a false sense of safety.
    private void CheckTls(MqttEndpoint[] servers)
    {
        (string Name, bool Given)[] parameters =
        [
            (nameof(CACertificate), CACertificate is not null),
            (nameof(Certificate), Certificate is not null),
            (nameof(ApplicationProtocol), ApplicationProtocol is not null),
            (nameof(SkipCertificateCheck), SkipCertificateCheck),
            (nameof(SkipHostNameCheck), SkipHostNameCheck),
        ];
        if (!Array.Exists(servers, static server => server.IsTls) && Array.Find(parameters, static parameter => parameter.Given).Name is { } name)
        {
            Fail(MqttErrors.RequiresTls.ToRecord(
                $"-{name} needs TLS, and '{string.Join(", ", servers.AsEnumerable())}' does without. Write mqtts:// or wss://, or add -Tls.", null));
        }

        if (Tls && Array.Find(servers, static server => !server.IsTls) is { } plain)
        {
            Fail(MqttErrors.RequiresTls.ToRecord($"'{plain}' cannot be used with -Tls: a Unix domain socket has no TLS. Leave -Tls out.", null));
        }
    }

    // Found here, before anything is sent: what a broker would refuse with a code that says less.
    private void CheckCombinations()
    {
        if (PersistentSession && ClientId.Length == 0)
        {
            Fail(MqttErrors.ClientIdRequired.ToRecord("-PersistentSession needs -ClientId: the broker finds the session again by it.", null));
        }

        if (ProtocolVersion < MqttProtocolVersion.V500)
        {
            foreach (string parameter in new[] { nameof(SessionExpiry), nameof(WillDelay), nameof(Password) })
            {
                if (MyInvocation.BoundParameters.ContainsKey(parameter))
                {
                    Fail(MqttErrors.RequiresMqtt5.ToRecord(
                        $"-{parameter} needs MQTT 5.0, and -ProtocolVersion asks for {MqttVersionName.Of(ProtocolVersion.Value)}.", null));
                }
            }
        }

        if (new object?[] { Credential, Password, CredentialScript }.Count(static given => given is not null) > 1)
        {
            Fail(MqttErrors.InvalidOption.ToRecord("Give only one of -Credential, -Password and -CredentialScript.", null));
        }

        if (CertificateKey is not null && Certificate is null)
        {
            Fail(MqttErrors.InvalidOption.ToRecord("-CertificateKey needs -Certificate.", null));
        }

        if (CertificatePassword is not null && Certificate is null && CACertificate is null)
        {
            Fail(MqttErrors.InvalidOption.ToRecord("-CertificatePassword needs -Certificate, or -CACertificate.", null));
        }
    }

    private MqttEndpoint ParseServer(string text)
    {
        if (!MqttEndpoint.TryParse(Tls ? WithTls(text) : text, out MqttEndpoint? endpoint, out string? problem))
        {
            // The text itself may hold a password, so it does not become the target.
            Fail(MqttErrors.InvalidServer.ToRecord(problem, null));
        }

        return endpoint;
    }

    // Done in the text, because the scheme decides which port is the default.
    private static string WithTls(string text)
    {
        int end = text.IndexOf("://", StringComparison.Ordinal);
        string scheme = end < 0 ? string.Empty : text[..end];
        return scheme.ToUpperInvariant() switch
        {
            "" => $"mqtts://{text}",
            "MQTT" or "TCP" => $"mqtts{text[end..]}",
            "WS" => $"wss{text[end..]}",
            "MQTT+SRV" => $"mqtts+srv{text[end..]}",
            _ => text,
        };
    }
}
