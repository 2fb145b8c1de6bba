using System.Management.Automation;
using System.Security.Cryptography.X509Certificates;
using PSMqtt.Protocol.Transports;

namespace PSMqtt.Connections;

/// <summary>Finds the certificates that parameters name: by a file, as an object, and on Windows by a Cert: path or a thumbprint.</summary>
internal sealed class Certificates(PSCmdlet cmdlet)
{
    private const int ThumbprintLength = 40;

    /// <summary>Reads the certificates of authorities.</summary>
    /// <param name="values">Files and certificates.</param>
    /// <returns>All of them.</returns>
    /// <exception cref="MqttCertificateException">A file cannot be used.</exception>
    /// <exception cref="ItemNotFoundException">There is no such certificate.</exception>
    public X509Certificate2Collection GetAuthorities(object[] values)
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
                    authorities.AddRange(MqttCertificate.LoadAuthorities(PathOf(Text(other))));
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
    public MqttClientCertificate GetClientCertificate(object value, string? keyFile, string? password) =>
        Unwrap(value) switch
        {
            X509Certificate2 certificate => new MqttClientCertificate(certificate, []),
            var other when FindInStore(Text(other)) is { } stored => new MqttClientCertificate(stored, []),
            var other => MqttCertificate.LoadClientCertificate(PathOf(Text(other)), keyFile is null ? null : PathOf(keyFile), password),
        };

    private static object? Unwrap(object value) => value is PSObject wrapped ? wrapped.BaseObject : value;

    private static string Text(object? value) => LanguagePrimitives.ConvertTo<string>(value);

    private static X509Certificate2? FindByThumbprint(string thumbprint)
    {
        foreach (StoreLocation location in new[] { StoreLocation.CurrentUser, StoreLocation.LocalMachine })
        {
            using X509Store store = new(StoreName.My, location);
            store.Open(OpenFlags.ReadOnly | OpenFlags.OpenExistingOnly);
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
        if (!OperatingSystem.IsWindows())
        {
            return null;
        }

        if (text.StartsWith(@"Cert:\", StringComparison.OrdinalIgnoreCase))
        {
            return cmdlet.InvokeProvider.Item.Get(text).Select(static item => item.BaseObject).OfType<X509Certificate2>().FirstOrDefault()
                ?? throw new ItemNotFoundException($"There is no certificate at '{text}'.");
        }

        return text.Length == ThumbprintLength && text.All(char.IsAsciiHexDigit)
            ? FindByThumbprint(text) ?? throw new ItemNotFoundException($"The stores of this user and this machine have no certificate '{text}'.")
            : null;
    }
}
