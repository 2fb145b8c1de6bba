using System.Diagnostics.CodeAnalysis;

namespace PSMqtt.Protocol.Topics;

/// <summary>
/// The rules for topic names, which messages are published to: 1 to 65,535 bytes of UTF-8, without U+0000 and without the wildcard characters
/// <c>+</c> and <c>#</c> [MQTT-3.3.2-2], [MQTT-4.7.3-1], [MQTT-4.7.3-2], [MQTT-4.7.3-3].
/// </summary>
public static class TopicName
{
    /// <summary>Whether a topic name is valid.</summary>
    /// <param name="topic">The topic name.</param>
    /// <param name="problem">A sentence that says what is wrong, where, and what to do; <see langword="null"/> when the name is valid.</param>
    /// <returns>Whether it is valid.</returns>
    public static bool IsValid(string topic, [NotNullWhen(false)] out string? problem)
    {
        ArgumentNullException.ThrowIfNull(topic);
        problem = IsPlainlyValid(topic) ? null : FindProblem(topic);
        return problem is null;
    }

    /// <summary>Refuses a topic name that is not valid.</summary>
    /// <param name="topic">The topic name.</param>
    /// <param name="parameterName">The name of the caller's parameter, for the exception.</param>
    /// <exception cref="ArgumentException">The name is not valid; the message says why, where, and what to do.</exception>
    public static void Validate(string topic, string parameterName)
    {
        ArgumentNullException.ThrowIfNull(topic, parameterName);
        if (!IsPlainlyValid(topic) && FindProblem(topic) is { } problem)
        {
            throw new ArgumentException(problem, parameterName);
        }
    }

    private static bool IsPlainlyValid(string topic) =>
        topic.Length > 0 && topic.AsSpan().IndexOfAny('\0', '+', '#') < 0 && !TopicText.NeedsCloserLook(topic);

    private static string? FindProblem(string topic)
    {
        string? problem = TopicText.FindProblem(topic);
        int wildcard = topic.AsSpan().IndexOfAny('+', '#');
        if (problem is null && wildcard >= 0)
        {
            problem = $"it has the wildcard '{topic[wildcard]}' at position {TopicText.Position(wildcard)}, and wildcards are for topic filters only "
                + "[MQTT-3.3.2-2]; publish to one topic at a time";
        }

        return problem is null ? null : $"The topic name {TopicText.Quote(topic)} is not valid: {problem}.";
    }
}
