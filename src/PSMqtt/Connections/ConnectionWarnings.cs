using PSMqtt.Protocol;
using PSMqtt.Protocol.Sessions.Files;
using PSMqtt.Protocol.Transports;

namespace PSMqtt.Connections;

/// <summary>What a user should know about a connection before it is made: that somebody in between could read or change what is sent.</summary>
internal static class ConnectionWarnings
{
    /// <summary>Finds them.</summary>
    /// <param name="options">The options of the connection.</param>
    /// <returns>A sentence or two for each, without secrets.</returns>
    public static IEnumerable<string> Of(MqttClientOptions options)
    {
        if (options.Tls.SkipCertificateCheck)
        {
            yield return "-SkipCertificateCheck accepts any certificate: whoever is between this machine and the server can read and change everything, "
                + "the password too. Trust the server's root certificate with -CACertificate instead.";
        }

        if (options.Tls.SkipHostNameCheck)
        {
            yield return "-SkipHostNameCheck accepts a trusted certificate of any name: whoever has one can pass for the server. "
                + "Connect by a name that is in the server's certificate instead.";
        }

        foreach (MqttEndpoint server in options.Servers)
        {
            bool hasPassword = options.CredentialProvider is not null || (options.Credential ?? server.Credential) is { HasPassword: true };
            if (hasPassword && !server.IsTls && LeavesTheMachine(server, options.Proxy))
            {
                yield return $"The password is sent unencrypted to '{server}': anybody on the way can read it. Connect with TLS: mqtts://, wss:// or -Tls.";
            }
        }

        if (options.SessionStore is FileSessionStore { DamagedLogPath: { } damaged } session)
        {
            yield return $"The session in '{session.Directory}' was damaged: {session.Damage.Sum(static damage => damage.Length)} bytes of its log could not be "
                + $"read, and a message they belonged to may be lost or be sent twice. Everything else was saved; the log as it was found is '{damaged}'.";
        }

        if (options.Proxy is { Address: { IsLoopback: false } proxy, Credential: var credential } && (credential is not null || proxy.UserInfo.Length > 0))
        {
            yield return $"The proxy's password is sent unencrypted to '{proxy.Host}': anybody on the way can read it.";
        }
    }

    private static bool LeavesTheMachine(MqttEndpoint server, ProxyOptions? proxy) =>
        server.Scheme != "unix" && (!server.IsLoopback || proxy is { Address.IsLoopback: false });
}
