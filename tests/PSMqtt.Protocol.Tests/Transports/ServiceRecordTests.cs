using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using Microsoft.Extensions.Time.Testing;
using PSMqtt.Protocol.Transports;
using static PSMqtt.Protocol.Tests.Transports.TestCertificates;

namespace PSMqtt.Protocol.Tests.Transports;

public class ServiceRecordTests
{
    [Fact(DisplayName = "lower priorities come first, and among equal ones the running sum of the weights decides (RFC 2782)")]
    public void Order()
    {
        ServiceRecord[] records = [new("c", 1, 20, 0), new("a2", 1, 10, 30), new("a0", 1, 10, 0), new("a1", 1, 10, 70), new("b", 1, 15, 5)];
        string Arranged(params int[] choices)
        {
            var left = new Queue<int>(choices);
            return string.Join(' ', ServiceRecordOrder.Arrange(records, most => Math.Min(left.Count > 0 ? left.Dequeue() : 0, most)).Select(record => record.Host));
        }

        Assert.Equal("a0 a2 a1 b c", Arranged(0, 0, 0));
        Assert.Equal("a2 a0 a1 b c", Arranged(1, 0, 0));
        Assert.Equal("a2 a1 a0 b c", Arranged(30, 1, 0));
        Assert.Equal("a1 a2 a0 b c", Arranged(31, 30, 0));
        Assert.Equal("a1 a0 a2 b c", Arranged(100, 0, 0));
    }

    [Fact(DisplayName = "over many choices, weights are obeyed")]
    public void Weights()
    {
        var random = new Random(4711);
        ServiceRecord[] records = [new("light", 1, 0, 10), new("heavy", 1, 0, 90)];
        int heavy = Enumerable.Range(0, 2000).Count(_ => ServiceRecordOrder.Arrange(records, most => random.Next(most + 1))[0].Host == "heavy");
        Assert.InRange(heavy, 1700, 1900);
    }

    [Fact(DisplayName = "the names are _mqtt._tcp and _secure-mqtt._tcp, and a server that refuses gives way to the next")]
    public async Task Connects()
    {
        using var server = new Listener();
        var resolver = new FakeResolver(new("dead.example.test.", 1, 1, 0), new("alive.example.test.", server.Port, 2, 0));
        await using ITransport transport = await ConnectAsync("mqtt+srv://Example.test", resolver);
        using Socket peer = await server.AcceptAsync();
        Assert.Equal(["_mqtt._tcp.example.test"], resolver.Asked);
        Assert.Equal($"tcp 127.0.0.1:{server.Port}", transport.Description);

        using var secure = new TlsListener(Server, [Intermediate]);
        resolver = new FakeResolver(new ServiceRecord("x", secure.Port, 1, 0));
        await Assert.ThrowsAsync<MqttConnectException>(async () => await TlsAsync("mqtts+srv://example.test", resolver, secure));
        Assert.Equal(["_secure-mqtt._tcp.example.test"], resolver.Asked);
    }

    [Fact(DisplayName = "a certificate is good for the domain asked for or a host in it, not for wherever a record leads")]
    public async Task Names()
    {
        using var domain = Issue("Domain", Intermediate, ["example.test"]);
        using var inside = Issue("Inside", Intermediate, ["broker.example.test"]);
        using var outside = Issue("Outside", Intermediate, ["broker.elsewhere.test"]);
        var within = new Func<int, FakeResolver>(port => new FakeResolver(new ServiceRecord("broker.example.test", port, 1, 0)));
        var beyond = new Func<int, FakeResolver>(port => new FakeResolver(new ServiceRecord("broker.elsewhere.test", port, 1, 0)));

        foreach ((System.Security.Cryptography.X509Certificates.X509Certificate2 certificate, Func<int, FakeResolver> resolver, bool good) in
            new[] { (domain, within, true), (inside, within, true), (domain, beyond, true), (outside, beyond, false), (outside, within, false) })
        {
            using var server = new TlsListener(certificate, [Intermediate]);
            MqttConnectException? failure = null;
            try
            {
                await TlsAsync("mqtts+srv://example.test", resolver(server.Port), server);
            }
            catch (MqttConnectException e)
            {
                failure = e;
            }

            Assert.Equal(good ? null : MqttConnectFailure.CertificateNameMismatch, failure?.Failure);
        }
    }

    [Fact(DisplayName = "a dead server costs its share of the time, not all of it")]
    public async Task DeadServer()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "only Linux has all of 127.0.0.0/8, and listeners whose queue fills");
        using var dead = DeadListener.Create();
        using var alive = new Listener();
        var time = new FakeTimeProvider();
        var resolver = new FakeResolver(new(dead.Address.ToString(), dead.Port, 1, 0), new("alive.example.test", alive.Port, 2, 0));
        Task<ITransport> connecting = ConnectAsync("mqtt+srv://example.test", resolver, time);
        Assert.False(connecting.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(15));
        await using ITransport transport = await connecting;
        Assert.Equal($"tcp 127.0.0.1:{alive.Port}", transport.Description);
    }

    [Fact(DisplayName = "no record, a record that says no, a failed lookup and no resolver are told apart")]
    public async Task Failures()
    {
        foreach (ServiceRecord[] records in new ServiceRecord[][] { [], [new(".", 0, 0, 0)] })
        {
            MqttConnectException none = await FailsAsync(new FakeResolver(records));
            Assert.Equal(MqttConnectPhase.Resolve, none.Phase);
            Assert.Equal(MqttConnectFailure.NoServiceRecord, none.Failure);
            Assert.Contains("_mqtt._tcp.example.test", none.Message, StringComparison.Ordinal);
        }

        MqttConnectException failed = await FailsAsync(new FakeResolver { Error = new InvalidOperationException("no answer.") });
        Assert.Equal(MqttConnectFailure.HostNotFound, failed.Failure);
        Assert.Contains("no answer. Check", failed.Message, StringComparison.Ordinal);

        MqttConnectException without = await FailsAsync(null);
        Assert.Equal(MqttConnectPhase.Resolve, without.Phase);
        Assert.Contains("service records", without.Message, StringComparison.Ordinal);
    }

    private static Task<MqttConnectException> FailsAsync(FakeResolver? resolver) =>
        Assert.ThrowsAsync<MqttConnectException>(async () => await ConnectAsync("mqtt+srv://example.test", resolver));

    private static async Task TlsAsync(string uri, FakeResolver resolver, TlsListener server)
    {
        Task<SslStream?> accepting = server.AcceptAsync();
        try
        {
            await using ITransport transport = await ConnectAsync(uri, resolver);
        }
        finally
        {
            if (await accepting is { } peer)
            {
                await peer.DisposeAsync();
            }
        }
    }

    private static Task<ITransport> ConnectAsync(string uri, FakeResolver? resolver, TimeProvider? time = null)
    {
        var factory = new BuiltInTransportFactory(new TcpConnector((_, _) => Task.FromResult(new[] { IPAddress.Loopback })), _ => null);
        var options = new MqttClientOptions
        {
            ServiceRecordResolver = resolver,
            TimeProvider = time ?? TimeProvider.System,
            Tls = new MqttTlsOptions { CertificateAuthorities = Public(Root) },
        };
        return factory.ConnectAsync(MqttEndpoint.Parse(uri), options, MqttProtocolVersion.V500, CancellationToken.None).AsTask();
    }

    private sealed class FakeResolver(params ServiceRecord[] records) : IServiceRecordResolver
    {
        public List<string> Asked { get; } = [];

        public Exception? Error { get; init; }

        public ValueTask<IReadOnlyList<ServiceRecord>> ResolveAsync(string name, CancellationToken cancellationToken)
        {
            Asked.Add(name);
            return Error is null ? new(records) : throw Error;
        }
    }
}
