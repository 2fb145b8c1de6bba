using System.Net;

namespace PSMqtt.Protocol.Transports;

/// <summary>A proxy that connections are made through.</summary>
public sealed record ProxyOptions
{
    /// <summary>The proxy: <c>http://host:port</c> (HTTP CONNECT) or <c>socks5://host:port</c>; host names are resolved at the proxy.</summary>
    public required Uri Address { get; init; }

    /// <summary>User name and password for the proxy; <see langword="null"/>, the default: none. Never shown.</summary>
    public NetworkCredential? Credential { get; init; }

    /// <summary>The address without user information.</summary>
    /// <returns>The address.</returns>
    public override string ToString() => Address.GetComponents(UriComponents.SchemeAndServer, UriFormat.UriEscaped);
}
