namespace PSMqtt.Protocol;

/// <summary>How far an attempt to connect had come when it failed.</summary>
public enum MqttConnectPhase
{
    /// <summary>Finding the addresses of the host.</summary>
    Resolve,

    /// <summary>Opening the socket.</summary>
    Connect,

    /// <summary>Talking to the proxy.</summary>
    Proxy,

    /// <summary>The TLS handshake.</summary>
    Tls,

    /// <summary>The WebSocket upgrade.</summary>
    WebSocket,

    /// <summary>CONNECT was sent and CONNACK awaited.</summary>
    Handshake,
}

/// <summary>What made an attempt to connect fail: one value for each thing a user would do something different about.</summary>
public enum MqttConnectFailure
{
    /// <summary>None of the others.</summary>
    Unspecified,

    /// <summary>The host name has no address.</summary>
    HostNotFound,

    /// <summary>Nothing listens on the port.</summary>
    ConnectionRefused,

    /// <summary>There is no route to the host or the network.</summary>
    Unreachable,

    /// <summary>The connection was not made in time.</summary>
    ConnectTimeout,

    /// <summary>The connection was made, but the peer sent no CONNACK in time.</summary>
    NoResponse,

    /// <summary>The peer answered with something that is not MQTT.</summary>
    NotMqtt,

    /// <summary>The peer answered in MQTT, or in the WebSocket that carries it, but broke the rules of that: see the inner exception.</summary>
    ProtocolError,

    /// <summary>The peer closed the connection before its CONNACK.</summary>
    ClosedByPeer,

    /// <summary>CONNACK refused the connection: see the reason code.</summary>
    Refused,

    /// <summary>The server speaks none of the versions of MQTT that were offered.</summary>
    UnsupportedVersion,

    /// <summary>CONNACK refused the user name, password or authorisation.</summary>
    BadCredentials,

    /// <summary>CONNACK refused the client identifier.</summary>
    ClientIdentifierRefused,

    /// <summary>The enhanced authentication exchange failed.</summary>
    AuthenticationFailed,

    /// <summary>The proxy could not be reached or refused the tunnel.</summary>
    ProxyRefused,

    /// <summary>The proxy wants other credentials.</summary>
    ProxyAuthenticationRequired,

    /// <summary>The peer does not speak TLS on this port.</summary>
    PeerSpeaksNoTls,

    /// <summary>The peer speaks TLS on this port, and we did not.</summary>
    PeerSpeaksTls,

    /// <summary>The server's certificate, or one above it, has expired or is not valid yet.</summary>
    CertificateExpired,

    /// <summary>The server's certificate is for other names.</summary>
    CertificateNameMismatch,

    /// <summary>The server's certificate leads to no trusted root.</summary>
    CertificateUntrusted,

    /// <summary>The server's certificate, or one above it, has been revoked.</summary>
    CertificateRevoked,

    /// <summary>The server wants a client certificate, or another one.</summary>
    ClientCertificateRequired,

    /// <summary>The TLS handshake failed for another reason, such as no version or cipher in common.</summary>
    TlsFailed,

    /// <summary>The WebSocket endpoint did not accept the upgrade.</summary>
    WebSocketRefused,

    /// <summary>The WebSocket endpoint chose a subprotocol other than MQTT.</summary>
    WebSocketSubprotocol,

    /// <summary>The domain publishes no service record for MQTT.</summary>
    NoServiceRecord,

    /// <summary>The WebSocket endpoint wants other credentials for HTTP (401, 403).</summary>
    WebSocketUnauthorized,

    /// <summary>There is nothing at the path of the WebSocket endpoint (404).</summary>
    WebSocketNotFound,
}

/// <summary>A connection could not be made. Says how far it came, why it failed, and what the server said.</summary>
public sealed class MqttConnectException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="phase">How far the attempt had come.</param>
    /// <param name="failure">What made it fail.</param>
    /// <param name="message">A sentence that names the server and says what to do.</param>
    /// <param name="innerException">The cause, if there is one.</param>
    public MqttConnectException(MqttConnectPhase phase, MqttConnectFailure failure, string message, Exception? innerException = null)
        : base(message, innerException)
    {
        Phase = phase;
        Failure = failure;
    }

    /// <summary>How far the attempt had come.</summary>
    public MqttConnectPhase Phase { get; }

    /// <summary>What made it fail.</summary>
    public MqttConnectFailure Failure { get; }

    /// <summary>The reason code of CONNACK (or of the server's DISCONNECT), where one was received. MQTT 3 return codes are translated.</summary>
    public MqttReasonCode? ReasonCode { get; init; }

    /// <summary>The server's own words (Reason String), where it gave some.</summary>
    public string? ReasonString { get; init; }

    /// <summary>Another server to use (Server Reference), where the server named one.</summary>
    public string? ServerReference { get; init; }

    /// <summary>The server that was tried, without secrets.</summary>
    public string? Server { get; init; }

    /// <summary>
    /// Whether the server just closed the connection after TLS, so that the failure is what is likely, and not what was said: it may as well not know
    /// the version of MQTT.
    /// </summary>
    internal bool IsGuess { get; init; }
}
