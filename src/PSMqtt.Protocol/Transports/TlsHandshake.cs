using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using PSMqtt.Protocol.Platform;

namespace PSMqtt.Protocol.Transports;

/// <summary>Makes TLS over a connected stream, and says in words why that failed.</summary>
internal sealed class TlsHandshake
{
    /// <summary>Real time on purpose: what is read for has come before the end of the connection, or never will.</summary>
    private static readonly TimeSpan s_alertTime = TimeSpan.FromSeconds(2);

    private readonly string _server;
    private readonly MqttTlsOptions _options;
    private readonly string _targetHost;
    private readonly CertificateVerdict _verdict;
    private readonly TimeProvider _timeProvider;
    private bool _certificateWasAskedFor;
    private bool _isJudgedLate;

    /// <summary>Prepares a handshake.</summary>
    /// <param name="server">The server, for messages.</param>
    /// <param name="names">The names the certificate may be for; the first one is asked for.</param>
    /// <param name="options">How TLS is done.</param>
    /// <param name="timeProvider">The clock.</param>
    public TlsHandshake(string server, IReadOnlyList<string> names, MqttTlsOptions options, TimeProvider timeProvider)
    {
        _timeProvider = timeProvider;
        _server = server;
        _options = options;
        IReadOnlyList<string> accepted = options.TargetHost is { } target ? [target] : [.. names.Select(PlainName)];
        _targetHost = accepted[0];
        _verdict = new CertificateVerdict(server, accepted, options);
    }

    /// <summary>Does the handshake.</summary>
    /// <param name="inner">The connected stream; it belongs to the result.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <returns>The stream to use, and what was agreed.</returns>
    /// <exception cref="MqttConnectException">It failed.</exception>
    public async ValueTask<(SslStream Stream, MqttTlsDetails Details)> AuthenticateAsync(Stream inner, CancellationToken cancellationToken)
    {
        var watched = new HandshakeStream(inner);
        var tls = new SslStream(watched, leaveInnerStreamOpen: false);
        try
        {
            await tls.AuthenticateAsClientAsync(CreateOptions(), cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            await tls.DisposeAsync().ConfigureAwait(false);
            if (e is OperationCanceledException)
            {
                throw;
            }

            throw Explain(e, watched);
        }

        watched.StopWatching();
        _isJudgedLate = tls.SslProtocol == SslProtocols.Tls13;
        var details = new MqttTlsDetails(
            tls.SslProtocol, tls.NegotiatedCipherSuite.ToString(), tls.NegotiatedApplicationProtocol.ToString(), _verdict.Chain);
        return (tls, details);
    }

    /// <summary>
    /// What the end of a connection on which nothing was received yet says about the handshake: with TLS 1.3 the server judges our certificate only
    /// after we are done, and its refusal comes with the first read. <see langword="null"/> when it is about something else.
    /// </summary>
    /// <param name="error">What the read ended with; <see langword="null"/> when the server closed the connection.</param>
    public MqttConnectException? ExplainLateRefusal(Exception? error)
    {
        if (TlsAlert.Find(error) is { } alert && TlsAlert.IsAboutCertificate(alert))
        {
            return CertificateRefused(alert, error);
        }

        bool closed = error is null
            || (error is IOException { InnerException: SocketException socket }
                && socket.SocketErrorCode is SocketError.ConnectionReset or SocketError.ConnectionAborted or SocketError.Shutdown);
        return !closed ? null
            : _certificateWasAskedFor ? CertificateMissed(error, isGuess: true)
            : _isJudgedLate && _options.ClientCertificate is { } own ? Failed(
                MqttConnectFailure.ClientCertificateRequired,
                $"{_server} closed the connection right after TLS, without a word. It most likely does not accept the client certificate '{own.Subject}': give one "
                    + "that the server's authority has issued, with its intermediate certificates. If it does, the server's log says what else is wrong.",
                error,
                isGuess: true)
            : null;
    }

    /// <summary>
    /// The same for a send that failed before anything was received: the server has refused us and is gone, and why is still there to be read.
    /// </summary>
    /// <param name="stream">The stream; nobody else may be reading it.</param>
    /// <param name="error">What the send ended with.</param>
    public async ValueTask<MqttConnectException?> ExplainFailedSendAsync(SslStream stream, Exception error)
    {
        using var time = new CancellationTokenSource(s_alertTime, _timeProvider);
        try
        {
            await stream.ReadExactlyAsync(new byte[1], time.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException or InvalidOperationException)
        {
            return ExplainLateRefusal(TlsAlert.Find(e) is null ? error : e);
        }

        return null;
    }

    private static string PlainName(string host)
    {
        // Neither a zone nor a trailing dot is part of the name in a certificate.
        int zone = host.Contains(':', StringComparison.Ordinal) ? host.IndexOf('%', StringComparison.Ordinal) : -1;
        return zone >= 0 ? host[..zone] : host.TrimEnd('.');
    }

    private SslClientAuthenticationOptions CreateOptions()
    {
        var policy = new X509ChainPolicy { RevocationMode = _options.RevocationMode, RevocationFlag = X509RevocationFlag.ExcludeRoot };
        if (_options.CertificateAuthorities is { Count: > 0 } authorities)
        {
            policy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            foreach (X509Certificate2 authority in authorities)
            {
                bool isRoot = authority.SubjectName.RawData.AsSpan().SequenceEqual(authority.IssuerName.RawData);
                (isRoot ? policy.CustomTrustStore : policy.ExtraStore).Add(authority);
            }
        }

        var options = new SslClientAuthenticationOptions
        {
            TargetHost = _targetHost,
            EnabledSslProtocols = _options.Protocols,
            CertificateChainPolicy = policy,
            RemoteCertificateValidationCallback = (_, certificate, chain, errors) => _verdict.Judge(certificate, chain, errors),
            ApplicationProtocols = _options.ApplicationProtocols.Count > 0
                ? [.. _options.ApplicationProtocols.Select(protocol => new SslApplicationProtocol(protocol))]
                : null,
        };
        if (_options.ClientCertificate is { } own)
        {
            options.ClientCertificateContext = SslStreamCertificateContext.Create(
                PrivateKeys.UsableByTls(own), _options.ClientCertificateChain, offline: true);
        }
        else
        {
            options.LocalCertificateSelectionCallback = (_, _, _, remote, _) =>
            {
                // It is also called before the handshake, when there is no remote certificate yet.
                _certificateWasAskedFor |= remote is not null;
                return null!;
            };
        }

        return options;
    }

    private MqttConnectException Explain(Exception error, HandshakeStream watched)
    {
        if (_verdict.Refusal is { } refusal)
        {
            return refusal;
        }

        if (watched.PeerSpeaksSomethingElse)
        {
            return Failed(
                MqttConnectFailure.PeerSpeaksNoTls,
                $"{_server} does not speak TLS: it answered with something else. Use the server's TLS port (usually 8883), or connect without TLS (mqtt://, ws://).",
                error);
        }

        if (error is IOException && watched.Received == 0)
        {
            return Failed(
                MqttConnectFailure.PeerSpeaksNoTls,
                $"{_server} closed the connection when TLS began, so this port most likely does not speak TLS. "
                    + "Use the server's TLS port (usually 8883), or connect without TLS (mqtt://, ws://).",
                error);
        }

        int? alert = watched.Alert ?? TlsAlert.Find(error);
        if (alert is { } known && (TlsAlert.IsAboutCertificate(known) || (known == TlsAlert.HandshakeFailure && _certificateWasAskedFor)))
        {
            return CertificateRefused(known, error);
        }

        if (error is IOException && _certificateWasAskedFor)
        {
            return CertificateMissed(error, isGuess: false);
        }

        string reason = alert is { } told ? $"the server says that {TlsAlert.Describe(told)}" : Innermost(error).Message.TrimEnd('.');
        string hint = alert switch
        {
            120 => "Check the application protocols (ALPN) that the server expects.",
            112 => $"Check the name that is asked for, '{_targetHost}'.",
            _ => "Check which versions of TLS and which ciphers the server allows.",
        };
        return Failed(MqttConnectFailure.TlsFailed, $"The TLS handshake with {_server} failed: {reason}. {hint}", error);
    }

    private static Exception Innermost(Exception error)
    {
        while (error.InnerException is { } inner)
        {
            error = inner;
        }

        return error;
    }

    private MqttConnectException CertificateMissed(Exception? error, bool isGuess) => Failed(
        MqttConnectFailure.ClientCertificateRequired,
        $"{_server} asked for a client certificate and closed the connection when it got none, so it most likely requires one. Give a certificate and its key.",
        error,
        isGuess);

    private MqttConnectException CertificateRefused(int alert, Exception? error) => Failed(
        MqttConnectFailure.ClientCertificateRequired,
        _options.ClientCertificate is { } own
            ? $"{_server} refused the client certificate '{own.Subject}': it says that {TlsAlert.Describe(alert)}. "
                + "Give one that the server's authority has issued, with its intermediate certificates."
            : $"{_server} requires a client certificate, and none was given. Give a certificate and its key.",
        error);

    private MqttConnectException Failed(MqttConnectFailure failure, string message, Exception? error, bool isGuess = false) =>
        new(MqttConnectPhase.Tls, failure, message, error) { Server = _server, IsGuess = isGuess };
}
