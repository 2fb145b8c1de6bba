using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace PSMqtt.Protocol.Transports;

/// <summary>
/// Where a server is and how it is reached: <c>host</c>, <c>host:port</c>, <c>[::1]:1884</c>, or a URI with one of the schemes of
/// <see cref="Schemes"/>. Two endpoints are equal when they lead to the same place with the same credential.
/// </summary>
public sealed record MqttEndpoint
{
    private readonly string _scheme = "mqtt";
    private readonly string _host = "localhost";
    private readonly int? _port;
    private readonly string? _path;
    private readonly string? _query;

    /// <summary>The schemes, in their canonical form. Also understood: <c>tcp</c> for mqtt, <c>ssl</c> and <c>tls</c> for mqtts.</summary>
    public static IReadOnlyList<string> Schemes { get; } = ["mqtt", "mqtts", "ws", "wss", "unix", "mqtt+srv", "mqtts+srv"];

    /// <summary>
    /// <c>mqtt</c> (TCP), <c>mqtts</c> (TLS), <c>ws</c> and <c>wss</c> (WebSocket without and with TLS), <c>unix</c> (Unix domain socket),
    /// <c>mqtt+srv</c> and <c>mqtts+srv</c> (servers found by DNS service records). Default: <c>mqtt</c>.
    /// </summary>
    /// <exception cref="ArgumentException">The scheme is none of these.</exception>
    public string Scheme
    {
        get => _scheme;
        init => _scheme = EndpointText.CanonicalScheme(value) ?? throw new ArgumentException(EndpointText.UnknownScheme(value), nameof(value));
    }

    /// <summary>The host name in lower case, or the address (IPv6 without brackets); of service records the domain; of <c>unix</c> nothing.</summary>
    /// <exception cref="ArgumentException">It is neither a host name nor an address.</exception>
    public string Host
    {
        get => _scheme == "unix" ? string.Empty : _host;
        init => _host = EndpointText.CanonicalHost(value, out string? problem) ?? throw new ArgumentException(problem, nameof(value));
    }

    /// <summary>
    /// The port, 1 to 65,535. Default: 1883 (<c>mqtt</c>), 8883 (<c>mqtts</c>), 80 (<c>ws</c>), 443 (<c>wss</c>). Zero for <c>unix</c> and for service
    /// records, which have none.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is not in that range.</exception>
    public int Port
    {
        get => _scheme is "unix" || IsServiceRecord ? 0 : _port ?? EndpointText.DefaultPort(_scheme);
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, ushort.MaxValue);
            _port = value;
        }
    }

    /// <summary>
    /// Of <c>ws</c> and <c>wss</c> the path, by default <c>/mqtt</c>; of <c>unix</c> the socket's path; otherwise nothing. A path of <c>ws</c> and
    /// <c>wss</c> may be given with a query, which may hold a token: it is sent and never shown.
    /// </summary>
    public string Path
    {
        get => _scheme == "unix" ? _path + _query : _path ?? (IsWebSocket ? "/mqtt" : string.Empty);
        init
        {
            ArgumentNullException.ThrowIfNull(value);
            int query = value.IndexOf('?', StringComparison.Ordinal);
            _path = query < 0 ? value : value[..query];
            _query = query < 0 ? null : value[query..];
        }
    }

    /// <summary>The names of the parameters in the query of <c>ws</c> and <c>wss</c>; their values are never shown.</summary>
    public IReadOnlyList<string> QueryParameters => _query is null
        ? []
        : [.. _query[1..].Split('&', StringSplitOptions.RemoveEmptyEntries).Select(static parameter => Uri.UnescapeDataString(parameter.Split('=')[0]))];

    /// <summary>
    /// User name and password of the URI, percent-decoded; <see langword="null"/> where it has none. Used where
    /// <see cref="MqttClientOptions.Credential"/> is null. Never shown.
    /// </summary>
    public MqttCredential? Credential { get; init; }

    /// <summary>Whether the connection is encrypted by TLS.</summary>
    public bool IsTls => _scheme is "mqtts" or "wss" or "mqtts+srv";

    /// <summary>Whether MQTT travels in WebSocket frames.</summary>
    public bool IsWebSocket => _scheme is "ws" or "wss";

    /// <summary>Whether the servers are to be found by DNS service records.</summary>
    public bool IsServiceRecord => _scheme is "mqtt+srv" or "mqtts+srv";

    /// <summary>
    /// Whether what is sent never leaves this machine: a Unix domain socket, a loopback address, or the name <c>localhost</c>.
    /// </summary>
    public bool IsLoopback =>
        _scheme == "unix"
        || (!IsServiceRecord && (_host == "localhost" || (IPAddress.TryParse(_host, out IPAddress? address) && IPAddress.IsLoopback(address))));

    /// <summary>What is asked for in the WebSocket upgrade request; may hold a token.</summary>
    internal string PathAndQuery => Path + _query;

    /// <summary>The host and the port as people write them, <c>[::1]:1883</c>; of <c>unix</c> the path. Nothing secret.</summary>
    internal string Authority
    {
        get
        {
            if (_scheme == "unix")
            {
                return Path;
            }

            string host = Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]" : Host;
            return IsServiceRecord ? host : string.Create(CultureInfo.InvariantCulture, $"{host}:{Port}");
        }
    }

    /// <summary>Reads an endpoint.</summary>
    /// <param name="text">The text.</param>
    /// <returns>The endpoint.</returns>
    /// <exception cref="FormatException">The text is no endpoint; the message says why and what to write. It never holds a password.</exception>
    public static MqttEndpoint Parse(string text) =>
        TryParse(text, out MqttEndpoint? endpoint, out string? error) ? endpoint : throw new FormatException(error);

    /// <summary>Reads an endpoint, if it is one.</summary>
    /// <param name="text">The text.</param>
    /// <param name="endpoint">The endpoint, or <see langword="null"/>.</param>
    /// <param name="error">A sentence that says what is wrong and what to write, without any password; <see langword="null"/> when nothing is.</param>
    /// <returns>Whether it is one.</returns>
    public static bool TryParse(
        string text, [NotNullWhen(true)] out MqttEndpoint? endpoint, [NotNullWhen(false)] out string? error)
    {
        ArgumentNullException.ThrowIfNull(text);
        endpoint = EndpointText.Read(text.Trim(), out string? problem);
        error = endpoint is null ? $"'{EndpointText.Redact(text.Trim())}' is not a server's address: {problem}." : null;
        return endpoint is not null;
    }

    /// <inheritdoc/>
    public bool Equals(MqttEndpoint? other) =>
        other is not null
        && _scheme == other._scheme
        && Host == other.Host
        && Port == other.Port
        && Path == other.Path
        && _query == other._query
        && SameCredential(Credential, other.Credential);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(_scheme, Host, Port, Path, Credential?.UserName);

    /// <summary>The endpoint as a URI in its canonical form, without user name and password, and without the query, which may hold a token.</summary>
    /// <returns>The URI.</returns>
    public override string ToString()
    {
        if (_scheme == "unix")
        {
            return $"unix://{(Path.StartsWith('/') ? string.Empty : "/")}{EndpointText.EscapePath(Path)}";
        }

        return $"{_scheme}://{Authority}{Path}{(_query is null ? string.Empty : "?***")}";
    }

    private static bool SameCredential(MqttCredential? one, MqttCredential? other) =>
        ReferenceEquals(one, other)
        || (one is not null
            && other is not null
            && one.UserName == other.UserName
            && one.HasPassword == other.HasPassword
            && one.PasswordBytes.AsSpan().SequenceEqual(other.PasswordBytes));
}
