using System.Buffers;
using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;
using PSMqtt.Connections;

namespace PSMqtt.Completion;

/// <summary>
/// The base of the completers: offers those of the known names that begin with what was typed, quoted where PowerShell needs quotes, and as the user
/// has begun to quote.
/// </summary>
internal abstract class NameCompleter : IArgumentCompleter
{
    // What ends a bare word, or means something else than itself in one.
    private static readonly SearchValues<char> s_special = SearchValues.Create(" \t\r\n'\"`$(){}[];,|&<>\u2018\u2019\u201A\u201B\u201C\u201D\u201E");

    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters)
    {
        char quote = wordToComplete is ['\'' or '"', ..] ? wordToComplete[0] : '\0';
        string typed = quote == '\0' ? wordToComplete : wordToComplete[1..];
        if (quote != '\0' && typed.EndsWith(quote))
        {
            typed = typed[..^1];
        }

        WildcardPattern pattern = WildcardPattern.Get($"{WildcardPattern.Escape(typed)}*", WildcardOptions.IgnoreCase);
        foreach (string name in GetNames(fakeBoundParameters).Where(static name => name.Length > 0).Distinct(StringComparer.Ordinal))
        {
            if (pattern.IsMatch(name))
            {
                yield return new CompletionResult(Quote(name, quote), name, CompletionResultType.ParameterValue, Describe(name) ?? name);
            }
        }
    }

    /// <summary>The names that are known.</summary>
    /// <param name="parameters">The parameters that were given already.</param>
    protected abstract IEnumerable<string> GetNames(IDictionary parameters);

    /// <summary>More about a name; <see langword="null"/> where there is no more.</summary>
    protected virtual string? Describe(string name) => null;

    /// <summary>The connection that a command is about, as far as it has been typed.</summary>
    protected static MqttConnection? FindConnection(IDictionary parameters) =>
        (parameters["Connection"] is PSObject wrapped ? wrapped.BaseObject : parameters["Connection"]) switch
        {
            MqttConnection connection => connection,
            MqttConnectionReference reference => reference.Resolve(),
            string name => ConnectionTable.Here?.Find(name),
            _ => ConnectionTable.Here?.Current,
        };

    private static string Quote(string name, char quote) => quote switch
    {
        '\'' => $"'{name.Replace("'", "''", StringComparison.Ordinal)}'",
        '"' => $"\"{name.Replace("`", "``", StringComparison.Ordinal).Replace("$", "`$", StringComparison.Ordinal).Replace("\"", "`\"", StringComparison.Ordinal)}\"",
        _ => IsBareWord(name) ? name : $"'{name.Replace("'", "''", StringComparison.Ordinal)}'",
    };

    // A leading # begins a comment, @ a splat, - a parameter; a number would become one.
    private static bool IsBareWord(string name) => !name.AsSpan().ContainsAny(s_special) && !"#@-+.0123456789".Contains(name[0], StringComparison.Ordinal);
}
