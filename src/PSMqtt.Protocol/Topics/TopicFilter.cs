using System.Diagnostics.CodeAnalysis;

namespace PSMqtt.Protocol.Topics;

/// <summary>
/// A topic filter: the levels of a topic, in which <c>+</c> stands for one level [MQTT-4.7.1-2] and <c>#</c>, last, for any number of them
/// [MQTT-4.7.1-1]. A shared subscription, <c>$share/name/filter</c>, is a filter with a share name before it [MQTT-4.8.2-1]. Two filters are
/// equal when their texts are: case matters, and so do leading and trailing slashes.
/// </summary>
public sealed class TopicFilter : IEquatable<TopicFilter>
{
    private const string SharePrefix = "$share/";

    private readonly string _text;

    private TopicFilter(string text)
    {
        _text = text;
        Filter = text;
        if (IsSharedText(text))
        {
            int end = text.IndexOf('/', SharePrefix.Length);
            ShareName = text[SharePrefix.Length..end];
            Filter = text[(end + 1)..];
        }

        HasWildcards = Filter.AsSpan().IndexOfAny('+', '#') >= 0;
    }

    /// <summary>The part that topics are matched with: all of it, or what follows the share name.</summary>
    public string Filter { get; }

    /// <summary>The share name of a shared subscription; otherwise <see langword="null"/>.</summary>
    public string? ShareName { get; }

    /// <summary>Whether it is a shared subscription.</summary>
    public bool IsShared => ShareName is not null;

    /// <summary>Whether it has a <c>+</c> or <c>#</c>, and so may match more than one topic.</summary>
    public bool HasWildcards { get; }

    /// <summary>Reads a topic filter.</summary>
    /// <param name="filter">The text.</param>
    /// <returns>The filter.</returns>
    /// <exception cref="ArgumentException">The filter is not valid; the message says why, where, and what to do.</exception>
    public static TopicFilter Parse(string filter)
    {
        Validate(filter, nameof(filter));
        return new TopicFilter(filter);
    }

    /// <summary>Reads a topic filter, if it is one.</summary>
    /// <param name="text">The text.</param>
    /// <param name="filter">The filter, or <see langword="null"/>.</param>
    /// <param name="problem">A sentence that says what is wrong, where, and what to do; <see langword="null"/> when the filter is valid.</param>
    /// <returns>Whether it is valid.</returns>
    public static bool TryParse(string text, [NotNullWhen(true)] out TopicFilter? filter, [NotNullWhen(false)] out string? problem)
    {
        filter = IsValid(text, out problem) ? new TopicFilter(text) : null;
        return filter is not null;
    }

    /// <summary>Whether a topic filter is valid.</summary>
    /// <param name="filter">The text.</param>
    /// <returns>Whether it is valid.</returns>
    public static bool IsValid(string filter) => IsValid(filter, out _);

    /// <summary>Whether a topic filter is valid.</summary>
    /// <param name="filter">The text.</param>
    /// <param name="problem">A sentence that says what is wrong, where, and what to do; <see langword="null"/> when the filter is valid.</param>
    /// <returns>Whether it is valid.</returns>
    public static bool IsValid(string filter, [NotNullWhen(false)] out string? problem)
    {
        ArgumentNullException.ThrowIfNull(filter);
        problem = FindProblem(filter);
        problem = problem is null ? null : $"The topic filter {TopicText.Quote(filter)} is not valid: {problem}.";
        return problem is null;
    }

    /// <summary>Refuses a topic filter that is not valid.</summary>
    /// <param name="filter">The text.</param>
    /// <param name="parameterName">The name of the caller's parameter, for the exception.</param>
    /// <exception cref="ArgumentException">The filter is not valid; the message says why, where, and what to do.</exception>
    public static void Validate(string filter, string parameterName)
    {
        ArgumentNullException.ThrowIfNull(filter, parameterName);
        if (!IsValid(filter, out string? problem))
        {
            throw new ArgumentException(problem, parameterName);
        }
    }

    /// <summary>Whether a topic matches a filter (of a shared subscription: what follows the share name).</summary>
    /// <param name="filter">The topic filter.</param>
    /// <param name="topic">The topic name.</param>
    /// <returns>Whether it matches.</returns>
    /// <exception cref="ArgumentException">The filter or the topic is not valid.</exception>
    public static bool Matches(string filter, string topic)
    {
        Validate(filter, nameof(filter));
        TopicName.Validate(topic, nameof(topic));
        return Match(MatchedPart(filter), topic);
    }

    /// <summary>Whether a topic matches this filter. A valid topic name is expected, and not checked.</summary>
    /// <param name="topic">The topic name.</param>
    /// <returns>Whether it matches.</returns>
    public bool Matches(string topic)
    {
        ArgumentNullException.ThrowIfNull(topic);
        return Match(Filter, topic);
    }

    /// <inheritdoc/>
    public bool Equals(TopicFilter? other) => other is not null && string.Equals(_text, other._text, StringComparison.Ordinal);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as TopicFilter);

    /// <inheritdoc/>
    public override int GetHashCode() => StringComparer.Ordinal.GetHashCode(_text);

    /// <summary>The whole text, with the share name.</summary>
    /// <returns>The text that SUBSCRIBE carries.</returns>
    public override string ToString() => _text;

    /// <summary>The part of a valid filter that topics are matched with: without the share name.</summary>
    internal static ReadOnlySpan<char> MatchedPart(string filter) =>
        IsSharedText(filter) ? filter.AsSpan(filter.IndexOf('/', SharePrefix.Length) + 1) : filter;

    private static bool IsSharedText(string text) => text.StartsWith(SharePrefix, StringComparison.Ordinal);

    private static bool Match(ReadOnlySpan<char> filter, ReadOnlySpan<char> topic)
    {
        // A wildcard at the first level leaves out the server's own topics [MQTT-4.7.2-1].
        bool hidden = !topic.IsEmpty && topic[0] == '$' && (filter[0] is '+' or '#');
        return !hidden && MatchLevels(filter, topic);
    }

    private static bool MatchLevels(ReadOnlySpan<char> filter, ReadOnlySpan<char> topic)
    {
        while (true)
        {
            if (filter is "#")
            {
                return true;
            }

            int filterSlash = filter.IndexOf('/');
            int topicSlash = topic.IndexOf('/');
            ReadOnlySpan<char> filterLevel = filterSlash < 0 ? filter : filter[..filterSlash];
            ReadOnlySpan<char> topicLevel = topicSlash < 0 ? topic : topic[..topicSlash];
            if (filterLevel is not "+" && !filterLevel.SequenceEqual(topicLevel))
            {
                return false;
            }

            if (filterSlash < 0)
            {
                return topicSlash < 0;
            }

            filter = filter[(filterSlash + 1)..];
            if (topicSlash < 0)
            {
                // The level above matches too: sport/# matches sport.
                return filter is "#";
            }

            topic = topic[(topicSlash + 1)..];
        }
    }

    private static string? FindProblem(string text)
    {
        if (TopicText.FindProblem(text) is { } problem)
        {
            return problem;
        }

        int start = 0;
        if (IsSharedText(text))
        {
            int end = text.IndexOf('/', SharePrefix.Length);
            ReadOnlySpan<char> name = text.AsSpan(SharePrefix.Length, (end < 0 ? text.Length : end) - SharePrefix.Length);
            if (name.IsEmpty)
            {
                return "the share name is missing [MQTT-4.8.2-1]; write $share/name/filter";
            }

            int wildcard = name.IndexOfAny('+', '#');
            if (wildcard >= 0)
            {
                return $"the share name has the wildcard '{name[wildcard]}' at position {TopicText.Position(SharePrefix.Length + wildcard)} "
                    + "[MQTT-4.8.2-2]; wildcards belong into the filter after it";
            }

            if (end < 0 || end + 1 == text.Length)
            {
                return "no filter follows the share name [MQTT-4.8.2-2]; write $share/name/filter";
            }

            start = end + 1;
        }

        return FindWildcardProblem(text, start);
    }

    private static string? FindWildcardProblem(string text, int start)
    {
        for (int i = start; i < text.Length; i++)
        {
            char c = text[i];
            if (c is not ('+' or '#'))
            {
                continue;
            }

            if (c == '#' && i + 1 < text.Length)
            {
                return $"'#' at position {TopicText.Position(i)} is not the last character [MQTT-4.7.1-1]; end the filter there, or use '+' for one level";
            }

            bool alone = (i == start || text[i - 1] == '/') && (i + 1 == text.Length || text[i + 1] == '/');
            if (!alone)
            {
                return $"'{c}' at position {TopicText.Position(i)} shares its level with other characters [MQTT-4.7.1-{(c == '#' ? 1 : 2)}]; "
                    + "a wildcard stands for whole levels, so put a '/' between them";
            }
        }

        return null;
    }
}
