using System.Globalization;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;

namespace PSMqtt.Protocol.Transports;

/// <summary>Turns an HTTP connection into a WebSocket (RFC 6455, section 4), and says in words why the server would not.</summary>
internal static class WebSocketUpgrade
{
    // RFC 6455, section 1.3.
    private const string AcceptSuffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

    private static readonly string[] s_ownHeaders =
        ["Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions", "Content-Length", "Transfer-Encoding"];

    /// <summary>What is wrong with the headers of the user's own; <see langword="null"/> when nothing is. Values are not told, they may be secret.</summary>
    public static string? FindProblem(IReadOnlyList<MqttWebSocketHeader> headers)
    {
        foreach (MqttWebSocketHeader header in headers)
        {
            (string name, string value) = (header.Name, header.Value);
            if (string.IsNullOrEmpty(name) || !name.All(c => char.IsAsciiLetterOrDigit(c) || "!#$%&'*+-.^_`|~".Contains(c, StringComparison.Ordinal)))
            {
                return $"'{name}' is not a name of an HTTP header; it may hold letters, digits and '-'.";
            }

            if (s_ownHeaders.Contains(name, StringComparer.OrdinalIgnoreCase))
            {
                return $"The WebSocket header '{name}' is set by the client itself; leave it out.";
            }

            if (value is null || value.Any(c => char.IsControl(c) && c != '\t'))
            {
                return $"The value of the WebSocket header '{name}' holds a line break or another control character; remove it.";
            }
        }

        return null;
    }

    /// <summary>Asks for the upgrade.</summary>
    /// <param name="carrier">The connection, with TLS where the endpoint asks for it.</param>
    /// <param name="endpoint">The endpoint.</param>
    /// <param name="subprotocol"><c>mqtt</c>, or <c>mqttv3.1</c>.</param>
    /// <param name="headers">Headers of the user's own.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <returns>The WebSocket.</returns>
    /// <exception cref="MqttConnectException">The server did not agree.</exception>
    public static async ValueTask<WebSocket> RequestAsync(
        Carrier carrier,
        MqttEndpoint endpoint,
        string subprotocol,
        IReadOnlyList<MqttWebSocketHeader> headers,
        CancellationToken cancellationToken)
    {
        string key = Convert.ToBase64String(RandomNumberGenerator.GetBytes(16));
        HttpResponseHead answer;
        bool isSent = false;
        try
        {
            await carrier.Stream.WriteAsync(Request(endpoint, subprotocol, key, headers), cancellationToken).ConfigureAwait(false);
            isSent = true;
            answer = await HttpResponseHead.ReadAsync(carrier.Stream, cancellationToken).ConfigureAwait(false);
        }
        catch (IOException e)
        {
            MqttConnectException? refusal = carrier.Secure is not { } secure ? null
                : isSent ? secure.Handshake.ExplainLateRefusal(e)
                : await secure.Handshake.ExplainFailedSendAsync(secure.Stream, e).ConfigureAwait(false);
            throw refusal ?? Refused(endpoint, $"closed the connection instead of answering ({e.Message})", "Check that the port is one for WebSocket.", e);
        }

        Check(carrier, endpoint, subprotocol, key, answer);
        return WebSocket.CreateFromStream(
            carrier.Stream,
            new WebSocketCreationOptions { IsServer = false, SubProtocol = subprotocol, KeepAliveInterval = Timeout.InfiniteTimeSpan });
    }

    private static byte[] Request(
        MqttEndpoint endpoint, string subprotocol, string key, IReadOnlyList<MqttWebSocketHeader> headers)
    {
        bool isDefaultPort = endpoint.Port == EndpointText.DefaultPort(endpoint.Scheme);
        string host = isDefaultPort ? endpoint.Authority[..endpoint.Authority.LastIndexOf(':')] : endpoint.Authority;
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"GET {RequestTarget(endpoint.PathAndQuery)} HTTP/1.1\r\n");
        if (!headers.Any(header => header.Name.Equals("Host", StringComparison.OrdinalIgnoreCase)))
        {
            text.Append(CultureInfo.InvariantCulture, $"Host: {host}\r\n");
        }

        text.Append(CultureInfo.InvariantCulture, $"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n");
        text.Append(CultureInfo.InvariantCulture, $"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: {subprotocol}\r\n");
        foreach (MqttWebSocketHeader header in headers)
        {
            text.Append(CultureInfo.InvariantCulture, $"{header.Name}: {header.Value}\r\n");
        }

        return Encoding.UTF8.GetBytes(text.Append("\r\n").ToString());
    }

    /// <summary>The path and query with everything escaped that a request line cannot hold.</summary>
    private static string RequestTarget(string path)
    {
        var target = new StringBuilder(path.StartsWith('/') ? string.Empty : "/");
        foreach (byte value in Encoding.UTF8.GetBytes(path))
        {
            if (value is > 0x20 and < 0x7F and not (byte)'#')
            {
                target.Append((char)value);
            }
            else
            {
                target.Append(CultureInfo.InvariantCulture, $"%{value:X2}");
            }
        }

        return target.ToString();
    }

    private static void Check(Carrier carrier, MqttEndpoint endpoint, string subprotocol, string key, HttpResponseHead answer)
    {
        if (answer.FirstByte < 0)
        {
            throw carrier.Secure?.Handshake.ExplainLateRefusal(null)
                ?? Refused(endpoint, "closed the connection instead of answering", "Check that the port is one for WebSocket.", null);
        }

        if (!answer.IsHttp)
        {
            const byte TlsAlertRecord = 0x15;
            throw answer.FirstByte == TlsAlertRecord && carrier.Secure is null
                ? new MqttConnectException(
                    MqttConnectPhase.WebSocket, MqttConnectFailure.PeerSpeaksTls, $"{endpoint.Authority} speaks TLS on this port. Connect by wss:// instead of ws://.")
                {
                    Server = endpoint.ToString(),
                }
                : Refused(endpoint, "answered with something that is not HTTP", "Check that the port is one for WebSocket.", null);
        }

        if (answer.Status != 101)
        {
            MqttConnectFailure failure = answer.Status switch
            {
                401 or 403 => MqttConnectFailure.WebSocketUnauthorized,
                404 => MqttConnectFailure.WebSocketNotFound,
                _ => MqttConnectFailure.WebSocketRefused,
            };
            throw Refused(endpoint, $"answered {answer.StatusText}", HintFor(endpoint, answer), null, failure);
        }

        string expected = Convert.ToBase64String(Sha1(key + AcceptSuffix));
        if (!answer.Has("Upgrade", "websocket") || !answer.Has("Connection", "Upgrade") || answer.Header("Sec-WebSocket-Accept") != expected)
        {
            throw Refused(endpoint, "answered 101 without what proves a WebSocket (RFC 6455)", "Check for a proxy between that does not let WebSocket through.", null);
        }

        string? chosen = answer.Header("Sec-WebSocket-Protocol");
        if (chosen != subprotocol)
        {
            throw new MqttConnectException(
                MqttConnectPhase.WebSocket,
                MqttConnectFailure.WebSocketSubprotocol,
                $"{Name(endpoint)} chose {(chosen is null ? "no subprotocol" : $"the subprotocol '{chosen}'")} where '{subprotocol}' was asked for [MQTT-6.0.0-4]. "
                    + "Check that the path is the one for MQTT.")
            {
                Server = endpoint.ToString(),
            };
        }
    }

    private static string HintFor(MqttEndpoint endpoint, HttpResponseHead answer) => answer.Status switch
    {
        >= 300 and < 400 when answer.Header("Location") is { } location => $"It redirects to '{EndpointText.Redact(location)}': connect there, by ws:// or wss://.",
        401 or 403 => "It wants other credentials for HTTP: give them as a WebSocket header, such as Authorization, or in the query.",
        404 => $"There is nothing at '{endpoint.Path}': check the path (often /mqtt, /ws or /).",
        426 => "It wants another protocol or version of it; check the path.",
        >= 500 => "The server, or a proxy before it, is in trouble; try again later.",
        _ => $"At '{endpoint.Path}' there is no WebSocket endpoint: check the path (often /mqtt, /ws or /).",
    };

    private static string Name(MqttEndpoint endpoint) => $"The WebSocket endpoint {endpoint}";

    private static MqttConnectException Refused(
        MqttEndpoint endpoint, string what, string hint, Exception? inner, MqttConnectFailure failure = MqttConnectFailure.WebSocketRefused) =>
        new(MqttConnectPhase.WebSocket, failure, $"{Name(endpoint)} {what}. {hint}", inner) { Server = endpoint.ToString() };

#pragma warning disable CA5350 // RFC 6455 asks for SHA-1; nothing secret depends on it.
    private static byte[] Sha1(string text) => SHA1.HashData(Encoding.ASCII.GetBytes(text));
#pragma warning restore CA5350
}
