using System.Threading.Channels;
using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Sessions;
using PSMqtt.Protocol.Transports;

namespace PSMqtt.Protocol.Connections;

/// <summary>One connection from CONNACK to its end: the reader loop, the writer, the keep-alive.</summary>
internal sealed class Connection
{
    /// <summary>How long the peer may take to end its side when we have ended ours.</summary>
    private static readonly TimeSpan s_closeTime = TimeSpan.FromSeconds(2);

    /// <summary>
    /// How many packets are handled before others get their turn at the session's lock. Taking it, and a consumer's queue, once for 64 small messages
    /// instead of for each more than doubles the rate; more than that gains nothing and keeps publishers waiting.
    /// </summary>
    private const int PacketsAtOnce = 64;

    private readonly MqttClientOptions _options;
    private readonly Session _session;
    private readonly ITransport _transport;
    private readonly ReceiveBuffer _buffer;
    private readonly ClientTrace _trace;
    private readonly TaskCompletionSource _ending = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private KeepAlive? _keepAlive;
    private ChannelWriter<AuthPacket>? _authentication;
    private bool _isAuthenticationAbandoned;
    private ConnectionEnd? _end;

    public Connection(
        MqttClientOptions options, Session session, ITransport transport, ReceiveBuffer buffer, MqttConnectResult limits,
        ClientTrace trace)
    {
        _options = options;
        _session = session;
        _transport = transport;
        _buffer = buffer;
        _trace = trace;
        Limits = limits;
        Established = options.TimeProvider.GetTimestamp();
        Writer = new ConnectionWriter(session.Gate, transport, options.TimeProvider, session.Drained, WriterFailed)
        {
            Sending = bytes => _trace.Packets(MqttTraceKind.Sent, bytes, limits.ProtocolVersion),
            IsTraced = () => _trace.TakesPackets,
            Store = options.SessionStore is { IsDurable: true } store ? store : null,
        };
    }

    public MqttConnectResult Limits { get; }

    public ConnectionWriter Writer { get; }

    /// <summary>When CONNACK had come (a timestamp of the time provider).</summary>
    public long Established { get; }

    /// <summary>Bytes received, from the first of the handshake.</summary>
    public long BytesReceived => _buffer.BytesReceived;

    /// <summary>How it ended; <see langword="null"/> as long as it has not.</summary>
    public ConnectionEnd? End => _end;

    /// <summary>Reads until the connection ends, for whatever reason, and closes it.</summary>
    public async Task<ConnectionEnd> RunAsync()
    {
        _keepAlive = new KeepAlive(_session.Gate, _options.TimeProvider, Writer, Limits.KeepAlive, message => Abort(Lost(message)));
        try
        {
            await ReadAsync().ConfigureAwait(false);
        }
        catch (MqttProtocolException e)
        {
            e.NameStatementIn(Limits.ProtocolVersion);
            SetEnd(new ConnectionEnd
            {
                Error = e,
                ReasonCode = e.ReasonCode,
                Explanation = $"The connection was closed, because the server broke the protocol. {e.Message}",
            });
            if (Limits.ProtocolVersion == MqttProtocolVersion.V500)
            {
                // Before 5.0 a DISCONNECT cannot say why, and would make the server discard the will: there the connection just ends.
                await SayLastAsync(new DisconnectPacket { ReasonCode = e.ReasonCode }).ConfigureAwait(false);
                await DiscardInputAsync().ConfigureAwait(false);
            }
        }
        catch (Exception e)
        {
            // Whatever it is, the connection is over, and the supervisor must hear of it.
            SetEnd(Lost($"The connection was lost: {e.Message}", e));
        }
        finally
        {
            _keepAlive.Stop();
            _authentication?.TryComplete();
            _session.Detach();
            _transport.Abort();
            await _transport.DisposeAsync().ConfigureAwait(false);
            _ended.TrySetResult();
        }

        return _end!;
    }

    /// <summary>Ends the connection from our side: what was written leaves, then DISCONNECT, then the stream ends.</summary>
    /// <param name="packet">The DISCONNECT; <see langword="null"/>: none, so that the server publishes the will.</param>
    public async Task CloseAsync(DisconnectPacket? packet)
    {
        await CloseAsync(new ConnectionEnd { ReasonCode = packet?.ReasonCode, Explanation = "Disconnected." }, packet).ConfigureAwait(false);
    }

    /// <summary>Ends the connection from our side, for a reason of its own.</summary>
    public async Task CloseAsync(ConnectionEnd end, DisconnectPacket? packet)
    {
        SetEnd(end);
        await SayLastAsync(packet).ConfigureAwait(false);

        // The peer ends its side too; an end of ours that overtook its last bytes would be a reset that kills the DISCONNECT.
        await WithinCloseTimeAsync(_ended.Task).ConfigureAwait(false);
        _transport.Abort();
        await _ended.Task.ConfigureAwait(false);
    }

    /// <summary>Ends the connection at once.</summary>
    public void Abort(ConnectionEnd end)
    {
        SetEnd(end);
        _transport.Abort();
    }

    /// <summary>Receives the AUTH packets of a re-authentication from now on, unless another one is under way.</summary>
    public bool TryBeginAuthentication(ChannelWriter<AuthPacket> steps) => Interlocked.CompareExchange(ref _authentication, steps, null) is null;

    public void EndAuthentication() => _authentication = null;

    /// <summary>Nobody waits for the re-authentication any more, which the server cannot know: what it still says to it is ignored.</summary>
    public void AbandonAuthentication() => _isAuthenticationAbandoned = true;

    private async Task ReadAsync()
    {
        while (true)
        {
            int needed = HandlePackets();
            if (_end is { ByServer: true })
            {
                return;
            }

            _session.Flush();
            bool hasPaused = false;
            while (_end is null && _authentication is null && _session.GetPause() is { } pause)
            {
                // A connection that ends is read to its end, however full the queues are: nobody may come to empty them.
                hasPaused = true;
                await Task.WhenAny(pause, _ending.Task).ConfigureAwait(false);
            }

            _keepAlive!.Continue();
            if (hasPaused || needed == 0)
            {
                continue;
            }

            int count = await _buffer.FillAsync(_transport, needed, CancellationToken.None).ConfigureAwait(false);
            if (count == 0)
            {
                SetEnd(new ConnectionEnd
                {
                    IsSilentClose = true,
                    Error = new IOException("The server closed the connection."),
                    Explanation = "The server closed the connection without saying why.",
                });
                return;
            }

            _keepAlive.Received();
            if (_session.Outbound.InFlight == 0)
            {
                // Nothing of ours is under way: a conversation, not a stream.
                Writer.Answered();
            }
        }
    }

    /// <summary>Handles the whole packets in the buffer, or those up to one that fills a queue: what is read already may be many times its limit.</summary>
    /// <returns>How large the next one is, as far as is known; 0: it may be there already.</returns>
    private int HandlePackets()
    {
        _session.BeginReceive();
        while (true)
        {
            lock (_session.Gate)
            {
                try
                {
                    if (HandleSome() is { } needed)
                    {
                        return needed;
                    }
                }
                finally
                {
                    _session.HandOver();
                    if (_session.MayPause)
                    {
                        // In the same lock, so that no silence is counted between a queue that is full and the reader that waits for it.
                        _keepAlive!.Pause();
                    }
                }
            }
        }
    }

    /// <summary>Handles as many packets as the lock should be held for. Under the lock.</summary>
    /// <returns>What <see cref="HandlePackets"/> returns; <see langword="null"/>: go on.</returns>
    private int? HandleSome()
    {
        for (int i = 0; i < PacketsAtOnce; i++)
        {
            if (!MqttPacketReader.TryReadFrame(_buffer.Unread, _options.MaximumPacketSize, out MqttFrame frame, out int needed))
            {
                return needed;
            }

            _trace.Packet(MqttTraceKind.Received, frame, Limits.ProtocolVersion);
            if (!_session.Receive(frame))
            {
                Handle(frame);
            }

            _buffer.Consume(frame.TotalLength);
            if (_end is { ByServer: true } || (_end is null && _session.MayPause))
            {
                return 0;
            }
        }

        return null;
    }

    private void Handle(in MqttFrame frame)
    {
        MqttProtocolVersion version = Limits.ProtocolVersion;
        switch (frame.Type)
        {
            case MqttPacketType.PingResp:
                if (!_keepAlive!.Answered())
                {
                    _session.CountStray();
                }

                break;
            case MqttPacketType.Disconnect when version == MqttProtocolVersion.V500:
                SetServerDisconnect(DisconnectPacket.Read(frame, version));
                break;
            case MqttPacketType.Auth when version == MqttProtocolVersion.V500:
                var auth = AuthPacket.Read(frame, version);
                ProblemInformation.Check(_options.RequestProblemInformation, frame.Type, auth.ReasonString, auth.UserProperties);
                ReceiveAuthentication(auth);
                break;
            case MqttPacketType.ConnAck:
                throw Unexpected(frame.Type, "MQTT-3.2.0-2", "it has sent one already");
            default:
                throw Unexpected(frame.Type, "MQTT-4.13.1-1", "in this version of MQTT a server may not");
        }
    }

    private void ReceiveAuthentication(AuthPacket packet)
    {
        if (_isAuthenticationAbandoned)
        {
            if (packet.ReasonCode == MqttReasonCode.Success)
            {
                _isAuthenticationAbandoned = false;
                EndAuthentication();
            }
        }
        else if (_authentication is null || !_authentication.TryWrite(packet))
        {
            throw Unexpected(MqttPacketType.Auth, "MQTT-4.12.0-6", "no authentication was under way");
        }
    }

    private void SetServerDisconnect(DisconnectPacket packet)
    {
        packet.CheckFromServer();
        string words = packet.ReasonString is { Length: > 0 } text ? $" ({text})" : string.Empty;
        SetEnd(new ConnectionEnd
        {
            ByServer = true,
            ReasonCode = packet.ReasonCode,
            ServerReference = packet.ServerReference,
            Error = packet.ReasonCode.IsFailure()
                ? new IOException($"The server disconnected us: {packet.ReasonCode.Describe()}{words}")
                : null,
            Explanation = $"The server disconnected us: {packet.ReasonCode.Describe()}{words}",
        });
    }

    /// <summary>Sends what is written, and the DISCONNECT, if any, as the last packet; then says that nothing more comes.</summary>
    private async Task SayLastAsync(DisconnectPacket? packet)
    {
        lock (_session.Gate)
        {
            if (Writer.IsSealed)
            {
                return;
            }

            DisconnectRequest.Fit(packet, Limits.ProtocolVersion, Limits.MaximumPacketSize)?.Write(Writer.Output, Limits.ProtocolVersion);
            Writer.Seal();
        }

        await WithinCloseTimeAsync(Writer.WaitUntilIdleAsync()).ConfigureAwait(false);
        lock (_session.Gate)
        {
            Writer.Close();
        }

        using var time = new CancellationTokenSource(s_closeTime, _options.TimeProvider);
        await _transport.ShutdownAsync(time.Token).ConfigureAwait(false);
    }

    /// <summary>
    /// Reads on until the peer has ended its side, and uses nothing of it: closing a socket that has unread bytes is a reset, which would overtake the
    /// DISCONNECT and make the peer lose it.
    /// </summary>
    private async Task DiscardInputAsync()
    {
        using var time = new CancellationTokenSource(s_closeTime, _options.TimeProvider);
        var unused = new byte[4096];
        try
        {
            while (await _transport.ReceiveAsync(unused, time.Token).ConfigureAwait(false) > 0)
            {
                // What follows a broken packet means nothing.
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or MqttConnectException or OperationCanceledException)
        {
            // It is gone, or it does not want to go.
        }
    }

    private async Task WithinCloseTimeAsync(Task task) =>
        await task.WaitAsync(s_closeTime, _options.TimeProvider).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    private void WriterFailed(Exception error)
    {
        SetEnd(Lost($"The connection was lost: {error.Message}", error));

        // What the peer sent before it went may still be read, to its end; then the reader ends by itself.
        _ = AbortLaterAsync();
    }

    private async Task AbortLaterAsync()
    {
        await WithinCloseTimeAsync(_ended.Task).ConfigureAwait(false);
        _transport.Abort();
    }

    private void SetEnd(ConnectionEnd end)
    {
        Interlocked.CompareExchange(ref _end, end, null);
        _ending.TrySetResult();
    }

    private static ConnectionEnd Lost(string explanation, Exception? error = null) =>
        new() { Error = error ?? new IOException(explanation), Explanation = explanation };

    private static MqttProtocolException Unexpected(MqttPacketType type, string statement, string why) => new(
        MqttReasonCode.ProtocolError, statement, $"The server sent {type.Name()}, though {why}.");
}
