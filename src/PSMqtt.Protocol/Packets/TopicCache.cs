using System.Buffers.Binary;

namespace PSMqtt.Protocol.Packets;

/// <summary>
/// Turns the bytes of topic names into strings, and remembers those it has seen, so that a topic that comes again costs no allocation and no
/// validation. Bounded: about a thousand topics of at most 256 bytes; it grows to that only when that many come. Not safe for several threads.
/// </summary>
internal sealed class TopicCache
{
    private const int LongestKept = 256;
    private const int SmallestSize = 16;
    private const int LargestSize = 2048;

    /// <summary>How far from its own place a topic may be kept.</summary>
    private const int Reach = 8;

    private Entry[] _entries = [];
    private Entry _last;
    private int _count;

    /// <summary>The topics that are remembered, in no order.</summary>
    public IEnumerable<string> Topics => _entries.Where(static entry => entry.Utf8 is not null).Select(static entry => entry.Topic);

    /// <summary>The topic name of these bytes.</summary>
    /// <param name="utf8">The bytes, as a PUBLISH carries them.</param>
    /// <returns>The topic name.</returns>
    /// <exception cref="MqttProtocolException">
    /// They are not well-formed UTF-8 [MQTT-1.5.4-1], or contain U+0000 [MQTT-1.5.4-2] or a wildcard [MQTT-3.3.2-2].
    /// </exception>
    public string GetTopic(ReadOnlySpan<byte> utf8)
    {
        if (_last.Utf8 is { } last && utf8.SequenceEqual(last))
        {
            return _last.Topic;
        }

        return Find(utf8);
    }

    private string Find(ReadOnlySpan<byte> utf8)
    {
        if (utf8.Length > LongestKept)
        {
            return MqttText.ReadTopicName(utf8);
        }

        uint hash = Hash(utf8);
        Entry[] entries = _entries;
        if (entries.Length > 0)
        {
            for (uint step = 0; step < Reach; step++)
            {
                ref readonly Entry entry = ref entries[(hash + step) & (uint)(entries.Length - 1)];
                if (entry.Utf8 is not { } known)
                {
                    break;
                }

                if (entry.Hash == hash && utf8.SequenceEqual(known))
                {
                    _last = entry;
                    return entry.Topic;
                }
            }
        }

        _last = new Entry(hash, utf8.ToArray(), MqttText.ReadTopicName(utf8));
        if (2 * _count >= entries.Length && entries.Length < LargestSize)
        {
            Grow();
        }

        Keep(_last);
        return _last.Topic;
    }

    private void Keep(in Entry entry)
    {
        for (uint step = 0; step < Reach; step++)
        {
            ref Entry place = ref _entries[(entry.Hash + step) & (uint)(_entries.Length - 1)];
            if (place.Utf8 is null)
            {
                place = entry;
                _count++;
                return;
            }
        }

        // All places are taken: another topic gives way, a different one for each that comes.
        _entries[(entry.Hash + (entry.Hash >> 16) % Reach) & (uint)(_entries.Length - 1)] = entry;
    }

    private void Grow()
    {
        Entry[] old = _entries;
        _entries = new Entry[Math.Max(SmallestSize, 2 * old.Length)];
        _count = 0;
        foreach (Entry entry in old)
        {
            if (entry.Utf8 is not null)
            {
                Keep(entry);
            }
        }
    }

    private static uint Hash(ReadOnlySpan<byte> bytes)
    {
        const ulong Multiplier = 0x9E37_79B9_7F4A_7C15;
        ulong hash = (ulong)bytes.Length * Multiplier;
        while (bytes.Length >= 8)
        {
            hash = (hash ^ BinaryPrimitives.ReadUInt64LittleEndian(bytes)) * Multiplier;
            hash ^= hash >> 32;
            bytes = bytes[8..];
        }

        if (bytes.Length >= 4)
        {
            hash = (hash ^ BinaryPrimitives.ReadUInt32LittleEndian(bytes)) * Multiplier;
            hash ^= hash >> 32;
            bytes = bytes[4..];
        }

        foreach (byte value in bytes)
        {
            hash = (hash ^ value) * Multiplier;
        }

        return (uint)(hash >> 32);
    }

    private readonly record struct Entry(uint Hash, byte[] Utf8, string Topic);
}
