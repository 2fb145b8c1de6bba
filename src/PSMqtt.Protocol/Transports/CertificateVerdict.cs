using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace PSMqtt.Protocol.Transports;

/// <summary>Judges a server's certificate, and keeps which element of its chain failed and why, in words.</summary>
/// <param name="server">The server, for the messages.</param>
/// <param name="names">The names that the certificate may be for; the first one is what was asked for.</param>
/// <param name="options">What is checked.</param>
internal sealed class CertificateVerdict(string server, IReadOnlyList<string> names, MqttTlsOptions options)
{
    private const X509ChainStatusFlags Untrusted = X509ChainStatusFlags.UntrustedRoot | X509ChainStatusFlags.PartialChain;

    private const X509ChainStatusFlags RevocationUnknown = X509ChainStatusFlags.RevocationStatusUnknown | X509ChainStatusFlags.OfflineRevocation;

    // Of several faults the first of these decides; all of them are told.
    private static readonly (X509ChainStatusFlags Flags, MqttConnectFailure Failure)[] s_kinds =
    [
        (X509ChainStatusFlags.Revoked, MqttConnectFailure.CertificateRevoked),
        (Untrusted, MqttConnectFailure.CertificateUntrusted),
        (X509ChainStatusFlags.NotTimeValid, MqttConnectFailure.CertificateExpired),
    ];

    /// <summary>Why the certificate was refused; <see langword="null"/> when it was not.</summary>
    public MqttConnectException? Refusal { get; private set; }

    /// <summary>The chain as it was found.</summary>
    public IReadOnlyList<MqttTlsCertificate> Chain { get; private set; } = [];

    public bool Judge(X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        if (chain is not null)
        {
            Chain = [.. chain.ChainElements.Select(element => MqttTlsCertificate.From(element.Certificate))];
        }

        if (options.SkipCertificateCheck)
        {
            return true;
        }

        if (certificate is not X509Certificate2 own)
        {
            Refusal = Refuse(MqttConnectFailure.TlsFailed, $"{server} sent no certificate, so nothing shows that it is the right server. Give it one.");
            return false;
        }

        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateChainErrors) && chain is not null)
        {
            Refusal = JudgeChain(chain);
        }
        else if (errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch)
            && !options.SkipHostNameCheck
            && !names.Skip(1).Any(name => own.MatchesHostname(name)))
        {
            Refusal = Refuse(MqttConnectFailure.CertificateNameMismatch, DescribeMismatch(own));
        }

        return Refusal is null;
    }

    private static string Date(DateTime local) => local.ToUniversalTime().ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private static string NamesOf(X509Certificate2 certificate)
    {
        string[] alternatives =
        [
            .. certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>()
                .SelectMany(extension => extension.EnumerateDnsNames().Concat(extension.EnumerateIPAddresses().Select(address => address.ToString())))
                .Select(name => $"'{name}'"),
        ];
        return alternatives.Length switch
        {
            0 => $"'{certificate.GetNameInfo(X509NameType.SimpleName, false)}'",
            > 10 => $"{string.Join(", ", alternatives.Take(10))} and {alternatives.Length - 10} more",
            _ => string.Join(", ", alternatives),
        };
    }

    private static string Role(X509Chain chain, int index)
    {
        X509Certificate2 certificate = chain.ChainElements[index].Certificate;
        string role = index == 0 ? "server certificate"
            : certificate.SubjectName.RawData.AsSpan().SequenceEqual(certificate.IssuerName.RawData) ? "root certificate"
            : "intermediate certificate";
        return $"the {role} '{certificate.Subject}'";
    }

    private MqttConnectException JudgeChain(X509Chain chain)
    {
        var faults = new List<string>();
        X509ChainStatusFlags all = X509ChainStatusFlags.NoError;
        for (int i = 0; i < chain.ChainElements.Count; i++)
        {
            X509ChainStatusFlags flags = X509ChainStatusFlags.NoError;
            foreach (X509ChainStatus status in chain.ChainElements[i].ChainElementStatus)
            {
                flags |= status.Status;
            }

            all |= flags;
            faults.AddRange(Describe(chain, i, flags));
        }

        foreach (X509ChainStatus status in chain.ChainStatus)
        {
            // Some faults are reported for the chain only.
            X509ChainStatusFlags more = status.Status & ~all;
            if (more != X509ChainStatusFlags.NoError)
            {
                all |= more;
                faults.AddRange(Describe(chain, chain.ChainElements.Count - 1, more));
            }
        }

        MqttConnectFailure failure = s_kinds.FirstOrDefault(kind => (all & kind.Flags) != 0, (default, MqttConnectFailure.TlsFailed)).Failure;
        return Refuse(failure, $"The certificate of {server} is refused: {string.Join("; also, ", faults)}.");
    }

    private IEnumerable<string> Describe(X509Chain chain, int index, X509ChainStatusFlags flags)
    {
        X509Certificate2 certificate = chain.ChainElements[index].Certificate;
        string element = Role(chain, index);
        if (flags.HasFlag(X509ChainStatusFlags.Revoked))
        {
            yield return $"{element} has been revoked by its issuer '{certificate.Issuer}'; the server needs a new one";
        }

        if (flags.HasFlag(X509ChainStatusFlags.NotTimeValid))
        {
            // What the chain was judged by is the machine's clock, whatever the client's is.
            DateTime now = TimeProvider.System.GetLocalNow().DateTime;
            yield return certificate.NotAfter < now
                ? $"{element} expired on {Date(certificate.NotAfter)} (now: {Date(now)}); the server needs a new one, or this machine's clock is wrong"
                : $"{element} is not valid before {Date(certificate.NotBefore)} (now: {Date(now)}); check the clocks of both machines";
        }

        if ((flags & Untrusted) != 0)
        {
            yield return DescribeUntrusted(chain, index, element);
        }

        if ((flags & RevocationUnknown) != 0)
        {
            yield return $"whether {element} has been revoked could not be found out; check that its issuer's revocation service can be reached, "
                + "or turn the revocation check off";
        }

        X509ChainStatusFlags others = flags & ~(X509ChainStatusFlags.Revoked | X509ChainStatusFlags.NotTimeValid | Untrusted | RevocationUnknown);
        if (others != X509ChainStatusFlags.NoError)
        {
            yield return $"{element} is not fit for this ({others})";
        }
    }

    private string DescribeUntrusted(X509Chain chain, int index, string element)
    {
        X509Certificate2 certificate = chain.ChainElements[index].Certificate;
        string given = options.CertificateAuthorities is { Count: > 0 } ? "is none of the CA certificates given" : "is not trusted by this machine";
        if (!certificate.SubjectName.RawData.AsSpan().SequenceEqual(certificate.IssuerName.RawData))
        {
            return $"{element} was issued by '{certificate.Issuer}', which was not found among the trusted certificates, nor did the server send it; "
                + "give that authority's certificate, up to the root, as CA certificate, or let the server send its intermediate certificates";
        }

        return index == 0
            ? $"{element} is self-signed and {given}; if it is the right one, give it as CA certificate"
            : $"its chain ends at {element}, which {given}; if it is the right authority, give that certificate as CA certificate";
    }

    private string DescribeMismatch(X509Certificate2 certificate)
    {
        string wanted = IPAddress.TryParse(names[0], out _) ? $"the address '{names[0]}'" : $"'{names[0]}'";
        return $"The certificate of {server} is not for {wanted}: its subject is '{certificate.Subject}', and it is for {NamesOf(certificate)}. "
            + "Connect by one of these names, or correct the server's certificate; the host name check can be skipped where that is known to be safe.";
    }

    private MqttConnectException Refuse(MqttConnectFailure failure, string message) => new(MqttConnectPhase.Tls, failure, message) { Server = server };
}
