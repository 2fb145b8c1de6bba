using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using PSMqtt.Protocol.Tests.Brokers;
using PSMqtt.Protocol.Transports;
using static PSMqtt.Protocol.Tests.Transports.TestCertificates;

namespace PSMqtt.Protocol.Tests.Transports;

/// <summary>
/// mosquitto by TLS, by mutual TLS and by a Unix domain socket: what is on the other side is OpenSSL and another's code. Not by WebSocket, because
/// Debian's mosquitto binds such a listener on every interface, whatever address it is given.
/// </summary>
public sealed class MosquittoWaysTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("psmqtt");

    public static TheoryData<MqttProtocolVersion> Versions { get; } = [MqttProtocolVersion.V500, MqttProtocolVersion.V311];

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory(DisplayName = "mosquitto with TLS: a message of QoS 2 there and back")]
    [MemberData(nameof(Versions))]
    public async Task Tls(MqttProtocolVersion version)
    {
        await using MosquittoBroker broker = await StartAsync([.. ServerTls(Server)]);
        await RoundTripAsync(Options(broker, version, new MqttTlsOptions { CertificateAuthorities = Public(Root) }));
    }

    [Theory(DisplayName = "mosquitto with mutual TLS: a client certificate read from files opens the door, and is the user name")]
    [MemberData(nameof(Versions))]
    public async Task MutualTls(MqttProtocolVersion version)
    {
        await using MosquittoBroker broker = await StartAsync(AskForCertificate());
        string file = Write("client.pem", $"{Client.ExportCertificatePem()}\n{Intermediate.ExportCertificatePem()}");
        string keyFile = Write("client.key", Client.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
        MqttClientCertificate own = MqttCertificate.LoadClientCertificate(file, keyFile);
        await RoundTripAsync(Options(
            broker,
            version,
            new MqttTlsOptions { CertificateAuthorities = Public(Root), ClientCertificate = own.Certificate, ClientCertificateChain = own.Chain }));
        Assert.Contains("u'Test Client'", broker.Log, StringComparison.Ordinal);
    }

    [Fact(DisplayName = "mosquitto with mutual TLS, and no client certificate: the failure says that one is wanted")]
    public async Task MutualTlsRefused()
    {
        await using MosquittoBroker broker = await StartAsync(AskForCertificate());
        MqttConnectException failure = await RefusedAsync(
            Options(broker, MqttProtocolVersion.V500, new MqttTlsOptions { CertificateAuthorities = Public(Root) }));
        Assert.Equal(MqttConnectFailure.ClientCertificateRequired, failure.Failure);
    }

    [Theory(DisplayName = "mosquitto with mutual TLS, and a client certificate it does not like: the failure names the certificate and what is wrong with it")]
    [InlineData("unknown", SslProtocols.Tls12)]
    [InlineData("unknown", SslProtocols.Tls13)]
    [InlineData("expired", SslProtocols.Tls12)]
    [InlineData("expired", SslProtocols.Tls13)]
    public async Task MutualTlsWrongCertificate(string which, SslProtocols protocol)
    {
        using X509Certificate2 own = which == "expired" ? Issue("Old Client", Intermediate, from: -10, to: -1) : Issue("Unknown Client", null);
        await using MosquittoBroker broker = await StartAsync(AskForCertificate());

        // With TLS 1.3 the refusal races with CONNECT: it is found whichever comes first.
        for (int time = 0; time < 20; time++)
        {
            MqttConnectException failure = await RefusedAsync(Options(broker, MqttProtocolVersion.V500, new MqttTlsOptions
            {
                CertificateAuthorities = Public(Root),
                ClientCertificate = own,
                ClientCertificateChain = which == "expired" ? Public(Intermediate) : [],
                Protocols = protocol,
            }));
            Assert.Equal(
                (MqttConnectFailure.ClientCertificateRequired, MqttConnectPhase.Tls), (failure.Failure, failure.Phase));
            Assert.Contains(own.Subject, failure.Message, StringComparison.Ordinal);
            Assert.Contains(which == "expired" ? "certificate_expired" : "_", failure.Message, StringComparison.Ordinal);
        }
    }

    [Theory(DisplayName = "mosquitto with a certificate that cannot be trusted: the failure names what is wrong with it")]
    [InlineData("name", MqttConnectFailure.CertificateNameMismatch)]
    [InlineData("expired", MqttConnectFailure.CertificateExpired)]
    [InlineData("unknown", MqttConnectFailure.CertificateUntrusted)]
    public async Task UntrustedServer(string which, MqttConnectFailure expected)
    {
        using X509Certificate2 certificate = which switch
        {
            "name" => Issue("Elsewhere", Intermediate, ["elsewhere.example.test"]),
            "expired" => Issue("Expired", Intermediate, ["localhost"], from: -10, to: -1),
            _ => Issue("Alone", null, ["localhost"]),
        };
        await using MosquittoBroker broker = await StartAsync([.. ServerTls(certificate)]);
        MqttClientOptions options = Options(broker, MqttProtocolVersion.V500, new MqttTlsOptions { CertificateAuthorities = Public(Root) });

        Assert.Equal(expected, (await RefusedAsync(options)).Failure);

        // Each switch skips what it names, and no more.
        MqttClientOptions anyName = options with { Tls = options.Tls with { SkipHostNameCheck = true } };
        if (which == "name")
        {
            await RoundTripAsync(anyName);
        }
        else
        {
            Assert.Equal(expected, (await RefusedAsync(anyName)).Failure);
        }

        await RoundTripAsync(options with { Tls = options.Tls with { SkipCertificateCheck = true } });
    }

    [Fact(DisplayName = "mosquitto with TLS, and a client without: the failure says that the port speaks TLS, or hangs up")]
    public async Task PlainToTls()
    {
        await using MosquittoBroker broker = await StartAsync([.. ServerTls(Server)]);
        MqttConnectException failure = await RefusedAsync(
            Options(broker, MqttProtocolVersion.V500, new MqttTlsOptions()) with { Servers = [MqttEndpoint.Parse(broker.Uri)] });
        Assert.Contains(failure.Failure, (MqttConnectFailure[])[MqttConnectFailure.PeerSpeaksTls, MqttConnectFailure.ClosedByPeer]);
        Assert.Contains("TLS", failure.Message, StringComparison.Ordinal);
    }

    [Fact(DisplayName = "mosquitto without TLS, and a client with: the failure says that the port speaks no TLS")]
    public async Task TlsToPlain()
    {
        await using MosquittoBroker broker = await StartAsync([]);
        MqttConnectException failure = await RefusedAsync(Options(broker, MqttProtocolVersion.V500, new MqttTlsOptions()));
        Assert.Equal(MqttConnectFailure.PeerSpeaksNoTls, failure.Failure);
    }

    [Theory(DisplayName = "mosquitto by a Unix domain socket: a message of QoS 2 there and back")]
    [MemberData(nameof(Versions))]
    public async Task UnixSocket(MqttProtocolVersion version)
    {
        string path = Path.Combine(_folder.FullName, "broker.sock");
        await using MosquittoBroker broker = await StartAsync([$"listener 0 {path}"]);
        await RoundTripAsync(Options(broker, version, new MqttTlsOptions()) with { Servers = [MqttEndpoint.Parse($"unix://{path}")] });
    }

    private static async Task<MosquittoBroker> StartAsync(string[] configuration)
    {
        Assert.SkipUnless(MosquittoBroker.IsInstalled, "mosquitto is not installed (on Debian and Ubuntu: apt-get install mosquitto).");

        // Started by root, it would become a user who may not read these files.
        return await MosquittoBroker.StartAsync([.. configuration, $"user {Environment.UserName}"]);
    }

    private static MqttClientOptions Options(MosquittoBroker broker, MqttProtocolVersion version, MqttTlsOptions tls) => new()
    {
        Servers = [MqttEndpoint.Parse($"mqtts://localhost:{broker.Port}")],
        ProtocolVersion = version,
        ClientId = "ways",
        Tls = tls,
        Reconnect = new ReconnectPolicy { Enabled = false },
    };

    private static async Task RoundTripAsync(MqttClientOptions options)
    {
        byte[] payload = new byte[100_000];
        Random.Shared.NextBytes(payload);
        await using var client = new MqttClient(options);
        await client.ConnectAsync(Cancelled);
        MqttSubscription subscription = await client.SubscribeAsync("ways", MqttQualityOfService.ExactlyOnce, Cancelled);
        await client.PublishAsync(new MqttMessage("ways", payload, MqttQualityOfService.ExactlyOnce), Cancelled);
        Assert.True(await subscription.WaitToReadAsync(Cancelled));
        Assert.True(subscription.TryRead(out MqttMessage? message));
        Assert.Equal(payload, message.Payload);
        await client.DisconnectAsync(cancellationToken: Cancelled);
    }

    private static async Task<MqttConnectException> RefusedAsync(MqttClientOptions options)
    {
        await using var client = new MqttClient(options);
        return await Assert.ThrowsAsync<MqttConnectException>(() => client.ConnectAsync(Cancelled));
    }

    private IEnumerable<string> ServerTls(X509Certificate2 certificate) =>
    [
        $"certfile {Write("server.pem", $"{certificate.ExportCertificatePem()}\n{Intermediate.ExportCertificatePem()}")}",
        $"keyfile {Write("server.key", certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem())}",
    ];

    private string[] AskForCertificate() =>
    [
        .. ServerTls(Server),
        $"cafile {Write("authorities.pem", Root.ExportCertificatePem())}",
        "require_certificate true",
        "use_identity_as_username true",
    ];

    private string Write(string name, string text)
    {
        string path = Path.Combine(_folder.FullName, name);
        File.WriteAllText(path, text);
        return path;
    }
}
