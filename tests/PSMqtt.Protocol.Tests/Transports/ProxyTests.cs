using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using PSMqtt.Protocol.Transports;
using static PSMqtt.Protocol.Tests.Transports.TestCertificates;

namespace PSMqtt.Protocol.Tests.Transports;

public class ProxyTests
{
    private const string Password = "hunter2:\u00e9";

    [Theory(DisplayName = "TCP goes through the proxy, with and without credentials, and names are resolved there")]
    [InlineData("http", false)]
    [InlineData("http", true)]
    [InlineData("socks5", false)]
    [InlineData("socks5", true)]
    [InlineData("socks5h", true)]
    public async Task Tcp(string scheme, bool authenticated)
    {
        using var server = new Listener();
        using var proxy = authenticated ? new ProxyServer("me", Password) : new ProxyServer();
        MqttClientOptions options = Through(proxy, scheme, authenticated ? new MqttCredential("me", Password) : null);
        await using ITransport transport = await ConnectAsync($"mqtt://only-the-proxy-knows.invalid:{server.Port}", options);
        using Socket peer = await server.AcceptAsync();
        Assert.Equal(scheme == "http" ? $"only-the-proxy-knows.invalid:{server.Port}" : "only-the-proxy-knows.invalid", Assert.Single(proxy.Asked));
        Assert.Equal($"tcp only-the-proxy-knows.invalid:{server.Port} through {scheme}://127.0.0.1:{proxy.Port}", transport.Description);
        await peer.SendAsync(new byte[] { 1, 2, 3 });
        Assert.Equal(3, await transport.ReceiveAsync(new byte[8], CancellationToken.None));
        await transport.SendAsync(new byte[] { 4 }, CancellationToken.None);
        Assert.Equal(1, await peer.ReceiveAsync(new byte[8]));
    }

    [Fact(DisplayName = "user name and password in a proxy's address are used, and are not in the address any more")]
    public void AddressWithoutSecrets()
    {
        var proxy = new ProxyOptions { Address = new Uri("http://us%65r:s3cr%40t@proxy.example:8080") };
        Assert.Equal("http://proxy.example:8080/", proxy.Address.ToString());
        Assert.Empty(proxy.Address.UserInfo);
        Assert.DoesNotContain("s3cr", proxy.ToString(), StringComparison.Ordinal);
        Assert.Equal(("user", "s3cr@t"), (proxy.EffectiveCredential!.UserName, Encoding.UTF8.GetString(proxy.EffectiveCredential.PasswordBytes!)));
    }

    [Theory(DisplayName = "addresses go through a SOCKS5 proxy as addresses")]
    [InlineData("127.0.0.1")]
    [InlineData("[::1]")]
    public async Task SocksAddresses(string host)
    {
        using var server = new Listener();
        using var proxy = new ProxyServer();
        await using ITransport transport = await ConnectAsync($"mqtt://{host}:{server.Port}", Through(proxy, "socks5"));
        using Socket peer = await server.AcceptAsync();
        Assert.Equal(host.Trim('[', ']'), Assert.Single(proxy.Asked));
    }

    [Theory(DisplayName = "TLS and WebSocket go through the proxy, and the certificate is the server's")]
    [InlineData("http")]
    [InlineData("socks5")]
    public async Task TlsAndWebSocket(string scheme)
    {
        using var proxy = new ProxyServer("me", "secret");
        MqttClientOptions options = Through(proxy, scheme) with { Tls = new MqttTlsOptions { CertificateAuthorities = Public(Root) } };
        options = options with { Proxy = new ProxyOptions { Address = new Uri($"{scheme}://me:s%65cret@127.0.0.1:{proxy.Port}") } };
        using (var server = new TlsListener(Server, [Intermediate]))
        {
            Task<SslStream?> accepting = server.AcceptAsync();
            await using ITransport transport = await ConnectAsync($"mqtts://localhost:{server.Port}", options);
            await using SslStream? peer = await accepting;
            Assert.Equal("CN=Test Server", ((ISecureTransport)transport).Tls!.Chain[0].Subject);
        }

        using (var server = new WebSocketListener(Server))
        {
            Task<WebSocket> accepting = server.AcceptWebSocketAsync();
            await using ITransport transport = await ConnectAsync($"wss://localhost:{server.Port}/mqtt", options);
            using WebSocket peer = await accepting;
            await transport.SendAsync(new byte[] { 1 }, CancellationToken.None);
            Assert.Equal(1, (await peer.ReceiveAsync(new byte[8], CancellationToken.None)).Count);
        }

        Assert.Equal(2, proxy.Asked.Count);
    }

    [Theory(DisplayName = "a proxy that wants credentials, or other ones, is ProxyAuthenticationRequired, and no password is told")]
    [InlineData("http", null, "wants a user name and a password")]
    [InlineData("socks5", null, "wants a user name and a password")]
    [InlineData("http", "wrong", "does not accept the user name 'me'")]
    [InlineData("socks5", "wrong", "does not accept the user name 'me'")]
    [InlineData("socks5", "", "1 to 255 bytes")]
    public async Task AuthenticationRequired(string scheme, string? password, string expected)
    {
        using var proxy = new ProxyServer("me", Password);
        MqttClientOptions options = Through(proxy, scheme, password is null ? null : new MqttCredential("me", password));
        MqttConnectException exception = await FailsAsync(options);
        Assert.Equal(MqttConnectPhase.Proxy, exception.Phase);
        Assert.Equal(MqttConnectFailure.ProxyAuthenticationRequired, exception.Failure);
        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("wrong", exception.ToString(), StringComparison.Ordinal);
        Assert.Contains($"{scheme}://127.0.0.1:{proxy.Port}", exception.Message, StringComparison.Ordinal);
    }

    [Theory(DisplayName = "an HTTP proxy that makes no tunnel is ProxyRefused with its status")]
    [InlineData("HTTP/1.1 403 Forbidden\r\n\r\n", "answered 403 Forbidden")]
    [InlineData("HTTP/1.0 502 Bad Gateway\r\n\r\n", "answered 502 Bad Gateway")]
    [InlineData("SSH-2.0-x\r\n", "not HTTP")]
    [InlineData("", "closed the connection")]
    public async Task HttpRefused(string answer, string expected)
    {
        using var proxy = new ProxyServer { HttpAnswer = answer };
        MqttConnectException exception = await FailsAsync(Through(proxy, "http"));
        Assert.Equal(MqttConnectPhase.Proxy, exception.Phase);
        Assert.Equal(MqttConnectFailure.ProxyRefused, exception.Failure);
        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
    }

    [Fact(DisplayName = "an HTTP proxy that only accepts authentication we do not know is named so")]
    public async Task OtherAuthentication()
    {
        using var proxy = new ProxyServer { HttpAnswer = "HTTP/1.1 407 No\r\nProxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM\r\n\r\n" };
        MqttConnectException exception = await FailsAsync(Through(proxy, "http", new MqttCredential("me", Password)));
        Assert.Equal(MqttConnectFailure.ProxyAuthenticationRequired, exception.Failure);
        Assert.Contains("only accepts Negotiate or NTLM authentication", exception.Message, StringComparison.Ordinal);
    }

    [Theory(DisplayName = "a SOCKS5 proxy's reply is told in words")]
    [InlineData(1, "general failure")]
    [InlineData(2, "rules do not allow")]
    [InlineData(3, "no route")]
    [InlineData(4, "cannot reach the host")]
    [InlineData(5, "the host refused the connection")]
    [InlineData(6, "time to live")]
    [InlineData(7, "does not support CONNECT")]
    [InlineData(8, "addresses of this kind")]
    [InlineData(99, "code 99")]
    public async Task SocksReplies(byte reply, string expected)
    {
        using var proxy = new ProxyServer { SocksReply = reply };
        MqttConnectException exception = await FailsAsync(Through(proxy, "socks5"));
        Assert.Equal(MqttConnectFailure.ProxyRefused, exception.Failure);
        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
    }

    [Fact(DisplayName = "a proxy that cannot be reached, or is none, is ProxyRefused")]
    public async Task NoProxy()
    {
        int port;
        using (var listener = new Listener())
        {
            port = listener.Port;
            Task closing = CloseFirstAsync(listener);
            var options = new MqttClientOptions { Proxy = new ProxyOptions { Address = new Uri($"socks5://127.0.0.1:{port}") } };
            MqttConnectException none = await FailsAsync(options);
            await closing;
            Assert.Equal(MqttConnectFailure.ProxyRefused, none.Failure);
            Assert.Contains("closed the connection", none.Message, StringComparison.Ordinal);
        }

        MqttConnectException exception = await FailsAsync(new MqttClientOptions { Proxy = new ProxyOptions { Address = new Uri($"http://127.0.0.1:{port}") } });
        Assert.Equal(MqttConnectPhase.Proxy, exception.Phase);
        Assert.Equal(MqttConnectFailure.ProxyRefused, exception.Failure);
        Assert.Contains("could not be reached", exception.Message, StringComparison.Ordinal);
    }

    [Theory(DisplayName = "the proxy's address is checked when it is given, and shown without its credential")]
    [InlineData("https://proxy:1", "'https' is not a kind of proxy")]
    [InlineData("socks4://proxy:1", "'socks4' is not a kind of proxy")]
    [InlineData("proxy", "not an absolute URI")]
    public void BadAddress(string address, string expected)
    {
        var exception = Assert.Throws<ArgumentException>(() => new ProxyOptions { Address = new Uri(address, UriKind.RelativeOrAbsolute) });
        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
        Assert.Equal("socks5://[::1]:1080", new ProxyOptions { Address = new Uri("socks5://me:hunter2@[::1]") }.ToString());
        Assert.Equal("http://proxy:80", new ProxyOptions { Address = new Uri("http://me:hunter2@proxy/") }.ToString());
    }

    [Theory(DisplayName = "the environment's variables are followed by WebSocket endpoints")]
    [InlineData("ws://h.example", "http_proxy=http://a:1", "http://a:1")]
    [InlineData("wss://h.example", "https_proxy=b:2", "http://b:2")]
    [InlineData("wss://h.example", "HTTPS_PROXY=socks5://b", "socks5://b:1080")]
    [InlineData("wss://h.example", "http_proxy=http://a:1", null)]
    [InlineData("ws://h.example", "all_proxy=socks5://c:3", "socks5://c:3")]
    [InlineData("ws://h.example", "http_proxy=a:1;all_proxy=c:3", "http://a:1")]
    [InlineData("ws://h.example", "http_proxy= ", null)]
    [InlineData("ws://localhost", "http_proxy=a:1", null)]
    [InlineData("ws://127.0.0.1", "all_proxy=a:1", null)]
    [InlineData("ws://h.example", "http_proxy=a:1;no_proxy=*", null)]
    [InlineData("ws://h.example", "http_proxy=a:1;no_proxy=other, example", null)]
    [InlineData("ws://h.example", "http_proxy=a:1;NO_PROXY=.example", null)]
    [InlineData("ws://h.example", "http_proxy=a:1;no_proxy=*.example", null)]
    [InlineData("ws://h.example", "http_proxy=a:1;no_proxy=H.EXAMPLE.", null)]
    [InlineData("ws://h.example", "http_proxy=a:1;no_proxy=xample", "http://a:1")]
    [InlineData("ws://h.example:81", "http_proxy=a:1;no_proxy=h.example:80", "http://a:1")]
    [InlineData("ws://h.example:81", "http_proxy=a:1;no_proxy=h.example:81", null)]
    [InlineData("ws://10.1.2.3", "http_proxy=a:1;no_proxy=10.0.0.0/8", null)]
    [InlineData("ws://10.1.2.3", "http_proxy=a:1;no_proxy=10.1.2.3", null)]
    [InlineData("ws://10.1.2.3", "http_proxy=a:1;no_proxy=10.1.2.3:80", null)]
    [InlineData("ws://10.1.2.3", "http_proxy=a:1;no_proxy=192.168.0.0/16,10.1.2.4", "http://a:1")]
    [InlineData("ws://[2001:db8::1]", "http_proxy=a:1;no_proxy=2001:db8::/32", null)]
    [InlineData("ws://[2001:db8::1]", "http_proxy=a:1;no_proxy=[2001:db8::1]", null)]
    public void Environment(string uri, string variables, string? expected) =>
        Assert.Equal(expected, EnvironmentProxy.Find(MqttEndpoint.Parse(uri), Reader(variables))?.ToString());

    [Fact(DisplayName = "a variable that names no proxy is an error that names the variable, without its password")]
    public void BadVariable()
    {
        var exception = Assert.Throws<MqttConnectException>(
            () => EnvironmentProxy.Find(MqttEndpoint.Parse("wss://h.example"), Reader("HTTPS_PROXY=https://me:hunter2@p")));
        Assert.Equal(MqttConnectPhase.Proxy, exception.Phase);
        Assert.Contains("HTTPS_PROXY", exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", exception.ToString(), StringComparison.Ordinal);
    }

    [Fact(DisplayName = "only WebSocket endpoints follow the environment, and an option wins over it")]
    public async Task EnvironmentUsed()
    {
        using var proxy = new ProxyServer();
        using var other = new ProxyServer();
        var factory = new BuiltInTransportFactory(
            new TcpConnector((host, _) => Task.FromResult(new[] { IPAddress.Loopback })), Reader($"all_proxy=http://127.0.0.1:{proxy.Port}"));
        using var server = new WebSocketListener();
        foreach (MqttClientOptions options in (MqttClientOptions[])[new(), Through(other, "http")])
        {
            Task<Stream> accepting = server.UpgradeAsync();
            await using ITransport transport = await factory.ConnectAsync(
                MqttEndpoint.Parse($"ws://h.invalid:{server.Port}"), options, MqttProtocolVersion.V500, CancellationToken.None);
            await using Stream peer = await accepting;
        }

        using var plain = new Listener();
        await using ITransport direct = await factory.ConnectAsync(
            MqttEndpoint.Parse($"mqtt://h.invalid:{plain.Port}"), new MqttClientOptions(), MqttProtocolVersion.V500, CancellationToken.None);
        Assert.Equal([$"h.invalid:{server.Port}"], proxy.Asked);
        Assert.Equal([$"h.invalid:{server.Port}"], other.Asked);
    }

    [Fact(DisplayName = "a proxy that says nothing can be left, and the phase is told")]
    public async Task Cancelled()
    {
        using var listener = new Listener();
        using var stop = new CancellationTokenSource();
        var options = new MqttClientOptions { Proxy = new ProxyOptions { Address = new Uri($"http://127.0.0.1:{listener.Port}") } };
        Task<ITransport> connecting = ConnectAsync("mqtt://h.invalid", options, stop.Token);
        using Socket peer = await listener.AcceptAsync();
        Assert.True(await peer.ReceiveAsync(new byte[1]) > 0);
        await stop.CancelAsync();
        Assert.Equal(MqttConnectPhase.Proxy, (await Assert.ThrowsAsync<ConnectCanceledException>(() => connecting)).Phase);
    }

    private static Func<string, string?> Reader(string variables)
    {
        var values = variables.Split(';').Select(pair => pair.Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[1]);
        return name => values.GetValueOrDefault(name);
    }

    private static MqttClientOptions Through(ProxyServer proxy, string scheme, MqttCredential? credential = null) =>
        new() { Proxy = new ProxyOptions { Address = new Uri($"{scheme}://127.0.0.1:{proxy.Port}"), Credential = credential } };

    private static async Task CloseFirstAsync(Listener listener)
    {
        using Socket peer = await listener.AcceptAsync();
        await peer.ReceiveAsync(new byte[16]);
    }

    private static Task<ITransport> ConnectAsync(string uri, MqttClientOptions options, CancellationToken cancellationToken = default) =>
        TransportFactory.Default.ConnectAsync(MqttEndpoint.Parse(uri), options, MqttProtocolVersion.V500, cancellationToken).AsTask();

    private static Task<MqttConnectException> FailsAsync(MqttClientOptions options) =>
        Assert.ThrowsAsync<MqttConnectException>(() => ConnectAsync("mqtt://h.invalid:1", options));
}
