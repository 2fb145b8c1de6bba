using System.Buffers.Binary;

namespace PSMqtt.Protocol.Sessions.Files;

/// <summary>
/// Reads a session log from its beginning to its end, around what is damaged: a place that is no record is stepped over to the next that is one, so that
/// no damage costs more than what it has hit.
/// </summary>
internal sealed class LogScan
{
    private const int ReadAhead = 1024 * 1024;

    private readonly LogFile _file;
    private readonly long _length;
    private byte[] _window = [];
    private long _windowStart;
    private int _windowLength;

    private LogScan(LogFile file)
    {
        _file = file;
        _length = file.Length;
    }

    public SessionState State { get; } = new();

    public string? ClientId { get; private set; }

    public uint Salt { get; private set; }

    /// <summary>Where the next record may be written: the end of the last one.</summary>
    public long End { get; private set; } = LogFormat.RecordsStart;

    /// <summary>How many records were read.</summary>
    public long Records { get; private set; }

    public List<SessionLogDamage> Damage { get; } = [];

    /// <summary>Whether something but the end of the file is damaged.</summary>
    public bool IsCorrupt => Damage.Exists(static damage => !damage.IsTorn);

    /// <summary>Reads a log.</summary>
    /// <param name="file">The file.</param>
    /// <param name="directory">Its directory, for the errors.</param>
    /// <param name="accepted">Told of each message with its size in the log.</param>
    /// <exception cref="SessionStoreException">It is no session log, or one of a later version.</exception>
    public static LogScan Read(LogFile file, string directory, Action<long, int>? accepted = null)
    {
        var scan = new LogScan(file);
        scan.ReadHeaders(directory);
        scan.ReadRecords(accepted);
        return scan;
    }

    private void ReadHeaders(string directory)
    {
        ReadOnlySpan<byte> headers = Window(0, LogFormat.RecordsStart);
        bool isFirst = LogFormat.TryReadHeader(headers, out int version, out uint salt);
        bool isSecond = LogFormat.TryReadHeader(headers[Math.Min(headers.Length, LogFormat.HeaderLength)..], out int secondVersion, out uint secondSalt);
        if (!isFirst && !isSecond)
        {
            throw new SessionStoreException(
                SessionStoreFailure.NotASessionLog,
                directory,
                $"'{LogFormat.LogName}' in '{directory}' is not a session log, or its beginning is destroyed. Nothing was changed: move the file away to begin "
                + "a new session, or name another directory.");
        }

        if (!isFirst || !isSecond)
        {
            Damage.Add(new SessionLogDamage(isFirst ? LogFormat.HeaderLength : 0, LogFormat.HeaderLength, false));
        }

        version = isFirst ? version : secondVersion;
        Salt = isFirst ? salt : secondSalt;
        if (version != LogFormat.Version)
        {
            throw new SessionStoreException(
                SessionStoreFailure.UnsupportedVersion,
                directory,
                $"The session log in '{directory}' has format {version}, and this version of PSMqtt knows format {LogFormat.Version}: use the version that "
                + "has written it, or another directory.");
        }
    }

    private void ReadRecords(Action<long, int>? accepted)
    {
        long position = LogFormat.RecordsStart;
        while (position < _length)
        {
            if (TryRead(position, out LogRecord record, out int length))
            {
                Apply(record, length, accepted);
                position += length;
                End = position;
                continue;
            }

            long next = position + 1;
            while (next < _length && !TryRead(next, out _, out _))
            {
                next++;
            }

            // What is damaged and whole up to the very end of the file was not being written: its length is right, so its bytes have changed.
            bool isTorn = next >= _length && !IsComplete(position);
            Damage.Add(new SessionLogDamage(position, Math.Min(next, _length) - position, isTorn));
            position = next;
        }
    }

    private void Apply(in LogRecord record, int length, Action<long, int>? accepted)
    {
        Records++;
        if (record.ClientId is { } clientId)
        {
            ClientId = clientId;
        }
        else if (record.Change is { } change)
        {
            State.Apply(change);
            if (change.Kind == SessionChangeKind.MessageAccepted)
            {
                accepted?.Invoke(change.Sequence, length);
            }
        }
        else
        {
            State.SkipTo(record.SequenceUsed);
        }
    }

    private bool TryRead(long position, out LogRecord record, out int length)
    {
        record = default;
        length = 0;
        if (!TryReadLength(position, out int bodyLength))
        {
            return false;
        }

        // Looked at first, because most places that are no record end here, without a checksum over megabytes.
        if (!LogRecord.IsKind(Window(position + LogFormat.FrameLength, 1)[0]))
        {
            return false;
        }

        uint checksum = BinaryPrimitives.ReadUInt32LittleEndian(Window(position + sizeof(int), sizeof(uint)));
        ReadOnlySpan<byte> body = Window(position + LogFormat.FrameLength, bodyLength);
        length = LogFormat.FrameLength + bodyLength;
        return LogFormat.Checksum(Salt, body) == checksum && LogRecord.TryRead(body, out record);
    }

    private bool TryReadLength(long position, out int bodyLength)
    {
        bodyLength = 0;
        ReadOnlySpan<byte> frame = Window(position, LogFormat.FrameLength);
        if (frame.Length < LogFormat.FrameLength)
        {
            return false;
        }

        bodyLength = BinaryPrimitives.ReadInt32LittleEndian(frame);
        return bodyLength is > 0 and <= LogFormat.RecordLengthMaximum && position + LogFormat.FrameLength + bodyLength <= _length;
    }

    private bool IsComplete(long position) =>
        TryReadLength(position, out int bodyLength) && position + LogFormat.FrameLength + bodyLength == _length;

    /// <summary>Bytes of the file: fewer than asked for at its end.</summary>
    private ReadOnlySpan<byte> Window(long position, int count)
    {
        count = (int)Math.Min(count, Math.Max(0, _length - position));
        if (position < _windowStart || position + count > _windowStart + _windowLength)
        {
            int wanted = (int)Math.Min(Math.Max(count, ReadAhead), _length - position);
            if (_window.Length < wanted)
            {
                _window = new byte[wanted];
            }

            _windowStart = position;
            _windowLength = _file.Read(position, _window.AsSpan(0, wanted));
        }

        int from = (int)(position - _windowStart);
        return _window.AsSpan(from, Math.Max(0, Math.Min(count, _windowLength - from)));
    }
}
