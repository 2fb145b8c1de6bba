using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace PSMqtt.Protocol.Transports;

/// <summary>
/// Reads the text of an <see cref="MqttEndpoint"/>. <see cref="Uri"/> is not used: its errors do not say what is wrong, and it would not tell where a
/// password stands in a text that it cannot read.
/// </summary>
internal static class EndpointText
{
    private const string SchemeEnd = "://";

    public static string? CanonicalScheme(string? scheme) => scheme?.ToLowerInvariant() switch
    {
        "mqtt" or "tcp" => "mqtt",
        "mqtts" or "ssl" or "tls" => "mqtts",
        "ws" => "ws",
        "wss" => "wss",
        "unix" => "unix",
        "mqtt+srv" => "mqtt+srv",
        "mqtts+srv" => "mqtts+srv",
        _ => null,
    };

    public static string UnknownScheme(string? scheme)
    {
        string hint = scheme?.ToLowerInvariant() switch
        {
            "http" => "; for MQTT over WebSocket write ws://",
            "https" => "; for MQTT over WebSocket with TLS write wss://",
            _ => string.Empty,
        };
        return $"the scheme '{scheme}' is unknown; those known are mqtt (also tcp), mqtts (also ssl, tls), ws, wss, unix, mqtt+srv and mqtts+srv{hint}";
    }

    public static int DefaultPort(string scheme) => scheme switch
    {
        "mqtt" => 1883,
        "mqtts" => 8883,
        "ws" => 80,
        "wss" => 443,
        _ => 0,
    };

    /// <summary>The text with everything between the scheme and the last '@' hidden, and the query: a text that cannot be read may hold secrets anywhere there.</summary>
    public static string Redact(string text)
    {
        int schemeLength = SchemeLength(text);
        int start = schemeLength < 0 ? 0 : schemeLength + SchemeEnd.Length;
        int at = text.LastIndexOf('@');
        string shown = at >= start ? $"{text[..start]}***{text[at..]}" : text;
        int query = shown.IndexOf('?', StringComparison.Ordinal);
        return query < 0 ? shown : $"{shown[..query]}?***";
    }

    public static string EscapePath(string path) => string.Join('/', path.Split('/').Select(Uri.EscapeDataString));

    public static MqttEndpoint? Read(string text, out string? problem)
    {
        string scheme = "mqtt";
        string rest = text;
        int schemeLength = SchemeLength(text);
        if (schemeLength >= 0)
        {
            rest = text[(schemeLength + SchemeEnd.Length)..];
            if (CanonicalScheme(text[..schemeLength]) is not { } known)
            {
                problem = UnknownScheme(text[..schemeLength]);
                return null;
            }

            scheme = known;
        }

        problem = null;
        if (schemeLength < 0)
        {
            problem = FindProblemWithoutScheme(text);
        }
        else if (rest.Any(c => char.IsWhiteSpace(c) || char.IsControl(c)))
        {
            problem = "it holds white space or control characters; write them percent-encoded (a space is %20)";
        }

        if (problem is not null)
        {
            return null;
        }

        int pathStart = rest.IndexOfAny(['/', '?', '#']);
        string authority = pathStart < 0 ? rest : rest[..pathStart];
        string path = pathStart < 0 ? string.Empty : rest[pathStart..];
        MqttCredential? credential = null;
        int at = authority.LastIndexOf('@');
        if (at >= 0)
        {
            credential = ReadCredential(authority[..at]);
            authority = authority[(at + 1)..];
        }

        MqttEndpoint? endpoint = scheme == "unix" ? ReadUnix(authority, path, out problem) : ReadNetwork(scheme, authority, path, out problem);
        if (endpoint is null && path.Contains('@', StringComparison.Ordinal))
        {
            // What was read as host and port may be a part of the password, and no problem may quote it.
            problem = "a user name or password must not hold '/', '?' or '#' as they are; write '/' as %2F, '?' as %3F, '#' as %23 and '@' as %40";
        }

        return endpoint is null ? null : endpoint with { Credential = credential };
    }

    /// <summary>The host in the one form that equal hosts share, or <see langword="null"/> and what is wrong with it.</summary>
    public static string? CanonicalHost(string? host, out string? problem)
    {
        problem = null;
        if (string.IsNullOrEmpty(host))
        {
            problem = "the host is missing; write mqtt://host:port";
            return null;
        }

        string name = host.StartsWith('[') && host.EndsWith(']') ? host[1..^1] : host;
        if (name.Contains(':', StringComparison.Ordinal))
        {
            int zone = name.IndexOf('%', StringComparison.Ordinal);
            string address = zone < 0 ? name : name[..zone];
            if (!IPAddress.TryParse(address, out IPAddress? parsed) || parsed.AddressFamily != AddressFamily.InterNetworkV6)
            {
                problem = $"'{name}' is not an IPv6 address; write it in brackets, as in [::1]:1883";
                return null;
            }

            // The zone is percent-encoded in a URI (RFC 6874).
            return parsed + (zone < 0 ? string.Empty : name[zone..].Replace("%25", "%", StringComparison.Ordinal));
        }

        if (host != name)
        {
            problem = $"'{host}' is not an IPv6 address; brackets are for IPv6 only";
            return null;
        }

        try
        {
            // International names travel in their ASCII form.
            name = name.All(char.IsAscii) ? name.ToLowerInvariant() : new IdnMapping().GetAscii(name).ToLowerInvariant();
        }
        catch (ArgumentException)
        {
            problem = $"'{host}' is not a host name";
            return null;
        }

        bool valid = name.Length <= 255
            && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' or '_')
            && name[0] != '.'
            && !name.Contains("..", StringComparison.Ordinal);
        if (!valid)
        {
            problem = $"'{host}' is not a host name; it may hold letters, digits, '-', '_' and '.'";
            return null;
        }

        return name;
    }

    /// <summary>How long the scheme is; -1 where there is none. What is no scheme by its letters is not one: it may be part of a password.</summary>
    private static int SchemeLength(string text)
    {
        int end = text.IndexOf(SchemeEnd, StringComparison.Ordinal);
        return end >= 0 && text.AsSpan(0, end).IndexOfAny(':', '@', '/') < 0 ? end : -1;
    }

    private static string? FindProblemWithoutScheme(string text)
    {
        if (text.Length == 0)
        {
            return "it is empty; write host, host:port or a URI such as mqtts://host";
        }

        if (text.Contains('@', StringComparison.Ordinal))
        {
            return "a user name and password need a URI; write mqtt:// or mqtts:// before them";
        }

        if (text.StartsWith("unix:", StringComparison.OrdinalIgnoreCase) || text.StartsWith('/'))
        {
            return "a Unix domain socket is written unix:///path/of/the/socket";
        }

        return text.IndexOfAny(['/', '?', '#']) >= 0
            ? "only a URI can have a path; for MQTT over WebSocket write ws://host/path or wss://host/path"
            : null;
    }

    private static MqttCredential? ReadCredential(string userInformation)
    {
        int colon = userInformation.IndexOf(':', StringComparison.Ordinal);
        string user = Uri.UnescapeDataString(colon < 0 ? userInformation : userInformation[..colon]);
        string? password = colon < 0 ? null : Uri.UnescapeDataString(userInformation[(colon + 1)..]);
        return user.Length == 0 && string.IsNullOrEmpty(password) ? null : new MqttCredential(user.Length == 0 ? null : user, password);
    }

    private static MqttEndpoint? ReadUnix(string authority, string path, out string? problem)
    {
        problem = null;
        if (authority.Length > 0 || path.Length < 2 || path[0] != '/')
        {
            problem = "the path of a Unix domain socket must be absolute; write unix:///path/of/the/socket, with three slashes";
        }
        else if (path.IndexOfAny(['?', '#']) >= 0)
        {
            problem = "a Unix domain socket has no query or fragment; write '?' as %3F and '#' as %23 where they belong to the path";
        }

        if (problem is not null)
        {
            return null;
        }

        path = Uri.UnescapeDataString(path);
        bool hasDrive = path.Length > 2 && path[2] == ':' && char.IsAsciiLetter(path[1]);
        return new MqttEndpoint { Scheme = "unix", Path = hasDrive ? path[1..] : path };
    }

    private static MqttEndpoint? ReadNetwork(string scheme, string authority, string path, out string? problem)
    {
        problem = FindPathProblem(scheme, path);
        if (problem is not null)
        {
            return null;
        }

        (string hostText, string? portText) = SplitPort(authority);
        if (CanonicalHost(hostText, out problem) is not { } host)
        {
            return null;
        }

        var endpoint = new MqttEndpoint { Scheme = scheme, Host = host };
        if (endpoint.IsWebSocket && path.Length > 0)
        {
            endpoint = endpoint with { Path = path[0] == '/' ? path : "/" + path };
        }

        if (endpoint.IsServiceRecord && (portText is not null || IPAddress.TryParse(host, out _)))
        {
            problem = $"{scheme} takes a domain whose service records name hosts and ports; write {scheme}://example.com";
            return null;
        }

        if (portText is null)
        {
            return endpoint;
        }

        if (ReadPort(portText) is not { } port)
        {
            problem = $"the port '{portText}' is not a number from 1 to 65535";
            return null;
        }

        return endpoint with { Port = port };
    }

    private static string? FindPathProblem(string scheme, string path)
    {
        if (path.Contains('#', StringComparison.Ordinal))
        {
            return "it has a fragment ('#'), which an address of a server cannot have; write '#' as %23 where it belongs to something else";
        }

        return scheme is "ws" or "wss" || path is "" or "/"
            ? null
            : $"{scheme} has no path or query; for MQTT over WebSocket write ws://host/path or wss://host/path, and '/' in a password as %2F";
    }

    private static (string Host, string? Port) SplitPort(string authority)
    {
        int bracket = authority.IndexOf(']', StringComparison.Ordinal);
        int colon = authority.IndexOf(':', Math.Max(bracket, 0));
        bool bareIPv6 = bracket < 0 && colon >= 0 && authority.IndexOf(':', colon + 1) >= 0;
        return colon < 0 || bareIPv6 ? (authority, null) : (authority[..colon], authority[(colon + 1)..]);
    }

    private static int? ReadPort(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int port) && port is >= 1 and <= ushort.MaxValue ? port : null;
}
