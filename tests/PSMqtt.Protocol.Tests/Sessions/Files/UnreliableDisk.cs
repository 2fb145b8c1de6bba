using PSMqtt.Protocol.Sessions;
using PSMqtt.Protocol.Sessions.Files;

namespace PSMqtt.Protocol.Tests.Sessions.Files;

/// <summary>
/// A disk in memory that keeps its promises and no more: after a power failure a file has what was flushed, and of what was written since any part, in
/// any order; its name is the old or the new one, unless the names were flushed. It can run out of room, and fail to flush.
/// </summary>
internal sealed class UnreliableDisk : LogStorage
{
    private const int Sector = 512;

    private readonly object _gate = new();
    private readonly Dictionary<string, Content> _names = [];
    private Dictionary<string, Content> _durableNames = [];
    private bool _isLocked;

    /// <summary>How many bytes its files may have.</summary>
    public long Capacity { get; set; } = long.MaxValue;

    /// <summary>Whether the next flush fails.</summary>
    public bool FailsToFlush { get; set; }

    /// <summary>Whether a flush does nothing: a test that does not notice this one shows nothing.</summary>
    public bool OnlyPretendsToFlush { get; set; }

    public int Flushes { get; private set; }

    /// <summary>The disk as it may be found after a power failure at this moment. This one goes on.</summary>
    public UnreliableDisk AfterPowerFailure(Random random)
    {
        lock (_gate)
        {
            var disk = new UnreliableDisk();
            Dictionary<string, Content> names = random.Next(2) == 0 ? _durableNames : _names;
            foreach ((string name, Content content) in names)
            {
                var found = new Content { Bytes = Survivor(content, random) };
                found.Durable = [.. found.Bytes];
                disk._names[name] = found;
            }

            disk._durableNames = new Dictionary<string, Content>(disk._names);
            return disk;
        }
    }

    /// <summary>The bytes of a file.</summary>
    public byte[] this[string name]
    {
        get
        {
            lock (_gate)
            {
                return [.. _names[name].Bytes];
            }
        }

        set
        {
            lock (_gate)
            {
                _names[name] = new Content { Bytes = [.. value], Durable = [.. value] };
            }
        }
    }

    public string[] Names
    {
        get
        {
            lock (_gate)
            {
                return [.. _names.Keys];
            }
        }
    }

    public override void Create()
    {
    }

    public override IDisposable Lock()
    {
        lock (_gate)
        {
            if (_isLocked)
            {
                throw new SessionStoreException(SessionStoreFailure.InUse, "memory", "In use.");
            }

            _isLocked = true;
            return new Unlock(this);
        }
    }

    public override LogFile Open(string name, bool isNew)
    {
        lock (_gate)
        {
            if (isNew)
            {
                _names[name] = new Content();
            }

            return new OpenFile(this, _names.TryGetValue(name, out Content? content) ? content : throw new FileNotFoundException(name));
        }
    }

    public override bool Exists(string name)
    {
        lock (_gate)
        {
            return _names.ContainsKey(name);
        }
    }

    public override void Rename(string from, string to)
    {
        lock (_gate)
        {
            _names[to] = _names[from];
            _names.Remove(from);
        }
    }

    public override void Delete(string name)
    {
        lock (_gate)
        {
            _names.Remove(name);
        }
    }

    public override void Copy(string from, string to) => this[to] = this[from];

    public override void FlushNames()
    {
        lock (_gate)
        {
            if (!OnlyPretendsToFlush)
            {
                _durableNames = new Dictionary<string, Content>(_names);
            }
        }
    }

    /// <summary>Each sector that was written since the last flush is found in its old state or its new one; a file may have grown or not.</summary>
    private static List<byte> Survivor(Content content, Random random)
    {
        List<byte> bytes = [.. content.Durable];
        int length = random.Next(3) switch
        {
            0 => content.Durable.Count,
            1 => content.Bytes.Count,
            _ => random.Next(Math.Min(content.Durable.Count, content.Bytes.Count), Math.Max(content.Durable.Count, content.Bytes.Count) + 1),
        };
        for (int start = 0; start < length; start += Sector)
        {
            bool isNew = random.Next(2) == 0;
            for (int i = start; i < Math.Min(start + Sector, length); i++)
            {
                byte durable = i < content.Durable.Count ? content.Durable[i] : (byte)0;
                byte value = isNew && i < content.Bytes.Count ? content.Bytes[i] : durable;
                if (i < bytes.Count)
                {
                    bytes[i] = value;
                }
                else
                {
                    bytes.Add(value);
                }
            }
        }

        if (bytes.Count > length)
        {
            bytes.RemoveRange(length, bytes.Count - length);
        }

        return bytes;
    }

    private sealed class Content
    {
        public List<byte> Bytes { get; set; } = [];

        public List<byte> Durable { get; set; } = [];
    }

    private sealed class Unlock(UnreliableDisk disk) : IDisposable
    {
        public void Dispose()
        {
            lock (disk._gate)
            {
                disk._isLocked = false;
            }
        }
    }

    private sealed class OpenFile(UnreliableDisk disk, Content content) : LogFile
    {
        public override long Length
        {
            get
            {
                lock (disk._gate)
                {
                    return content.Bytes.Count;
                }
            }
        }

        public override int Read(long offset, Span<byte> buffer)
        {
            lock (disk._gate)
            {
                int count = (int)Math.Min(buffer.Length, Math.Max(0, content.Bytes.Count - offset));
                System.Runtime.InteropServices.CollectionsMarshal.AsSpan(content.Bytes).Slice((int)offset, count).CopyTo(buffer);
                return count;
            }
        }

        public override void Write(long offset, ReadOnlySpan<byte> bytes)
        {
            lock (disk._gate)
            {
                long used = disk._names.Values.Sum(static c => (long)c.Bytes.Count) - content.Bytes.Count;
                long room = Math.Max(0, disk.Capacity - used - offset);
                bool isFull = bytes.Length > room;
                bytes = isFull ? bytes[..(int)room] : bytes;
                for (int i = 0; i < bytes.Length; i++)
                {
                    int at = (int)offset + i;
                    if (at < content.Bytes.Count)
                    {
                        content.Bytes[at] = bytes[i];
                    }
                    else
                    {
                        content.Bytes.Add(bytes[i]);
                    }
                }

                if (isFull)
                {
                    throw new IOException("No space left on device", OperatingSystem.IsWindows() ? unchecked((int)0x80070070) : 28);
                }
            }
        }

        public override void Truncate(long length)
        {
            lock (disk._gate)
            {
                content.Bytes.RemoveRange((int)length, content.Bytes.Count - (int)length);
            }
        }

        public override void Flush()
        {
            lock (disk._gate)
            {
                disk.Flushes++;
                if (disk.FailsToFlush)
                {
                    disk.FailsToFlush = false;

                    // What systems do: the error is told once, and the bytes count as written from then on.
                    throw new IOException("Input/output error", 5);
                }

                if (!disk.OnlyPretendsToFlush)
                {
                    content.Durable = [.. content.Bytes];
                }
            }
        }

        protected override void Dispose(bool disposing)
        {
        }
    }
}
