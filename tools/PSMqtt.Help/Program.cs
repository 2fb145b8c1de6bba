using System.Text;

namespace PSMqtt.Help;

/// <summary>Makes what Get-Help reads from the pages in docs/en-US: part of the build, and in need of nothing but .NET.</summary>
internal static class Program
{
    private const string AboutPrefix = "about_";
    private const string CommandHelp = "PSMqtt.dll-Help.xml";

    private static int Main(string[] args)
    {
        if (args is not [var pages, var output])
        {
            Console.Error.WriteLine("PSMqtt.Help <directory of the pages> <directory of the help>");
            return 2;
        }

        try
        {
            Generate(pages, output);
            return 0;
        }
        catch (PageException e)
        {
            // As compilers write it, so that the build shows it as its own.
            Console.Error.WriteLine($"{Path.GetFullPath(e.Path)}({e.Line}): error PSMHELP: {e.Message}");
            return 1;
        }
    }

    private static void Generate(string pages, string output)
    {
        string[] files = [.. Directory.GetFiles(pages, "*.md").Order(StringComparer.OrdinalIgnoreCase)];
        CommandPage[] commands = [.. files.Where(static file => !IsAbout(file)).Select(CommandPageReader.Read)];
        Dictionary<string, string> topics = files.Where(IsAbout).ToDictionary(static file => $"{Path.GetFileNameWithoutExtension(file)}.help.txt", AboutTopic.Read);

        Directory.CreateDirectory(output);
        foreach (string old in Directory.GetFiles(output, $"{AboutPrefix}*.help.txt").Where(old => !topics.ContainsKey(Path.GetFileName(old))))
        {
            File.Delete(old);
        }

        foreach ((string name, string text) in topics)
        {
            File.WriteAllText(Path.Combine(output, name), text, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
        }

        // Last, because its time is the one that the build looks at.
        MamlWriter.Write(commands, Path.Combine(output, CommandHelp));
    }

    private static bool IsAbout(string file) => Path.GetFileName(file).StartsWith(AboutPrefix, StringComparison.Ordinal);
}
