using System.Globalization;

namespace PSMqtt.TestHost;

/// <summary>What the test command was asked to run.</summary>
internal sealed record TestOptions(IReadOnlyList<string> Files, IReadOnlySet<string> Tags, IReadOnlySet<string> ExcludedTags, TimeSpan Limit)
{
    /// <summary>Reads the command line. False: it names nothing to run; an error: it names something that is not there.</summary>
    public static bool TryParse(IReadOnlyList<string> arguments, out TestOptions? options, out string? error)
    {
        var files = new List<string>();
        var tags = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        var excluded = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        var limit = TimeSpan.FromSeconds(300);
        options = null;
        error = null;

        for (int i = 0; i < arguments.Count; i++)
        {
            string argument = arguments[i];
            if (!argument.StartsWith("--", StringComparison.Ordinal))
            {
                if (File.Exists(argument))
                {
                    files.Add(Path.GetFullPath(argument));
                }
                else if (Directory.Exists(argument))
                {
                    files.AddRange(Directory.EnumerateFiles(Path.GetFullPath(argument), "*.Tests.ps1", SearchOption.AllDirectories)
                        .Order(StringComparer.Ordinal));
                }
                else
                {
                    error = $"There is no file or directory '{argument}'.";
                    return true;
                }

                continue;
            }

            if (++i == arguments.Count)
            {
                error = $"'{argument}' needs a value.";
                return true;
            }

            switch (argument)
            {
                case "--tag":
                    tags.Add(arguments[i]);
                    break;
                case "--exclude-tag":
                    excluded.Add(arguments[i]);
                    break;
                case "--limit" when int.TryParse(arguments[i], NumberStyles.None, CultureInfo.InvariantCulture, out int seconds) && seconds > 0:
                    limit = TimeSpan.FromSeconds(seconds);
                    break;
                default:
                    error = $"'{argument} {arguments[i]}' is not understood.";
                    return true;
            }
        }

        options = new TestOptions(files, tags, excluded, limit);
        return files.Count > 0 || error is not null;
    }
}
