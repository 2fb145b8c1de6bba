using System.ComponentModel;
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

    /// <summary>A message's payload, read as JSON, each time it is asked for.</summary>
    /// <param name="instance">The message.</param>
    /// <returns>Custom objects, arrays, texts, numbers, Booleans; <see langword="null"/> for an empty payload.</returns>
    /// <exception cref="PSArgumentException">The payload is not JSON.</exception>
    public static object? Json(PSObject instance) => instance?.BaseObject is MqttMessage message ? PayloadJsonReader.Read(message) : null;

    /// <summary>The size of a message's payload in bytes.</summary>
    /// <param name="instance">The message.</param>
    /// <returns>Bytes.</returns>
    public static int Size(PSObject instance) => instance?.BaseObject is MqttMessage message ? message.Payload.Length : 0;

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
}
