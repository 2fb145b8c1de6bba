using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace PSMqtt.Protocol.Transports;

/// <summary>What a TLS handshake has led to.</summary>
/// <param name="Protocol">The version of TLS.</param>
/// <param name="CipherSuite">The cipher suite's name.</param>
/// <param name="ApplicationProtocol">The application protocol that was agreed on (ALPN); empty when none was.</param>
/// <param name="Chain">The server's certificate and those above it, up to the root where one was found.</param>
public sealed record MqttTlsDetails(
    SslProtocols Protocol, string CipherSuite, string ApplicationProtocol, IReadOnlyList<MqttTlsCertificate> Chain);

/// <summary>One certificate of the server's chain.</summary>
/// <param name="Subject">Whose it is.</param>
/// <param name="Issuer">Who issued it.</param>
/// <param name="NotBefore">When it began to be valid.</param>
/// <param name="NotAfter">When it ceases to be valid.</param>
/// <param name="Thumbprint">The SHA-1 hash that tools list it by.</param>
public sealed record MqttTlsCertificate(string Subject, string Issuer, DateTimeOffset NotBefore, DateTimeOffset NotAfter, string Thumbprint)
{
    internal static MqttTlsCertificate From(X509Certificate2 certificate) =>
        new(certificate.Subject, certificate.Issuer, certificate.NotBefore, certificate.NotAfter, certificate.Thumbprint);
}

/// <summary>A connection that TLS may protect.</summary>
public interface ISecureTransport : ITransport
{
    /// <summary>What the handshake has led to; <see langword="null"/> where there is no TLS.</summary>
    MqttTlsDetails? Tls { get; }
}
