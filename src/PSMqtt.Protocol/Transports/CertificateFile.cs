using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace PSMqtt.Protocol.Transports;

/// <summary>A file that should hold certificates or a key, read as far as to know of what kind it is.</summary>
internal sealed class CertificateFile
{
    // A bundle of every public root is a quarter of a megabyte; nothing sensible is larger than this.
    private const int LargestFile = 16 * 1024 * 1024;

    // What .NET sets on every system where the password of a PKCS#12 file is wrong.
    private const int InvalidPassword = unchecked((int)0x80070056);

    private readonly byte[] _content;

    private CertificateFile(string path, byte[] content)
    {
        Path = path;
        _content = content;
        string text = Encoding.Latin1.GetString(content);
        if (text.Contains("-----BEGIN ", StringComparison.Ordinal))
        {
            IsPem = true;
            Text = text;
        }
        else
        {
            IsPfx = content.Length > 0 && ContentType(content) == X509ContentType.Pkcs12;
        }
    }

    public string Path { get; }

    public bool IsPem { get; }

    public bool IsPfx { get; }

    /// <summary>The text of a PEM file; otherwise empty.</summary>
    public string Text { get; } = string.Empty;

    public static CertificateFile Read(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            var information = new FileInfo(path);
            if (information.Exists && information.Length > LargestFile)
            {
                throw new MqttCertificateException(
                    MqttCertificateProblem.NotACertificate, path, $"'{path}' is too large to be a file of certificates. Check the path.");
            }

            return new CertificateFile(path, File.ReadAllBytes(path));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new MqttCertificateException(MqttCertificateProblem.FileNotFound, path, $"There is no file '{path}'. Check the path.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            string reason = Directory.Exists(path) ? "it is a directory; give the file in it" : e.Message;
            throw new MqttCertificateException(MqttCertificateProblem.Unreadable, path, $"'{path}' cannot be read: {reason}", e);
        }
    }

    public X509Certificate2Collection PemCertificates()
    {
        var certificates = new X509Certificate2Collection();
        try
        {
            certificates.ImportFromPem(Text);
        }
        catch (CryptographicException e)
        {
            throw new MqttCertificateException(
                MqttCertificateProblem.NotACertificate, Path, $"A certificate in '{Path}' is damaged: {e.Message} Export it again.", e);
        }

        if (certificates.Count > 0)
        {
            return certificates;
        }

        string found = Text.Contains("PRIVATE KEY-----", StringComparison.Ordinal) ? "It holds a private key but no certificate"
            : Text.Contains("CERTIFICATE REQUEST-----", StringComparison.Ordinal) ? "It holds a request for a certificate, not the certificate"
            : "It holds no certificate";
        throw new MqttCertificateException(
            MqttCertificateProblem.NotACertificate, Path, $"'{Path}' cannot be used as a certificate. {found}; give the file with 'BEGIN CERTIFICATE'.");
    }

    public X509Certificate2Collection DerCertificates()
    {
        var certificates = new X509Certificate2Collection();
        if (_content.Length == 0)
        {
            throw NotACertificate(null);
        }

        try
        {
            certificates.Import(_content);
        }
        catch (CryptographicException e)
        {
            throw NotACertificate(e);
        }

        return certificates.Count > 0 ? certificates : throw NotACertificate(null);
    }

    public X509Certificate2Collection PfxCertificates(string? password)
    {
        var certificates = new X509Certificate2Collection();
        try
        {
            certificates.Import(_content, password, X509KeyStorageFlags.DefaultKeySet);
        }
        catch (CryptographicException e) when (e.HResult == InvalidPassword)
        {
            throw string.IsNullOrEmpty(password)
                ? new MqttCertificateException(
                    MqttCertificateProblem.PasswordMissing, Path, $"'{Path}' is protected by a password. Give the certificate's password.", e)
                : new MqttCertificateException(
                    MqttCertificateProblem.WrongPassword, Path, $"The password does not open '{Path}'. Give the one it was exported with.", e);
        }
        catch (CryptographicException e)
        {
            throw NotACertificate(e);
        }

        return certificates.Count > 0 ? certificates : throw NotACertificate(null);
    }

    private static X509ContentType ContentType(byte[] content)
    {
        try
        {
            return X509Certificate2.GetCertContentType(content);
        }
        catch (CryptographicException)
        {
            return X509ContentType.Unknown;
        }
    }

    private MqttCertificateException NotACertificate(CryptographicException? error) => new(
        MqttCertificateProblem.NotACertificate,
        Path,
        $"'{Path}' is not a certificate file, or a damaged one. Give a PEM, DER (.cer, .crt), PKCS#7 (.p7b) or PFX (.p12) file.",
        error);
}
