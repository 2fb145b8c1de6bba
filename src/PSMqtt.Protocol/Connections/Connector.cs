using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Transports;

namespace PSMqtt.Protocol.Connections;

/// <summary>
/// One attempt to connect: the servers in their order, the versions downwards, another server where this one names it. Remembers between attempts what
/// was agreed on: the version and the client identifier.
/// </summary>
internal sealed class Connector
{
    /// <summary>Why a server reference after the last of <see cref="ServerReferenceHops"/> is left alone.</summary>
    public const string TooManyHops = "It is not followed: three references were followed already, and servers may refer to each other in a circle.";

    private const int ServerReferenceHops = 3;

    private static readonly MqttProtocolVersion[] s_versions =
        [MqttProtocolVersion.V500, MqttProtocolVersion.V311, MqttProtocolVersion.V310];

    private readonly MqttClientOptions _options;
    private readonly ClientTrace _trace;
    private IReadOnlyList<MqttEndpoint> _servers;
    private MqttEndpoint? _detour;
    private MqttEndpoint _present;

    public Connector(MqttClientOptions options, ClientTrace trace)
    {
        _options = options;
        _trace = trace;
        _servers = options.Servers;
        _present = options.Servers[0];
        Version = options.ProtocolVersion;
        ClientId = options.ClientId;
    }

    /// <summary>The version in use; <see langword="null"/>: not negotiated yet.</summary>
    public MqttProtocolVersion? Version { get; private set; }

    /// <summary>The client identifier in use.</summary>
    public string ClientId { get; private set; }

    /// <summary>A server has named another one to use.</summary>
    /// <param name="reference">Its words: one server or several, apart by spaces.</param>
    /// <param name="isPermanent">Whether for good, or for the next attempt.</param>
    /// <param name="objection">A sentence that says why it will not be followed although the options allow it; otherwise nothing.</param>
    /// <returns>Whether it will be followed.</returns>
    public bool Follow(string? reference, bool isPermanent, out string? objection)
    {
        objection = null;
        string? first = reference?.Split(' ', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault();
        MqttEndpoint present = _present;
        if (!_options.FollowServerReference || first is null)
        {
            return false;
        }

        if (!MqttEndpoint.TryParse(first, out MqttEndpoint? other, out string? problem))
        {
            objection = $"It is not followed: {problem}";
            return false;
        }

        if (!first.Contains("://", StringComparison.Ordinal))
        {
            // A bare name means the same kind of connection, to another host.
            bool hasPort = other.Port != MqttEndpoint.Parse($"mqtt://{other.Host}").Port || first.EndsWith($":{other.Port}", StringComparison.Ordinal);
            other = present with { Host = other.Host, Port = hasPort ? other.Port : present.Port };
        }

        if (present.IsTls && !other.IsTls)
        {
            objection = $"It is not followed: '{other}' is without TLS, and whoever asked for TLS does not get less because a server says so.";
            return false;
        }

        if (isPermanent)
        {
            _servers = [other];
        }
        else
        {
            _detour = other;
        }

        return true;
    }

    /// <summary>Connects to the first server that lets us.</summary>
    /// <param name="makeConnect">Makes CONNECT for a version.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <exception cref="MqttConnectException">None did: the last one's error, or the first one's that is about more than reaching it.</exception>
    public async Task<(HandshakeResult Result, MqttEndpoint Server, ConnectPacket Connect)> ConnectAsync(
        Func<MqttEndpoint, MqttProtocolVersion, string, CancellationToken, ValueTask<ConnectPacket>> makeConnect, CancellationToken cancellationToken)
    {
        MqttConnectException? failure = null;
        IReadOnlyList<MqttEndpoint> servers = _detour is { } detour ? [detour, .. _servers] : _servers;
        _detour = null;
        TimeSpan left = _options.ConnectTimeout;
        for (int i = 0; i < servers.Count; i++)
        {
            // A dead server must not cost the others their time, and a quick refusal leaves its own to them.
            bool isEndless = left == Timeout.InfiniteTimeSpan;
            var time = new ConnectTime(_options.TimeProvider, isEndless ? left : left / (servers.Count - i));
            try
            {
                return await NegotiateAsync(servers[i], time, makeConnect, cancellationToken).ConfigureAwait(false);
            }
            catch (MqttConnectException e)
            {
                if (servers.Count > 1)
                {
                    // Of a single server, whoever is told of the failure says it.
                    _trace.Step(e.Message);
                }

                if (failure is null || failure.Phase < e.Phase)
                {
                    failure = e;
                }
            }

            left -= isEndless ? TimeSpan.Zero : time.Spent;
        }

        throw failure!;
    }

    private async Task<(HandshakeResult Result, MqttEndpoint Server, ConnectPacket Connect)> NegotiateAsync(
        MqttEndpoint server,
        ConnectTime time,
        Func<MqttEndpoint, MqttProtocolVersion, string, CancellationToken, ValueTask<ConnectPacket>> makeConnect,
        CancellationToken cancellationToken)
    {
        int hops = 0;
        MqttConnectException? silent = null;
        MqttProtocolVersion[] versions = Version is { } pinned ? [pinned] : s_versions;
        for (int i = 0; i < versions.Length;)
        {
            _present = server;
            MqttProtocolVersion version = versions[i];
            string clientId = ClientId.Length > 0 || version == MqttProtocolVersion.V500 ? ClientId : NewClientId();
            ConnectPacket connect;
            try
            {
                connect = await makeConnect(server, version, clientId, cancellationToken).ConfigureAwait(false);
            }
            catch (MqttConnectException) when (silent is not null)
            {
                // An older version cannot be tried, and the close alone does not say that one was needed.
                throw silent;
            }

            try
            {
                HandshakeResult result = await time.LimitAsync(
                    limit => new Handshake(_options with { ConnectTimeout = limit }, server, connect, _trace).RunAsync(cancellationToken)).ConfigureAwait(false);
                Version = version;
                ClientId = result.Answer.AssignedClientIdentifier ?? clientId;
                return (result, server, connect);
            }
            catch (MqttConnectException e) when (silent is not null && version == MqttProtocolVersion.V310 && e.Phase == MqttConnectPhase.WebSocket)
            {
                // MQTT 3.1 asks for a subprotocol of its own. That it is not known says nothing about the close that made us try it.
                throw silent;
            }
            catch (MqttConnectException e) when (Suggests(e, version) && i + 1 < versions.Length)
            {
                _trace.Step($"{e.Message} Trying MQTT {(versions[i + 1] == MqttProtocolVersion.V311 ? "3.1.1" : "3.1")}.");
                silent ??= e.IsGuess || e.Failure == MqttConnectFailure.ClosedByPeer ? e : null;
                i++;
            }
            catch (MqttConnectException e) when (e.Failure == MqttConnectFailure.ClientIdentifierRefused && clientId.Length == 0)
            {
                // Some servers assign no client identifiers, though the specification wants them to [MQTT-3.1.3-6]: then we make one.
                ClientId = NewClientId();
                _trace.Step($"{server} assigns no client identifier. Trying as '{ClientId}'.");
            }
            catch (MqttConnectException e) when (e.ServerReference is not null)
            {
                string? objection = TooManyHops;
                if (hops == ServerReferenceHops || !Follow(e.ServerReference, e.ReasonCode == MqttReasonCode.ServerMoved, out objection))
                {
                    if (objection is null)
                    {
                        throw;
                    }

                    throw new MqttConnectException(e.Phase, e.Failure, $"{e.Message} {objection}", e.InnerException)
                    {
                        ReasonCode = e.ReasonCode,
                        ReasonString = e.ReasonString,
                        ServerReference = e.ServerReference,
                        Server = e.Server,
                    };
                }

                hops++;
                server = _detour ?? _servers[0];
                _detour = null;
                _trace.Step($"{e.Message} Following to {server}.");
            }
            catch (MqttConnectException e) when (silent is not null && e.Failure == MqttConnectFailure.ClosedByPeer
                && !WebSocketTransport.IsExplainedClose(e.InnerException))
            {
                throw new MqttConnectException(
                    MqttConnectPhase.Handshake,
                    MqttConnectFailure.ClosedByPeer,
                    $"{server} closed the connection without answering CONNECT, in MQTT 5.0, 3.1.1 and 3.1 alike. Check that it is an MQTT server, that "
                    + "this port is the one for this kind of connection (TLS or not), and that it allows this client.",
                    e)
                { Server = server.ToString() };
            }
        }

        throw new InvalidOperationException("There is always a last version.");
    }

    /// <summary>Whether a failure is how real servers say that they do not know this version: in words, in an older language, or by just closing.</summary>
    private static bool Suggests(MqttConnectException error, MqttProtocolVersion version) =>
        error.Failure is MqttConnectFailure.UnsupportedVersion
        || (error.Failure == MqttConnectFailure.ClosedByPeer && !WebSocketTransport.IsExplainedClose(error.InnerException))
        || error.IsGuess
        || (version == MqttProtocolVersion.V500 && error is { Failure: MqttConnectFailure.Refused, ReasonCode: MqttReasonCode.ProtocolError });

    /// <summary>23 characters at most, letters and digits only: what every version allows [MQTT-3.1.3-5].</summary>
    private static string NewClientId() => string.Concat("psmqtt", Guid.NewGuid().ToString("N").AsSpan(0, 16));
}
