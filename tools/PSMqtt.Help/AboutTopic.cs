using System.Text;

namespace PSMqtt.Help;

/// <summary>Turns the page of an about_ topic into the text that Get-Help shows.</summary>
internal static class AboutTopic
{
    private const int Width = 80;
    private const string Indent = "    ";

    /// <summary>Makes the text.</summary>
    /// <param name="path">The page.</param>
    /// <returns>The text.</returns>
    /// <exception cref="PageException">It is not as it should be.</exception>
    public static string Read(string path)
    {
        List<Block> blocks = MarkdownReader.Read(path, out _);
        string name = Path.GetFileNameWithoutExtension(path);
        if (blocks is not [Heading { Level: 1 } title, Heading { Level: 2, Text: "SHORT DESCRIPTION" }, Paragraph, Heading { Level: 2, Text: "LONG DESCRIPTION" }, ..]
            || title.Text != name)
        {
            throw new PageException(
                path, 1, $"A topic must begin with the heading '{name}', then SHORT DESCRIPTION with one paragraph, then LONG DESCRIPTION, both of the second level.");
        }

        StringBuilder text = new($"TOPIC\n{Indent}{name}\n");
        Block? previous = null;
        foreach (Block block in blocks.Skip(1))
        {
            if (previous is not (Heading or ListItem) || block is Heading || (previous is ListItem && block is not ListItem))
            {
                text.Append('\n');
            }

            Append(text, block);
            previous = block;
        }

        return text.ToString();
    }

    private static void Append(StringBuilder text, Block block)
    {
        switch (block)
        {
            case Heading { Level: 2 } heading:
                text.Append(PlainText.Of(heading.Text)).Append('\n');
                break;
            case Heading heading:
                text.Append("  ").Append(PlainText.Of(heading.Text)).Append('\n');
                break;
            case Paragraph paragraph:
                AppendWrapped(text, paragraph.Text, Indent, Indent);
                break;
            case ListItem item:
                AppendWrapped(text, item.Text, $"{Indent}{item.Marker} ", Indent + new string(' ', item.Marker.Length + 1));
                break;
            case CodeBlock code:
                foreach (string line in code.Text.Split('\n'))
                {
                    text.Append($"{Indent}{Indent}{line}".TrimEnd()).Append('\n');
                }

                break;
            case Table table:
                AppendTable(text, table);
                break;
        }
    }

    private static void AppendWrapped(StringBuilder text, string markdown, string first, string others)
    {
        string indent = first;
        foreach (string line in PlainText.Wrap(PlainText.Of(markdown), Width - first.Length))
        {
            text.Append(indent).Append(line).Append('\n');
            indent = others;
        }
    }

    // In columns, as wide as their cells need while they all fit; the header has a line of dashes under it.
    private static void AppendTable(StringBuilder text, Table table)
    {
        List<string[]> rows = [.. table.Rows.Select(static row => row.Select(PlainText.Of).ToArray())];
        int[] widths = GetWidths(rows);
        rows.Insert(1, [.. rows[0].Select(static cell => new string('-', cell.Length))]);
        foreach (string[] row in rows)
        {
            string[][] cells = [.. row.Select((cell, column) => PlainText.Wrap(cell, widths[column]).ToArray())];
            for (int line = 0; line < cells.Max(static cell => cell.Length); line++)
            {
                IEnumerable<string> parts = cells.Select((cell, column) => (line < cell.Length ? cell[line] : string.Empty).PadRight(widths[column]));
                text.Append($"{Indent}{string.Join("  ", parts)}".TrimEnd()).Append('\n');
            }
        }
    }

    private static int[] GetWidths(List<string[]> rows)
    {
        int columns = rows[0].Length;
        int room = Width - Indent.Length - (2 * (columns - 1));
        int[] widths = [.. Enumerable.Range(0, columns).Select(column => rows.Max(row => row[column].Length))];

        // No column is narrower than its longest word; the widest gives way first.
        int[] words = [.. Enumerable.Range(0, columns).Select(column => rows.Max(row => row[column].Split(' ').Max(static word => word.Length)))];
        while (widths.Sum() > room)
        {
            int widest = Enumerable.Range(0, columns).Where(column => widths[column] > words[column]).DefaultIfEmpty(-1).MaxBy(column => column < 0 ? 0 : widths[column]);
            if (widest < 0)
            {
                break;
            }

            widths[widest]--;
        }

        return widths;
    }
}
