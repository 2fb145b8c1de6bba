using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using PSMqtt.Protocol.Platform;

namespace PSMqtt.Protocol.Transports;

/// <summary>A client certificate with its private key, and the certificates between it and its root that came with it.</summary>
/// <param name="Certificate">The certificate: <see cref="MqttTlsOptions.ClientCertificate"/>.</param>
/// <param name="Chain">The others of the file: <see cref="MqttTlsOptions.ClientCertificateChain"/>.</param>
public sealed record MqttClientCertificate(X509Certificate2 Certificate, X509Certificate2Collection Chain);

/// <summary>Reads certificates and keys from files: PEM, DER, PKCS#7 and PKCS#12 (PFX).</summary>
public static class MqttCertificate
{
    /// <summary>Reads the certificates of authorities, for <see cref="MqttTlsOptions.CertificateAuthorities"/>.</summary>
    /// <param name="path">A PEM file with one or more certificates, or a DER, PKCS#7 or PFX file.</param>
    /// <param name="password">The password of a PFX file; <see langword="null"/>, the default: none.</param>
    /// <returns>The certificates, without private keys; at least one.</returns>
    /// <exception cref="MqttCertificateException">The file cannot be used.</exception>
    public static X509Certificate2Collection LoadAuthorities(string path, string? password = null)
    {
        var file = CertificateFile.Read(path);
        if (file.IsPem)
        {
            return file.PemCertificates();
        }

        if (!file.IsPfx)
        {
            return file.DerCertificates();
        }

        // The keys, should there be any, are not wanted here.
        return [.. file.PfxCertificates(password).Select(certificate => new X509Certificate2(certificate.RawDataMemory.Span))];
    }

    /// <summary>Reads a client certificate and its private key.</summary>
    /// <param name="path">A PEM file (the certificate first, then those above it; the key may be in it too), or a PFX file.</param>
    /// <param name="keyPath">The PEM file of the key; <see langword="null"/>, the default: it is in <paramref name="path"/>.</param>
    /// <param name="password">The password of the PFX file or of an encrypted key; <see langword="null"/>, the default: none.</param>
    /// <returns>The certificate, with a key that the system's TLS can use.</returns>
    /// <exception cref="MqttCertificateException">A file cannot be used, or the two do not belong together.</exception>
    public static MqttClientCertificate LoadClientCertificate(string path, string? keyPath = null, string? password = null)
    {
        var file = CertificateFile.Read(path);
        if (file.IsPfx)
        {
            if (keyPath is not null)
            {
                throw new MqttCertificateException(
                    MqttCertificateProblem.NotAKey, keyPath, $"'{path}' is a PFX file, which holds its key itself; leave the key file '{keyPath}' out.");
            }

            return FromPfx(path, file.PfxCertificates(password));
        }

        X509Certificate2Collection certificates = file.IsPem ? file.PemCertificates() : file.DerCertificates();
        CertificateFile keyFile = keyPath is null ? file : CertificateFile.Read(keyPath);
        using AsymmetricAlgorithm key = PrivateKeyPem.Load(keyFile, isKeyFile: keyPath is not null, password);
        foreach (X509Certificate2 candidate in certificates)
        {
            if (PrivateKeyPem.TryCombine(candidate, key) is { } combined)
            {
                return new MqttClientCertificate(PrivateKeys.UsableByTls(combined), [.. certificates.Where(other => other != candidate)]);
            }
        }

        throw new MqttCertificateException(
            MqttCertificateProblem.KeyMismatch,
            keyFile.Path,
            $"The private key in '{keyFile.Path}' does not belong to the certificate '{certificates[0].Subject}' in '{path}'. Give the key that the certificate was requested with.");
    }

    private static MqttClientCertificate FromPfx(string path, X509Certificate2Collection certificates)
    {
        X509Certificate2 own = certificates.FirstOrDefault(certificate => certificate.HasPrivateKey)
            ?? throw new MqttCertificateException(
                MqttCertificateProblem.KeyMissing,
                path,
                $"'{path}' holds certificates but no private key. Export it again with the private key.");
        return new MqttClientCertificate(own, [.. certificates.Where(other => other != own)]);
    }
}
