using System.Buffers;
using System.Collections;
using System.Globalization;
using System.Management.Automation;
using System.Numerics;
using System.Reflection;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace PSMqtt.Payloads;

/// <summary>
/// Writes objects as compact JSON that ConvertFrom-Json reads back: dictionaries and custom objects by their entries, collections as arrays, other
/// objects by their properties, dates as ISO 8601, enumerations as numbers, as ConvertTo-Json does.
/// </summary>
internal sealed class PayloadJsonWriter
{
    // What .NET objects refer to is seldom meant to be sent, and hardly ever ends by itself: a file leads to its directory, its drive, all drives.
    private const int DefaultObjectDepth = 0;

    private const string NullStringName = "System.Management.Automation.Language.NullString";

    // What PowerShell's providers note on the objects that they write.
    private static readonly HashSet<string> s_providerNotes =
        new(StringComparer.OrdinalIgnoreCase) { "PSPath", "PSParentPath", "PSChildName", "PSDrive", "PSProvider", "PSIsContainer" };

    private static readonly JsonWriterOptions s_options = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,

        // Checked here, to be cut and not to fail.
        MaxDepth = 1000,
        SkipValidation = true,
    };

    private readonly int _depth;
    private readonly int _objectDepth;
    private readonly ArrayBufferWriter<byte> _buffer = new();

    /// <summary>Creates a writer.</summary>
    /// <param name="depth">
    /// How deep objects of any kind may nest; <see langword="null"/>: data 10 levels, and of a .NET object only its own properties, what they refer to
    /// as text.
    /// </param>
    public PayloadJsonWriter(int? depth)
    {
        _depth = depth ?? PayloadConversion.DefaultDepth;
        _objectDepth = depth ?? DefaultObjectDepth;
    }

    /// <summary>Whether something was nested too deeply and has been written as text.</summary>
    public bool WasTruncated { get; private set; }

    /// <summary>Writes an object.</summary>
    /// <param name="value">The object, as PowerShell has it.</param>
    /// <returns>JSON in UTF-8.</returns>
    public byte[] Write(object? value)
    {
        _buffer.ResetWrittenCount();
        using (Utf8JsonWriter json = new(_buffer, s_options))
        {
            WriteValue(json, value, depth: 0, objectDepth: 0);
        }

        return _buffer.WrittenSpan.ToArray();
    }

    private void WriteValue(Utf8JsonWriter json, object? value, int depth, int objectDepth)
    {
        object? plain = PayloadConversion.Unwrap(value);
        if (plain is null || plain == System.Management.Automation.Internal.AutomationNull.Value || plain is DBNull || plain.GetType().FullName == NullStringName)
        {
            json.WriteNullValue();
        }
        else if (!WriteScalar(json, plain))
        {
            WriteComposite(json, value!, plain, depth, objectDepth);
        }
    }

    private static bool WriteScalar(Utf8JsonWriter json, object plain)
    {
        switch (plain)
        {
            case string text:
                json.WriteStringValue(text);
                return true;
            case bool boolean:
                json.WriteBooleanValue(boolean);
                return true;
            case SwitchParameter given:
                json.WriteBooleanValue(given);
                return true;
            case Enum name:
                json.WriteRawValue(name.ToString("D"), skipInputValidation: true);
                return true;
            case double number when !double.IsFinite(number):
            case float single when !float.IsFinite(single):
            case Half half when !Half.IsFinite(half):
                json.WriteStringValue(((IFormattable)plain).ToString(null, CultureInfo.InvariantCulture));
                return true;
            case byte or sbyte or short or ushort or int or uint or long or ulong or Int128 or UInt128 or BigInteger or Half or float or double or decimal:
                json.WriteRawValue(((IFormattable)plain).ToString(null, CultureInfo.InvariantCulture), skipInputValidation: true);
                return true;
            case JsonElement element:
                element.WriteTo(json);
                return true;
            case JsonNode node:
                node.WriteTo(json);
                return true;
            default:
                if (PayloadConversion.TextOf(plain) is { } other)
                {
                    json.WriteStringValue(other);
                    return true;
                }

                return false;
        }
    }

    private void WriteComposite(Utf8JsonWriter json, object value, object plain, int depth, int objectDepth)
    {
        bool isForeign = IsForeign(plain);
        if (depth > _depth || (isForeign && objectDepth > _objectDepth))
        {
            WasTruncated |= depth > _depth;
            json.WriteStringValue(Convert.ToString(plain, CultureInfo.InvariantCulture));
            return;
        }

        switch (plain)
        {
            case IDictionary dictionary:
                json.WriteStartObject();
                foreach (DictionaryEntry entry in dictionary)
                {
                    json.WritePropertyName(Convert.ToString(entry.Key, CultureInfo.InvariantCulture) ?? string.Empty);
                    WriteValue(json, entry.Value, depth + 1, objectDepth);
                }

                json.WriteEndObject();
                break;

            case IEnumerable items:
                json.WriteStartArray();
                foreach (object? item in items)
                {
                    WriteValue(json, item, depth + 1, objectDepth);
                }

                json.WriteEndArray();
                break;

            default:
                json.WriteStartObject();
                bool isCustom = plain is PSObject;

                foreach (PSPropertyInfo property in PSObject.AsPSObject(value).Properties)
                {
                    // The properties that type files add to .NET objects are for people at a prompt.
                    if (isCustom || property.MemberType is PSMemberTypes.Property
                        || (property.MemberType is PSMemberTypes.NoteProperty && !s_providerNotes.Contains(property.Name)))
                    {
                        json.WritePropertyName(property.Name);
                        WriteValue(json, Read(property), depth + 1, isForeign ? objectDepth + 1 : objectDepth);
                    }
                }

                json.WriteEndObject();
                break;
        }
    }

    // Objects of classes that a script defines are the user's data; those of libraries mostly lead to all the rest of the library.
    private static bool IsForeign(object plain) => plain is not (PSObject or IDictionary or IEnumerable) && !plain.GetType().GetTypeInfo().Assembly.IsDynamic;

    private static object? Read(PSPropertyInfo property)
    {
        try
        {
            return property.IsGettable ? property.Value : null;
        }
        catch (GetValueException)
        {
            // Many properties of .NET objects only have a value in some state of the object.
            return null;
        }
    }
}
