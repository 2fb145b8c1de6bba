using System.Buffers;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using MQTTnet.Adapter;
using MQTTnet.Exceptions;
using MQTTnet.Formatter;
using MQTTnet.Packets;
using PSMqtt.Protocol;
using PSMqtt.Protocol.Packets;
using MqttProtocolVersion = MQTTnet.Formatter.MqttProtocolVersion;

namespace PSMqtt.Broker;

/// <summary>
/// A client's connection as packets: this project's framing, the library's packet types. It tells, besides, what the library's types cannot:
/// whether a DISCONNECT has a Session Expiry Interval.
/// </summary>
internal sealed class ClientChannel(Stream stream, EndPoint local, EndPoint remote) : IMqttChannelAdapter
{
    private const int InitialBufferSize = 8192;
    private const int LargestBufferKept = 65535;

    private readonly SemaphoreSlim _sending = new(1, 1);
    private byte[] _buffer = new byte[InitialBufferSize];
    private int _start;
    private int _end;
    private long _received;
    private long _sent;

    public long BytesReceived => Interlocked.Read(ref _received);

    public long BytesSent => Interlocked.Read(ref _sent);

    public X509Certificate2? ClientCertificate => null;

    public EndPoint RemoteEndPoint => remote;

    public EndPoint LocalEndPoint => local;

    public bool IsSecureConnection => stream is System.Net.Security.SslStream;

    public MqttPacketFormatterAdapter PacketFormatterAdapter { get; } = new(new MqttBufferWriter(4096, LargestBufferKept));

    /// <summary>The Session Expiry Interval of the DISCONNECT that was received; <see langword="null"/>: it has none.</summary>
    public uint? DisconnectSessionExpiry { get; private set; }

    public Task ConnectAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task DisconnectAsync(CancellationToken cancellationToken)
    {
        stream.Dispose();
        return Task.CompletedTask;
    }

    public async Task<MqttPacket?> ReceivePacketAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                if (TryDecode(out MqttPacket? packet))
                {
                    return packet;
                }

                int read = await stream.ReadAsync(_buffer.AsMemory(_end), cancellationToken).ConfigureAwait(false);
                if (read == 0)
                {
                    return null;
                }

                _end += read;
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or OperationCanceledException or InvalidOperationException)
        {
            // However it ended: nothing more comes.
            return null;
        }
        catch (MqttProtocolException e)
        {
            throw new MqttProtocolViolationException(e.Message);
        }
    }

    public async Task SendPacketAsync(MqttPacket packet, CancellationToken cancellationToken)
    {
        await _sending.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            MqttPacketBuffer encoded = PacketFormatterAdapter.Encode(packet);
            try
            {
                await stream.WriteAsync(encoded.Join(), cancellationToken).ConfigureAwait(false);
                Interlocked.Add(ref _sent, encoded.Length);
            }
            finally
            {
                PacketFormatterAdapter.Cleanup();
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or InvalidOperationException)
        {
            throw new MqttCommunicationException(e);
        }
        finally
        {
            _sending.Release();
        }
    }

    public void ResetStatistics()
    {
        Interlocked.Exchange(ref _received, 0);
        Interlocked.Exchange(ref _sent, 0);
    }

    public void Dispose() => stream.Dispose();

    private bool TryDecode(out MqttPacket? packet)
    {
        ReadOnlySpan<byte> unread = _buffer.AsSpan(_start, _end - _start);
        if (!MqttPacketReader.TryReadFrame(unread, int.MaxValue, out MqttFrame frame, out int needed))
        {
            MakeRoom(needed);
            packet = null;
            return false;
        }

        // The packet keeps a part of it: the payload of a message is not copied again.
        var body = new ArraySegment<byte>(frame.Body.ToArray());
        var received = new ReceivedMqttPacket(unread[0], body, frame.TotalLength);
        _start += frame.TotalLength;
        Interlocked.Add(ref _received, frame.TotalLength);

        if (PacketFormatterAdapter.ProtocolVersion == MqttProtocolVersion.Unknown)
        {
            PacketFormatterAdapter.DetectProtocolVersion(received);
        }

        if (frame.Type == MqttPacketType.Disconnect && PacketFormatterAdapter.ProtocolVersion == MqttProtocolVersion.V500)
        {
            DisconnectSessionExpiry = DisconnectPacket.Read(frame, Protocol.MqttProtocolVersion.V500).SessionExpirySeconds;
        }

        packet = PacketFormatterAdapter.Decode(received) ?? throw new MqttProtocolViolationException("Received a malformed packet.");
        return true;
    }

    /// <summary>Makes room for the rest of a packet, growing with what has come and not with what was announced.</summary>
    private void MakeRoom(int needed)
    {
        int unread = _end - _start;
        if (_start > 0)
        {
            _buffer.AsSpan(_start, unread).CopyTo(_buffer);
            (_start, _end) = (0, unread);
        }

        if (_end == _buffer.Length)
        {
            Array.Resize(ref _buffer, Math.Max(Math.Min(needed, _buffer.Length * 2), _buffer.Length + 1));
        }
        else if (unread == 0 && _buffer.Length > LargestBufferKept)
        {
            _buffer = new byte[InitialBufferSize];
        }
    }
}
