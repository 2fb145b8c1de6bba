using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace PSMqtt.Protocol.Transports;

/// <summary>How TLS is done. The default verifies chain, host name and dates against the machine's trusted roots.</summary>
public sealed record MqttTlsOptions
{
    /// <summary>Roots that are trusted instead of the machine's; intermediates may be among them. Default: none, the machine's are used.</summary>
    public X509Certificate2Collection? CertificateAuthorities { get; init; }

    /// <summary>Our own certificate, with its private key. Default: none.</summary>
    public X509Certificate2? ClientCertificate { get; init; }

    /// <summary>Certificates between ours and its root, sent along. Default: none.</summary>
    public X509Certificate2Collection? ClientCertificateChain { get; init; }

    /// <summary>The name that is asked for (SNI) and checked; <see langword="null"/>, the default: the endpoint's host.</summary>
    public string? TargetHost { get; init; }

    /// <summary>Application protocols to offer (ALPN). Default: none.</summary>
    public IReadOnlyList<string> ApplicationProtocols { get; init; } = [];

    /// <summary>Whether any certificate is accepted. Default: false. Leaves the connection open to an attacker in the middle.</summary>
    public bool SkipCertificateCheck { get; init; }

    /// <summary>Whether the certificate may be for another name. Default: false.</summary>
    public bool SkipHostNameCheck { get; init; }

    /// <summary>Whether revocation is checked. Default: not, because offline machines cannot.</summary>
    public X509RevocationMode RevocationMode { get; init; } = X509RevocationMode.NoCheck;

    /// <summary>The versions of TLS; <see cref="SslProtocols.None"/>, the default, lets the system choose (1.2 and 1.3).</summary>
    public SslProtocols Protocols { get; init; } = SslProtocols.None;
}
