using System.Net;
using DnsClient;

namespace PSMqtt.Dns;

/// <summary>The DNS servers that are asked.</summary>
internal static class NameServers
{
    /// <summary>
    /// Names another DNS server, as <c>address</c> or <c>address:port</c>: for tests, which bring one of their own, and for resolvers on a port of their
    /// own. Read at every look-up.
    /// </summary>
    public const string Variable = "PSMQTT_DNS_SERVER";

    /// <summary>Finds them, afresh each time: a machine that changes networks changes its DNS servers too.</summary>
    /// <exception cref="InvalidOperationException">There are none.</exception>
    public static NameServer[] Find()
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } text)
        {
            return IPEndPoint.TryParse(text, out IPEndPoint? chosen)
                ? [new NameServer(chosen.Address, chosen.Port == 0 ? NameServer.DefaultPort : chosen.Port)]
                : throw new InvalidOperationException($"the variable {Variable} is '{text}', which is no address. Write it as 127.0.0.1:53, or remove it");
        }

        // The library would turn to a public server on the Internet where the machine has none: not what its owner has asked for.
        NameServer[] servers = [.. NameServer.ResolveNameServers(skipIPv6SiteLocal: true, fallbackToGooglePublicDns: false)];
        return servers.Length > 0 ? servers : throw new InvalidOperationException("this machine knows no DNS server");
    }
}
