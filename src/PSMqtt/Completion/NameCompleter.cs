using System.Buffers;
using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;
using System.Text;
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
        string typed = Typed(wordToComplete, quote);

        WildcardPattern pattern = WildcardPattern.Get($"{WildcardPattern.Escape(typed)}*", WildcardOptions.IgnoreCase);
        foreach (string name in GetNames(fakeBoundParameters).Where(static name => name.Length > 0).Distinct(StringComparer.Ordinal))
        {
            if (pattern.IsMatch(name))
            {
                yield return new CompletionResult(Insert(name, quote, fakeBoundParameters), name, CompletionResultType.ParameterValue, Describe(name) ?? name);
            }
        }
    }

    /// <summary>The names that are known.</summary>
    /// <param name="parameters">The parameters that were given already.</param>
    protected abstract IEnumerable<string> GetNames(IDictionary parameters);

    /// <summary>More about a name; <see langword="null"/> where there is no more.</summary>
    protected virtual string? Describe(string name) => null;

    /// <summary>What is put into the command line for a name.</summary>
    /// <param name="name">The name.</param>
    /// <param name="quote">The quote that the user has begun with, or NUL.</param>
    /// <param name="parameters">The parameters that were given already.</param>
    protected virtual string Insert(string name, char quote, IDictionary parameters) => Quote(name, quote);

    /// <summary>The connection that a command is about, as far as it has been typed.</summary>
    protected static MqttConnection? FindConnection(IDictionary parameters) =>
        (parameters["Connection"] is PSObject wrapped ? wrapped.BaseObject : parameters["Connection"]) switch
        {
            MqttConnection connection => connection,
            MqttConnectionReference reference => reference.Resolve(),
            string name => ConnectionTable.Here?.Find(name),
            _ => ConnectionTable.Here?.Current,
        };

    /// <summary>A name as an argument, in quotes where it needs them.</summary>
    protected static string Quote(string name, char quote = '\0') =>
        quote == '"' ? $"\"{InDoubleQuotes(name)}\""
        : quote == '\0' && IsBareWord(name) ? name
        : $"'{CodeGeneration.EscapeSingleQuotedStringContent(name)}'";

    private static string InDoubleQuotes(string name)
    {
        StringBuilder text = new(name.Length + 8);
        foreach (char c in name)
        {
            // PowerShell takes typographic quotes for quotes.
            text.Append(c is '`' or '$' or '"' or '\u201C' or '\u201D' or '\u201E' ? "`" : string.Empty).Append(c);
        }

        return text.ToString();
    }

    // What the user means by what is typed so far.
    private static string Typed(string word, char quote)
    {
        if (quote == '\0')
        {
            return word.Replace("`", string.Empty, StringComparison.Ordinal);
        }

        string typed = word.Length > 1 && word.EndsWith(quote) ? word[1..^1] : word[1..];
        typed = typed.Replace($"{quote}{quote}", $"{quote}", StringComparison.Ordinal);
        return quote == '"' ? typed.Replace("`", string.Empty, StringComparison.Ordinal) : typed;
    }

    // A leading # begins a comment, @ a splat, - a parameter; a number would become one.
    private static bool IsBareWord(string name) => !name.AsSpan().ContainsAny(s_special) && !"#@-+.0123456789".Contains(name[0], StringComparison.Ordinal);
}
