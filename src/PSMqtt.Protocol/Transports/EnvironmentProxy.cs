using System.Globalization;
using System.Net;

namespace PSMqtt.Protocol.Transports;

/// <summary>
/// The proxy that the environment names for a WebSocket endpoint: <c>http_proxy</c> for ws, <c>https_proxy</c> for wss, <c>all_proxy</c> for both,
/// unless <c>no_proxy</c> names the host. Loopback is never behind a proxy.
/// </summary>
internal static class EnvironmentProxy
{
    /// <summary>Finds the proxy.</summary>
    /// <param name="endpoint">The endpoint.</param>
    /// <param name="variable">Reads a variable of the environment.</param>
    /// <returns>The proxy; <see langword="null"/> when there is none for this endpoint.</returns>
    /// <exception cref="MqttConnectException">A variable does not hold the address of a proxy.</exception>
    public static ProxyOptions? Find(MqttEndpoint endpoint, Func<string, string?> variable)
    {
        if (endpoint.IsLoopback || IsExcluded(endpoint, Read(variable, "no_proxy").Value ?? string.Empty))
        {
            return null;
        }

        (string name, string? value) = Read(variable, endpoint.IsTls ? "https_proxy" : "http_proxy");
        if (value is null)
        {
            (name, value) = Read(variable, "all_proxy");
        }

        if (value is null)
        {
            return null;
        }

        try
        {
            return new ProxyOptions { Address = new Uri(value.Contains("://", StringComparison.Ordinal) ? value : $"http://{value}") };
        }
        catch (Exception e) when (e is UriFormatException or ArgumentException)
        {
            throw new MqttConnectException(
                MqttConnectPhase.Proxy,
                MqttConnectFailure.ProxyRefused,
                $"The environment variable {name} does not hold the address of a proxy that can be used: '{EndpointText.Redact(value)}'. "
                    + "Write http://host:port or socks5://host:port, or exclude the host with no_proxy.")
            {
                Server = endpoint.ToString(),
            };
        }
    }

    private static (string Name, string? Value) Read(Func<string, string?> variable, string name)
    {
        foreach (string candidate in (string[])[name, name.ToUpperInvariant()])
        {
            if (variable(candidate) is { } value && !string.IsNullOrWhiteSpace(value))
            {
                return (candidate, value.Trim());
            }
        }

        return (name, null);
    }

    private static bool IsExcluded(MqttEndpoint endpoint, string list) =>
        list.Split([',', ' '], StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Any(entry => Matches(endpoint, entry));

    private static bool Matches(MqttEndpoint endpoint, string entry)
    {
        if (entry == "*")
        {
            return true;
        }

        if (IPAddress.TryParse(endpoint.Host, out IPAddress? address))
        {
            return (IPNetwork.TryParse(entry, out IPNetwork network) && network.Contains(address))
                || (IPAddress.TryParse(entry.Trim('[', ']'), out IPAddress? excluded) && excluded.Equals(address))
                || (IPEndPoint.TryParse(entry, out IPEndPoint? both) && both.Port == endpoint.Port && both.Address.Equals(address));
        }

        int colon = entry.LastIndexOf(':');
        if (colon >= 0)
        {
            if (entry[(colon + 1)..] != endpoint.Port.ToString(CultureInfo.InvariantCulture))
            {
                return false;
            }

            entry = entry[..colon];
        }

        // A domain excludes the hosts below it too, written with or without the dot, or with a star before it.
        string domain = entry.TrimStart('*').TrimStart('.').TrimEnd('.');
        string host = endpoint.Host.TrimEnd('.');
        return domain.Length > 0
            && (host.Equals(domain, StringComparison.OrdinalIgnoreCase) || host.EndsWith($".{domain}", StringComparison.OrdinalIgnoreCase));
    }
}
