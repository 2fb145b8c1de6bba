using System.Globalization;
using System.Text;

namespace PSMqtt.Protocol.Topics;

/// <summary>What topic names and topic filters have in common: they are UTF-8 strings of 1 to 65,535 bytes [MQTT-4.7.3-1], [MQTT-4.7.3-3].</summary>
internal static class TopicText
{
    public const int MaximumBytes = 65_535;

    // No UTF-16 code unit takes more than three bytes of UTF-8, so a text of at most this length needs no counting.
    private const int SurelyShortEnough = MaximumBytes / 3;

    private const int LongestQuote = 80;

    /// <summary>Whether the text needs a closer look: it may be too long, or holds a surrogate.</summary>
    public static bool NeedsCloserLook(ReadOnlySpan<char> text) => text.Length > SurelyShortEnough || (!Ascii.IsValid(text) && HasSurrogate(text));

    /// <summary>What is wrong with the text as a UTF-8 string, as the rest of a sentence; <see langword="null"/> when nothing is.</summary>
    public static string? FindProblem(string text)
    {
        if (text.Length == 0)
        {
            return "it is empty; it needs at least one character [MQTT-4.7.3-1]";
        }

        int zero = text.IndexOf('\0', StringComparison.Ordinal);
        if (zero >= 0)
        {
            return $"it has the character U+0000 at position {Position(zero)}, which MQTT does not allow [MQTT-4.7.3-2]; remove it";
        }

        if (!NeedsCloserLook(text))
        {
            return null;
        }

        for (int i = 0; i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i]))
            {
                continue;
            }

            if (i + 1 < text.Length && char.IsSurrogatePair(text[i], text[i + 1]))
            {
                i++;
                continue;
            }

            return $"it has half of a surrogate pair (U+{(int)text[i]:X4}) at position {Position(i)}, which UTF-8 cannot express [MQTT-1.5.4-1]; "
                + "remove it, or correct how the text was cut or decoded";
        }

        int bytes = Encoding.UTF8.GetByteCount(text);
        return bytes <= MaximumBytes
            ? null
            : string.Create(CultureInfo.InvariantCulture, $"it takes {bytes:N0} bytes of UTF-8, and MQTT allows 65,535 [MQTT-4.7.3-3]; shorten it");
    }

    /// <summary>The number people use: the first character is at position 1.</summary>
    public static string Position(int index) => (index + 1).ToString(CultureInfo.InvariantCulture);

    /// <summary>The text in quotation marks, cut when it is long, with characters escaped that cannot be seen.</summary>
    public static string Quote(string text)
    {
        var quoted = new StringBuilder("'");
        int end = Math.Min(text.Length, LongestQuote);
        for (int i = 0; i < end; i++)
        {
            if (i + 1 < text.Length && char.IsSurrogatePair(text[i], text[i + 1]))
            {
                quoted.Append(text[i]).Append(text[++i]);
            }
            else if (char.IsControl(text[i]) || char.IsSurrogate(text[i]))
            {
                quoted.Append(CultureInfo.InvariantCulture, $"\\u{(int)text[i]:X4}");
            }
            else
            {
                quoted.Append(text[i]);
            }
        }

        return quoted.Append(text.Length > LongestQuote ? "...'" : "'").ToString();
    }

    private static bool HasSurrogate(ReadOnlySpan<char> text)
    {
        foreach (char c in text)
        {
            if (char.IsSurrogate(c))
            {
                return true;
            }
        }

        return false;
    }
}
