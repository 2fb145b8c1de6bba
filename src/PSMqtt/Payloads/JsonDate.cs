using System.Globalization;

namespace PSMqtt.Payloads;

/// <summary>
/// The texts of JSON that ConvertFrom-Json makes a <see cref="DateTime"/> of, exactly as it does: ISO 8601 with a date, a T and a time to the second, and
/// <c>/Date(milliseconds)/</c>. With Z the kind is UTC, with an offset it is local time, with neither it is unspecified. All others stay texts, a date
/// without a time too.
/// </summary>
internal static class JsonDate
{
    private const int FractionDigits = 7;

    private const string MillisecondsStart = "/Date(";
    private const string MillisecondsEnd = ")/";

    /// <summary>Reads a text as a date. It costs next to nothing where the text does not begin as one.</summary>
    public static bool TryRead(string text, out DateTime date)
    {
        date = default;
        return text.Length is >= 19 and <= 40 && char.IsAsciiDigit(text[0]) && text[10] == 'T' ? TryReadIso(text, out date)
            : text is ['/', ..] && text.StartsWith(MillisecondsStart, StringComparison.Ordinal) && text.EndsWith(MillisecondsEnd, StringComparison.Ordinal)
                && TryReadMilliseconds(text.AsSpan(), out date);
    }

    private static bool TryReadIso(string text, out DateTime date)
    {
        date = default;
        if (!TryReadDay(text, out DateTime day) || !TryReadTime(text, out TimeSpan time, out int next) || !TryReadZone(text.AsSpan(next), out TimeSpan? offset))
        {
            return false;
        }

        // 24:00 is the beginning of the next day.
        if (DateTime.MaxValue - day < time)
        {
            return false;
        }

        date = day + time;
        if (offset is { } ahead)
        {
            long utc = date.Ticks - ahead.Ticks;
            date = text[^1] is 'Z' or 'z' ? new DateTime(utc, DateTimeKind.Utc)
                : utc >= 0 && utc <= DateTime.MaxValue.Ticks ? new DateTime(utc, DateTimeKind.Utc).ToLocalTime()
                : new DateTime(utc < 0 ? 0 : DateTime.MaxValue.Ticks, DateTimeKind.Local);
        }

        return true;
    }

    private static bool TryReadDay(string text, out DateTime day)
    {
        day = default;
        if (text[4] != '-' || text[7] != '-' || !TryReadTwo(text, 0, out int century) || !TryReadTwo(text, 2, out int year)
            || !TryReadTwo(text, 5, out int month) || !TryReadTwo(text, 8, out int number))
        {
            return false;
        }

        year += century * 100;
        if (year < 1 || month is < 1 or > 12 || number < 1 || number > DateTime.DaysInMonth(year, month))
        {
            return false;
        }

        day = new DateTime(year, month, number);
        return true;
    }

    private static bool TryReadTime(string text, out TimeSpan time, out int next)
    {
        time = default;
        next = 19;
        if (text[13] != ':' || text[16] != ':' || !TryReadTwo(text, 11, out int hour) || !TryReadTwo(text, 14, out int minute)
            || !TryReadTwo(text, 17, out int second) || hour > 24 || minute > 59 || second > 59 || (hour == 24 && minute + second > 0))
        {
            return false;
        }

        time = new TimeSpan(hour, minute, second);
        if (next == text.Length || text[next] != '.')
        {
            return true;
        }

        int ticks = 0;
        int digits = 0;
        for (next++; next < text.Length && digits < FractionDigits && char.IsAsciiDigit(text[next]); next++, digits++)
        {
            ticks = (ticks * 10) + text[next] - '0';
        }

        if (digits == 0 || (hour == 24 && ticks > 0))
        {
            return false;
        }

        for (; digits < FractionDigits; digits++)
        {
            ticks *= 10;
        }

        time += TimeSpan.FromTicks(ticks);
        return true;
    }

    // Nothing, Z, +hh, +hhmm or +hh:mm. As with ConvertFrom-Json, two or three characters without a sign may stand there: they mean nothing.
    private static bool TryReadZone(ReadOnlySpan<char> zone, out TimeSpan? offset)
    {
        offset = null;
        if (zone is ['Z' or 'z', ..])
        {
            offset = TimeSpan.Zero;
            return zone.Length == 1;
        }

        int hours = 0;
        int sign = 0;
        if (zone.Length > 2 && zone[0] is '+' or '-' && TryReadTwo(zone, 1, out hours))
        {
            sign = zone[0] == '-' ? -1 : 1;
            zone = zone[3..];
        }

        zone = zone is [':', ..] ? zone[1..] : zone;
        int minutes = 0;
        if (zone.Length > 1 && TryReadTwo(zone, 0, out minutes))
        {
            zone = zone[2..];
        }

        offset = sign == 0 ? null : sign * new TimeSpan(hours, minutes, 0);
        return zone.IsEmpty;
    }

    private static bool TryReadMilliseconds(ReadOnlySpan<char> text, out DateTime date)
    {
        date = default;
        if (text.Length < 9)
        {
            return false;
        }

        ReadOnlySpan<char> number = text[MillisecondsStart.Length..^MillisecondsEnd.Length];
        int zone = number[1..].IndexOf('+') is int plus and >= 0 ? plus + 1 : number[1..].IndexOf('-') + 1;

        // The number counts from 1970 in UTC, whatever the offset; that there is one makes it local time.
        if (zone > 0 && (number.Length < zone + 3 || !TryReadTwo(number, zone + 1, out _)))
        {
            return false;
        }

        if (number.IsEmpty || number[0] == '+' || !long.TryParse(zone > 0 ? number[..zone] : number, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long milliseconds)
            || milliseconds < DateTimeOffset.MinValue.ToUnixTimeMilliseconds() || milliseconds > DateTimeOffset.MaxValue.ToUnixTimeMilliseconds())
        {
            return false;
        }

        date = DateTimeOffset.FromUnixTimeMilliseconds(milliseconds).UtcDateTime;
        date = zone > 0 ? date.ToLocalTime() : date;
        return true;
    }

    private static bool TryReadTwo(ReadOnlySpan<char> text, int index, out int number)
    {
        number = 0;
        if (!char.IsAsciiDigit(text[index]) || !char.IsAsciiDigit(text[index + 1]))
        {
            return false;
        }

        number = ((text[index] - '0') * 10) + text[index + 1] - '0';
        return true;
    }
}
