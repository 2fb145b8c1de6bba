using System.Net.Security;
using System.Net.Sockets;
using System.Net.WebSockets;

namespace PSMqtt.Protocol.Transports;

/// <summary>Opens connections: chooses, by the endpoint's scheme, what lies on top of what.</summary>
/// <param name="tcp">What opens TCP sockets.</param>
/// <param name="variable">Reads a variable of the environment.</param>
internal sealed class BuiltInTransportFactory(TcpConnector tcp, Func<string, string?> variable) : ITransportFactory
{
    public async ValueTask<ITransport> ConnectAsync(
        MqttEndpoint endpoint, MqttClientOptions options, MqttProtocolVersion protocolVersion, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        ArgumentNullException.ThrowIfNull(options);
        if (TransportOptions.FindProblem(options) is { } problem)
        {
            throw new ArgumentException(problem, nameof(options));
        }

        if (endpoint.IsServiceRecord)
        {
            return await ConnectToFirstAsync(endpoint, options, cancellationToken).ConfigureAwait(false);
        }

        Carrier carrier = await OpenAsync(endpoint, [endpoint.Host], options, cancellationToken).ConfigureAwait(false);
        if (!endpoint.IsWebSocket)
        {
            return Finish(carrier, endpoint);
        }

        try
        {
            string subprotocol = protocolVersion == MqttProtocolVersion.V310 ? "mqttv3.1" : "mqtt";
            options.Story?.Step(() => $"Asking for a WebSocket, subprotocol {subprotocol}.");
            WebSocket webSocket = await WebSocketUpgrade
                .RequestAsync(carrier, endpoint, subprotocol, options.WebSocketHeaders, cancellationToken).ConfigureAwait(false);
            return new WebSocketTransport(carrier, webSocket, options.TimeProvider);
        }
        catch (OperationCanceledException e)
        {
            carrier.Dispose();
            throw new ConnectCanceledException(MqttConnectPhase.WebSocket, e);
        }
        catch
        {
            carrier.Dispose();
            throw;
        }
    }

    private static string Describe(MqttTlsDetails details) =>
        $"TLS is up: {details.Protocol}, {details.CipherSuite}"
        + (details.ApplicationProtocol.Length > 0 ? $", application protocol {details.ApplicationProtocol}" : string.Empty)
        + (details.Chain is [var own, ..] ? $"; the server's certificate is '{own.Subject}', valid until {own.NotAfter.UtcDateTime.ToString("yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture)}." : ".");

    private static ITransport Finish(Carrier carrier, MqttEndpoint endpoint) => carrier.Secure is { } secure
        ? new TlsTransport(carrier.Socket, secure, $"tls {carrier.Route}")
        : new SocketTransport(carrier.Socket, $"{(endpoint.Scheme == "unix" ? "unix" : "tcp")} {carrier.Route}");

    /// <summary>Tries the servers of a domain in their order. A dead one costs no more than its share of the time.</summary>
    private async ValueTask<ITransport> ConnectToFirstAsync(MqttEndpoint domain, MqttClientOptions options, CancellationToken cancellationToken)
    {
        IReadOnlyList<MqttEndpoint> servers =
            await ServiceRecordLookup.FindAsync(domain, options.ServiceRecordResolver, cancellationToken).ConfigureAwait(false);
        for (int i = 0; ; i++)
        {
            bool isLast = i == servers.Count - 1;
            bool isEndless = isLast || options.ConnectTimeout == Timeout.InfiniteTimeSpan;
            using var share = new CancellationTokenSource(isEndless ? Timeout.InfiniteTimeSpan : options.ConnectTimeout / servers.Count, options.TimeProvider);
            using var both = CancellationTokenSource.CreateLinkedTokenSource(share.Token, cancellationToken);
            try
            {
                // Service records come over an unprotected DNS: a certificate is good when it is for the domain that was asked for, or for a host in
                // it, but not when a forged record leads elsewhere.
                MqttEndpoint server = servers[i];
                string[] names = server.Host.EndsWith($".{domain.Host.TrimEnd('.')}", StringComparison.Ordinal) ? [server.Host, domain.Host] : [domain.Host];
                return Finish(await OpenAsync(server, names, options, both.Token).ConfigureAwait(false), server);
            }
            catch (MqttConnectException) when (!isLast)
            {
                // The next one may be better.
            }
            catch (OperationCanceledException) when (!isLast && !cancellationToken.IsCancellationRequested)
            {
                // As above.
            }
        }
    }

    /// <summary>Opens the socket, through a proxy where there is one, and puts TLS on it where the endpoint asks for it.</summary>
    private async ValueTask<Carrier> OpenAsync(
        MqttEndpoint endpoint, IReadOnlyList<string> names, MqttClientOptions options, CancellationToken cancellationToken)
    {
        Carrier carrier = await OpenSocketAsync(endpoint, options, cancellationToken).ConfigureAwait(false);
        if (!endpoint.IsTls)
        {
            return carrier;
        }

        try
        {
            var handshake = new TlsHandshake(endpoint.Authority, names, options.Tls, options.TimeProvider);
            options.Story?.Step(() => $"Beginning TLS with {endpoint.Host}.");
            (SslStream stream, MqttTlsDetails details) = await handshake.AuthenticateAsync(carrier.Stream, cancellationToken).ConfigureAwait(false);
            options.Story?.Step(() => Describe(details));
            return new Carrier(carrier.Socket, carrier.Route) { Secure = new SecureLayer(stream, handshake, details) };
        }
        catch (OperationCanceledException e)
        {
            carrier.Dispose();
            throw new ConnectCanceledException(MqttConnectPhase.Tls, e);
        }
        catch
        {
            carrier.Dispose();
            throw;
        }
    }

    private async ValueTask<Carrier> OpenSocketAsync(MqttEndpoint endpoint, MqttClientOptions options, CancellationToken cancellationToken)
    {
        if (endpoint.Scheme == "unix")
        {
            return new Carrier(await UnixConnector.ConnectAsync(endpoint.Path, cancellationToken).ConfigureAwait(false), endpoint.Path);
        }

        ProxyOptions? proxy = options.Proxy ?? (endpoint.IsWebSocket ? EnvironmentProxy.Find(endpoint, variable) : null);
        if (proxy is null)
        {
            Socket direct = await tcp.ConnectAsync(endpoint.Host, endpoint.Port, options, cancellationToken).ConfigureAwait(false);
            return new Carrier(direct, AddressOf(direct) ?? $"{endpoint.Host}:{endpoint.Port}");
        }

        try
        {
            var target = new ConnectTarget(endpoint.Host, endpoint.Port);
            Socket tunnel = await ProxyTunnel.OpenAsync(tcp, proxy, target, options, cancellationToken).ConfigureAwait(false);
            return new Carrier(tunnel, $"{target} through {proxy}");
        }
        catch (OperationCanceledException e)
        {
            throw new ConnectCanceledException(MqttConnectPhase.Proxy, e);
        }
    }

    /// <summary>The peer's address; <see langword="null"/> when it has closed the connection already, which whoever reads from it will find.</summary>
    private static string? AddressOf(Socket socket)
    {
        try
        {
            return socket.RemoteEndPoint?.ToString();
        }
        catch (SocketException)
        {
            return null;
        }
    }
}
