using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace PSMqtt.Protocol.Transports;

/// <summary>Opens a tunnel through a proxy: to the proxy by TCP, from there by HTTP CONNECT or SOCKS5.</summary>
internal static class ProxyTunnel
{
    /// <summary>Opens a tunnel.</summary>
    /// <param name="tcp">What opens the connection to the proxy.</param>
    /// <param name="proxy">The proxy.</param>
    /// <param name="target">The server; its name is resolved at the proxy.</param>
    /// <param name="options">The client's options.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <returns>The socket, at the first byte of the server.</returns>
    /// <exception cref="MqttConnectException">The proxy could not be reached, or did not agree.</exception>
    public static async ValueTask<Socket> OpenAsync(
        TcpConnector tcp, ProxyOptions proxy, ConnectTarget target, MqttClientOptions options, CancellationToken cancellationToken)
    {
        Socket socket;
        try
        {
            socket = await tcp.ConnectAsync(proxy.Host, proxy.Port, options, cancellationToken).ConfigureAwait(false);
        }
        catch (MqttConnectException e)
        {
            throw Refused(proxy, target, $"could not be reached. {e.Message}", e);
        }

        try
        {
            using var stream = new NetworkStream(socket, ownsSocket: false);
            ValueTask handshake = proxy.IsSocks
                ? Socks5Handshake.RunAsync(stream, proxy, target, cancellationToken)
                : ConnectByHttpAsync(stream, proxy, target, cancellationToken);
            await handshake.ConfigureAwait(false);
            return socket;
        }
        catch (Exception e)
        {
            socket.Dispose();
            if (e is IOException)
            {
                throw Refused(proxy, target, "closed the connection. Check that it is a proxy of this kind, and that it allows this server and port.", e);
            }

            throw;
        }
    }

    /// <summary>A failure of the proxy.</summary>
    public static MqttConnectException Refused(ProxyOptions proxy, ConnectTarget target, string what, Exception? inner = null) =>
        Failed(MqttConnectFailure.ProxyRefused, proxy, target, what, inner);

    /// <summary>The proxy wants to know who we are, or does not like the answer.</summary>
    public static MqttConnectException Unauthenticated(ProxyOptions proxy, ConnectTarget target, string? alternatives = null)
    {
        string what = proxy.EffectiveCredential is { } credential
            ? $"does not accept the user name '{credential.UserName}' with its password"
            : "wants a user name and a password";
        return Failed(
            MqttConnectFailure.ProxyAuthenticationRequired,
            proxy,
            target,
            alternatives is null ? $"{what}. Give the proxy's credential." : $"only accepts {alternatives} authentication, which is not supported. Use another proxy.",
            null);
    }

    private static async ValueTask ConnectByHttpAsync(Stream stream, ProxyOptions proxy, ConnectTarget target, CancellationToken cancellationToken)
    {
        var request = new StringBuilder();
        request.Append(CultureInfo.InvariantCulture, $"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
        if (proxy.EffectiveCredential is { } credential)
        {
            string pair = Convert.ToBase64String([.. Encoding.UTF8.GetBytes($"{credential.UserName}:"), .. credential.PasswordBytes ?? []]);
            request.Append(CultureInfo.InvariantCulture, $"Proxy-Authorization: Basic {pair}\r\n");
        }

        await stream.WriteAsync(Encoding.ASCII.GetBytes(request.Append("\r\n").ToString()), cancellationToken).ConfigureAwait(false);
        HttpResponseHead answer = await HttpResponseHead.ReadAsync(stream, cancellationToken).ConfigureAwait(false);
        if (answer.Status is >= 200 and < 300)
        {
            return;
        }

        if (answer.Status == 407)
        {
            string[] schemes = [.. (answer.Header("Proxy-Authenticate") ?? "Basic").Split(',', StringSplitOptions.TrimEntries).Select(scheme => scheme.Split(' ')[0])];
            bool basic = schemes.Contains("Basic", StringComparer.OrdinalIgnoreCase);
            throw Unauthenticated(proxy, target, basic ? null : string.Join(" or ", schemes.Where(scheme => !scheme.Contains('=', StringComparison.Ordinal))));
        }

        throw answer switch
        {
            { IsHttp: true } => Refused(
                proxy, target, $"answered {answer.StatusText}. Check that it allows CONNECT to this host and port."),
            { FirstByte: < 0 } => Refused(proxy, target, "closed the connection. Check that it is an HTTP proxy, and that it allows this server and port."),
            _ => Refused(proxy, target, "answered with something that is not HTTP. Check that it is an HTTP proxy; a SOCKS proxy is written socks5://."),
        };
    }

    private static MqttConnectException Failed(
        MqttConnectFailure failure, ProxyOptions proxy, ConnectTarget target, string what, Exception? inner) =>
        new(MqttConnectPhase.Proxy, failure, $"The proxy {proxy} on the way to {target} {what}", inner) { Server = target.ToString() };
}
