using System.Diagnostics.CodeAnalysis;
using System.Management.Automation;
using System.Net;
using PSMqtt.Errors;
using PSMqtt.Protocol;
using PSMqtt.Protocol.Sessions;
using PSMqtt.Protocol.Transports;

namespace PSMqtt.Connections;

/// <summary>Makes a connection, not yet connected, of what a user says about it; what contradicts itself ends the cmdlet, before anything is sent.</summary>
/// <param name="cmdlet">The cmdlet.</param>
/// <param name="settings">What the user says.</param>
internal sealed class ConnectionBuilder(PSCmdlet cmdlet, ConnectionSettings settings)
{
    /// <summary>Makes it.</summary>
    /// <exception cref="SessionStoreException">The directory of the session cannot be used, now or at all.</exception>
    public MqttConnection Build()
    {
        MqttClientOptions options = GetOptions();
        List<IDisposable> resources = [];
        try
        {
            if (settings.CredentialScript is not null)
            {
                ScriptRunspace script = new(settings.CredentialScript, "-CredentialScript", MqttErrors.CredentialScriptFailed);
                resources.Add(script);
                options = options with { CredentialProvider = Credentials.From(script) };
            }

            if (settings.Option is { AuthenticationMethod: { } method, AuthenticationScript: { } answers })
            {
                ScriptAuthentication authentication = new(method, answers);
                resources.Add(authentication);
                options = options with { Authentication = authentication };
            }

            if (settings.Option?.TracePath is { } path)
            {
                TraceFile trace = new(path);
                resources.Add(trace);
                options = options with { Trace = trace.Write };
            }

            if (settings.SessionPath is { } directory)
            {
                SessionDirectory session = SessionDirectory.Open(directory, settings.ClientId, settings.Option);
                resources.Add(session);
                options = options with { SessionStore = session.Store, ClientId = session.Store.ClientId };
            }

            else if (settings.PersistentSession)
            {
                MemorySession session = MemorySession.Take(options.Servers[0], options.ClientId, isFresh: options.CleanStart);
                resources.Add(session);
                options = options with { SessionStore = session };
            }
            else if (options.ClientId.Length > 0)
            {
                // A clean start ends the session on both sides [MQTT-3.1.2-4].
                MemorySession.Forget(options.Servers[0], options.ClientId);
            }

            return new MqttConnection(new MqttClient(options), settings.Name, settings.Option?.Subscription ?? new MqttSubscriptionOptions(), resources);
        }
        catch (Exception exception) when (exception is ArgumentException or IOException or UnauthorizedAccessException)
        {
            resources.ForEach(static resource => resource.Dispose());
            if (exception is SessionStoreException)
            {
                throw;
            }

            Fail(exception is ArgumentException
                ? MqttErrors.InvalidOption.ToRecord(exception, nameof(settings.Option))
                : MqttErrors.FileUnreadable.ToRecord(exception, settings.Option?.TracePath ?? exception.Message));
            return null;
        }
    }

    [DoesNotReturn]
    private void Fail(ErrorRecord record)
    {
        cmdlet.ThrowTerminatingError(record);
        throw new System.Diagnostics.UnreachableException();
    }

    private MqttClientOptions GetOptions()
    {
        CheckCombinations();
        MqttEndpoint[] servers = Array.ConvertAll(settings.Server, ParseServer);
        CheckTls(servers);
        MqttClientOptions options = settings.Option?.Client ?? MqttConnectionOption.ClientDefaults;
        bool isKept = settings.PersistentSession || settings.SessionPath is not null;
        return options with
        {
            Servers = servers,
            ClientId = settings.ClientId,
            ProtocolVersion = settings.ProtocolVersion,
            Credential = settings switch
            {
                { Credential: { } credential } => Credentials.From(credential),
                { Password: { } password } => Credentials.From(null, password),
                _ => null,
            },
            PersistentSession = isKept,
            CleanStart = settings.CleanStart || !isKept,
            SessionExpiry = settings.SessionExpiry ?? (isKept ? Timeout.InfiniteTimeSpan : options.SessionExpiry),
            KeepAlive = settings.KeepAlive,
            Will = settings.Will,
            WillDelay = settings.WillDelay ?? TimeSpan.Zero,
            ConnectTimeout = settings.Timeout,
            Reconnect = options.Reconnect with { Enabled = options.Reconnect.Enabled && settings.Reconnects },
            Tls = GetTls(options.Tls),
            ServiceRecordResolver = ServiceRecords.Instance,
        };
    }

    private MqttTlsOptions GetTls(MqttTlsOptions options)
    {
        Certificates certificates = new(cmdlet);
        string? password = settings.CertificatePassword is null ? null : new NetworkCredential(string.Empty, settings.CertificatePassword).Password;
        try
        {
            MqttClientCertificate? own = settings.Certificate is null
                ? null
                : certificates.GetClientCertificate(settings.Certificate, settings.CertificateKey, password);
            return options with
            {
                CertificateAuthorities = settings.CACertificate is null ? null : certificates.GetAuthorities(settings.CACertificate, password),
                ClientCertificate = own?.Certificate,
                ClientCertificateChain = own?.Chain,
                ApplicationProtocols = settings.ApplicationProtocol ?? [],
                SkipCertificateCheck = settings.SkipCertificateCheck,
                SkipHostNameCheck = settings.SkipHostNameCheck,
            };
        }
        catch (Exception exception) when (CertificateErrors.ToRecord(exception) is { } problem)
        {
            Fail(problem);
            return null;
        }
    }

    // A certificate that is never looked at would give a false sense of safety.
    private void CheckTls(MqttEndpoint[] servers)
    {
        (string Name, bool Given)[] parameters =
        [
            (nameof(settings.CACertificate), settings.CACertificate is not null),
            (nameof(settings.Certificate), settings.Certificate is not null),
            (nameof(settings.ApplicationProtocol), settings.ApplicationProtocol is not null),
            (nameof(settings.SkipCertificateCheck), settings.SkipCertificateCheck),
            (nameof(settings.SkipHostNameCheck), settings.SkipHostNameCheck),
        ];
        if (!Array.Exists(servers, static server => server.IsTls) && Array.Find(parameters, static parameter => parameter.Given).Name is { } name)
        {
            Fail(MqttErrors.RequiresTls.ToRecord(
                $"-{name} needs TLS, and '{string.Join(", ", servers.AsEnumerable())}' does without. Write mqtts:// or wss://, or add -Tls.", name));
        }

        if (settings.Tls && Array.Find(servers, static server => !server.IsTls) is { } plain)
        {
            Fail(MqttErrors.RequiresTls.ToRecord($"'{plain}' cannot be used with -Tls: a Unix domain socket has no TLS. Leave -Tls out.", nameof(settings.Tls)));
        }
    }

    // Found here, before anything is sent: what a broker would refuse with a code that says less.
    private void CheckCombinations()
    {
        if (settings is { CleanStart: true, SessionPath: not null })
        {
            Fail(MqttErrors.InvalidOption.ToRecord(
                "-CleanStart and -SessionPath contradict each other: what is kept on disk would be kept for nothing. Leave -CleanStart out; Disconnect-Mqtt "
                + "-Discard forgets a session on both sides, and Clear-MqttOutbox removes what waits.",
                nameof(settings.CleanStart)));
        }

        if (settings is { PersistentSession: true, ClientId.Length: 0, SessionPath: null })
        {
            Fail(MqttErrors.ClientIdRequired.ToRecord("-PersistentSession needs -ClientId: the broker finds the session again by it.", nameof(settings.PersistentSession)));
        }

        if (settings.ProtocolVersion < MqttProtocolVersion.V500)
        {
            (string Name, bool Given)[] parameters =
            [
                (nameof(settings.SessionExpiry), settings.SessionExpiry is not null),
                (nameof(settings.WillDelay), settings.WillDelay is not null),
                (nameof(settings.Password), settings.Password is not null),
            ];
            if (Array.Find(parameters, static parameter => parameter.Given).Name is { } name)
            {
                Fail(MqttErrors.RequiresMqtt5.ToRecord(
                    $"-{name} needs MQTT 5.0, and -ProtocolVersion asks for {MqttVersionName.Of(settings.ProtocolVersion.Value)}.", name));
            }
        }

        if (new object?[] { settings.Credential, settings.Password, settings.CredentialScript }.Count(static given => given is not null) > 1)
        {
            Fail(MqttErrors.InvalidOption.ToRecord("Give only one of -Credential, -Password and -CredentialScript.", nameof(settings.Credential)));
        }

        if (settings is { CertificateKey: not null, Certificate: null })
        {
            Fail(MqttErrors.InvalidOption.ToRecord("-CertificateKey needs -Certificate.", nameof(settings.CertificateKey)));
        }

        if (settings is { CertificatePassword: not null, Certificate: null, CACertificate: null })
        {
            Fail(MqttErrors.InvalidOption.ToRecord("-CertificatePassword needs -Certificate, or -CACertificate.", nameof(settings.CertificatePassword)));
        }
    }

    private MqttEndpoint ParseServer(string text)
    {
        if (!MqttEndpoint.TryParse(settings.Tls ? WithTls(text) : text, out MqttEndpoint? endpoint, out string? problem))
        {
            // The text itself may hold a password, so it does not become the target.
            Fail(MqttErrors.InvalidServer.ToRecord(problem, nameof(settings.Server)));
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
