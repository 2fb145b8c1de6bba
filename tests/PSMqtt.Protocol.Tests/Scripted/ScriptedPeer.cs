using System.Buffers;
using System.Net.Sockets;
using PSMqtt.Protocol.Packets;

namespace PSMqtt.Protocol.Tests.Scripted;

/// <summary>
/// The server's end of one connection. It reads only while a script waits for something, so that a script that waits for nothing is a server that
/// has stopped reading. One wait at a time; sending may go on at the same time.
/// </summary>
internal sealed class ScriptedPeer : IDisposable
{
    private readonly Socket _socket;
    private readonly TimeSpan _timeLimit;
    private readonly TimeSpan _sendLimit;
    private readonly List<string> _log = [];

    /// <summary>Bytes that have been read from the client.</summary>
    public long BytesReceived { get; private set; }
    private byte[] _buffer = new byte[4096];
    private int _start;
    private int _end;
    private MqttProtocolVersion? _version;

    public ScriptedPeer(Socket socket, TimeSpan timeLimit, TimeSpan sendLimit)
    {
        _socket = socket;
        _socket.NoDelay = true;
        _timeLimit = timeLimit;
        _sendLimit = sendLimit;
    }

    /// <summary>The version of the connection: the one that the CONNECT said, unless it was set.</summary>
    public MqttProtocolVersion Version
    {
        get => _version ?? MqttProtocolVersion.V500;
        set => _version = value;
    }

    /// <summary>The CONNECT, once it was received.</summary>
    public ConnectPacket? Connect { get; private set; }

    /// <summary>Whether PINGREQ is answered and left out of what the script waits for. Default: false.</summary>
    public bool AnswersPings { get; set; }

    /// <summary>The packets that were received or sent, in order, one line each: the last hundred.</summary>
    public string Log
    {
        get
        {
            lock (_log)
            {
                IEnumerable<string> lines = _log.Count > 100 ? _log.TakeLast(100).Prepend($"({_log.Count - 100} more before)") : _log;
                return _log.Count == 0 ? " nothing" : string.Concat(lines.Select(line => $"{Environment.NewLine}  {line}"));
            }
        }
    }

    /// <summary>Waits for a packet: CONNECT, SUBSCRIBE, UNSUBSCRIBE, DISCONNECT, AUTH, or what a server sends.</summary>
    public async Task<T> ExpectAsync<T>(CancellationToken cancellationToken = default)
        where T : class, IMqttPacket
    {
        object packet = await NextAsync(typeof(T).Name, cancellationToken);
        return packet as T ?? throw Unexpected(typeof(T).Name, packet);
    }

    public async Task<ReceivedPublish> ExpectPublishAsync(CancellationToken cancellationToken = default)
    {
        object packet = await NextAsync("PUBLISH", cancellationToken);
        return packet as ReceivedPublish ?? throw Unexpected("PUBLISH", packet);
    }

    /// <summary>Waits for a PUBACK, PUBREC, PUBREL or PUBCOMP.</summary>
    public async Task<AcknowledgementPacket> ExpectAcknowledgementAsync(MqttPacketType type, CancellationToken cancellationToken = default)
    {
        object packet = await NextAsync(type.Name(), cancellationToken);
        return packet is AcknowledgementPacket acknowledgement && acknowledgement.Type == type
            ? acknowledgement
            : throw Unexpected(type.Name(), packet);
    }

    public async Task ExpectPingReqAsync(CancellationToken cancellationToken = default)
    {
        object packet = await NextAsync("PINGREQ", cancellationToken);
        if (packet is not MqttPacketType.PingReq)
        {
            throw Unexpected("PINGREQ", packet);
        }
    }

    /// <summary>Waits until the client has closed the connection, whichever way, and refuses any packet before that.</summary>
    public async Task ExpectClosedAsync(CancellationToken cancellationToken = default)
    {
        if (await TryNextAsync("the end of the connection", cancellationToken) is { } packet)
        {
            throw Unexpected("the end of the connection", packet);
        }
    }

    /// <summary>Waits for a DISCONNECT with a reason code, then for the end of the connection.</summary>
    public async Task<DisconnectPacket> ExpectDisconnectAsync(MqttReasonCode reasonCode, CancellationToken cancellationToken = default)
    {
        DisconnectPacket packet = await ExpectAsync<DisconnectPacket>(cancellationToken);
        if (packet.ReasonCode != reasonCode)
        {
            throw new ScriptException($"Expected a DISCONNECT with {reasonCode}, but it has {packet.ReasonCode}.{ReceivedSoFar}");
        }

        await ExpectClosedAsync(cancellationToken);
        return packet;
    }

    /// <summary>Waits for the next packet, whichever, as an object of its own; <see langword="null"/> when the client has closed the connection.</summary>
    public Task<object?> NextOrClosedAsync(CancellationToken cancellationToken = default) => TryNextAsync("a packet", cancellationToken);

    /// <summary>Checks that nothing has come that the script has not waited for.</summary>
    /// <remarks>What is still on its way does not count: let the client answer something first (a ping, an acknowledgement).</remarks>
    public async Task ExpectNothingBufferedAsync()
    {
        if (_socket.Available > 0 || _end > _start)
        {
            object? packet = await TryNextAsync("nothing", CancellationToken.None);
            if (packet is not null)
            {
                throw Unexpected("nothing", packet);
            }
        }
    }

    /// <summary>Sends packets, all in one piece.</summary>
    public Task SendAsync(params IMqttPacket[] packets) => SendRawAsync(Encode(packets));

    public Task SendPublishAsync(
        string topic, string text, MqttQualityOfService qos = MqttQualityOfService.AtMostOnce, ushort packetIdentifier = 0) =>
        SendAsync(new ServerPublish(topic, text, qos, packetIdentifier));

    public Task SendAcknowledgementAsync(MqttPacketType type, ushort packetIdentifier, MqttReasonCode reasonCode = MqttReasonCode.Success) =>
        SendAsync(new AcknowledgementPacket(type, packetIdentifier, reasonCode));

    public Task SendPingRespAsync() => SendRawAsync(PingPackets.PingResp.ToArray());

    /// <summary>Sends packets cut into pieces of a few bytes, each in a segment of its own as far as the system allows.</summary>
    public async Task SendInPiecesAsync(int pieceLength, params IMqttPacket[] packets)
    {
        ReadOnlyMemory<byte> bytes = Encode(packets);
        while (!bytes.IsEmpty)
        {
            int length = Math.Min(pieceLength, bytes.Length);
            await SendRawAsync(bytes[..length]);
            await Task.Yield();
            bytes = bytes[length..];
        }
    }

    /// <summary>Sends bytes, whatever they are. Blanks in the hexadecimal digits are left out.</summary>
    public Task SendRawAsync(string hexadecimal) => SendRawAsync(Convert.FromHexString(hexadecimal.Replace(" ", "", StringComparison.Ordinal)));

    /// <inheritdoc cref="SendRawAsync(string)" />
    public async Task SendRawAsync(ReadOnlyMemory<byte> bytes)
    {
        AddToLog($"sent {bytes.Length} bytes: {Convert.ToHexString(bytes.Span[..Math.Min(bytes.Length, 40)])}");
        using var limit = new CancellationTokenSource(_sendLimit);
        try
        {
            while (!bytes.IsEmpty)
            {
                int count = await _socket.SendAsync(bytes, limit.Token);
                bytes = bytes[count..];
            }
        }
        catch (OperationCanceledException exception)
        {
            throw new ScriptException($"The client took no more bytes for {_sendLimit.TotalSeconds} s.{ReceivedSoFar}", exception);
        }
    }

    /// <summary>Says that nothing more will come (TCP FIN); what the client sends can still be received.</summary>
    public void ShutdownSend() => _socket.Shutdown(SocketShutdown.Send);

    /// <summary>Ends the connection with a reset.</summary>
    public void Abort()
    {
        _socket.LingerState = new LingerOption(true, 0);
        _socket.Dispose();
    }

    /// <summary>Closes the connection in the ordinary way.</summary>
    public void Dispose() => _socket.Dispose();

    private string ReceivedSoFar => $"{Environment.NewLine}So far:{Log}";

    private byte[] Encode(IMqttPacket[] packets)
    {
        var output = new ArrayBufferWriter<byte>();
        foreach (IMqttPacket packet in packets)
        {
            packet.Write(output, Version);
        }

        return output.WrittenSpan.ToArray();
    }

    private async Task<object> NextAsync(string what, CancellationToken cancellationToken) =>
        await TryNextAsync(what, cancellationToken)
        ?? throw new ScriptException($"Expected {what}, but the client has closed the connection.{ReceivedSoFar}");

    private async Task<object?> TryNextAsync(string what, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(_timeLimit);
        try
        {
            while (true)
            {
                if (TryTake(out object? packet))
                {
                    if (AnswersPings && packet is MqttPacketType.PingReq)
                    {
                        await SendPingRespAsync();
                        continue;
                    }

                    return packet;
                }

                if (_end == _buffer.Length)
                {
                    Array.Resize(ref _buffer, 2 * _buffer.Length);
                }

                int count = await _socket.ReceiveAsync(_buffer.AsMemory(_end), limit.Token);
                if (count == 0)
                {
                    AddToLog(_end > _start ? $"the client closed the connection inside a packet, after {_end - _start} bytes of it" : "the client closed the connection");
                    return null;
                }

                _end += count;
                BytesReceived += count;
            }
        }
        catch (OperationCanceledException exception) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ScriptException($"Expected {what}, but nothing came within {_timeLimit.TotalSeconds} s.{ReceivedSoFar}", exception);
        }
        catch (SocketException exception) when (exception.SocketErrorCode is SocketError.ConnectionReset or SocketError.ConnectionAborted)
        {
            AddToLog("the client reset the connection");
            return null;
        }
        catch (MqttProtocolException exception)
        {
            throw new ScriptException($"Expected {what}, but the client broke the specification: {exception.Message}{ReceivedSoFar}", exception);
        }
    }

    private bool TryTake(out object? packet)
    {
        if (!MqttPacketReader.TryReadFrame(_buffer.AsSpan(_start, _end - _start), int.MaxValue, out MqttFrame frame, out _))
        {
            packet = null;
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            _end -= _start;
            _start = 0;
            return false;
        }

        if (frame.Type == MqttPacketType.Connect)
        {
            Connect = ConnectPacket.Read(frame, Version);
            _version ??= Connect.ProtocolVersion;
        }

        AddToLog($"received {PacketDescription.Describe(frame, Version, sent: true)}");
        packet = frame.Type switch
        {
            MqttPacketType.Connect => Connect,
            MqttPacketType.ConnAck => ConnAckPacket.Read(frame, Version),
            MqttPacketType.Publish => ReceivedPublish.Read(frame, Version),
            MqttPacketType.Subscribe => SubscribePacket.Read(frame, Version),
            MqttPacketType.SubAck => SubAckPacket.Read(frame, Version),
            MqttPacketType.Unsubscribe => UnsubscribePacket.Read(frame, Version),
            MqttPacketType.UnsubAck => UnsubAckPacket.Read(frame, Version),
            MqttPacketType.Disconnect => DisconnectPacket.Read(frame, Version),
            MqttPacketType.Auth => AuthPacket.Read(frame, Version),
            MqttPacketType.PingReq or MqttPacketType.PingResp => frame.Type,
            _ => AcknowledgementPacket.Read(frame, Version),
        };
        _start += frame.TotalLength;
        return true;
    }

    private ScriptException Unexpected(string what, object packet)
    {
        string found = packet switch
        {
            IMqttPacket known => known.Type.Name(),
            ReceivedPublish publish => $"PUBLISH to '{publish.Topic}'",
            MqttPacketType type => type.Name(),
            _ => packet.ToString()!,
        };
        return new ScriptException($"Expected {what}, but {found} came.{ReceivedSoFar}");
    }

    private void AddToLog(string line)
    {
        lock (_log)
        {
            _log.Add(line);
        }
    }
}
