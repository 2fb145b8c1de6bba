using System.Globalization;
using System.Management.Automation;
using System.Text.RegularExpressions;

namespace PSMqtt.TestHost.Language;

/// <summary>Pester's comparisons, by the engine's own rules of equality.</summary>
internal static class Comparison
{
    public static object?[] ToArray(object? value) => value is null ? [null] : LanguagePrimitives.ConvertTo<object?[]>(value);

    public static bool ArraysEqual(object?[] first, object? second, bool ignoreCase) => ArraysEqual(first, ToArray(second), ignoreCase);

    public static bool IsNullOrEmpty(object?[] values) =>
        values.Length == 0 || (values.Length == 1 && values[0] is null or "" or System.Collections.ICollection { Count: 0 });

    public static bool Equal(object? actual, object? expected, bool ignoreCase) =>
        LanguagePrimitives.Equals(expected, actual, ignoreCase, CultureInfo.InvariantCulture);

    public static bool Matches(object? actual, object? pattern, bool ignoreCase) =>
        Regex.IsMatch(Text(actual), Text(pattern), ignoreCase ? RegexOptions.IgnoreCase : RegexOptions.None);

    public static bool IsLike(object? actual, object? pattern, bool ignoreCase) =>
        new WildcardPattern(Text(pattern), ignoreCase ? WildcardOptions.IgnoreCase : WildcardOptions.None).IsMatch(Text(actual));

    /// <summary>A type, or its name with or without brackets.</summary>
    public static Type ToType(object? value) =>
        value is Type type ? type : LanguagePrimitives.ConvertTo<Type>(Text(value).TrimStart('[').TrimEnd(']'));

    private static string Text(object? value) => LanguagePrimitives.ConvertTo<string>(value) ?? string.Empty;

    private static bool ArraysEqual(object?[] first, object?[] second, bool ignoreCase)
    {
        bool firstEmpty = first.Length == 0 || (first.Length == 1 && first[0] is null);
        bool secondEmpty = second.Length == 0 || (second.Length == 1 && second[0] is null);
        if (firstEmpty || secondEmpty)
        {
            return firstEmpty && secondEmpty;
        }

        return first.Length == second.Length && first.Zip(second).All(pair => Bare(pair.First) is Array || Bare(pair.Second) is Array
            ? ArraysEqual(ToArray(pair.First), ToArray(pair.Second), ignoreCase)
            : Equal(Bare(pair.First), Bare(pair.Second), ignoreCase));
    }

    private static object? Bare(object? value) => value is PSObject { BaseObject: not PSCustomObject and var inner } ? inner : value;
}
