using System.Management.Automation;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using PSMqtt.Protocol.Transports;

namespace PSMqtt.Connections;

/// <summary>Finds the certificates that parameters name: by a file, as an object, and on Windows by a Cert: path or a thumbprint.</summary>
internal sealed class Certificates(PSCmdlet cmdlet)
{
    private const int ThumbprintLength = 40;

    /// <summary>Reads the certificates of authorities.</summary>
    /// <param name="values">Files and certificates.</param>
    /// <param name="password">The password of those files that have one.</param>
    /// <returns>All of them.</returns>
    /// <exception cref="MqttCertificateException">A file cannot be used.</exception>
    /// <exception cref="ItemNotFoundException">There is no such certificate.</exception>
    /// <exception cref="CertificateStoreUnsupportedException">It names a certificate in a store, and this is not Windows.</exception>
    public X509Certificate2Collection GetAuthorities(object[] values, string? password)
    {
        X509Certificate2Collection authorities = [];
        foreach (object value in values)
        {
            switch (Unwrap(value))
            {
                case X509Certificate2 certificate:
                    authorities.Add(certificate);
                    break;
                case X509Certificate2Collection collection:
                    authorities.AddRange(collection);
                    break;
                case var other when FindInStore(Text(other)) is { } stored:
                    authorities.Add(stored);
                    break;
                case var other:
                    authorities.AddRange(LoadAuthorities(PathOf(Text(other)), password));
                    break;
            }
        }

        return authorities;
    }

    /// <summary>Reads a client certificate with its key.</summary>
    /// <param name="value">A file or a certificate.</param>
    /// <param name="keyFile">The file of the key, where it is not in that of the certificate.</param>
    /// <param name="password">The password of the file.</param>
    /// <returns>The certificate and those above it.</returns>
    /// <exception cref="MqttCertificateException">A file cannot be used.</exception>
    /// <exception cref="ItemNotFoundException">There is no such certificate.</exception>
    /// <exception cref="CertificateStoreUnsupportedException">It names a certificate in a store, and this is not Windows.</exception>
    public MqttClientCertificate GetClientCertificate(object value, string? keyFile, string? password) =>
        Unwrap(value) switch
        {
            X509Certificate2 certificate => Loaded(certificate, keyFile),
            var other when FindInStore(Text(other)) is { } stored => Loaded(stored, keyFile),
            var other => MqttCertificate.LoadClientCertificate(PathOf(Text(other)), keyFile is null ? null : PathOf(keyFile), password),
        };

    // The password may be that of the client's certificate only.
    private static X509Certificate2Collection LoadAuthorities(string path, string? password)
    {
        try
        {
            return MqttCertificate.LoadAuthorities(path);
        }
        catch (MqttCertificateException exception) when (exception.Problem == MqttCertificateProblem.PasswordMissing && password is not null)
        {
            return MqttCertificate.LoadAuthorities(path, password);
        }
    }

    private static MqttClientCertificate Loaded(X509Certificate2 certificate, string? keyFile)
    {
        if (keyFile is not null)
        {
            throw new MqttCertificateException(
                MqttCertificateProblem.NotAKey,
                keyFile,
                $"A key file goes with a certificate file, and '{certificate.Subject}' is a certificate that was loaded already. Give -Certificate its PEM file, or leave out -CertificateKey.");
        }

        return certificate.HasPrivateKey
            ? new MqttClientCertificate(certificate, [])
            : throw new MqttCertificateException(
                MqttCertificateProblem.KeyMissing,
                certificate.Subject,
                $"The certificate '{certificate.Subject}' comes without its private key. Load it together with its key, or give -Certificate and -CertificateKey the files.");
    }

    private static object? Unwrap(object value) => value is PSObject wrapped ? wrapped.BaseObject : value;

    private static string Text(object? value) => LanguagePrimitives.ConvertTo<string>(value);

    private static X509Certificate2? FindByThumbprint(string thumbprint)
    {
        foreach (StoreLocation location in new[] { StoreLocation.CurrentUser, StoreLocation.LocalMachine })
        {
            using X509Store store = new(StoreName.My, location);
            try
            {
                store.Open(OpenFlags.ReadOnly | OpenFlags.OpenExistingOnly);
            }
            catch (CryptographicException)
            {
                // There is no such store, or not for this user: so it has no certificate for us.
                continue;
            }

            if (store.Certificates.Find(X509FindType.FindByThumbprint, thumbprint, validOnly: false) is [var found, ..])
            {
                return found;
            }
        }

        return null;
    }

    private string PathOf(string path) => cmdlet.GetUnresolvedProviderPathFromPSPath(path);

    private X509Certificate2? FindInStore(string text)
    {
        bool isPath = text.StartsWith(@"Cert:\", StringComparison.OrdinalIgnoreCase);
        bool isThumbprint = text.Length == ThumbprintLength && text.All(char.IsAsciiHexDigit);
        if (!OperatingSystem.IsWindows())
        {
            // A file may be called like that.
            return isPath || (isThumbprint && !File.Exists(PathOf(text)))
                ? throw new CertificateStoreUnsupportedException(text)
                : null;
        }

        if (isPath)
        {
            return cmdlet.InvokeProvider.Item.Get(text).Select(static item => item.BaseObject).OfType<X509Certificate2>().FirstOrDefault()
                ?? throw new ItemNotFoundException($"There is no certificate at '{text}'.");
        }

        return isThumbprint
            ? FindByThumbprint(text) ?? throw new ItemNotFoundException($"The stores of this user and this machine have no certificate '{text}'.")
            : null;
    }
}
