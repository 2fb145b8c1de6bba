using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace PSMqtt.Protocol.Tests.Transports;

/// <summary>A certificate authority of the tests' own, made when first used.</summary>
internal static class TestCertificates
{
    private static readonly DateTimeOffset s_now = DateTimeOffset.UtcNow;
    private static readonly Lazy<X509Certificate2> s_root = new(() => Issue("Test Root", null, isAuthority: true));
    private static readonly Lazy<X509Certificate2> s_intermediate = new(() => Issue("Test Intermediate", Root, isAuthority: true));

    private static readonly Lazy<X509Certificate2> s_expiredIntermediate =
        new(() => Issue("Expired Intermediate", Root, isAuthority: true, from: -100, to: -1));

    private static readonly Lazy<X509Certificate2> s_server = new(() => Issue("Test Server", Intermediate, ["localhost"], [IPAddress.Loopback, IPAddress.IPv6Loopback]));
    private static readonly Lazy<X509Certificate2> s_client = new(() => Issue("Test Client", Intermediate));

    public static X509Certificate2 Root => s_root.Value;

    public static X509Certificate2 Intermediate => s_intermediate.Value;

    public static X509Certificate2 ExpiredIntermediate => s_expiredIntermediate.Value;

    public static X509Certificate2 Server => s_server.Value;

    public static X509Certificate2 Client => s_client.Value;

    /// <summary>Makes a certificate; the days say when it is valid, from now.</summary>
    public static X509Certificate2 Issue(
        string name,
        X509Certificate2? issuer,
        string[]? dnsNames = null,
        IPAddress[]? addresses = null,
        bool isAuthority = false,
        int from = -200,
        int to = 200,
        string? usage = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(isAuthority, false, 0, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        if (usage is not null)
        {
            request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(usage)], false));
        }

        if (dnsNames is not null || addresses is not null)
        {
            var names = new SubjectAlternativeNameBuilder();
            Array.ForEach(dnsNames ?? [], names.AddDnsName);
            Array.ForEach(addresses ?? [], names.AddIpAddress);
            request.CertificateExtensions.Add(names.Build());
        }

        if (issuer is null)
        {
            return Usable(request.CreateSelfSigned(s_now.AddDays(from), s_now.AddDays(to)));
        }

        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(issuer, true, false));
        using X509Certificate2 issued = request.Create(
            issuer.SubjectName,
            X509SignatureGenerator.CreateForECDsa(issuer.GetECDsaPrivateKey()!),
            s_now.AddDays(from),
            s_now.AddDays(to),
            RandomNumberGenerator.GetBytes(16));
        return Usable(issued.CopyWithPrivateKey(key));
    }

    /// <summary>The certificates without their keys.</summary>
    public static X509Certificate2Collection Public(params X509Certificate2[] certificates) =>
        [.. certificates.Select(certificate => X509CertificateLoader.LoadCertificate(certificate.RawData))];

    private static X509Certificate2 Usable(X509Certificate2 certificate)
    {
        // Windows' TLS takes no key that lives in memory only.
        using (certificate)
        {
            return X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), null, X509KeyStorageFlags.Exportable);
        }
    }
}
