using System.Management.Automation;
using System.Security;
using PSMqtt.Protocol;

namespace PSMqtt.Connections;

/// <summary>What a user says about a connection: with the parameters of Connect-Mqtt, or of a cmdlet that connects for itself.</summary>
internal sealed record ConnectionSettings
{
    public required string[] Server { get; init; }

    public string? Name { get; init; }

    public string ClientId { get; init; } = string.Empty;

    public PSCredential? Credential { get; init; }

    public SecureString? Password { get; init; }

    public ScriptBlock? CredentialScript { get; init; }

    public MqttProtocolVersion? ProtocolVersion { get; init; }

    public bool PersistentSession { get; init; }

    /// <summary>The directory that keeps the session, as a full path; <see langword="null"/>: none.</summary>
    public string? SessionPath { get; init; }

    public TimeSpan? SessionExpiry { get; init; }

    public bool CleanStart { get; init; }

    public bool Tls { get; init; }

    public object[]? CACertificate { get; init; }

    public object? Certificate { get; init; }

    public string? CertificateKey { get; init; }

    public SecureString? CertificatePassword { get; init; }

    public string[]? ApplicationProtocol { get; init; }

    public bool SkipCertificateCheck { get; init; }

    public bool SkipHostNameCheck { get; init; }

    public MqttMessage? Will { get; init; }

    public TimeSpan? WillDelay { get; init; }

    public TimeSpan KeepAlive { get; init; }

    public bool Reconnects { get; init; } = true;

    public MqttConnectionOption? Option { get; init; }

    public TimeSpan Timeout { get; init; }
}
