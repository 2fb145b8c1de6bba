using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace PSMqtt.Protocol.Platform;

/// <summary>
/// Windows' TLS cannot use a private key that lives in memory only, which is what reading PEM files gives; one imported from PKCS#12 it can use.
/// </summary>
internal static class PrivateKeys
{
    /// <summary>The certificate with a key that the system's TLS can use: itself, or on Windows a copy where its key is ephemeral.</summary>
    public static X509Certificate2 UsableByTls(X509Certificate2 certificate)
    {
        if (!OperatingSystem.IsWindows() || !certificate.HasPrivateKey || !IsEphemeral(certificate))
        {
            return certificate;
        }

        byte[] content = certificate.Export(X509ContentType.Pkcs12);
        try
        {
            return new X509Certificate2(content, (string?)null, X509KeyStorageFlags.DefaultKeySet);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(content);
        }
    }

    [System.Runtime.Versioning.SupportedOSPlatform("windows")]
    private static bool IsEphemeral(X509Certificate2 certificate)
    {
        using RSA? rsa = certificate.GetRSAPrivateKey();
        if (rsa is not null)
        {
            return rsa is not RSACng cng ? rsa is not RSACryptoServiceProvider : cng.Key.IsEphemeral;
        }

        using ECDsa? ec = certificate.GetECDsaPrivateKey();
        return ec is ECDsaCng { Key.IsEphemeral: true };
    }
}
