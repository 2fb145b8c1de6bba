using System.Collections.Specialized;
using System.Management.Automation;
using System.Numerics;
using System.Text.Json;
using PSMqtt.Protocol;

namespace PSMqtt.Payloads;

/// <summary>
/// Reads JSON as PowerShell objects, as ConvertFrom-Json does: custom objects, arrays, 64-bit integers or double-precision numbers, dates (see
/// <see cref="JsonDate"/>), texts.
/// </summary>
internal static class PayloadJsonReader
{
    private static readonly JsonDocumentOptions s_options = new() { MaxDepth = 1000 };

    /// <summary>Reads the payload of a message.</summary>
    /// <param name="message">The message.</param>
    /// <returns>The objects; <see langword="null"/> for an empty payload.</returns>
    /// <exception cref="PSArgumentException">The payload is not JSON.</exception>
    public static object? Read(MqttMessage message)
    {
        if (message.Payload.Length == 0)
        {
            return null;
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(message.Payload, s_options);
            return ToObject(document.RootElement);
        }
        catch (JsonException exception)
        {
            throw new PSArgumentException($"The payload of the message on '{message.Topic}' is not JSON: {exception.Message}", exception);
        }
    }

    private static object? ToObject(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                return ToCustomObject(element);
            case JsonValueKind.Array:
                object?[] items = new object?[element.GetArrayLength()];
                int index = 0;
                foreach (JsonElement item in element.EnumerateArray())
                {
                    items[index++] = ToObject(item);
                }

                return items;
            case JsonValueKind.String:
                string text = element.GetString()!;
                return JsonDate.TryRead(text, out DateTime date) ? date : text;
            case JsonValueKind.Number:
                return ToNumber(element);
            case JsonValueKind.True:
                return true;
            case JsonValueKind.False:
                return false;
            default:
                return null;
        }
    }

    private static object ToNumber(JsonElement element)
    {
        if (element.TryGetInt64(out long integer))
        {
            return integer;
        }

        string text = element.GetRawText();
        return BigInteger.TryParse(text, System.Globalization.NumberStyles.AllowLeadingSign, System.Globalization.CultureInfo.InvariantCulture, out BigInteger big)
            ? big
            : element.GetDouble();
    }

    private static object ToCustomObject(JsonElement element)
    {
        PSObject result = new();
        foreach (JsonProperty property in element.EnumerateObject())
        {
            // A custom object has no nameless properties, and none that differ only in upper and lower case.
            if (property.Name.Length == 0 || result.Properties[property.Name] is not null)
            {
                return ToDictionary(element);
            }

            result.Properties.Add(new PSNoteProperty(property.Name, ToObject(property.Value)));
        }

        return result;
    }

    private static OrderedDictionary ToDictionary(JsonElement element)
    {
        OrderedDictionary result = new(StringComparer.Ordinal);
        foreach (JsonProperty property in element.EnumerateObject())
        {
            result[property.Name] = ToObject(property.Value);
        }

        return result;
    }
}
