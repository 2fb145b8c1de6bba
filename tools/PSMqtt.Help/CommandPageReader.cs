using System.Text.RegularExpressions;

namespace PSMqtt.Help;

/// <summary>Reads the page of a cmdlet: platyPS markdown, schema 2.0.0. Strict, so that nothing that is written there gets lost on the way.</summary>
internal sealed partial class CommandPageReader
{
    private static readonly string[] s_sections =
    [
        "SYNOPSIS", "SYNTAX", "DESCRIPTION", "EXAMPLES", "PARAMETERS", "INPUTS", "OUTPUTS", "NOTES", "RELATED LINKS",
    ];

    private readonly string _path;
    private readonly Dictionary<string, List<Block>> _sections = [];
    private readonly Dictionary<string, string> _header;
    private readonly string _name;

    private CommandPageReader(string path)
    {
        _path = path;
        List<Block> blocks = MarkdownReader.Read(path, out _header);
        if (_header.GetValueOrDefault("schema") != "2.0.0")
        {
            throw new PageException(path, 1, "The header must say 'schema: 2.0.0'.");
        }

        if (blocks is not [Heading { Level: 1 } title, ..] || title.Text != Path.GetFileNameWithoutExtension(path))
        {
            throw new PageException(path, blocks.FirstOrDefault()?.Line ?? 1, "The first heading must be the name of the cmdlet, which is the name of the file.");
        }

        _name = title.Text;
        Divide(blocks);
    }

    /// <summary>Reads a page.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The page.</returns>
    /// <exception cref="PageException">It is not as it should be.</exception>
    public static CommandPage Read(string path) => new CommandPageReader(path).ToPage();

    // Sorts the blocks by their section.
    private void Divide(List<Block> blocks)
    {
        List<Block>? section = null;
        foreach (Block block in blocks.Skip(1))
        {
            if (block is Heading { Level: 2 } heading)
            {
                if (s_sections.ElementAtOrDefault(_sections.Count) is var expected && heading.Text != expected)
                {
                    throw new PageException(_path, heading.Line, $"Here the section '{expected}' must begin, not '{heading.Text}'.");
                }

                _sections.Add(heading.Text, section = []);
            }
            else if (section is null)
            {
                throw new PageException(_path, block.Line, "There is text before the first section.");
            }
            else
            {
                section.Add(block);
            }
        }

        if (_sections.Count < s_sections.Length)
        {
            throw new PageException(_path, blocks[^1].Line, $"The section '{s_sections[_sections.Count]}' is missing.");
        }
    }

    private CommandPage ToPage() => new()
    {
        Name = _name,
        OnlineVersion = _header.GetValueOrDefault("online version", string.Empty),
        Synopsis = Texts(_sections["SYNOPSIS"]),
        Description = Texts(_sections["DESCRIPTION"]),
        ParameterSets = GetParameterSets(),
        Examples = [.. Parts("EXAMPLES").Select(GetExample)],
        Parameters = [.. Parts("PARAMETERS").Where(static part => part.Heading.Text != "CommonParameters").Select(GetParameter)],
        Inputs = GetTypes("INPUTS"),
        Outputs = GetTypes("OUTPUTS"),
        Notes = Texts(_sections["NOTES"]),
        Links = [.. _sections["RELATED LINKS"].SelectMany(GetLinks)],
    };

    private IReadOnlyList<string> GetParameterSets()
    {
        string[] names = [.. _sections["SYNTAX"].OfType<Heading>().Select(static heading => heading.Text)];
        return names.Length == 0
            ? ["(All)"]
            : [.. names.OrderByDescending(static name => name.EndsWith(" (Default)", StringComparison.Ordinal)).Select(static name => name.Replace(" (Default)", string.Empty, StringComparison.Ordinal))];
    }

    private CommandExample GetExample((Heading Heading, List<Block> Blocks) part)
    {
        if (part.Blocks is not [CodeBlock { Language: "powershell" }, ..])
        {
            throw new PageException(_path, part.Heading.Line, "An example must begin with a block marked powershell.");
        }

        // First what is typed and what is printed, then what there is to say.
        CodeBlock[] code = [.. part.Blocks.OfType<CodeBlock>()];
        if (part.Blocks.Take(code.Length).FirstOrDefault(static block => block is not CodeBlock) is { } early)
        {
            throw new PageException(_path, early.Line, "The blocks of an example must stand before its text.");
        }

        return new CommandExample(part.Heading.Text, string.Join("\n\n", code.Select(static block => block.Text)), Texts(part.Blocks.Skip(code.Length)));
    }

    private CommandParameter GetParameter((Heading Heading, List<Block> Blocks) part)
    {
        if (!part.Heading.Text.StartsWith('-'))
        {
            throw new PageException(_path, part.Heading.Line, "The heading of a parameter must be a dash and its name.");
        }

        CodeBlock[] facts = [.. part.Blocks.OfType<CodeBlock>().Where(static block => block.Language == "yaml")];
        if (facts.Length == 0)
        {
            throw new PageException(_path, part.Heading.Line, "The block of facts, marked yaml, is missing.");
        }

        return new CommandParameter(part.Heading.Text[1..], Texts(part.Blocks.Except(facts)), [.. facts.Select(GetFacts)]);
    }

    private ParameterFacts GetFacts(CodeBlock block)
    {
        Dictionary<string, string> facts = [];
        foreach (string line in block.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (Fact().Match(line) is not { Success: true } fact)
            {
                throw new PageException(_path, block.Line, $"'{line}' is not a fact about a parameter: write 'Name: value'.");
            }

            facts[fact.Groups[1].Value] = fact.Groups[2].Value.Trim();
        }

        string Get(string name) => facts.TryGetValue(name, out string? value) ? value : throw new PageException(_path, block.Line, $"The fact '{name}' is missing.");
        string[] List(string text) => text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        return new ParameterFacts(
            Get("Type"),
            List(Get("Parameter Sets")),
            List(Get("Aliases")),
            List(facts.GetValueOrDefault("Accepted values", string.Empty)),
            Get("Required") == "True",
            Get("Position"),
            Get("Default value"),
            Get("Accept pipeline input"),
            Get("Accept wildcard characters") == "True");
    }

    private List<TypeDescription> GetTypes(string section) =>
        [.. Parts(section).Select(part => new TypeDescription(part.Heading.Text, Texts(part.Blocks)))];

    private IEnumerable<RelatedLink> GetLinks(Block block)
    {
        if (block is not Paragraph paragraph || LinkText().Matches(paragraph.Text) is not { Count: > 0 } links)
        {
            throw new PageException(_path, block.Line, "Only links may stand here: [text](address).");
        }

        return links.Select(static link => new RelatedLink(
            link.Groups[1].Value,
            link.Groups[2].Value.StartsWith("http", StringComparison.Ordinal) ? link.Groups[2].Value : string.Empty));
    }

    // The parts of a section that begin with a heading of the third level.
    private List<(Heading Heading, List<Block> Blocks)> Parts(string section)
    {
        List<(Heading Heading, List<Block> Blocks)> parts = [];
        foreach (Block block in _sections[section])
        {
            if (block is Heading { Level: 3 } heading)
            {
                parts.Add((heading, []));
            }
            else if (parts.Count == 0)
            {
                throw new PageException(_path, block.Line, $"In '{section}' every text must stand under a heading of the third level.");
            }
            else
            {
                parts[^1].Blocks.Add(block);
            }
        }

        return parts;
    }

    private List<string> Texts(IEnumerable<Block> blocks) => [.. blocks.Select(block => block switch
    {
        Paragraph paragraph => PlainText.Of(paragraph.Text),
        ListItem item => $"{item.Marker} {PlainText.Of(item.Text)}",
        CodeBlock code => code.Text,
        _ => throw new PageException(_path, block.Line, "Only paragraphs, lists and blocks of code may stand here."),
    })];

    [GeneratedRegex(@"^([A-Z][A-Za-z ]+):(.*)$")]
    private static partial Regex Fact();

    [GeneratedRegex(@"\[([^\]]+)\]\(([^)]*)\)")]
    private static partial Regex LinkText();
}
