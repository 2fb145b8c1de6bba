using System.Text;
using CsCheck;
using PSMqtt.Protocol.Transports;

namespace PSMqtt.Protocol.Tests.Transports;

public class MqttEndpointTests
{
    [Theory(DisplayName = "an endpoint is read from a host, a host and port, or a URI, and written in one form")]
    [InlineData("localhost", "mqtt", "localhost", 1883, "", "mqtt://localhost:1883")]
    [InlineData("Broker.Example.COM:1999", "mqtt", "broker.example.com", 1999, "", "mqtt://broker.example.com:1999")]
    [InlineData(" 127.0.0.1 ", "mqtt", "127.0.0.1", 1883, "", "mqtt://127.0.0.1:1883")]
    [InlineData("[::1]:1884", "mqtt", "::1", 1884, "", "mqtt://[::1]:1884")]
    [InlineData("[::1]", "mqtt", "::1", 1883, "", "mqtt://[::1]:1883")]
    [InlineData("::1", "mqtt", "::1", 1883, "", "mqtt://[::1]:1883")]
    [InlineData("mqtt://[2001:DB8:0:0:0::1]", "mqtt", "2001:db8::1", 1883, "", "mqtt://[2001:db8::1]:1883")]
    [InlineData("mqtt://[fe80::1%25eth0]:1", "mqtt", "fe80::1%eth0", 1, "", "mqtt://[fe80::1%eth0]:1")]
    [InlineData("mqtt://h/", "mqtt", "h", 1883, "", "mqtt://h:1883")]
    [InlineData("MQTT://h", "mqtt", "h", 1883, "", "mqtt://h:1883")]
    [InlineData("tcp://h:1", "mqtt", "h", 1, "", "mqtt://h:1")]
    [InlineData("mqtts://h", "mqtts", "h", 8883, "", "mqtts://h:8883")]
    [InlineData("ssl://h", "mqtts", "h", 8883, "", "mqtts://h:8883")]
    [InlineData("tls://h:443", "mqtts", "h", 443, "", "mqtts://h:443")]
    [InlineData("ws://h", "ws", "h", 80, "/mqtt", "ws://h:80/mqtt")]
    [InlineData("wss://h", "wss", "h", 443, "/mqtt", "wss://h:443/mqtt")]
    [InlineData("wss://h/", "wss", "h", 443, "/", "wss://h:443/")]
    [InlineData("ws://h:8080/a/b", "ws", "h", 8080, "/a/b", "ws://h:8080/a/b")]
    [InlineData("wss://h?token=abc", "wss", "h", 443, "/", "wss://h:443/?***")]
    [InlineData("ws://h:80/a@b", "ws", "h", 80, "/a@b", "ws://h:80/a@b")]
    [InlineData("unix:///run/mosquitto/my%20sock", "unix", "", 0, "/run/mosquitto/my sock", "unix:///run/mosquitto/my%20sock")]
    [InlineData("unix:///C:/temp/m.sock", "unix", "", 0, "C:/temp/m.sock", "unix:///C%3A/temp/m.sock")]
    [InlineData("mqtt+srv://example.com", "mqtt+srv", "example.com", 0, "", "mqtt+srv://example.com")]
    [InlineData("MQTTS+SRV://Example.com/", "mqtts+srv", "example.com", 0, "", "mqtts+srv://example.com")]
    [InlineData("m\u00fcller.example", "mqtt", "xn--mller-kva.example", 1883, "", "mqtt://xn--mller-kva.example:1883")]
    [InlineData("a_b-c.d.", "mqtt", "a_b-c.d.", 1883, "", "mqtt://a_b-c.d.:1883")]
    public void Reads(string text, string scheme, string host, int port, string path, string canonical)
    {
        var endpoint = MqttEndpoint.Parse(text);
        Assert.Equal(scheme, endpoint.Scheme);
        Assert.Equal(host, endpoint.Host);
        Assert.Equal(port, endpoint.Port);
        Assert.Equal(path, endpoint.Path);
        Assert.Null(endpoint.Credential);
        Assert.Equal(canonical, endpoint.ToString());
        if (!canonical.EndsWith("?***", StringComparison.Ordinal))
        {
            Assert.Equal(endpoint, MqttEndpoint.Parse(canonical));
            Assert.Equal(endpoint.GetHashCode(), MqttEndpoint.Parse(canonical).GetHashCode());
        }
    }

    [Theory(DisplayName = "an endpoint says whether it is encrypted, and whether it stays on this machine")]
    [InlineData("mqtt://h", false, false)]
    [InlineData("mqtts://h", true, false)]
    [InlineData("wss://h", true, false)]
    [InlineData("mqtts+srv://h", true, false)]
    [InlineData("mqtt+srv://localhost", false, false)]
    [InlineData("ws://LOCALHOST", false, true)]
    [InlineData("127.8.9.1", false, true)]
    [InlineData("[::1]:1", false, true)]
    [InlineData("10.0.0.1", false, false)]
    [InlineData("unix:///run/m.sock", false, true)]
    public void Tells(string text, bool tls, bool loopback)
    {
        var endpoint = MqttEndpoint.Parse(text);
        Assert.Equal(tls, endpoint.IsTls);
        Assert.Equal(loopback, endpoint.IsLoopback);
    }

    [Theory(DisplayName = "user name and password of a URI are percent-decoded, and never shown")]
    [InlineData("mqtt://me:s%20ecret@h", "me", "s ecret")]
    [InlineData("mqtt://me:s%40%2F%3A@h:1", "me", "s@/:")]
    [InlineData("mqtts://me:a@b@h", "me", "a@b")]
    [InlineData("wss://me:a:b@h/p?q", "me", "a:b")]
    [InlineData("mqtt://me@h", "me", null)]
    [InlineData("mqtt://me:@h", "me", "")]
    [InlineData("mqtt://:only@h", null, "only")]
    [InlineData("unix://me:pw@/run/m.sock", "me", "pw")]
    public void Credentials(string text, string? user, string? password)
    {
        var endpoint = MqttEndpoint.Parse(text);
        Assert.Equal(user, endpoint.Credential!.UserName);
        Assert.Equal(password, endpoint.Credential.PasswordBytes is { } bytes ? Encoding.UTF8.GetString(bytes) : null);
        Assert.DoesNotContain("@", endpoint.ToString(), StringComparison.Ordinal);
        Assert.Equal(endpoint, MqttEndpoint.Parse(text));
        Assert.NotEqual(endpoint, endpoint with { Credential = new MqttCredential(user, "another") });
        Assert.NotEqual(endpoint, endpoint with { Credential = null });
    }

    [Theory(DisplayName = "what is no endpoint is refused with the reason and what to write")]
    [InlineData("", "it is empty")]
    [InlineData("   ", "it is empty")]
    [InlineData("mqtt://", "the host is missing")]
    [InlineData("mqtt://:1883", "the host is missing")]
    [InlineData("mqtt://u:p@", "the host is missing")]
    [InlineData(":1883", "the host is missing")]
    [InlineData("h:", "the port ''")]
    [InlineData("h:0", "the port '0' is not a number from 1 to 65535")]
    [InlineData("h:65536", "the port '65536'")]
    [InlineData("h:-1", "the port '-1'")]
    [InlineData("h:18x", "the port '18x'")]
    [InlineData("[::1]1883", "is not a")]
    [InlineData("[::1", "is not a")]
    [InlineData("[h]", "is not an IPv6 address")]
    [InlineData("::zz", "is not an IPv6 address")]
    [InlineData("a b", "is not a host name")]
    [InlineData("a..b", "is not a host name")]
    [InlineData(".b", "is not a host name")]
    [InlineData("mqtt://a,b", "is not a host name")]
    [InlineData("mqtt://a b", "white space")]
    [InlineData("ws://h/a\r\nX: y", "white space or control")]
    [InlineData("http://h", "write ws://")]
    [InlineData("https://h", "write wss://")]
    [InlineData("gopher://h", "those known are mqtt (also tcp), mqtts (also ssl, tls), ws, wss, unix, mqtt+srv and mqtts+srv")]
    [InlineData("mqtt://h/path", "mqtt has no path")]
    [InlineData("mqtts://h?x", "mqtts has no path or query")]
    [InlineData("mqtt+srv://h/path", "mqtt+srv has no path")]
    [InlineData("mqtt+srv://h:1883", "takes a domain")]
    [InlineData("mqtts+srv://10.0.0.1", "takes a domain")]
    [InlineData("ws://h/p#f", "fragment")]
    [InlineData("h/path", "only a URI can have a path")]
    [InlineData("u:p@h", "need a URI")]
    [InlineData("unix://run/m.sock", "must be absolute")]
    [InlineData("unix:///", "must be absolute")]
    [InlineData("unix://", "must be absolute")]
    [InlineData("unix:/run/m.sock", "is written unix:///")]
    [InlineData("/run/m.sock", "is written unix:///")]
    public void Refuses(string text, string expected)
    {
        Assert.False(MqttEndpoint.TryParse(text, out MqttEndpoint? endpoint, out string? error));
        Assert.Null(endpoint);
        Assert.Contains(expected, error, StringComparison.Ordinal);
        Assert.Equal(error, Assert.Throws<FormatException>(() => MqttEndpoint.Parse(text)).Message);
    }

    [Fact(DisplayName = "no error about a malformed URI holds its password, wherever it is broken")]
    public void NeverShowsPassword()
    {
        const string Secret = "hunter2hunter2";
        Gen<string> noise = Gen.OneOf("", "/", "#", "?", "@", ":", " ", "%", "://", "[", "]", "\\", "%zz");
        Gen.Select(Gen.OneOf("mqtt://", "wss://", "http://", "unix://", "mqtt+srv://", ""), noise, noise, noise, Gen.OneOf("h", "h:x", "", "[h", "h/p", "h:1/p"))
            .Sample(
                (scheme, a, b, c, host) =>
                {
                    string text = $"{scheme}user{a}:{b}{Secret}{c}@{host}";
                    if (!MqttEndpoint.TryParse(text, out _, out string? error))
                    {
                        Assert.DoesNotContain(Secret, error, StringComparison.Ordinal);
                    }
                },
                iter: 5000);
    }

    [Fact(DisplayName = "an endpoint can be put together from its parts, and bad parts are refused")]
    public void Parts()
    {
        Assert.Equal(MqttEndpoint.Parse("localhost"), new MqttEndpoint());
        Assert.Equal(MqttEndpoint.Parse("mqtts://h"), new MqttEndpoint { Scheme = "SSL", Host = "H" });
        Assert.Equal(MqttEndpoint.Parse("ws://[::1]:8080/x"), new MqttEndpoint { Scheme = "ws", Host = "[::1]", Port = 8080, Path = "/x" });
        Assert.Equal(8883, (new MqttEndpoint() with { Scheme = "mqtts" }).Port);
        Assert.Throws<ArgumentException>(() => new MqttEndpoint { Scheme = "http" });
        Assert.Throws<ArgumentException>(() => new MqttEndpoint { Host = "a b" });
        Assert.Throws<ArgumentOutOfRangeException>(() => new MqttEndpoint { Port = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new MqttEndpoint { Port = 65_536 });
    }
}
