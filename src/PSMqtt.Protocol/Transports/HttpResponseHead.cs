using System.Globalization;
using System.Text;

namespace PSMqtt.Protocol.Transports;

/// <summary>The head of an HTTP response, as a proxy or a WebSocket endpoint sends it before other bytes begin.</summary>
internal sealed class HttpResponseHead
{
    private const string Start = "HTTP/1.";
    private const int LongestHead = 32 * 1024;

    private readonly List<KeyValuePair<string, string>> _headers = [];

    private HttpResponseHead()
    {
    }

    /// <summary>The first byte that came; -1 when none did.</summary>
    public int FirstByte { get; private init; } = -1;

    /// <summary>Whether it is HTTP/1 at all.</summary>
    public bool IsHttp => Status != 0;

    /// <summary>The status; 0 when it is no HTTP.</summary>
    public int Status { get; private set; }

    /// <summary>The status and what the server calls it: <c>404 Not Found</c>.</summary>
    public string StatusText { get; private set; } = string.Empty;

    /// <summary>Reads the head and not one byte more: what follows belongs to somebody else.</summary>
    /// <exception cref="IOException">The connection was lost.</exception>
    public static async ValueTask<HttpResponseHead> ReadAsync(Stream stream, CancellationToken cancellationToken)
    {
        byte[] one = new byte[1];
        var text = new StringBuilder();
        while (text.Length < LongestHead && await stream.ReadAsync(one, cancellationToken).ConfigureAwait(false) == 1)
        {
            text.Append((char)one[0]);
            if (text.Length <= Start.Length && text[^1] != Start[text.Length - 1])
            {
                break;
            }

            if (one[0] == '\n' && EndsWithEmptyLine(text))
            {
                return Parse(text.ToString());
            }
        }

        return new HttpResponseHead { FirstByte = text.Length == 0 ? -1 : text[0] };
    }

    /// <summary>The values of a header, separated by commas; <see langword="null"/> when it is not there.</summary>
    public string? Header(string name)
    {
        string[] values = [.. _headers.Where(header => header.Key.Equals(name, StringComparison.OrdinalIgnoreCase)).Select(header => header.Value)];
        return values.Length == 0 ? null : string.Join(", ", values);
    }

    /// <summary>Whether one of the values of a header is this one.</summary>
    public bool Has(string name, string value) =>
        Header(name) is { } values
        && values.Split(',', StringSplitOptions.TrimEntries).Contains(value, StringComparer.OrdinalIgnoreCase);

    private static bool EndsWithEmptyLine(StringBuilder text) =>
        text.Length >= 2 && (text[^2] == '\n' || (text.Length >= 3 && text[^2] == '\r' && text[^3] == '\n'));

    private static HttpResponseHead Parse(string text)
    {
        string[] lines = text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        var head = new HttpResponseHead { FirstByte = text[0] };
        string[] parts = lines[0].Split(' ', 3);
        if (parts.Length < 2 || !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int status) || status is < 100 or > 999)
        {
            return head;
        }

        head.Status = status;
        head.StatusText = string.Join(' ', parts.Skip(1)).Trim();
        foreach (string line in lines.Skip(1))
        {
            int colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon > 0)
            {
                head._headers.Add(new(line[..colon].TrimEnd(), line[(colon + 1)..].TrimStart()));
            }
        }

        return head;
    }
}
