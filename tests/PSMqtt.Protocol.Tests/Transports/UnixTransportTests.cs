using System.Net.Sockets;
using PSMqtt.Protocol.Transports;

namespace PSMqtt.Protocol.Tests.Transports;

public sealed class UnixTransportTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("psmqtt");

    public UnixTransportTests() => Assert.SkipUnless(Socket.OSSupportsUnixDomainSockets, "this system has no Unix domain sockets");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact(DisplayName = "bytes travel both ways over a Unix domain socket, whatever the proxy")]
    public async Task BothWays()
    {
        string path = Path.Combine(_directory.FullName, "my sock");
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        var endpoint = new MqttEndpoint { Scheme = "unix", Path = path };
        Assert.Equal(endpoint, MqttEndpoint.Parse(endpoint.ToString()));
        var options = new MqttClientOptions { Proxy = new ProxyOptions { Address = new Uri("http://proxy.invalid:1") } };
        await using ITransport transport = await TransportFactory.Default.ConnectAsync(endpoint, options, MqttProtocolVersion.V500, CancellationToken.None);
        using Socket peer = await listener.AcceptAsync();
        Assert.Equal($"unix {path}", transport.Description);
        await transport.SendAsync(new byte[] { 1, 2 }, CancellationToken.None);
        byte[] buffer = new byte[8];
        Assert.Equal(2, await peer.ReceiveAsync(buffer));
        await peer.SendAsync(new byte[] { 3 });
        Assert.Equal(1, await transport.ReceiveAsync(buffer, CancellationToken.None));
        await transport.ShutdownAsync(CancellationToken.None);
        Assert.Equal(0, await peer.ReceiveAsync(buffer));
    }

    [Fact(DisplayName = "a socket that is not there, one that nobody listens on and one with too long a path are told apart")]
    public async Task Failures()
    {
        string missing = Path.Combine(_directory.FullName, "missing");
        MqttConnectException exception = await FailsAsync(missing);
        Assert.Equal(MqttConnectFailure.HostNotFound, exception.Failure);
        Assert.Contains(missing, exception.Message, StringComparison.Ordinal);

        string dead = Path.Combine(_directory.FullName, "dead");
        using (var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            listener.Bind(new UnixDomainSocketEndPoint(dead));
            Assert.Equal(MqttConnectFailure.ConnectionRefused, (await FailsAsync(dead)).Failure);
        }

        Assert.Contains("longer than this system allows", (await FailsAsync("/" + new string('x', 300))).Message, StringComparison.Ordinal);
    }

    private static Task<MqttConnectException> FailsAsync(string path) => Assert.ThrowsAsync<MqttConnectException>(
        async () => await TransportFactory.Default.ConnectAsync(
            new MqttEndpoint { Scheme = "unix", Path = path }, new MqttClientOptions(), MqttProtocolVersion.V500, CancellationToken.None));
}
