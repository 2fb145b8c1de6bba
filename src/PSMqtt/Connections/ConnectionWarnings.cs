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
            ProxyOptions? proxy = ProxyOf(server, options);
            if (!server.IsTls && LeavesTheMachine(server, proxy))
            {
                if (SendsPassword(server, options))
                {
                    yield return Unencrypted("The password is", server);
                }

                if (server.IsWebSocket && options.WebSocketHeaders.FirstOrDefault(static header => CredentialNames.Contains(header.Name)) is { } header)
                {
                    yield return Unencrypted($"The WebSocket header '{header.Name}' is", server);
                }

                if (server.IsWebSocket && server.QueryParameters.FirstOrDefault(CredentialNames.Contains) is { } parameter)
                {
                    yield return Unencrypted($"'{parameter}' in the query is", server);
                }
            }

            if (options.Proxy is null && proxy is { HasPassword: true, Address.IsLoopback: false })
            {
                yield return UnencryptedToProxy(proxy, " The environment names this proxy (http_proxy, https_proxy, all_proxy).");
            }
        }

        if (options.SessionStore is FileSessionStore { DamagedLogPath: { } damaged } session)
        {
            yield return $"The session in '{session.Directory}' was damaged: {session.Damage.Sum(static damage => damage.Length)} bytes of its log could not be "
                + $"read, and a message they belonged to may be lost or be sent twice. Everything else was saved; the log as it was found is '{damaged}'.";
        }

        if (options.Proxy is { HasPassword: true, Address.IsLoopback: false } given)
        {
            yield return UnencryptedToProxy(given, string.Empty);
        }
    }

    /// <summary>What to say of a server that was not given, but named by another one, and is connected to without TLS.</summary>
    /// <param name="options">The options of the connection.</param>
    /// <param name="server">The server that is connected to.</param>
    /// <returns>A sentence, or nothing.</returns>
    public static string? OfReference(MqttClientOptions options, string server) =>
        options.FollowServerReference
        && options.Servers.All(given => given.ToString() != server)
        && MqttEndpoint.TryParse(server, out MqttEndpoint? named, out _)
        && !named.IsTls
        && LeavesTheMachine(named, ProxyOf(named, options))
        && options.Servers.Any(given => SendsPassword(given, options))
            ? Unencrypted("The broker has named another server, which is followed as -FollowServerReference says: the password is", named)
            : null;

    private static string Unencrypted(string what, MqttEndpoint server) =>
        $"{what} sent unencrypted to '{server}': anybody on the way can read it. Connect with TLS: mqtts://, wss:// or -Tls.";

    private static string UnencryptedToProxy(ProxyOptions proxy, string where) =>
        $"The proxy's password is sent unencrypted to '{proxy.Address.Host}': anybody on the way can read it.{where}";

    private static bool SendsPassword(MqttEndpoint server, MqttClientOptions options) =>
        options.CredentialProvider is not null || (options.Credential ?? server.Credential) is { HasPassword: true };

    // A variable that cannot be read is an error, as soon as the connection is made.
    private static ProxyOptions? ProxyOf(MqttEndpoint server, MqttClientOptions options)
    {
        try
        {
            return options.Proxy ?? ProxyOptions.FromEnvironment(server);
        }
        catch (MqttConnectException)
        {
            return null;
        }
    }

    private static bool LeavesTheMachine(MqttEndpoint server, ProxyOptions? proxy) =>
        server.Scheme != "unix" && (!server.IsLoopback || proxy is { Address.IsLoopback: false });
}
