using System.Globalization;

namespace PSMqtt.Protocol.Transports;

/// <summary>A proxy that connections are made through.</summary>
public sealed record ProxyOptions
{
    private const int DefaultSocksPort = 1080;

    private readonly Uri _address = null!;
    private readonly MqttCredential? _addressCredential;

    /// <summary>
    /// The proxy: <c>http://host:port</c> (HTTP CONNECT) or <c>socks5://host:port</c>; host names are resolved at the proxy. Without a port it is 80
    /// for http and 1080 for socks5. It may be given with user name and password, which <see cref="Credential"/> wins over; they are never shown, here neither.
    /// </summary>
    /// <exception cref="ArgumentException">It is no absolute URI with one of these schemes and a host.</exception>
    public required Uri Address
    {
        get => _address;
        init
        {
            if (FindProblem(value) is { } problem)
            {
                throw new ArgumentException(problem, nameof(value));
            }

            _address = value;
            if (value.UserInfo.Length > 0)
            {
                string[] parts = value.UserInfo.Split(':', 2);
                _addressCredential = new MqttCredential(Uri.UnescapeDataString(parts[0]), parts.Length > 1 ? Uri.UnescapeDataString(parts[1]) : string.Empty);
                _address = new UriBuilder(value) { UserName = string.Empty, Password = string.Empty }.Uri;
            }
        }
    }

    /// <summary>User name and password for the proxy; <see langword="null"/>, the default: those of the address, if any. Never shown.</summary>
    public MqttCredential? Credential { get; init; }

    /// <summary>Whether the proxy is given a password. It travels unencrypted to the proxy.</summary>
    public bool HasPassword => EffectiveCredential is { HasPassword: true };

    internal bool IsSocks => _address.Scheme is "socks5" or "socks5h";

    internal string Host => _address.IdnHost.Trim('[', ']');

    internal int Port => _address.Port > 0 ? _address.Port : DefaultSocksPort;

    internal MqttCredential? EffectiveCredential => Credential ?? _addressCredential;

    /// <summary>
    /// The proxy that the environment names for a WebSocket endpoint, which is used where <see cref="MqttClientOptions.Proxy"/> is null: <c>http_proxy</c>
    /// for ws, <c>https_proxy</c> for wss, <c>all_proxy</c> for both, unless <c>no_proxy</c> names the host. Loopback is never behind one.
    /// </summary>
    /// <param name="endpoint">The endpoint.</param>
    /// <returns>The proxy; <see langword="null"/> when there is none for this endpoint.</returns>
    /// <exception cref="MqttConnectException">A variable does not hold the address of a proxy.</exception>
    public static ProxyOptions? FromEnvironment(MqttEndpoint endpoint)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        return endpoint.IsWebSocket ? EnvironmentProxy.Find(endpoint, Environment.GetEnvironmentVariable) : null;
    }

    /// <summary>The address without user information.</summary>
    /// <returns>The address.</returns>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{_address.Scheme}://{(Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]" : Host)}:{Port}");

    private static string? FindProblem(Uri? address)
    {
        const string Hint = "write http://host:port or socks5://host:port";
        if (address is null || !address.IsAbsoluteUri)
        {
            return $"The proxy's address is not an absolute URI; {Hint}.";
        }

        if (address.Scheme is not ("http" or "socks5" or "socks5h"))
        {
            return $"'{address.Scheme}' is not a kind of proxy that is known; {Hint}.";
        }

        return address.Host.Length == 0 ? $"The proxy's address has no host; {Hint}." : null;
    }
}
