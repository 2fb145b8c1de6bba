using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace PSMqtt.Protocol.Transports;

/// <summary>Reads the private key of a PEM file and joins it with its certificate.</summary>
internal static class PrivateKeyPem
{
    private const string EncryptedLabel = "ENCRYPTED PRIVATE KEY";

    private static readonly string[] s_labels = ["PRIVATE KEY", EncryptedLabel, "RSA PRIVATE KEY", "EC PRIVATE KEY"];

    /// <summary>Reads the key.</summary>
    /// <param name="file">The file.</param>
    /// <param name="isKeyFile">Whether the file was given as the one of the key; otherwise it is the certificate's.</param>
    /// <param name="password">The password, if there is one.</param>
    /// <returns>An RSA or ECDSA key.</returns>
    /// <exception cref="MqttCertificateException">There is no key that can be used.</exception>
    public static AsymmetricAlgorithm Load(CertificateFile file, bool isKeyFile, string? password)
    {
        if (Find(file.Text) is not var (label, pem))
        {
            throw isKeyFile
                ? new MqttCertificateException(
                    MqttCertificateProblem.NotAKey, file.Path, $"'{file.Path}' holds no private key. Give a PEM file with 'BEGIN PRIVATE KEY'.")
                : new MqttCertificateException(
                    MqttCertificateProblem.KeyMissing,
                    file.Path,
                    $"'{file.Path}' holds a certificate but no private key. Give the file of its key too, or a PFX file with both.");
        }

        if (pem.Contains("Proc-Type: 4,ENCRYPTED", StringComparison.Ordinal))
        {
            throw new MqttCertificateException(
                MqttCertificateProblem.NotAKey,
                file.Path,
                $"The private key in '{file.Path}' is encrypted in OpenSSL's old format. Convert it with: openssl pkcs8 -topk8 -in old.pem -out new.pem");
        }

        if (label != EncryptedLabel)
        {
            return TryImport(() => RSA.Create(), key => key.ImportFromPem(pem))
                ?? TryImport(() => ECDsa.Create(), key => key.ImportFromPem(pem))
                ?? throw new MqttCertificateException(
                    MqttCertificateProblem.NotAKey,
                    file.Path,
                    $"The private key in '{file.Path}' is damaged or of a kind that cannot be used. Give an RSA or ECDSA key.");
        }

        if (string.IsNullOrEmpty(password))
        {
            throw new MqttCertificateException(
                MqttCertificateProblem.PasswordMissing, file.Path, $"The private key in '{file.Path}' is encrypted. Give the certificate's password.");
        }

        return TryImport(() => RSA.Create(), key => key.ImportFromEncryptedPem(pem, password))
            ?? TryImport(() => ECDsa.Create(), key => key.ImportFromEncryptedPem(pem, password))
            ?? throw new MqttCertificateException(
                MqttCertificateProblem.WrongPassword,
                file.Path,
                $"The password does not decrypt the private key in '{file.Path}'. Give the one it was encrypted with; the key must be RSA or ECDSA.");
    }

    /// <summary>The certificate with its key; <see langword="null"/> when the key belongs to another one.</summary>
    public static X509Certificate2? TryCombine(X509Certificate2 certificate, AsymmetricAlgorithm key)
    {
        try
        {
            return key is RSA rsa ? certificate.CopyWithPrivateKey(rsa) : certificate.CopyWithPrivateKey((ECDsa)key);
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    private static (string Label, string Pem)? Find(string text)
    {
        ReadOnlySpan<char> rest = text;
        while (PemEncoding.TryFind(rest, out PemFields fields))
        {
            string label = rest[fields.Label].ToString();
            if (s_labels.Contains(label))
            {
                return (label, rest[fields.Location].ToString());
            }

            rest = rest[fields.Location.End..];
        }

        // The old encrypted format has headers, which PEM's reader does not take.
        int old = text.IndexOf("Proc-Type: 4,ENCRYPTED", StringComparison.Ordinal);
        return old < 0 ? null : ("RSA PRIVATE KEY", text[old..]);
    }

    private static AsymmetricAlgorithm? TryImport<T>(Func<T> create, Action<T> import)
        where T : AsymmetricAlgorithm
    {
        T key = create();
        try
        {
            import(key);
            return key;
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            key.Dispose();
            return null;
        }
    }
}
