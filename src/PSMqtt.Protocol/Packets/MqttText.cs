using System.Buffers;
using System.Text;
using System.Text.Unicode;

namespace PSMqtt.Protocol.Packets;

/// <summary>The UTF-8 Encoded String of section 1.5.4: what may stand in one, both ways.</summary>
internal static class MqttText
{
    /// <summary>The most bytes that a string, or binary data, can have.</summary>
    public const int MaximumByteCount = 65_535;

    private static readonly UTF8Encoding s_strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The bytes that a topic name can have without a closer look: ASCII but U+0000 and the wildcards.</summary>
    private static readonly SearchValues<byte> s_plainTopicBytes = MakePlainTopicBytes();

    /// <summary>Refuses bytes that are not well-formed UTF-8 [MQTT-1.5.4-1] or contain U+0000 [MQTT-1.5.4-2].</summary>
    /// <param name="utf8">The bytes.</param>
    /// <param name="owner">The packet they stand in.</param>
    /// <param name="field">Which field of it they are.</param>
    /// <exception cref="MqttProtocolException">They are refused.</exception>
    public static void Validate(ReadOnlySpan<byte> utf8, MqttPacketType owner, string field)
    {
        if (!utf8.ContainsAnyExceptInRange((byte)1, (byte)0x7F))
        {
            return;
        }

        if (!Utf8.IsValid(utf8))
        {
            throw ProtocolViolation.Malformed("MQTT-1.5.4-1", $"The {field} of {MqttPropertyTable.OwnerName(owner)} is not well-formed UTF-8.");
        }

        if (utf8.Contains((byte)0))
        {
            throw ProtocolViolation.Malformed("MQTT-1.5.4-2", $"The {field} of {MqttPropertyTable.OwnerName(owner)} contains U+0000.");
        }
    }

    /// <summary>Turns the bytes of a topic name into a string, and refuses what may not stand in one.</summary>
    /// <param name="utf8">The bytes.</param>
    /// <returns>The topic name.</returns>
    /// <exception cref="MqttProtocolException">They are not a topic name.</exception>
    public static string ReadTopicName(ReadOnlySpan<byte> utf8)
    {
        if (utf8.ContainsAnyExcept(s_plainTopicBytes))
        {
            Validate(utf8, MqttPacketType.Publish, "topic name");
            if (utf8.ContainsAny((byte)'+', (byte)'#'))
            {
                throw new MqttProtocolException(
                    MqttReasonCode.TopicNameInvalid, "MQTT-3.3.2-2", $"The topic name '{Read(utf8)}' of a PUBLISH contains a wildcard.");
            }
        }

        return Read(utf8);
    }

    /// <summary>Turns bytes that are known to be well-formed into a string.</summary>
    public static string Read(ReadOnlySpan<byte> utf8) => utf8.IsEmpty ? string.Empty : Encoding.UTF8.GetString(utf8);

    /// <summary>How many bytes a string takes, its length field not included. Refuses what a MQTT string cannot hold.</summary>
    /// <param name="value">The string.</param>
    /// <param name="field">What it is, for the message.</param>
    /// <returns>The bytes: 0 to 65,535.</returns>
    /// <exception cref="ArgumentException">It contains U+0000 or half a surrogate pair, or is too long.</exception>
    public static int GetByteCount(string value, string field)
    {
        if (value.Contains('\0', StringComparison.Ordinal))
        {
            throw new ArgumentException($"The {field} contains the character U+0000, which MQTT does not allow. Remove it.", nameof(value));
        }

        int count;
        try
        {
            count = s_strict.GetByteCount(value);
        }
        catch (EncoderFallbackException)
        {
            throw new ArgumentException(
                $"The {field} contains half of a surrogate pair, which UTF-8 cannot carry. Remove or complete it.", nameof(value));
        }

        return count <= MaximumByteCount
            ? count
            : throw new ArgumentException(
                $"The {field} takes {count} bytes of UTF-8; MQTT allows at most {MaximumByteCount}. Shorten it.", nameof(value));
    }

    /// <summary>Writes a string of which the number of bytes is known, without its length field.</summary>
    public static void Write(Span<byte> destination, string value, int byteCount)
    {
        // UTF-8 never takes fewer bytes than UTF-16 takes characters, and as many only for ASCII.
        if (byteCount == value.Length)
        {
            Ascii.FromUtf16(value, destination, out _);
        }
        else
        {
            Encoding.UTF8.GetBytes(value, destination);
        }
    }

    // A loop and no query: the first connection of a process pays for every method that has to be compiled.
    private static SearchValues<byte> MakePlainTopicBytes()
    {
        Span<byte> plain = stackalloc byte[125];
        int count = 0;
        for (byte value = 1; value < 0x80; value++)
        {
            if (value is not ((byte)'+' or (byte)'#'))
            {
                plain[count++] = value;
            }
        }

        return SearchValues.Create(plain);
    }
}
