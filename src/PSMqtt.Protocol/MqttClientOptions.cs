using System.Net;
using PSMqtt.Protocol.Sessions;
using PSMqtt.Protocol.Transports;

namespace PSMqtt.Protocol;

/// <summary>Everything a <see cref="MqttClient"/> is told before it connects. Immutable: make another with a <c>with</c> expression.</summary>
public sealed record MqttClientOptions
{
    /// <summary>The servers, tried in this order at the first connect and at every reconnect. Default: <c>mqtt://localhost:1883</c>.</summary>
    public IReadOnlyList<MqttEndpoint> Servers { get; init; } = [MqttEndpoint.Parse("localhost")];

    /// <summary>The client identifier. Empty, the default: on 5.0 the server assigns one, on 3.1 and 3.1.1 a random one is made.</summary>
    public string ClientId { get; init; } = string.Empty;

    /// <summary>The version of MQTT; <see langword="null"/>, the default: 5.0 is tried, then 3.1.1, then 3.1, as the server allows.</summary>
    public MqttProtocolVersion? ProtocolVersion { get; init; }

    /// <summary>User name and password; <see langword="null"/>, the default, sends none. Never shown.</summary>
    public MqttCredential? Credential { get; init; }

    /// <summary>Asked for a credential before each attempt to connect; wins over <see cref="Credential"/>. Default: none.</summary>
    public Func<CancellationToken, ValueTask<MqttCredential?>>? CredentialProvider { get; init; }

    /// <summary>Whether the first connect discards a session that the server has kept. Default: true. Reconnects never ask for it.</summary>
    public bool CleanStart { get; init; } = true;

    /// <summary>
    /// How long the server keeps the session after the connection is lost (5.0). Zero: not at all; <see cref="Timeout.InfiniteTimeSpan"/>: until it
    /// is ended. Default: five minutes, so that a cut link loses nothing. On 3.1 and 3.1.1 there is only kept or not: see
    /// <see cref="PersistentSession"/>.
    /// </summary>
    public TimeSpan SessionExpiry { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// Whether the session shall outlive this client: a Disconnect leaves it at the server, and 3.1 and 3.1.1 connect without Clean Session.
    /// Default: false.
    /// </summary>
    public bool PersistentSession { get; init; }

    /// <summary>The keep-alive time: whole seconds up to 65,535; zero turns it off. Default: 60 seconds. The server may impose another (5.0).</summary>
    public TimeSpan KeepAlive { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>The message that the server publishes when this client disappears; <see langword="null"/>, the default: none.</summary>
    public MqttMessage? Will { get; init; }

    /// <summary>How long the server waits before it publishes the will (5.0). Default: zero.</summary>
    public TimeSpan WillDelay { get; init; }

    /// <summary>
    /// How long one attempt to connect may take, to CONNACK, however many servers there are: each has an equal share of what those before it have left.
    /// Default: 30 seconds; <see cref="Timeout.InfiniteTimeSpan"/> waits for ever, up to 49 days otherwise.
    /// </summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long a publish, subscribe or unsubscribe may wait for its acknowledgement. Default: 30 seconds; <see cref="Timeout.InfiniteTimeSpan"/>
    /// waits for ever. A message of QoS 1 or 2 that was sent before its time ran out may still be delivered.
    /// </summary>
    public TimeSpan OperationTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How many QoS 1 and 2 messages the server may have sent us without our acknowledgement: 1 to 65,535. Default: 1,000.</summary>
    public int ReceiveMaximum { get; init; } = 1000;

    /// <summary>
    /// Whether a 5.0 server that sends more than <see cref="ReceiveMaximum"/> is disconnected with reason code 0x93 [MQTT-3.3.4-9]. Default:
    /// <see langword="true"/>. Some servers break this rule whenever a consumer is slow (mosquitto 2.0.11 does, and servers made with MQTTnet);
    /// with <see langword="false"/> the excess is queued, and reading pauses where a queue is full, as it is towards servers before 5.0.
    /// </summary>
    public bool EnforceReceiveMaximum { get; init; } = true;

    /// <summary>The largest packet that is accepted, in bytes. Default and maximum: 268,435,460 (what MQTT can express).</summary>
    public int MaximumPacketSize { get; init; } = 268_435_460;

    /// <summary>How many topic aliases the server may use towards us (5.0): 0 to 65,535. Default: 64.</summary>
    public int TopicAliasMaximum { get; init; } = 64;

    /// <summary>The most topic aliases that are used towards the server, within what it allows (5.0): 0 to 65,535. Default: 64; 0 turns them off.</summary>
    public int OutboundTopicAliasMaximum { get; init; } = 64;

    /// <summary>
    /// How many of our QoS 1 and 2 messages may be unacknowledged at a time: 1 to 65,535; a 5.0 server may allow fewer. Default, <see langword="null"/>:
    /// 1,000 on 5.0, and 20 on 3.1 and 3.1.1, where a server cannot say what it takes and some close the connection of a client that sends more.
    /// </summary>
    public int? InFlightMaximum { get; init; }

    /// <summary>How many messages of QoS 1 and 2 may wait to be sent. Default: 100,000. While disconnected a full queue is an error.</summary>
    public int PublishQueueLimit { get; init; } = 100_000;

    /// <summary>How many payload bytes of QoS 1 and 2 messages may wait to be sent. Default: 256 MiB.</summary>
    public long PublishQueueByteLimit { get; init; } = 256L * 1024 * 1024;

    /// <summary>Whether messages of QoS 0 published while there is no connection wait for one too. Default: false, they fail.</summary>
    public bool QueueQoS0WhileDisconnected { get; init; }

    /// <summary>
    /// Whether a message of QoS 2 whose session was lost after PUBREC is published again (it may then arrive twice). Default: false: its outcome is
    /// reported as unknown.
    /// </summary>
    public bool RepublishUncertainQoS2 { get; init; }

    /// <summary>How and whether lost connections are made again.</summary>
    public ReconnectPolicy Reconnect { get; init; } = new();

    /// <summary>User properties of CONNECT (5.0). Default: none.</summary>
    public IReadOnlyList<MqttUserProperty> UserProperties { get; init; } = [];

    /// <summary>Whether the server may explain failures with reason strings and user properties (5.0). Default: true.</summary>
    public bool RequestProblemInformation { get; init; } = true;

    /// <summary>Whether the server is asked for Response Information (5.0). Default: false.</summary>
    public bool RequestResponseInformation { get; init; }

    /// <summary>The enhanced authentication method (5.0). Default: none.</summary>
    public IEnhancedAuthentication? Authentication { get; init; }

    /// <summary>Whether a server that names another one to use (Server Reference) is followed (5.0), at most three hops. Default: false.</summary>
    public bool FollowServerReference { get; init; }

    /// <summary>Whether the client connects as a bridge (MQTT 3.1.1 and 3.1: bit 7 of the protocol level, as mosquitto and others understand it).</summary>
    public bool Bridge { get; init; }

    /// <summary>The local address the socket is bound to; <see langword="null"/>, the default: the system chooses.</summary>
    public IPAddress? LocalAddress { get; init; }

    /// <summary>How TLS is done, where the endpoint asks for it.</summary>
    public MqttTlsOptions Tls { get; init; } = new();

    /// <summary>The proxy; <see langword="null"/>, the default: none (WebSocket endpoints follow the environment's variables).</summary>
    public ProxyOptions? Proxy { get; init; }

    /// <summary>Headers of the WebSocket upgrade request. Default: none. Their values are never shown.</summary>
    public IReadOnlyList<MqttWebSocketHeader> WebSocketHeaders { get; init; } = [];

    /// <summary>What finds the servers of a <c>mqtt+srv</c> endpoint; <see langword="null"/>, the default: such endpoints are refused.</summary>
    public IServiceRecordResolver? ServiceRecordResolver { get; init; }

    /// <summary>What opens connections. Default: the built-in one, for every scheme of <see cref="MqttEndpoint"/>.</summary>
    public ITransportFactory TransportFactory { get; init; } = Transports.TransportFactory.Default;

    /// <summary>What keeps the session's messages. Default: <see langword="null"/>, a store in memory for the life of the client.</summary>
    public ISessionStore? SessionStore { get; init; }

    /// <summary>The clock and timers. Default: the system's.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>Called with a line for each packet and each step of the connection, secrets redacted, in order, never on the reader or writer loop.</summary>
    public Action<MqttTraceEntry>? Trace { get; init; }

    /// <summary>Where the transports tell what they do; <see langword="null"/>: nowhere.</summary>
    internal Connections.ClientTrace? Story { get; init; }

    /// <summary>Anything of the user's own, to be found again in <see cref="MqttClient.Options"/>.</summary>
    public object? State { get; init; }

    /// <summary>Says what is connected to, and nothing secret.</summary>
    /// <returns>The servers and the client identifier.</returns>
    public override string ToString() => $"{string.Join(", ", Servers)} as '{ClientId}'";
}
