using System.Text;
using System.Text.RegularExpressions;

namespace PSMqtt.Help;

/// <summary>Text for a console, which knows no markdown.</summary>
internal static partial class PlainText
{
    /// <summary>Takes away the marks of markdown: emphasis, code, escapes; a link becomes its text, with its address where that is on the web.</summary>
    /// <param name="markdown">A paragraph.</param>
    /// <returns>The text.</returns>
    public static string Of(string markdown)
    {
        StringBuilder text = new();
        int end = 0;
        foreach (Match code in Code().Matches(markdown))
        {
            // What stands in backticks is taken as it is.
            text.Append(OutsideCode(markdown[end..code.Index])).Append(code.Groups[1].Value);
            end = code.Index + code.Length;
        }

        return text.Append(OutsideCode(markdown[end..])).ToString();
    }

    /// <summary>Breaks a text into lines.</summary>
    /// <param name="text">The text.</param>
    /// <param name="width">The most characters a line has, unless a word is longer.</param>
    /// <returns>The lines.</returns>
    public static IEnumerable<string> Wrap(string text, int width)
    {
        StringBuilder line = new();
        foreach (string word in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.Length > 0 && line.Length + 1 + word.Length > width)
            {
                yield return line.ToString();
                line.Clear();
            }

            line.Append(line.Length > 0 ? " " : string.Empty).Append(word);
        }

        yield return line.ToString();
    }

    private static string OutsideCode(string markdown)
    {
        string text = Link().Replace(
            markdown,
            static link => link.Groups[2].Value.StartsWith("http", StringComparison.Ordinal) ? $"{link.Groups[1].Value} ({link.Groups[2].Value})" : link.Groups[1].Value);
        text = Emphasis().Replace(text, "$2");
        return Escape().Replace(text, "$1");
    }

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Code();

    [GeneratedRegex(@"\[([^\]]+)\]\(([^)]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"(?<![\w\\*])(\*\*|\*)(?=\S)(.+?)(?<=\S)\1(?![\w*])")]
    private static partial Regex Emphasis();

    [GeneratedRegex(@"\\([\\`*_{}\[\]<>()#+\-.!|])")]
    private static partial Regex Escape();
}
