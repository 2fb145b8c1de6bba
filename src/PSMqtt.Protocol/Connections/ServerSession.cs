using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Sessions;
using PSMqtt.Protocol.Transports;

namespace PSMqtt.Protocol.Connections;

/// <summary>The session as the server has it: begun, or taken up again, as the options and its history want; and removed.</summary>
internal sealed class ServerSession
{
    private readonly MqttClientOptions _options;
    private readonly Session _session;
    private readonly SessionHistory _history;
    private readonly Connector _connector;
    private readonly ClientTrace _trace;

    public ServerSession(MqttClientOptions options, Session session, SessionHistory history, Connector connector, ClientTrace trace)
    {
        _options = options;
        _session = session;
        _history = history;
        _connector = connector;
        _trace = trace;
    }

    /// <summary>Connects.</summary>
    /// <returns>The connection, as far as it is made; and whether the server has a session of before it.</returns>
    public async Task<(HandshakeResult Result, MqttEndpoint Server, ConnectPacket Connect, bool IsPresent)> BeginAsync(CancellationToken cancellationToken)
    {
        bool wantsFreshSession = _history.MustBeginAfresh;
        (HandshakeResult result, MqttEndpoint server, ConnectPacket request) =
            await HandshakeAsync(wantsFreshSession, cancellationToken).ConfigureAwait(false);
        if (wantsFreshSession && request.ProtocolVersion != MqttProtocolVersion.V500)
        {
            // Before 5.0 a clean session is never kept: the old one is removed by a connection of its own.
            await EndCleanSessionAsync(result, request, cancellationToken).ConfigureAwait(false);
            (result, server, request) = await HandshakeAsync(false, cancellationToken).ConfigureAwait(false);
        }

        // MQTT 3.1 does not say whether there is a session: what it kept is assumed.
        bool isPresent = request.ProtocolVersion == MqttProtocolVersion.V310
            ? !request.CleanStart && !wantsFreshSession
            : result.Answer.SessionPresent;
        return (result, server, request, isPresent);
    }

    /// <summary>Forgets the session on both sides.</summary>
    /// <param name="limits">What the last CONNACK said; <see langword="null"/>: there was none.</param>
    /// <param name="hasToldServer">Whether a DISCONNECT could be sent, which ends the session on 5.0.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task DiscardAsync(MqttConnectResult? limits, bool hasToldServer, CancellationToken cancellationToken)
    {
        bool is5 = limits?.ProtocolVersion is MqttProtocolVersion.V500;
        bool mayBeKept = is5 ? !hasToldServer && _history.HasSession : _options.PersistentSession && limits is not null;
        if (mayBeKept)
        {
            // Before 5.0 only a clean session removes one that is kept; and where no DISCONNECT could be said, nothing else does.
            (HandshakeResult result, _, ConnectPacket request) = await HandshakeAsync(true, cancellationToken).ConfigureAwait(false);
            await EndCleanSessionAsync(result, request, cancellationToken).ConfigureAwait(false);
        }

        lock (_session.Gate)
        {
            _session.Inbound.Forget();
            _options.SessionStore?.Append(new SessionChange(SessionChangeKind.Cleared));
        }

        if (_options.SessionStore is { } store)
        {
            await store.FlushAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private Task<(HandshakeResult Result, MqttEndpoint Server, ConnectPacket Connect)> HandshakeAsync(
        bool isFresh, CancellationToken cancellationToken) =>
        _connector.ConnectAsync(
            (server, version, clientId, token) => ConnectRequest.MakeAsync(
                _options, server, version, clientId, isFresh || _history.IsCleanStart(version), token),
            cancellationToken);

    private async Task EndCleanSessionAsync(HandshakeResult result, ConnectPacket request, CancellationToken cancellationToken)
    {
        var output = new OutgoingBytes();
        var packet = new DisconnectPacket { SessionExpirySeconds = request.SessionExpirySeconds is null ? null : 0 };
        DisconnectRequest.Fit(packet, request.ProtocolVersion, result.Answer.MaximumPacketSize ?? uint.MaxValue)?.Write(output, request.ProtocolVersion);
        _trace.Packets(MqttTraceKind.Sent, output.Written, request.ProtocolVersion);
        await result.Transport.SendAsync(output.Written, cancellationToken).ConfigureAwait(false);
        await result.Transport.ShutdownAsync(cancellationToken).ConfigureAwait(false);
        await result.Transport.DisposeAsync().ConfigureAwait(false);
    }
}
