using System.Text.RegularExpressions;

namespace PSMqtt.Help;

/// <summary>Reads the part of markdown that the help pages are written in: headings, paragraphs, flat lists, fenced blocks and tables.</summary>
internal sealed partial class MarkdownReader
{
    private readonly string _path;
    private readonly string[] _lines;
    private int _next;

    private MarkdownReader(string path, string[] lines, int first)
    {
        _path = path;
        _lines = lines;
        _next = first;
    }

    /// <summary>Reads a page.</summary>
    /// <param name="path">The file.</param>
    /// <param name="header">The names and values between the two lines of dashes at its top; empty where there are none.</param>
    /// <returns>Its blocks.</returns>
    public static List<Block> Read(string path, out Dictionary<string, string> header)
    {
        string[] lines = File.ReadAllLines(path);
        header = [];
        int first = 0;
        if (lines is ["---", ..])
        {
            int end = Array.IndexOf(lines, "---", 1);
            if (end < 0)
            {
                throw new PageException(path, 1, "The header does not end: a line of three dashes is missing.");
            }

            foreach (string line in lines[1..end])
            {
                int colon = line.IndexOf(':', StringComparison.Ordinal);
                header[line[..Math.Max(colon, 0)].Trim()] = line[(colon + 1)..].Trim();
            }

            first = end + 1;
        }

        return new MarkdownReader(path, lines, first).ReadBlocks();
    }

    private List<Block> ReadBlocks()
    {
        List<Block> blocks = [];
        while (_next < _lines.Length)
        {
            string line = _lines[_next];
            if (string.IsNullOrWhiteSpace(line))
            {
                _next++;
            }
            else if (HeadingLine().Match(line) is { Success: true } heading)
            {
                blocks.Add(new Heading(_next + 1, heading.Groups[1].Length, heading.Groups[2].Value));
                _next++;
            }
            else if (line.StartsWith("```", StringComparison.Ordinal))
            {
                blocks.Add(ReadCode());
            }
            else if (line.StartsWith('|'))
            {
                blocks.Add(ReadTable());
            }
            else if (ItemLine().Match(line) is { Success: true } item)
            {
                int at = _next + 1;
                blocks.Add(new ListItem(at, item.Groups[1].Value, ReadText(item.Groups[2].Value)));
            }
            else if (line.StartsWith("<!--", StringComparison.Ordinal))
            {
                SkipComment();
            }
            else
            {
                int at = _next + 1;
                blocks.Add(new Paragraph(at, ReadText(line)));
            }
        }

        return blocks;
    }

    private CodeBlock ReadCode()
    {
        int first = _next;
        int end = Array.FindIndex(_lines, first + 1, static line => line.TrimEnd() == "```");
        if (end < 0)
        {
            throw new PageException(_path, first + 1, "The block does not end: a line of three backticks is missing.");
        }

        _next = end + 1;
        return new CodeBlock(first + 1, _lines[first][3..].Trim(), string.Join('\n', _lines[(first + 1)..end]));
    }

    private Table ReadTable()
    {
        int first = _next;
        List<IReadOnlyList<string>> rows = [];
        while (_next < _lines.Length && _lines[_next].StartsWith('|'))
        {
            string line = _lines[_next].Trim();
            if (!SeparatorLine().IsMatch(line))
            {
                rows.Add([.. Bar().Split(line.Trim('|')).Select(static cell => cell.Trim().Replace("\\|", "|", StringComparison.Ordinal))]);
                if (rows[^1].Count != rows[0].Count)
                {
                    throw new PageException(_path, _next + 1, $"The row has {rows[^1].Count} cells, and the table {rows[0].Count} columns.");
                }
            }

            _next++;
        }

        return new Table(first + 1, rows);
    }

    // The lines that belong together: up to an empty one, or one that begins something else.
    private string ReadText(string first)
    {
        List<string> text = [first.Trim()];
        _next++;
        while (_next < _lines.Length && !string.IsNullOrWhiteSpace(_lines[_next]) && !Beginning().IsMatch(_lines[_next]))
        {
            text.Add(_lines[_next++].Trim());
        }

        return string.Join(' ', text);
    }

    private void SkipComment()
    {
        int first = _next;
        while (_next < _lines.Length && !_lines[_next].Contains("-->", StringComparison.Ordinal))
        {
            _next++;
        }

        if (_next++ >= _lines.Length)
        {
            throw new PageException(_path, first + 1, "The comment does not end: --> is missing.");
        }
    }

    [GeneratedRegex(@"^(#{1,6})\s+(.+?)\s*$")]
    private static partial Regex HeadingLine();

    [GeneratedRegex(@"^(-|\d+\.)\s+(.+)$")]
    private static partial Regex ItemLine();

    [GeneratedRegex(@"^\|[\s:|-]+\|$")]
    private static partial Regex SeparatorLine();

    [GeneratedRegex(@"(?<!\\)\|")]
    private static partial Regex Bar();

    [GeneratedRegex(@"^(#{1,6}\s|```|\||-\s|\d+\.\s|<!--)")]
    private static partial Regex Beginning();
}
