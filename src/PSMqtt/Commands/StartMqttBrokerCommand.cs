using System.Management.Automation;
using System.Management.Automation.Runspaces;
using System.Net;
using System.Net.Sockets;
using System.Security;
using System.Text;
using PSMqtt.Broker;
using PSMqtt.Connections;
using PSMqtt.Errors;
using PSMqtt.Protocol.Transports;

namespace PSMqtt.Commands;

/// <summary>
/// <para>Starts a real MQTT broker inside this process, on the loopback interface, for trying things out and for tests.</para>
/// <para>It ends with <c>Stop-MqttBroker</c>, with the module, with the runspace or with the process. What it holds is in memory.</para>
/// </summary>
[Cmdlet(VerbsLifecycle.Start, "MqttBroker")]
[OutputType(typeof(MqttBroker))]
public sealed class StartMqttBrokerCommand : PSCmdlet
{
    /// <summary>The port to listen on. Default: 0, any free one.</summary>
    [Parameter(Position = 0)]
    [ValidateRange(0, 65535)]
    public int Port { get; set; }

    /// <summary>The user name and password that clients must give. Default: anybody may connect.</summary>
    [Parameter]
    [ValidateNotNull]
    [Credential]
    public PSCredential? Credential { get; set; }

    /// <summary>
    /// Speaks TLS, with a certificate that it makes itself, for 127.0.0.1 and localhost. <c>Connect-Mqtt</c> trusts it when the broker comes from the
    /// pipeline; otherwise <c>-CACertificate $broker.Certificate</c>.
    /// </summary>
    [Parameter]
    public SwitchParameter Tls { get; set; }

    /// <summary>Speaks TLS with this certificate and its key: a file (PEM or PFX), a certificate, on Windows a Cert: path or a thumbprint.</summary>
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

    /// <summary>A name to find it by. Default: Broker1, Broker2, ...</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Name { get; set; }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        try
        {
            var settings = new EmbeddedBrokerSettings(Port, Credential?.UserName, PasswordOf(Credential), GetCertificate(), new BrokerFaults());
            Runspace? runspace = Runspace.DefaultRunspace;
            // Not the wait of the cmdlets with a connection: what is to be waited for is this machine, which binds a port or refuses it at once, and a
            // pipeline that is stopped meanwhile must not leave a broker behind that nobody was given.
            var written = PSObject.AsPSObject(Task.Run(() => BrokerTable.StartAsync(Name, settings, runspace)).GetAwaiter().GetResult());
            if (written.BaseObject is MqttBroker { Certificate: { } certificate } && certificate.Subject == certificate.Issuer)
            {
                // What Connect-Mqtt is to trust, bound by this name from the pipeline. A broker without TLS must not have the property at all.
                written.Properties.Add(new PSNoteProperty("CACertificate", certificate));
            }

            WriteObject(written);
        }
        catch (Exception e) when (CertificateErrors.ToRecord(e) is { } problem)
        {
            ThrowTerminatingError(problem);
        }
        catch (Exception e) when (SocketErrorIn(e) is { } error)
        {
            ThrowTerminatingError(Describe(error, e));
        }
        catch (ArgumentException e)
        {
            ThrowTerminatingError(new ErrorRecord(e, "MqttBrokerNameInUse", ErrorCategory.ResourceExists, Name)
            {
                ErrorDetails = new ErrorDetails(e.Message)
                {
                    RecommendedAction = "Choose another -Name, or stop that broker first with Stop-MqttBroker -Name.",
                },
            });
        }
        catch (FileNotFoundException e)
        {
            ThrowTerminatingError(new ErrorRecord(e, "MqttBrokerNotInstalled", ErrorCategory.NotInstalled, e.FileName)
            {
                ErrorDetails = new ErrorDetails(e.Message)
                {
                    RecommendedAction = "Install the module PSMqtt again: its folder 'dependencies' is incomplete.",
                },
            });
        }
    }

    private MqttClientCertificate? GetCertificate()
    {
        if (Certificate is not null)
        {
            string? password = CertificatePassword is null ? null : new NetworkCredential(string.Empty, CertificatePassword).Password;
            return new Certificates(this).GetClientCertificate(Certificate, CertificateKey, password);
        }

        if (CertificateKey is not null || CertificatePassword is not null)
        {
            ThrowTerminatingError(MqttErrors.InvalidOption.ToRecord(
                $"-{(CertificateKey is null ? nameof(CertificatePassword) : nameof(CertificateKey))} needs -Certificate.", nameof(Certificate)));
        }

        return Tls ? new MqttClientCertificate(BrokerCertificate.CreateSelfSigned(), []) : null;
    }

    private static byte[]? PasswordOf(PSCredential? credential) =>
        credential is null ? null : Encoding.UTF8.GetBytes(credential.GetNetworkCredential().Password);

    private static SocketException? SocketErrorIn(Exception? exception)
    {
        while (exception is not null and not SocketException)
        {
            exception = exception.InnerException;
        }

        return (SocketException?)exception;
    }

    private ErrorRecord Describe(SocketException error, Exception exception)
    {
        (string id, ErrorCategory category, string message, string action) = error.SocketErrorCode switch
        {
            SocketError.AddressAlreadyInUse => (
                "MqttBrokerPortInUse",
                ErrorCategory.ResourceBusy,
                $"The broker cannot listen on port {Port}: something else does.",
                "Choose another -Port, leave it out to have any free one, or stop what listens there (Get-MqttBroker lists the brokers of this process)."),
            SocketError.AccessDenied => (
                "MqttBrokerPortDenied",
                ErrorCategory.PermissionDenied,
                $"The broker may not listen on port {Port}: the system keeps it for privileged processes.",
                "Choose a -Port from 1024 up, or leave it out to have any free one."),
            _ => (
                "MqttBrokerListenFailed",
                ErrorCategory.ConnectionError,
                $"The broker cannot listen on port {Port}: {error.Message}",
                "Leave out -Port to have any free one. If that fails too, look at the system's network settings."),
        };
        return new ErrorRecord(new IOException(message, exception), id, category, Port)
        {
            ErrorDetails = new ErrorDetails(message) { RecommendedAction = action },
        };
    }
}
