using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace PSMqtt.Benchmarks;

/// <summary>What the server does with a client, besides CONNACK, SUBACK and PINGRESP.</summary>
internal enum BenchServerMode
{
    /// <summary>Takes and acknowledges every PUBLISH.</summary>
    Sink,

    /// <summary>Sends a number of messages as soon as there is a subscription.</summary>
    Blast,

    /// <summary>Sends every message back.</summary>
    Echo,
}

/// <summary>
/// The same in-process peer for every client: as little work as the protocol allows, a thread a connection, ready-made frames in blocks of 64 KiB.
/// </summary>
internal sealed class BenchServer : IDisposable
{
    private const int BlockSize = 64 * 1024;
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly BenchServerMode _mode;
    private readonly int _blastCount;
    private readonly int _payloadSize;
    private readonly int _qos;

    public BenchServer(BenchServerMode mode, int blastCount = 0, int payloadSize = 16, int qos = 0)
    {
        _mode = mode;
        _blastCount = blastCount;
        _payloadSize = payloadSize;
        _qos = qos;
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(512);
        Port = ((IPEndPoint)_listener.LocalEndPoint!).Port;
        new Thread(Accept) { IsBackground = true }.Start();
    }

    public int Port { get; }

    /// <summary>Messages taken so far, on all connections.</summary>
    public long Received => Interlocked.Read(ref _received);

    private long _received;

    public void Dispose() => _listener.Dispose();

    /// <exception cref="TimeoutException">Nothing has come for ten seconds.</exception>
    public void WaitForReceived(long count)
    {
        long seen = -1;
        long since = 0;
        for (long received; (received = Received) < count; Thread.Sleep(0))
        {
            if (received != seen)
            {
                seen = received;
                since = Stopwatch.GetTimestamp();
            }
            else if (Stopwatch.GetElapsedTime(since).TotalSeconds > 10)
            {
                throw new TimeoutException($"Of {count} messages only {received} came.");
            }
        }
    }

    private void Accept()
    {
        while (true)
        {
            try
            {
                Socket socket = _listener.Accept();
                socket.NoDelay = true;
                new Thread(() => Serve(socket), 256 * 1024) { IsBackground = true }.Start();
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private void Serve(Socket socket)
    {
        using Socket owned = socket;
        try
        {
            new Peer(this, socket).Run();
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The client has gone.
        }
    }

    /// <summary>One connection.</summary>
    private sealed class Peer(BenchServer server, Socket socket)
    {
        private readonly byte[] _in = new byte[1024 * 1024];
        private readonly byte[] _out = new byte[1024 * 1024];
        private int _outCount;
        private bool _is5;
        private int _window = 65_535;
        private int _inFlight;
        private int _blasted;
        private ushort _identifier;
        private bool _isBlasting;

        public void Run()
        {
            int held = 0;
            while (true)
            {
                int count = socket.Receive(_in.AsSpan(held));
                if (count == 0)
                {
                    return;
                }

                held += count;
                int used = Handle(_in.AsSpan(0, held));
                _in.AsSpan(used, held - used).CopyTo(_in);
                held -= used;
                Blast();
                Flush();
            }
        }

        private int Handle(ReadOnlySpan<byte> bytes)
        {
            int used = 0;
            long received = 0;
            while (bytes.Length >= 2)
            {
                int length = 0;
                int header = 1;
                int shift = 0;
                while (true)
                {
                    if (header >= bytes.Length)
                    {
                        goto done;
                    }

                    byte next = bytes[header++];
                    length |= (next & 0x7F) << shift;
                    shift += 7;
                    if (next < 0x80)
                    {
                        break;
                    }
                }

                if (bytes.Length < header + length)
                {
                    break;
                }

                received += Handle(bytes[0], bytes.Slice(header, length), bytes[..(header + length)]);
                bytes = bytes[(header + length)..];
                used += header + length;
            }

        done:
            if (received > 0)
            {
                Interlocked.Add(ref server._received, received);
            }

            return used;
        }

        private int Handle(byte first, ReadOnlySpan<byte> body, ReadOnlySpan<byte> packet)
        {
            switch (first >> 4)
            {
                case 1:
                    _is5 = body[6] == 5;
                    if (_is5)
                    {
                        _window = ReceiveMaximum(body);
                    }

                    Write(_is5 ? [0x20, 3, 0, 0, 0] : [0x20, 2, 0, 0]);
                    return 0;
                case 3:
                    int qos = (first >> 1) & 3;
                    if (server._mode == BenchServerMode.Echo)
                    {
                        Reserve(packet.Length);
                        packet.CopyTo(_out.AsSpan(_outCount));
                        _outCount += packet.Length;
                    }

                    if (qos > 0)
                    {
                        int topic = BinaryPrimitives.ReadUInt16BigEndian(body);
                        Write([(byte)(qos == 1 ? 0x40 : 0x50), 2, body[2 + topic], body[3 + topic]]);
                    }

                    return qos == 2 ? 0 : 1;
                case 4 or 7:
                    _inFlight--;
                    return 0;
                case 6:
                    Write([0x70, 2, body[0], body[1]]);
                    return 1;
                case 8:
                    Write(_is5 ? [0x90, 4, body[0], body[1], 0, (byte)server._qos] : [0x90, 3, body[0], body[1], (byte)server._qos]);
                    _isBlasting = server._mode == BenchServerMode.Blast;
                    return 0;
                case 10:
                    Write(_is5 ? [0xB0, 4, body[0], body[1], 0, 0] : [0xB0, 2, body[0], body[1]]);
                    return 0;
                case 12:
                    Write([0xD0, 0]);
                    return 0;
                default:
                    return 0;
            }
        }

        /// <summary>Finds Receive Maximum (0x21) among the fixed-size properties the clients under test send.</summary>
        private static int ReceiveMaximum(ReadOnlySpan<byte> body)
        {
            ReadOnlySpan<byte> properties = body.Slice(11, body[10]);
            while (!properties.IsEmpty)
            {
                int size = properties[0] switch { 0x11 or 0x27 => 4, 0x21 or 0x22 => 2, 0x17 or 0x19 => 1, _ => -1 };
                if (size < 0)
                {
                    break;
                }

                if (properties[0] == 0x21)
                {
                    return BinaryPrimitives.ReadUInt16BigEndian(properties[1..]);
                }

                properties = properties[(1 + size)..];
            }

            return 65_535;
        }

        private void Blast()
        {
            if (!_isBlasting)
            {
                return;
            }

            while (_blasted < server._blastCount && (server._qos == 0 || _inFlight < _window))
            {
                int size = Frame(_out.AsSpan(), 0, measureOnly: true);
                Reserve(size);
                _outCount += Frame(_out.AsSpan(_outCount), ++_identifier == 0 ? _identifier = 1 : _identifier, measureOnly: false);
                _inFlight += server._qos > 0 ? 1 : 0;
                _blasted++;
            }
        }

        private int Frame(Span<byte> destination, ushort identifier, bool measureOnly)
        {
            int properties = _is5 ? 1 : 0;
            int remaining = 3 + (server._qos > 0 ? 2 : 0) + properties + server._payloadSize;
            int lengthBytes = remaining < 128 ? 1 : remaining < 16_384 ? 2 : remaining < 2_097_152 ? 3 : 4;
            if (measureOnly)
            {
                return 1 + lengthBytes + remaining;
            }

            int at = 0;
            destination[at++] = (byte)(0x30 | (server._qos << 1));
            for (int rest = remaining; ; rest >>= 7)
            {
                if (rest < 128)
                {
                    destination[at++] = (byte)rest;
                    break;
                }

                destination[at++] = (byte)((rest & 0x7F) | 0x80);
            }

            destination[at++] = 0;
            destination[at++] = 1;
            destination[at++] = (byte)'t';
            if (server._qos > 0)
            {
                BinaryPrimitives.WriteUInt16BigEndian(destination[at..], identifier);
                at += 2;
            }

            if (_is5)
            {
                destination[at++] = 0;
            }

            return at + server._payloadSize;
        }

        private void Write(ReadOnlySpan<byte> bytes)
        {
            Reserve(bytes.Length);
            bytes.CopyTo(_out.AsSpan(_outCount));
            _outCount += bytes.Length;
        }

        private void Reserve(int count)
        {
            if (_outCount + count > BlockSize && _outCount > 0)
            {
                Flush();
            }
        }

        private void Flush()
        {
            for (int sent = 0; sent < _outCount;)
            {
                sent += socket.Send(_out.AsSpan(sent, _outCount - sent));
            }

            _outCount = 0;
        }
    }
}
