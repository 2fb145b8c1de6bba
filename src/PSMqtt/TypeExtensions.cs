using System.ComponentModel;
using System.Globalization;
using System.Management.Automation;
using System.Text;
using PSMqtt.Payloads;
using PSMqtt.Protocol;

namespace PSMqtt;

/// <summary>
/// Properties that the module's types file adds to the engine's objects, where PowerShell users look for them and the engine has no use for them.
/// </summary>
[EditorBrowsable(EditorBrowsableState.Never)]
public static class TypeExtensions
{
    // Wider than consoles are; the rest of a payload of megabytes is not worth looking at for a table.
    private const int PreviewLength = 400;

    // Some hundred screenfuls: who asks for a list wants to read the whole; what is longer than that would only keep the console busy.
    private const int ExcerptLength = 100_000;

    /// <summary>A message's payload, read as JSON, each time it is asked for.</summary>
    /// <param name="instance">The message.</param>
    /// <returns>Custom objects, arrays, texts, numbers, Booleans; <see langword="null"/> for an empty payload.</returns>
    /// <exception cref="MethodException">The payload is not JSON.</exception>
    public static object? Json(PSObject instance)
    {
        try
        {
            return instance?.BaseObject is MqttMessage message ? PayloadJsonReader.Read(message) : null;
        }
        catch (PSArgumentException exception)
        {
            // PowerShell makes $null of nearly every exception of a property, so that formatting always works. This kind it lets through to a script.
            throw new MethodInvocationException(exception.Message, exception);
        }
    }

    /// <summary>What an exception says to a user, without how it came about: <c>Exception.ToString()</c> and its stack trace are still there for code.</summary>
    /// <param name="instance">The exception.</param>
    /// <returns>The message.</returns>
    public static string? Sentence(PSObject instance) => (instance?.BaseObject as Exception)?.Message;

    /// <summary>The size of a message's payload in bytes.</summary>
    /// <param name="instance">The message.</param>
    /// <returns>Bytes.</returns>
    public static int Size(PSObject instance) => instance?.BaseObject is MqttMessage message ? message.Payload.Length : 0;

    /// <summary>
    /// A message's payload for a list: text with its line breaks but without the control characters that would change the console,
    /// or hexadecimal digits; and how long the whole is, where it was cut.
    /// </summary>
    /// <param name="message">The message.</param>
    /// <returns>At most about a hundred thousand characters.</returns>
    public static string Excerpt(MqttMessage message)
    {
        if (message is null)
        {
            return string.Empty;
        }

        int length = message.Payload.Length;
        if (!message.IsText)
        {
            return length <= ExcerptLength / 4
                ? Convert.ToHexString(message.Payload)
                : string.Create(CultureInfo.InvariantCulture, $"{Convert.ToHexString(message.Payload.AsSpan(0, ExcerptLength / 4))}... ({length:N0} bytes)");
        }

        string text = length <= ExcerptLength * 4 ? message.Text : Encoding.UTF8.GetString(message.Payload.AsSpan(0, ExcerptLength));
        bool isWhole = length <= ExcerptLength * 4 && text.Length <= ExcerptLength;
        string shown = string.Create(Math.Min(text.Length, ExcerptLength), text, static (lines, text) =>
        {
            for (int i = 0; i < lines.Length; i++)
            {
                lines[i] = char.IsControl(text[i]) && text[i] is not ('\n' or '\r' or '\t') ? ' ' : text[i];
            }
        });
        return isWhole ? shown : string.Create(CultureInfo.InvariantCulture, $"{shown}... ({length:N0} bytes)");
    }

    /// <summary>The beginning of a message's payload for a line of a table: text without line breaks, or hexadecimal digits.</summary>
    /// <param name="message">The message.</param>
    /// <returns>At most a few hundred characters; the console cuts it to its width.</returns>
    public static string Preview(MqttMessage message)
    {
        if (message is null)
        {
            return string.Empty;
        }

        if (!message.IsText)
        {
            return Convert.ToHexString(message.Payload.AsSpan(0, Math.Min(message.Payload.Length, PreviewLength / 2)));
        }

        string text = message.Payload.Length <= PreviewLength * 4 ? message.Text : Encoding.UTF8.GetString(message.Payload.AsSpan(0, PreviewLength));
        return string.Create(Math.Min(text.Length, PreviewLength), text, static (line, text) =>
        {
            for (int i = 0; i < line.Length; i++)
            {
                line[i] = char.IsControl(text[i]) ? ' ' : text[i];
            }
        });
    }

    /// <summary>How long the server keeps a connection's session: a time, which prints as never where the session does not expire.</summary>
    /// <param name="instance">The connection.</param>
    /// <returns>A <see cref="TimeSpan"/>; <see cref="Timeout.InfiniteTimeSpan"/> for a session that never expires.</returns>
    public static PSObject? SessionExpiry(PSObject instance)
    {
        if (instance?.BaseObject is not MqttConnection connection)
        {
            return null;
        }

        PSObject time = new(connection.SessionExpiry);
        if (connection.SessionExpiry == Timeout.InfiniteTimeSpan)
        {
            time.Members.Add(new PSCodeMethod("ToString", typeof(TypeExtensions).GetMethod(nameof(Never))!));
        }

        return time;
    }

    /// <summary>The text of a time that does not end.</summary>
    /// <param name="instance">The time.</param>
    /// <returns>never</returns>
    public static string Never(PSObject instance) => "never";

    /// <summary>A subscription's topic filters.</summary>
    /// <param name="instance">The subscription.</param>
    /// <returns>The filters.</returns>
    public static string[] Topic(PSObject instance) =>
        instance?.BaseObject is MqttSubscription subscription ? [.. subscription.Filters.Select(static filter => filter.Filter)] : [];

    /// <summary>The connection that a subscription was made on.</summary>
    /// <param name="instance">The subscription.</param>
    /// <returns>The connection, by which <c>-Connection</c> is bound from the pipeline.</returns>
    public static MqttConnection? Connection(PSObject instance) =>
        instance?.BaseObject is MqttSubscription subscription && MqttConnection.OfClient.TryGet(subscription.Client, out MqttConnection? connection)
            ? connection
            : null;
}
