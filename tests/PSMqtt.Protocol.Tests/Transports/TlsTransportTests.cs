using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using PSMqtt.Protocol.Transports;
using static PSMqtt.Protocol.Tests.Transports.TestCertificates;

namespace PSMqtt.Protocol.Tests.Transports;

public class TlsTransportTests
{
    private static readonly MqttTlsOptions s_trusting = new() { CertificateAuthorities = Public(Root) };

    [Fact(DisplayName = "a private authority is the trust root, intermediates come from the server, and bytes travel both ways")]
    public async Task BothWays()
    {
        using var listener = new TlsListener(Server, [Intermediate]);
        Task<SslStream?> accepting = listener.AcceptAsync();
        await using ITransport transport = await ConnectAsync(listener.Endpoint, s_trusting);
        await using SslStream peer = (await accepting)!;
        Assert.Equal("localhost", listener.NameAskedFor);
        Assert.Equal($"tls 127.0.0.1:{listener.Port}", transport.Description);
        MqttTlsDetails tls = Assert.IsType<ISecureTransport>(transport, exactMatch: false).Tls!;
        Assert.Equal(["CN=Test Server", "CN=Test Intermediate", "CN=Test Root"], tls.Chain.Select(certificate => certificate.Subject));
        Assert.Equal(peer.SslProtocol, tls.Protocol);
        Assert.StartsWith("TLS_", tls.CipherSuite, StringComparison.Ordinal);

        byte[] sent = new byte[1024 * 1024];
        Random.Shared.NextBytes(sent);
        using var received = new MemoryStream();
        Task copy = peer.CopyToAsync(received);
        await transport.SendAsync(sent, CancellationToken.None);
        await transport.ShutdownAsync(CancellationToken.None);
        await copy;
        Assert.Equal(sent, received.ToArray());

        await peer.WriteAsync(new byte[] { 1, 2, 3 });
        byte[] buffer = new byte[16];
        Assert.Equal(3, await transport.ReceiveAsync(buffer, CancellationToken.None));
        await peer.DisposeAsync();
        Assert.Equal(0, await transport.ReceiveAsync(buffer, CancellationToken.None));
    }

    [Fact(DisplayName = "an intermediate that the server does not send is taken from the authorities given")]
    public async Task IntermediateGiven()
    {
        using var listener = new TlsListener(Server);
        await SucceedsAsync(listener, s_trusting with { CertificateAuthorities = Public(Root, Intermediate) });
    }

    [Fact(DisplayName = "a self-signed server certificate that is given as authority is trusted")]
    public async Task SelfSignedGiven()
    {
        using X509Certificate2 own = Issue("Own", null, ["localhost"]);
        using var listener = new TlsListener(own);
        await SucceedsAsync(listener, s_trusting with { CertificateAuthorities = Public(own) });
        MqttConnectException exception = await FailsAsync(listener, s_trusting);
        Assert.Equal(MqttConnectFailure.CertificateUntrusted, exception.Failure);
        Assert.Contains("'CN=Own' is self-signed and is none of the CA certificates given", exception.Message, StringComparison.Ordinal);
    }

    [Fact(DisplayName = "a chain that ends at a root the machine does not trust names the root")]
    public async Task UntrustedRoot()
    {
        using var listener = new TlsListener(Server, [Intermediate, Root]);
        MqttConnectException exception = await FailsAsync(listener, new MqttTlsOptions());
        Assert.Equal(MqttConnectPhase.Tls, exception.Phase);
        Assert.Equal(MqttConnectFailure.CertificateUntrusted, exception.Failure);
        Assert.Contains("'CN=Test Intermediate' was issued by 'CN=Test Root', which was not found", exception.Message, StringComparison.Ordinal);
        Assert.Equal($"localhost:{listener.Port}", exception.Server);
    }

    [Fact(DisplayName = "a root that is there and not trusted is named")]
    public void UntrustedRootSent()
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.ExtraStore.AddRange(Public(Intermediate, Root));
        Assert.False(chain.Build(Server));
        var verdict = new CertificateVerdict("h:8883", ["localhost"], new MqttTlsOptions());
        Assert.False(verdict.Judge(Server, chain, SslPolicyErrors.RemoteCertificateChainErrors));
        Assert.Equal(MqttConnectFailure.CertificateUntrusted, verdict.Refusal!.Failure);
        Assert.Contains(
            "its chain ends at the root certificate 'CN=Test Root', which is not trusted by this machine", verdict.Refusal.Message, StringComparison.Ordinal);
    }

    [Fact(DisplayName = "an issuer that nobody has is named, with the element it issued")]
    public async Task MissingIntermediate()
    {
        using var listener = new TlsListener(Server);
        MqttConnectException exception = await FailsAsync(listener, s_trusting);
        Assert.Equal(MqttConnectFailure.CertificateUntrusted, exception.Failure);
        Assert.Contains("'CN=Test Server' was issued by 'CN=Test Intermediate', which was not found", exception.Message, StringComparison.Ordinal);
    }

    [Fact(DisplayName = "the machine's roots do not count where authorities are given")]
    public async Task OtherAuthority()
    {
        using X509Certificate2 other = Issue("Other Root", null, isAuthority: true);
        using var listener = new TlsListener(Server, [Intermediate]);
        Assert.Equal(MqttConnectFailure.CertificateUntrusted, (await FailsAsync(listener, s_trusting with { CertificateAuthorities = Public(other) })).Failure);
    }

    [Theory(DisplayName = "a certificate out of its dates is CertificateExpired, and says which date")]
    [InlineData(-100, -2, "expired on")]
    [InlineData(2, 100, "is not valid before")]
    public async Task Expired(int from, int to, string expected)
    {
        using X509Certificate2 server = Issue("Old Server", Intermediate, ["localhost"], from: from, to: to);
        using var listener = new TlsListener(server, [Intermediate]);
        MqttConnectException exception = await FailsAsync(listener, s_trusting);
        Assert.Equal(MqttConnectFailure.CertificateExpired, exception.Failure);
        DateTime date = (from > 0 ? server.NotBefore : server.NotAfter).ToUniversalTime();
        Assert.Contains($"server certificate 'CN=Old Server' {expected} {date:yyyy-MM-dd HH:mm:ss}Z", exception.Message, StringComparison.Ordinal);
    }

    [Fact(DisplayName = "of a chain with an expired intermediate, that element is named")]
    public async Task ExpiredInTheMiddle()
    {
        using X509Certificate2 server = Issue("Server Below", ExpiredIntermediate, ["localhost"]);
        using var listener = new TlsListener(server, [ExpiredIntermediate]);
        MqttConnectException exception = await FailsAsync(listener, s_trusting);
        Assert.Equal(MqttConnectFailure.CertificateExpired, exception.Failure);
        Assert.Contains("the intermediate certificate 'CN=Expired Intermediate' expired on", exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("'CN=Server Below' expired", exception.Message, StringComparison.Ordinal);
    }

    [Fact(DisplayName = "a certificate for other names is CertificateNameMismatch with both names; skipping that check skips no other")]
    public async Task WrongName()
    {
        using X509Certificate2 server = Issue("Elsewhere", Intermediate, ["broker.example", "*.example.org"], [IPAddress.Parse("10.1.2.3")]);
        using var listener = new TlsListener(server, [Intermediate]);
        MqttConnectException exception = await FailsAsync(listener, s_trusting);
        Assert.Equal(MqttConnectFailure.CertificateNameMismatch, exception.Failure);
        Assert.Contains("is not for 'localhost'", exception.Message, StringComparison.Ordinal);
        Assert.Contains("'broker.example', '*.example.org', '10.1.2.3'", exception.Message, StringComparison.Ordinal);

        await SucceedsAsync(listener, s_trusting with { SkipHostNameCheck = true });
        await SucceedsAsync(listener, s_trusting with { TargetHost = "a.example.org" });
        Assert.Equal("a.example.org", listener.NameAskedFor);
        Assert.Equal(MqttConnectFailure.CertificateUntrusted, (await FailsAsync(listener, new MqttTlsOptions { SkipHostNameCheck = true })).Failure);
        await SucceedsAsync(listener, new MqttTlsOptions { SkipCertificateCheck = true });
    }

    [Fact(DisplayName = "an address is checked against the certificate's addresses")]
    public async Task ByAddress()
    {
        using var listener = new TlsListener(Server, [Intermediate]);
        await SucceedsAsync(listener, s_trusting, MqttEndpoint.Parse($"mqtts://127.0.0.1:{listener.Port}"));

        using X509Certificate2 named = Issue("Named", Intermediate, ["localhost"]);
        using var other = new TlsListener(named, [Intermediate]);
        MqttConnectException exception = await FailsAsync(other, s_trusting, MqttEndpoint.Parse($"mqtts://127.0.0.1:{other.Port}"));
        Assert.Equal(MqttConnectFailure.CertificateNameMismatch, exception.Failure);
        Assert.Contains("the address '127.0.0.1'", exception.Message, StringComparison.Ordinal);
    }

    [Fact(DisplayName = "a certificate that is for clients only is refused")]
    public async Task WrongUsage()
    {
        using X509Certificate2 server = Issue("Client Only", Intermediate, ["localhost"], usage: "1.3.6.1.5.5.7.3.2");
        using var listener = new TlsListener(server, [Intermediate]);
        MqttConnectException exception = await FailsAsync(listener, s_trusting);
        Assert.Equal(MqttConnectFailure.TlsFailed, exception.Failure);
        Assert.Contains("'CN=Client Only' is not fit for this (NotValidForUsage)", exception.Message, StringComparison.Ordinal);
    }

    [Fact(DisplayName = "a revocation check that cannot be made refuses the certificate, and says so")]
    public async Task RevocationUnknown()
    {
        using var listener = new TlsListener(Server, [Intermediate]);
        MqttConnectException exception = await FailsAsync(listener, s_trusting with { RevocationMode = X509RevocationMode.Offline });
        Assert.Contains("revo", exception.Message, StringComparison.Ordinal);
        Assert.Contains("turn the revocation check off", exception.Message, StringComparison.Ordinal);
    }

    [Fact(DisplayName = "application protocols are offered, and the one agreed on is told")]
    public async Task ApplicationProtocol()
    {
        using var listener = new TlsListener(Server, [Intermediate], options => options.ApplicationProtocols = [new SslApplicationProtocol("mqtt")]);
        MqttTlsDetails details = await SucceedsAsync(listener, s_trusting with { ApplicationProtocols = ["x-amzn-mqtt-ca", "mqtt"] });
        Assert.Equal("mqtt", details.ApplicationProtocol);
        MqttConnectException exception = await FailsAsync(listener, s_trusting with { ApplicationProtocols = ["other"] });
        Assert.Equal(MqttConnectFailure.TlsFailed, exception.Failure);
        Assert.Contains("ALPN", exception.Message, StringComparison.Ordinal);
    }

    [Theory(DisplayName = "TLS 1.2 and 1.3 are spoken as asked")]
    [InlineData(SslProtocols.Tls12)]
    [InlineData(SslProtocols.Tls13)]
    public async Task Versions(SslProtocols version)
    {
        using var listener = new TlsListener(Server, [Intermediate]);
        Assert.Equal(version, (await SucceedsAsync(listener, s_trusting with { Protocols = version })).Protocol);
    }

    [Fact(DisplayName = "no version in common is TlsFailed")]
    public async Task NoVersionInCommon()
    {
        using var listener = new TlsListener(Server, [Intermediate], options => options.EnabledSslProtocols = SslProtocols.Tls12);
        MqttConnectException exception = await FailsAsync(listener, s_trusting with { Protocols = SslProtocols.Tls13 });
        Assert.Equal(MqttConnectFailure.TlsFailed, exception.Failure);
        Assert.Contains("versions of TLS", exception.Message, StringComparison.Ordinal);
    }

    [Theory(DisplayName = "a peer that answers something else, or hangs up, is PeerSpeaksNoTls")]
    [InlineData("HTTP/1.1 400 Bad Request\r\n\r\n")]
    [InlineData(" \u0002\u0000\u0005")]
    [InlineData("")]
    public async Task PeerSpeaksNoTls(string answer)
    {
        using var listener = new Listener();
        Task peer = AnswerAsync(listener, answer);
        var exception = await Assert.ThrowsAsync<MqttConnectException>(
            async () => await ConnectAsync(MqttEndpoint.Parse($"mqtts://localhost:{listener.Port}"), s_trusting));
        await peer;
        Assert.Equal(MqttConnectPhase.Tls, exception.Phase);
        Assert.Equal(MqttConnectFailure.PeerSpeaksNoTls, exception.Failure);
        Assert.Contains($"localhost:{listener.Port}", exception.Message, StringComparison.Ordinal);
        Assert.Contains("8883", exception.Message, StringComparison.Ordinal);
    }

    [Fact(DisplayName = "a handshake with a peer that says nothing can be cancelled")]
    public async Task Cancelled()
    {
        using var listener = new Listener();
        using var stop = new CancellationTokenSource();
        Task<ITransport> connecting = ConnectAsync(MqttEndpoint.Parse($"mqtts://localhost:{listener.Port}"), s_trusting, stop.Token);
        using Socket peer = await listener.AcceptAsync();
        Assert.True(await peer.ReceiveAsync(new byte[1]) > 0);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => connecting);
    }

    [Fact(DisplayName = "Abort ends a pending receive, and what comes after is an IOException")]
    public async Task Aborted()
    {
        using var listener = new TlsListener(Server, [Intermediate]);
        Task<SslStream?> accepting = listener.AcceptAsync();
        await using ITransport transport = await ConnectAsync(listener.Endpoint, s_trusting);
        await using SslStream peer = (await accepting)!;
        Task<int> receive = transport.ReceiveAsync(new byte[1], CancellationToken.None).AsTask();
        await Task.Run(transport.Abort);
        await Assert.ThrowsAsync<IOException>(() => receive);
        await Assert.ThrowsAsync<IOException>(async () => await transport.ReceiveAsync(new byte[1], CancellationToken.None));
        await Assert.ThrowsAsync<IOException>(async () => await transport.SendAsync(new byte[1], CancellationToken.None));
        await transport.ShutdownAsync(CancellationToken.None);
    }

    [Theory(DisplayName = "a client certificate is sent with the certificates above it")]
    [InlineData(SslProtocols.Tls12)]
    [InlineData(SslProtocols.Tls13)]
    public async Task ClientCertificate(SslProtocols version)
    {
        string? subject = null;
        string[] sentAlong = [];
        using var listener = new TlsListener(
            Server,
            [Intermediate],
            options =>
            {
                options.ClientCertificateRequired = true;
                options.RemoteCertificateValidationCallback = (_, certificate, chain, _) =>
                {
                    subject = certificate?.Subject;
                    sentAlong = [.. chain!.ChainPolicy.ExtraStore.Select(other => other.Subject)];
                    return true;
                };
            });
        await SucceedsAsync(
            listener, s_trusting with { Protocols = version, ClientCertificate = Client, ClientCertificateChain = Public(Intermediate) });
        Assert.Equal("CN=Test Client", subject);
        Assert.Contains("CN=Test Intermediate", sentAlong);
    }

    [Theory(DisplayName = "a server that wants a client certificate, or another one, is ClientCertificateRequired, with TLS 1.3 on the first receive")]
    [InlineData("-tls1_2", false, "requires a client certificate, and none was given")]
    [InlineData("-tls1_3", false, "requires a client certificate, and none was given")]
    [InlineData("-tls1_2", true, "refused the client certificate 'CN=Stranger'")]
    [InlineData("-tls1_3", true, "refused the client certificate 'CN=Stranger'")]
    public async Task ClientCertificateRequired(string version, bool stranger, string expected)
    {
        using OpenSslServer? server = await OpenSslServer.StartAsync(version);
        Assert.SkipWhen(server is null, "needs the openssl program, whose server sends the alerts");
        using X509Certificate2 own = Issue("Stranger", null);
        MqttTlsOptions tls = s_trusting with { CertificateAuthorities = Public(Root, Intermediate), ClientCertificate = stranger ? own : null };
        MqttConnectException exception = await RefusalAsync(server!.Port, tls);
        Assert.Equal(MqttConnectPhase.Tls, exception.Phase);
        Assert.Equal(MqttConnectFailure.ClientCertificateRequired, exception.Failure);
        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
    }

    [Fact(DisplayName = "a server that asked for a certificate and hangs up without a word is ClientCertificateRequired")]
    public async Task ClientCertificateMissedSilently()
    {
        using var listener = new TlsListener(
            Server,
            [Intermediate],
            options =>
            {
                options.EnabledSslProtocols = SslProtocols.Tls12;
                options.ClientCertificateRequired = true;
                options.RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null;
            });
        Task<SslStream?> accepting = listener.AcceptAsync();
        MqttConnectException exception = await RefusalAsync(listener.Port, s_trusting);
        Assert.Null(await accepting);
        Assert.Contains("most likely requires one", exception.Message, StringComparison.Ordinal);
        Assert.Equal(MqttConnectFailure.ClientCertificateRequired, exception.Failure);
    }

    [Fact(DisplayName = "a server that hangs up right after TLS 1.3 most likely does not accept the client certificate; older versions of MQTT are tried nevertheless")]
    public async Task ClientCertificateRefusedSilently()
    {
        using var listener = new TlsListener(
            Server,
            [Intermediate],
            options =>
            {
                options.EnabledSslProtocols = SslProtocols.Tls13;
                options.ClientCertificateRequired = true;
                options.RemoteCertificateValidationCallback = static (_, certificate, _, _) => certificate is not null;
            });
        await using var client = new MqttClient(new MqttClientOptions
        {
            Servers = [listener.Endpoint],
            Tls = s_trusting with { ClientCertificate = Client },
            Reconnect = new ReconnectPolicy { Enabled = false },
        });
        Task<MqttConnectResult> connect = client.ConnectAsync(TestContext.Current.CancellationToken);
        var levels = new List<byte>();
        for (int attempt = 0; attempt < 3; attempt++)
        {
            await using SslStream stream = (await listener.AcceptAsync())!;
            var head = new byte[12];
            await stream.ReadExactlyAsync(head, TestContext.Current.CancellationToken);
            levels.Add(head[2 + 2 + head[3]]);
        }

        MqttConnectException exception = await Assert.ThrowsAsync<MqttConnectException>(() => connect);
        Assert.Equal([5, 4, 3], levels);
        Assert.Equal((MqttConnectFailure.ClientCertificateRequired, MqttConnectPhase.Tls), (exception.Failure, exception.Phase));
        Assert.Contains("'CN=Test Client'", exception.Message, StringComparison.Ordinal);
    }

    [Fact(DisplayName = "TLS options that cannot work are refused before anything is sent")]
    public void BadOptions()
    {
        (MqttTlsOptions Options, string Expected)[] cases =
        [
            (new() { ClientCertificate = Public(Client)[0] }, "'CN=Test Client' has no private key"),
            (new() { CertificateAuthorities = [] }, "hold no certificate"),
            (new() { TargetHost = "" }, "TargetHost"),
            (new() { ApplicationProtocols = ["mqtt", ""] }, "1 to 255 bytes"),
            (new() { ApplicationProtocols = [new string('x', 256)] }, "1 to 255 bytes"),
        ];
        foreach ((MqttTlsOptions options, string expected) in cases)
        {
            var exception = Assert.Throws<ArgumentException>(() => new MqttClient(new MqttClientOptions { Tls = options }));
            Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
        }
    }

    private static async Task<MqttConnectException> RefusalAsync(int port, MqttTlsOptions tls)
    {
        try
        {
            await using ITransport transport = await ConnectAsync(MqttEndpoint.Parse($"mqtts://localhost:{port}"), tls);
            var lost = await Assert.ThrowsAsync<IOException>(async () => await transport.ReceiveAsync(new byte[16], CancellationToken.None));
            return Assert.IsType<MqttConnectException>(lost.InnerException);
        }
        catch (MqttConnectException e)
        {
            return e;
        }
    }

    private static async Task AnswerAsync(Listener listener, string answer)
    {
        using Socket peer = await listener.AcceptAsync();
        await peer.ReceiveAsync(new byte[1024]);
        if (answer.Length > 0)
        {
            await peer.SendAsync(Encoding.Latin1.GetBytes(answer));
            await peer.ReceiveAsync(new byte[1024]);
        }
    }

    private static Task<ITransport> ConnectAsync(MqttEndpoint endpoint, MqttTlsOptions tls, CancellationToken cancellationToken = default) =>
        TransportFactory.Default.ConnectAsync(endpoint, new MqttClientOptions { Tls = tls }, MqttProtocolVersion.V500, cancellationToken).AsTask();

    private static async Task<MqttTlsDetails> SucceedsAsync(TlsListener listener, MqttTlsOptions tls, MqttEndpoint? endpoint = null)
    {
        Task<SslStream?> accepting = listener.AcceptAsync();
        await using ITransport transport = await ConnectAsync(endpoint ?? listener.Endpoint, tls);
        await using SslStream? peer = await accepting;
        Assert.NotNull(peer);
        await peer.WriteAsync("!"u8.ToArray());
        Assert.Equal(1, await transport.ReceiveAsync(new byte[16], CancellationToken.None));
        return ((ISecureTransport)transport).Tls!;
    }

    private static async Task<MqttConnectException> FailsAsync(TlsListener listener, MqttTlsOptions tls, MqttEndpoint? endpoint = null)
    {
        Task<SslStream?> accepting = listener.AcceptAsync();
        var exception = await Assert.ThrowsAsync<MqttConnectException>(async () => await ConnectAsync(endpoint ?? listener.Endpoint, tls));
        if (await accepting is { } stream)
        {
            await stream.DisposeAsync();
        }

        return exception;
    }
}
