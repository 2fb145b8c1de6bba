using System.Text;
using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Transports;

namespace PSMqtt.Protocol.Connections;

/// <summary>What a handshake leaves: a connection that has had its CONNACK.</summary>
internal sealed record HandshakeResult(ITransport Transport, ReceiveBuffer Buffer, ConnAckPacket Answer, long BytesSent);

/// <summary>From an open transport to CONNACK: CONNECT, the steps of an enhanced authentication, and every way it can fail.</summary>
internal sealed class Handshake
{
    private readonly MqttClientOptions _options;
    private readonly MqttEndpoint _endpoint;
    private readonly ConnectPacket _connect;
    private readonly ClientTrace _trace;
    private readonly ReceiveBuffer _buffer = new();
    private readonly OutgoingBytes _output = new();
    private long _bytesSent;
    private bool _hasReceived;
    private bool _speaksMqtt;

    public Handshake(MqttClientOptions options, MqttEndpoint endpoint, ConnectPacket connect, ClientTrace trace)
    {
        _options = options;
        _endpoint = endpoint;
        _connect = connect;
        _trace = trace;
    }

    private MqttProtocolVersion Version => _connect.ProtocolVersion;

    /// <summary>Opens the transport and shakes hands.</summary>
    /// <exception cref="MqttConnectException">It failed; says in which phase, and why.</exception>
    public async Task<HandshakeResult> RunAsync(CancellationToken cancellationToken)
    {
        using var time = new CancellationTokenSource(_options.ConnectTimeout, _options.TimeProvider);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(time.Token, cancellationToken);
        ITransport? transport = null;
        bool succeeded = false;
        try
        {
            transport = await _options.TransportFactory.ConnectAsync(_endpoint, _options, Version, both.Token).ConfigureAwait(false);
            _trace.Step(() => $"Opened {transport.Description}.");
            ConnAckPacket answer = await ShakeHandsAsync(transport, both.Token).ConfigureAwait(false);
            succeeded = true;
            return new HandshakeResult(transport, _buffer, answer, _bytesSent);
        }
        catch (OperationCanceledException e) when (time.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw TimedOut(isConnected: transport is not null, (e as ConnectCanceledException)?.Phase);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException && both.IsCancellationRequested)
        {
            // A call that was cut off in the middle may say so in its own words.
            cancellationToken.ThrowIfCancellationRequested();
            throw TimedOut(isConnected: transport is not null, null);
        }
        finally
        {
            if (!succeeded && transport is not null)
            {
                transport.Abort();
                await transport.DisposeAsync().ConfigureAwait(false);
            }
        }
    }

    private async Task<ConnAckPacket> ShakeHandsAsync(ITransport transport, CancellationToken cancellationToken)
    {
        try
        {
            await SendAsync(transport, _connect, cancellationToken).ConfigureAwait(false);
            while (true)
            {
                (ConnAckPacket? answer, AuthPacket? step) = await ReceiveAsync(transport, cancellationToken).ConfigureAwait(false);
                if (answer is not null)
                {
                    await CheckAsync(answer, cancellationToken).ConfigureAwait(false);
                    return answer;
                }

                await ContinueAsync(transport, step!, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (IOException e) when (e.InnerException is MqttConnectException)
        {
            // What belonged to opening the connection was refused only now: see ITransport.ReceiveAsync.
            throw (MqttConnectException)e.InnerException;
        }
        catch (IOException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw WebSocketTransport.IsViolation(e) ? BrokeWebSocket(e) : ClosedByPeer(e);
        }
        catch (MqttProtocolException e)
        {
            e.NameStatementIn(Version);
            if (!_speaksMqtt)
            {
                throw NotMqtt(e);
            }

            await SayWhyAsync(transport, e.ReasonCode).ConfigureAwait(false);
            throw new MqttConnectException(
                MqttConnectPhase.Handshake,
                MqttConnectFailure.ProtocolError,
                $"{_endpoint} broke the protocol when it answered CONNECT, and the connection was closed. {e.Message}",
                e)
            { Server = _endpoint.ToString() };
        }
    }

    private async Task<(ConnAckPacket? Answer, AuthPacket? Step)> ReceiveAsync(ITransport transport, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (TryRead(out ConnAckPacket? answer, out AuthPacket? step, out int needed))
            {
                return (answer, step);
            }

            if (await _buffer.FillAsync(transport, needed, cancellationToken).ConfigureAwait(false) == 0)
            {
                throw _hasReceived
                    ? new MqttProtocolException(
                        MqttReasonCode.MalformedPacket, "MQTT-4.13.1-1", "The server closed the connection in the middle of its first packet.")
                    : ClosedByPeer(null);
            }

            _hasReceived = true;
        }
    }

    /// <summary>
    /// Whether a peer that breaks the protocol with its first bytes speaks MQTT at all, and is worth telling so. What greets in words does not (HTTP, SSH,
    /// SMTP), nor what cannot be the first byte of a packet, such as TLS; a CONNACK with reserved flags is a CONNACK.
    /// </summary>
    private static bool LooksLikeMqtt(ReadOnlySpan<byte> head)
    {
        int flags = head[0] & 0x0F;
        return head[..Math.Min(head.Length, 4)].ContainsAnyExceptInRange((byte)' ', (byte)'~') && (MqttPacketType)(head[0] >> 4) switch
        {
            0 => false,
            MqttPacketType.ConnAck => true,
            MqttPacketType.Publish => (flags & 0b0110) != 0b0110,
            MqttPacketType.PubRel or MqttPacketType.Subscribe or MqttPacketType.Unsubscribe => flags == 0b0010,
            _ => flags == 0,
        };
    }

    private bool TryRead(out ConnAckPacket? answer, out AuthPacket? step, out int needed)
    {
        answer = null;
        step = null;
        if (_buffer.Unread.Length < 2)
        {
            // No packet is shorter, and two bytes tell MQTT from what else may listen there.
            needed = 2;
            return false;
        }

        _speaksMqtt |= LooksLikeMqtt(_buffer.Unread);
        if ((MqttPacketType)(_buffer.Unread[0] >> 4) is { } type
            && type is not (MqttPacketType.ConnAck or MqttPacketType.Auth or MqttPacketType.Disconnect))
        {
            // Decided by the first bytes: a peer that is not MQTT may never send what would be the length of a packet.
            needed = 0;
            throw new MqttProtocolException(
                MqttReasonCode.ProtocolError,
                "MQTT-3.2.0-1",
                $"The server's first packet was {type.Name()}, and must be CONNACK.");
        }

        if (!MqttPacketReader.TryReadFrame(_buffer.Unread, _options.MaximumPacketSize, out MqttFrame frame, out needed))
        {
            return false;
        }

        _speaksMqtt = true;
        _trace.Packet(MqttTraceKind.Received, frame, Version);
        switch (frame.Type)
        {
            case MqttPacketType.ConnAck:
                answer = ConnAckPacket.Read(frame, Version);
                break;
            case MqttPacketType.Auth when Version == MqttProtocolVersion.V500 && _options.Authentication is not null:
                step = AuthPacket.Read(frame, Version);
                ProblemInformation.Check(_options.RequestProblemInformation, frame.Type, step.ReasonString, step.UserProperties);
                break;
            case MqttPacketType.Disconnect when Version == MqttProtocolVersion.V500:
                var disconnect = DisconnectPacket.Read(frame, Version);
                disconnect.CheckFromServer();
                if (!disconnect.ReasonCode.IsFailure())
                {
                    throw new MqttProtocolException(
                        MqttReasonCode.ProtocolError, "MQTT-3.14.0-1", "The server sent DISCONNECT instead of CONNACK, and no reason with it.");
                }

                throw Refused(disconnect.ReasonCode, disconnect.ReasonString, disconnect.ServerReference);
            case MqttPacketType.Auth when Version == MqttProtocolVersion.V500:
                throw new MqttProtocolException(
                    MqttReasonCode.ProtocolError, "MQTT-4.12.0-6", "The server sent AUTH, though no enhanced authentication was asked for.");
            default:
                throw new MqttProtocolException(
                    MqttReasonCode.ProtocolError, "MQTT-3.2.0-1", $"The server's first packet was {frame.Type.Name()}, and must be CONNACK.");
        }

        _buffer.Consume(frame.TotalLength);
        return true;
    }

    private async Task ContinueAsync(ITransport transport, AuthPacket step, CancellationToken cancellationToken)
    {
        IEnhancedAuthentication authentication = _options.Authentication!;
        if (step.ReasonCode != MqttReasonCode.ContinueAuthentication || step.Method != authentication.Method)
        {
            throw new MqttProtocolException(
                MqttReasonCode.ProtocolError,
                step.Method != authentication.Method ? "MQTT-4.12.0-5" : "MQTT-4.12.0-2",
                "The server sent an AUTH that does not continue the authentication.");
        }

        ReadOnlyMemory<byte>? data;
        try
        {
            data = await ConnectRequest.AskAsync(token => authentication.ContinueAsync(step.Data, token), cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            throw AuthenticationFailed(e);
        }

        var reply = new AuthPacket
        {
            ReasonCode = MqttReasonCode.ContinueAuthentication,
            Method = authentication.Method,
            Data = data?.ToArray(),
        };
        await SendAsync(transport, reply, cancellationToken).ConfigureAwait(false);
    }

    private async Task CheckAsync(ConnAckPacket answer, CancellationToken cancellationToken)
    {
        if (answer.ReasonCode != MqttReasonCode.Success)
        {
            throw Refused(answer.ReasonCode, answer.ReasonString, answer.ServerReference);
        }

        if (_connect.CleanStart && answer.SessionPresent)
        {
            throw new MqttProtocolException(
                MqttReasonCode.ProtocolError,
                "MQTT-3.2.2-2",
                "The server says that it has kept a session, though a clean one was asked for.");
        }

        if (_options.Authentication is { } authentication && Version == MqttProtocolVersion.V500)
        {
            if (answer.AuthenticationMethod != authentication.Method)
            {
                throw new MqttProtocolException(
                    MqttReasonCode.ProtocolError,
                    "MQTT-4.12.0-5",
                    $"The server ended the authentication with {(answer.AuthenticationMethod is { } method ? $"another method, '{method}'" : "no method")}.");
            }

            try
            {
                await Task.Run(() => authentication.CompleteAsync(answer.AuthenticationData, cancellationToken).AsTask(), cancellationToken)
                    .WaitAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                throw AuthenticationFailed(e);
            }
        }
        else if (answer.AuthenticationMethod is not null)
        {
            throw new MqttProtocolException(
                MqttReasonCode.ProtocolError, "MQTT-4.12.0-6", "The server sent an Authentication Method, though none was asked for.");
        }
    }

    private async Task SendAsync<T>(ITransport transport, T packet, CancellationToken cancellationToken)
        where T : IMqttPacket
    {
        _output.Clear();
        packet.Write(_output, Version);
        _trace.Packets(MqttTraceKind.Sent, _output.Written, Version);
        await transport.SendAsync(_output.Written, cancellationToken).ConfigureAwait(false);
        _bytesSent += _output.Count;
    }

    private MqttConnectException Refused(MqttReasonCode code, string? words, string? reference)
    {
        MqttConnectFailure failure = code switch
        {
            MqttReasonCode.UnsupportedProtocolVersion => MqttConnectFailure.UnsupportedVersion,
            MqttReasonCode.BadUserNameOrPassword or MqttReasonCode.NotAuthorized => MqttConnectFailure.BadCredentials,
            MqttReasonCode.ClientIdentifierNotValid => MqttConnectFailure.ClientIdentifierRefused,
            MqttReasonCode.BadAuthenticationMethod => MqttConnectFailure.AuthenticationFailed,
            _ => MqttConnectFailure.Refused,
        };
        string advice = failure switch
        {
            MqttConnectFailure.UnsupportedVersion => $" It does not speak MQTT {VersionText()}.",
            MqttConnectFailure.BadCredentials => " Check user name and password, and what the server allows this client to do.",
            MqttConnectFailure.ClientIdentifierRefused => $" Use another client identifier than '{_connect.ClientId}'.",
            _ => reference is null ? string.Empty : $" It names another server to use: {reference}.",
        };
        string said = words is { Length: > 0 } ? $" ({words})" : string.Empty;
        return new MqttConnectException(
            MqttConnectPhase.Handshake, failure, $"{_endpoint} refused the connection: {code.Describe()}{said}{advice}")
        {
            ReasonCode = code,
            ReasonString = words,
            ServerReference = reference,
            Server = _endpoint.ToString(),
        };
    }

    private MqttConnectException ClosedByPeer(IOException? cause) => new(
        MqttConnectPhase.Handshake,
        MqttConnectFailure.ClosedByPeer,
        $"{_endpoint} closed the connection without answering CONNECT (MQTT {VersionText()}). "
        + (cause is null ? string.Empty : $"{cause.Message.TrimEnd('.')}. ")
        + "Check that it is an MQTT server, that this port is "
        + "the one for this kind of connection (TLS or not), and that it allows this client"
        + (_endpoint.IsTls && _options.Tls.ClientCertificate is { } own ? $" and its certificate '{own.Subject}'." : "."),
        cause)
    { Server = _endpoint.ToString() };

    private MqttConnectException BrokeWebSocket(IOException cause) => new(
        MqttConnectPhase.Handshake,
        MqttConnectFailure.ProtocolError,
        $"{_endpoint} broke the rules of WebSocket when it should have answered CONNECT, and the connection was closed. {cause.Message}",
        cause)
    { Server = _endpoint.ToString() };

    private MqttConnectException AuthenticationFailed(Exception cause) => new(
        MqttConnectPhase.Handshake,
        MqttConnectFailure.AuthenticationFailed,
        $"The authentication '{_options.Authentication!.Method}' with {_endpoint} failed: {cause.Message}",
        cause)
    { Server = _endpoint.ToString() };

    private MqttConnectException TimedOut(bool isConnected, MqttConnectPhase? phase) => phase is { } stalled
        ? new(
            stalled,
            MqttConnectFailure.ConnectTimeout,
            $"{_endpoint} was reached, but {Step(stalled)} did not end within {_options.ConnectTimeout.TotalSeconds:0.#} s. Check that the port is the one "
            + "for this kind of connection.")
        { Server = _endpoint.ToString() }
        : isConnected
        ? new(
            MqttConnectPhase.Handshake,
            MqttConnectFailure.NoResponse,
            $"{_endpoint} accepted the connection but sent no CONNACK within {_options.ConnectTimeout.TotalSeconds:0.#} s"
            + (_hasReceived ? ", only part of one" : string.Empty) + ". Check that it is an MQTT server, and that this port is the one for this "
            + "kind of connection (TLS or not); a server that is only slow needs a longer timeout.")
        { Server = _endpoint.ToString() }
        : new(
            MqttConnectPhase.Connect,
            MqttConnectFailure.ConnectTimeout,
            $"{_endpoint} did not accept the connection within {_options.ConnectTimeout.TotalSeconds:0.#} s. Check the host and the port, and that no "
            + "firewall swallows the connection.")
        { Server = _endpoint.ToString() };

    private static string Step(MqttConnectPhase phase) => phase switch
    {
        MqttConnectPhase.Proxy => "what the proxy had to do",
        MqttConnectPhase.Tls => "the TLS handshake",
        _ => "the WebSocket upgrade",
    };

    /// <summary>The peer's answer broke the protocol: says what it looks like, for it is mostly the wrong port.</summary>
    private MqttConnectException NotMqtt(MqttProtocolException cause)
    {
        byte[] head = _buffer.Unread[..Math.Min(_buffer.Unread.Length, 40)].ToArray();

        // A TLS server answers what is no TLS with an alert record: 0x15, then its version, 3.x.
        bool isTls = head.Length >= 2 && head[0] == 0x15 && head[1] == 3;
        string shown = new string([.. Encoding.Latin1.GetString(head).TakeWhile(static c => c is >= ' ' and <= '~')]);
        string what = isTls ? "It answered with a TLS alert: this port wants TLS. Use mqtts:// (or wss://)."
            : shown.Length >= 4 ? $"It answered '{shown}': that is not MQTT. Check the port."
            : $"{cause.Message} Check that this is the port of an MQTT server.";
        return new MqttConnectException(
            MqttConnectPhase.Handshake,
            isTls ? MqttConnectFailure.PeerSpeaksTls : MqttConnectFailure.NotMqtt,
            $"{_endpoint} did not answer CONNECT with a valid CONNACK. {what}",
            cause)
        { Server = _endpoint.ToString() };
    }

    /// <summary>Tells the peer what it did wrong, where the version can: before 5.0 DISCONNECT has no reason, and the end must do [MQTT-4.8.0-1].</summary>
    private async Task SayWhyAsync(ITransport transport, MqttReasonCode code)
    {
        if (Version != MqttProtocolVersion.V500)
        {
            return;
        }

        using var time = new CancellationTokenSource(TimeSpan.FromSeconds(1), _options.TimeProvider);
        try
        {
            await SendAsync(transport, new DisconnectPacket { ReasonCode = code }, time.Token).ConfigureAwait(false);
            await transport.ShutdownAsync(time.Token).ConfigureAwait(false);
            while (await transport.ReceiveAsync(new byte[256], time.Token).ConfigureAwait(false) > 0)
            {
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // It is gone already: there is nobody to tell.
        }
    }

    private string VersionText() => Version switch
    {
        MqttProtocolVersion.V310 => "3.1",
        MqttProtocolVersion.V311 => "3.1.1",
        _ => "5.0",
    };
}
