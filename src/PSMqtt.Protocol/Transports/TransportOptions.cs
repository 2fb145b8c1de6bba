using System.Text;

namespace PSMqtt.Protocol.Transports;

/// <summary>Checks the options about connections before anything is sent.</summary>
internal static class TransportOptions
{
    /// <summary>What is wrong with the options, in a sentence that says what to do; <see langword="null"/> when nothing is.</summary>
    public static string? FindProblem(MqttClientOptions options) =>
        WebSocketUpgrade.FindProblem(options.WebSocketHeaders) ?? FindProblem(options.Tls);

    private static string? FindProblem(MqttTlsOptions tls)
    {
        if (tls.ClientCertificate is { HasPrivateKey: false } certificate)
        {
            return $"The client certificate '{certificate.Subject}' has no private key, and cannot be used without it. Load it together with its key.";
        }

        if (tls.CertificateAuthorities is { Count: 0 })
        {
            return "The CA certificates hold no certificate, so no server could be trusted. Give at least one, or leave them out to trust the machine's.";
        }

        if (tls.TargetHost is { Length: 0 })
        {
            return "The name to ask the server for (TargetHost) is empty. Give a name, or leave it out.";
        }

        // RFC 7301, section 3.1.
        return tls.ApplicationProtocols.Any(protocol => string.IsNullOrEmpty(protocol) || Encoding.UTF8.GetByteCount(protocol) > 255)
            ? "An application protocol (ALPN) must have 1 to 255 bytes. Give names such as 'mqtt'."
            : null;
    }
}
