using System.ComponentModel;
using System.Globalization;
using System.Text.RegularExpressions;

namespace PSMqtt.Protocol.Transports;

/// <summary>The alerts by which a TLS peer says why it gives up (RFC 8446, section 6).</summary>
internal static partial class TlsAlert
{
    public const int HandshakeFailure = 40;
    public const int CertificateRequired = 116;

    // What schannel makes of an alert that it receives.
    private static readonly Dictionary<uint, int> s_schannel = new()
    {
        [0x80090325] = 48,
        [0x80090326] = HandshakeFailure,
        [0x80090327] = 46,
        [0x80090328] = 45,
        [0x8009030D] = 42,
    };

    /// <summary>Whether the alert is about the client's certificate.</summary>
    public static bool IsAboutCertificate(int alert) => alert is (>= 42 and <= 46) or 48 or 49 or CertificateRequired;

    /// <summary>What the alert says, in words.</summary>
    public static string Describe(int alert) => alert switch
    {
        HandshakeFailure => "it found no common ground (handshake_failure)",
        42 => "the certificate is damaged (bad_certificate)",
        43 => "certificates of this kind are not supported (unsupported_certificate)",
        44 => "the certificate has been revoked (certificate_revoked)",
        45 => "the certificate has expired (certificate_expired)",
        46 => "the certificate is not acceptable (certificate_unknown)",
        48 => "the certificate's issuer is not known to it (unknown_ca)",
        49 => "access is denied (access_denied)",
        70 => "it does not speak these versions of TLS (protocol_version)",
        71 => "it wants stronger ciphers (insufficient_security)",
        80 => "it has an internal error (internal_error)",
        112 => "it does not know the server name that was asked for (unrecognized_name)",
        CertificateRequired => "a client certificate is required (certificate_required)",
        120 => "it speaks none of the application protocols offered (no_application_protocol)",
        _ => string.Create(CultureInfo.InvariantCulture, $"alert {alert}"),
    };

    /// <summary>Finds the alert in an exception of the system's TLS library; <see langword="null"/> where there is none.</summary>
    public static int? Find(Exception? exception)
    {
        for (; exception is not null; exception = exception.InnerException)
        {
            if (exception is Win32Exception windows && s_schannel.TryGetValue((uint)windows.NativeErrorCode, out int alert))
            {
                return alert;
            }

            // OpenSSL numbers the reason of a received alert 1000 plus the alert; the low twelve bits of its error codes are the reason.
            Match match = OpenSslError().Match(exception.Message);
            if (match.Success)
            {
                int reason = (int)(uint.Parse(match.Groups[1].ValueSpan, NumberStyles.HexNumber, CultureInfo.InvariantCulture) & 0xFFF);
                if (reason is > 1000 and <= 1255)
                {
                    return reason - 1000;
                }
            }
        }

        return null;
    }

    [GeneratedRegex("error:([0-9A-Fa-f]{8}):SSL", RegexOptions.CultureInvariant)]
    private static partial Regex OpenSslError();
}
