using System.Buffers;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using PSMqtt.Protocol;
using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Tests.Scripted;

namespace PSMqtt.Reliability;

/// <summary>
/// A small MQTT 5.0 server that keeps its half of every session by the book: QoS 2 identifiers until PUBREL, unacknowledged messages until PUBACK, both
/// through lost connections. It counts a QoS 2 message when it takes responsibility for it, and never again. Messages go to every session whose one filter is
/// their topic, with QoS 1.
/// </summary>
internal sealed class Peer : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, PeerSession> _sessions = new();
    private readonly ConcurrentDictionary<Socket, bool> _sockets = new();
    private readonly Action<string, byte[], MqttQualityOfService>? _received;
    private Socket? _listener;
    private Task _accepting = Task.CompletedTask;

    /// <param name="received">Told of every message that was received, repetitions of QoS 2 messages left out. From many threads.</param>
    public Peer(Action<string, byte[], MqttQualityOfService>? received = null) => _received = received;

    public int Port { get; private set; }

    /// <summary>When each connection was accepted, by client identifier: the last one.</summary>
    public ConcurrentDictionary<string, DateTime> Accepted { get; } = new();

    public void Start()
    {
        _listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        _listener.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, Port));
        _listener.Listen(512);
        Port = ((IPEndPoint)_listener.LocalEndPoint!).Port;
        _accepting = AcceptAsync(_listener);
    }

    /// <summary>Ends every connection at once, and takes no more. Sessions stay.</summary>
    public async Task StopAsync()
    {
        _listener?.Dispose();
        await _accepting;
        foreach (Socket socket in _sockets.Keys)
        {
            try
            {
                socket.LingerState = new LingerOption(true, 0);
                socket.Dispose();
            }
            catch (ObjectDisposedException)
            {
                // It has ended by itself.
            }
        }
    }

    /// <summary>Sends a message to everybody who wants it.</summary>
    public void Send(string topic, byte[] payload)
    {
        foreach (PeerSession session in _sessions.Values)
        {
            if (session.Filter == topic)
            {
                session.Send(topic, payload);
            }
        }
    }

    public async ValueTask DisposeAsync() => await StopAsync();

    private async Task AcceptAsync(Socket listener)
    {
        while (true)
        {
            try
            {
                Socket socket = await listener.AcceptAsync();
                socket.NoDelay = true;
                _sockets[socket] = true;
                _ = Task.Run(() => ServeAsync(socket));
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        PeerSession? session = null;
        var output = new PeerOutput(socket);
        try
        {
            byte[] buffer = new byte[64 * 1024];
            int count = 0;
            while (true)
            {
                int read = await socket.ReceiveAsync(buffer.AsMemory(count));
                if (read == 0)
                {
                    return;
                }

                count += read;
                int start = 0;
                while (TryHandle(buffer.AsSpan(start, count - start), output, ref session, out int used))
                {
                    start += used;
                }

                buffer.AsSpan(start, count - start).CopyTo(buffer);
                count -= start;
                if (count == buffer.Length)
                {
                    Array.Resize(ref buffer, 2 * buffer.Length);
                }
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Cut.
        }
        finally
        {
            output.Close();
            session?.Detach(output);
            _sockets.TryRemove(socket, out _);
            socket.Dispose();
        }
    }

    private bool TryHandle(ReadOnlySpan<byte> bytes, PeerOutput output, ref PeerSession? session, out int used)
    {
        used = 0;
        if (!MqttPacketReader.TryReadFrame(bytes, int.MaxValue, out MqttFrame frame, out _))
        {
            return false;
        }

        used = frame.TotalLength;
        switch (frame.Type)
        {
            case MqttPacketType.Connect:
                var connect = ConnectPacket.Read(frame, MqttProtocolVersion.V500);
                bool isPresent = _sessions.TryGetValue(connect.ClientId, out session) && !connect.CleanStart;
                if (!isPresent)
                {
                    session = new PeerSession();
                    _sessions[connect.ClientId] = session;
                }

                Accepted[connect.ClientId] = DateTime.UtcNow;
                output.Write(new ConnAckPacket { SessionPresent = isPresent });
                session!.Attach(output);
                break;
            case MqttPacketType.Publish:
                Receive(PublishPacket.Read(frame, MqttProtocolVersion.V500), output, session!);
                break;
            case MqttPacketType.PubAck:
                session!.Acknowledged(AcknowledgementPacket.Read(frame, MqttProtocolVersion.V500).PacketIdentifier);
                break;
            case MqttPacketType.PubRel:
                var release = AcknowledgementPacket.Read(frame, MqttProtocolVersion.V500);
                bool isKnown = session!.Release(release.PacketIdentifier);
                output.Write(new AcknowledgementPacket(
                    MqttPacketType.PubComp, release.PacketIdentifier, isKnown ? MqttReasonCode.Success : MqttReasonCode.PacketIdentifierNotFound));
                break;
            case MqttPacketType.Subscribe:
                var subscribe = SubscribePacket.Read(frame, MqttProtocolVersion.V500);
                session!.Filter = subscribe.Subscriptions[0].Filter;
                output.Write(new SubAckPacket { PacketIdentifier = subscribe.PacketIdentifier, ReasonCodes = [MqttReasonCode.GrantedQoS1] });
                break;
            case MqttPacketType.PingReq:
                output.WriteRaw(PingPackets.PingResp);
                break;
            case MqttPacketType.Unsubscribe:
                var unsubscribe = UnsubscribePacket.Read(frame, MqttProtocolVersion.V500);
                session!.Filter = null;
                output.Write(new UnsubAckPacket { PacketIdentifier = unsubscribe.PacketIdentifier, ReasonCodes = [MqttReasonCode.Success] });
                break;
        }

        return true;
    }

    private void Receive(in PublishPacket packet, PeerOutput output, PeerSession session)
    {
        string topic = System.Text.Encoding.UTF8.GetString(packet.Topic);
        byte[] payload = packet.Payload.ToArray();
        bool isNew = packet.QoS != MqttQualityOfService.ExactlyOnce || session.Take(packet.PacketIdentifier);
        if (isNew)
        {
            _received?.Invoke(topic, payload, packet.QoS);
            Send(topic, payload);
        }

        if (packet.QoS != MqttQualityOfService.AtMostOnce)
        {
            output.Write(new AcknowledgementPacket(
                packet.QoS == MqttQualityOfService.AtLeastOnce ? MqttPacketType.PubAck : MqttPacketType.PubRec, packet.PacketIdentifier, MqttReasonCode.Success));
        }
    }
}

/// <summary>What the server keeps of a client through its connections.</summary>
internal sealed class PeerSession
{
    private const int Window = 500;
    private const int Kept = 1024;

    private readonly object _gate = new();
    private readonly HashSet<ushort> _received = [];
    private readonly Queue<(string Topic, byte[] Payload)> _waiting = new();
    private readonly SortedDictionary<long, (ushort Identifier, string Topic, byte[] Payload)> _unacknowledged = [];
    private readonly Dictionary<ushort, long> _order = [];
    private PeerOutput? _output;
    private ushort _identifier;
    private long _number;

    public string? Filter { get; set; }

    /// <summary>Takes a QoS 2 identifier; false when it is held already: the message is a repetition.</summary>
    public bool Take(ushort identifier)
    {
        lock (_gate)
        {
            return _received.Add(identifier);
        }
    }

    public bool Release(ushort identifier)
    {
        lock (_gate)
        {
            return _received.Remove(identifier);
        }
    }

    public void Attach(PeerOutput output)
    {
        lock (_gate)
        {
            _output = output;
            foreach ((ushort identifier, string topic, byte[] payload) in _unacknowledged.Values)
            {
                output.Write(new ServerPublish(topic, payload, MqttQualityOfService.AtLeastOnce, identifier) { Duplicate = true });
            }

            Pump();
        }
    }

    public void Detach(PeerOutput output)
    {
        lock (_gate)
        {
            _output = ReferenceEquals(_output, output) ? null : _output;
        }
    }

    public void Send(string topic, byte[] payload)
    {
        lock (_gate)
        {
            _waiting.Enqueue((topic, payload));
            Pump();
        }
    }

    public void Acknowledged(ushort identifier)
    {
        lock (_gate)
        {
            if (_order.Remove(identifier, out long number))
            {
                _unacknowledged.Remove(number);
                Pump();
            }
        }
    }

    private void Pump()
    {
        while (_output is not null && _unacknowledged.Count < Window && _waiting.TryDequeue(out (string Topic, byte[] Payload) message))
        {
            do
            {
                _identifier = _identifier == ushort.MaxValue ? (ushort)1 : (ushort)(_identifier + 1);
            }
            while (_order.ContainsKey(_identifier));

            _order[_identifier] = ++_number;
            _unacknowledged[_number] = (_identifier, message.Topic, message.Payload);
            _output.Write(new ServerPublish(message.Topic, message.Payload, MqttQualityOfService.AtLeastOnce, _identifier));
        }

        if (_waiting.Count == 0 && _waiting.EnsureCapacity(0) > Kept)
        {
            // What a client that was away long made it grow to.
            _waiting.TrimExcess();
        }
    }
}

/// <summary>The way out of one connection: what is written while bytes are on their way leaves together.</summary>
internal sealed class PeerOutput
{
    private readonly object _gate = new();
    private readonly Channel<bool> _more = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private ArrayBufferWriter<byte> _filling = new();
    private ArrayBufferWriter<byte> _sending = new();

    public PeerOutput(Socket socket) => _ = SendAsync(socket);

    public void Write(IMqttPacket packet)
    {
        lock (_gate)
        {
            packet.Write(_filling, MqttProtocolVersion.V500);
        }

        _more.Writer.TryWrite(true);
    }

    public void WriteRaw(ReadOnlySpan<byte> bytes)
    {
        lock (_gate)
        {
            _filling.Write(bytes);
        }

        _more.Writer.TryWrite(true);
    }

    public void Close() => _more.Writer.TryComplete();

    private async Task SendAsync(Socket socket)
    {
        try
        {
            while (await _more.Reader.WaitToReadAsync())
            {
                _more.Reader.TryRead(out _);
                lock (_gate)
                {
                    (_filling, _sending) = (_sending, _filling);
                }

                ReadOnlyMemory<byte> bytes = _sending.WrittenMemory;
                while (!bytes.IsEmpty)
                {
                    bytes = bytes[await socket.SendAsync(bytes)..];
                }

                _sending.ResetWrittenCount();
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Cut; the reader finds out too.
        }
    }
}
