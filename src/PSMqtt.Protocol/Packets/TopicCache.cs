using System.Buffers.Binary;

namespace PSMqtt.Protocol.Packets;

/// <summary>
/// Turns the bytes of topic names into strings, and remembers those it has seen, so that a topic that comes again costs no allocation and no
/// validation. Bounded: at most 1,024 topics of at most 256 bytes; it grows to that only when that many topics come. Not safe for several threads.
/// </summary>
internal sealed class TopicCache
{
    private const int LongestKept = 256;
    private const int SmallestSize = 16;
    private const int LargestSize = 1024;

    private Entry[] _entries = [];
    private Entry _last;
    private int _replaced;

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
            // Two places for each topic: its own and the neighbour's.
            uint place = hash & (uint)(entries.Length - 1);
            for (int attempt = 0; attempt < 2; attempt++, place ^= 1)
            {
                ref readonly Entry entry = ref entries[place];
                if (entry.Hash == hash && entry.Utf8 is { } known && utf8.SequenceEqual(known))
                {
                    _last = entry;
                    return entry.Topic;
                }
            }
        }

        _last = new Entry(hash, utf8.ToArray(), MqttText.ReadTopicName(utf8));
        Keep(_last);
        return _last.Topic;
    }

    private void Keep(in Entry entry)
    {
        if (_entries.Length == 0)
        {
            _entries = new Entry[SmallestSize];
        }

        uint place = entry.Hash & (uint)(_entries.Length - 1);
        if (_entries[place].Utf8 is not null)
        {
            ref Entry neighbour = ref _entries[place ^ 1];
            if (neighbour.Utf8 is not null && ++_replaced > _entries.Length / 4 && _entries.Length < LargestSize)
            {
                Grow();
                Keep(entry);
                return;
            }

            neighbour = _entries[place];
        }

        _entries[place] = entry;
    }

    private void Grow()
    {
        Entry[] old = _entries;
        _entries = new Entry[old.Length * 4];
        _replaced = 0;
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
