using System.Collections;
using System.Management.Automation;

namespace PSMqtt.TestHost.Language;

/// <summary>Values as a failure message shows them.</summary>
internal static class Nicely
{
    private const int Longest = 2000;

    public static string Format(object? value)
    {
        string text = value switch
        {
            null => "$null",
            PSObject { BaseObject: not PSCustomObject and var inner } => Format(inner),
            bool b => b ? "$true" : "$false",
            string s => $"'{s}'",
            Type t => $"[{t.FullName}]",
            ScriptBlock b => $"{{{b}}}",
            IDictionary d => $"@{{{string.Join("; ", d.Keys.Cast<object>().Select(key => $"{key}={Format(d[key])}"))}}}",
            IEnumerable list => $"@({string.Join(", ", list.Cast<object?>().Select(Format))})",
            IFormattable number => number.ToString(null, System.Globalization.CultureInfo.InvariantCulture),
            _ => value.ToString() ?? string.Empty,
        };
        return text.Length <= Longest ? text : $"{text[..Longest]}... ({text.Length} characters)";
    }
}
