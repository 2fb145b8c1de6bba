using System.Management.Automation;
using System.Security;
using PSMqtt.Connections;
using PSMqtt.Parameters;
using PSMqtt.Protocol;

namespace PSMqtt.Commands;

/// <summary>
/// The parameters of Connect-Mqtt that a cmdlet has when it is given -Server: it connects, does its work and disconnects. They are dynamic, so that
/// they neither crowd the cmdlet nor slow its binding where it is not.
/// </summary>
internal sealed class OneShotParameters
{
    [Parameter]
    [ValidateNotNull]
    public string ClientId { get; set; } = string.Empty;

    [Parameter]
    [Credential]
    [ValidateNotNull]
    public PSCredential? Credential { get; set; }

    [Parameter]
    [ValidateNotNull]
    public SecureString? Password { get; set; }

    [Parameter]
    [ValidateNotNull]
    public ScriptBlock? CredentialScript { get; set; }

    [Parameter]
    [ProtocolVersion]
    [ValidateSet("5.0", "3.1.1", "3.1")]
    public string? ProtocolVersion { get; set; }

    [Parameter]
    public SwitchParameter Tls { get; set; }

    [Parameter]
    [ValidateNotNullOrEmpty]
    public object[]? CACertificate { get; set; }

    [Parameter]
    [ValidateNotNull]
    public object? Certificate { get; set; }

    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? CertificateKey { get; set; }

    [Parameter]
    [ValidateNotNull]
    public SecureString? CertificatePassword { get; set; }

    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? ApplicationProtocol { get; set; }

    [Parameter]
    public SwitchParameter SkipCertificateCheck { get; set; }

    [Parameter]
    public SwitchParameter SkipHostNameCheck { get; set; }

    [Parameter]
    [ValidateNotNull]
    public MqttMessage? Will { get; set; }

    [Parameter]
    [Seconds(0, ushort.MaxValue)]
    public TimeSpan KeepAlive { get; set; } = TimeSpan.FromSeconds(60);

    [Parameter]
    [ValidateNotNull]
    public MqttConnectionOption? Option { get; set; }

    public ConnectionSettings ToSettings(string[] server, TimeSpan timeout) => new()
    {
        Server = server,
        ClientId = ClientId,
        Credential = Credential,
        Password = Password,
        CredentialScript = CredentialScript,
        ProtocolVersion = MqttVersionName.Parse(ProtocolVersion),
        Tls = Tls,
        CACertificate = CACertificate,
        Certificate = Certificate,
        CertificateKey = CertificateKey,
        CertificatePassword = CertificatePassword,
        ApplicationProtocol = ApplicationProtocol,
        SkipCertificateCheck = SkipCertificateCheck,
        SkipHostNameCheck = SkipHostNameCheck,
        Will = Will,
        KeepAlive = KeepAlive,
        Option = Option,
        Timeout = timeout,
    };
}
