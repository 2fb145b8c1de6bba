using System.Collections;
using System.Management.Automation;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace PSMqtt.TestHost.StandIns;

/// <summary>Reads JSON.</summary>
[Cmdlet(VerbsData.ConvertFrom, "Json")]
public sealed class ConvertFromJsonCommand : Cmdlet
{
    private readonly StringBuilder _text = new();

    /// <summary>The text.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true)]
    public string InputObject { get; set; } = string.Empty;

    /// <inheritdoc/>
    protected override void ProcessRecord() => _text.AppendLine(InputObject);

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        using var document = JsonDocument.Parse(_text.ToString());
        WriteObject(Read(document.RootElement), enumerateCollection: true);
    }

    private static object? Read(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                var result = new PSObject();
                foreach (JsonProperty property in element.EnumerateObject())
                {
                    result.Properties.Add(new PSNoteProperty(property.Name, Read(property.Value)));
                }

                return result;
            case JsonValueKind.Array:
                return element.EnumerateArray().Select(Read).ToArray();
            case JsonValueKind.String:
                return element.TryGetDateTime(out DateTime time) ? time : element.GetString();
            case JsonValueKind.Number:
                return element.TryGetInt64(out long number) ? number : element.GetDouble();
            case JsonValueKind.True:
                return true;
            case JsonValueKind.False:
                return false;
            default:
                return null;
        }
    }
}

/// <summary>Writes JSON.</summary>
[Cmdlet(VerbsData.ConvertTo, "Json")]
public sealed class ConvertToJsonCommand : Cmdlet
{
    private static readonly JsonSerializerOptions s_indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly JsonSerializerOptions s_compressed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly List<object?> _objects = [];

    /// <summary>The object.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true)]
    [AllowNull]
    public object? InputObject { get; set; }

    /// <summary>How many levels are written.</summary>
    [Parameter]
    public int Depth { get; set; } = 2;

    /// <summary>On one line.</summary>
    [Parameter]
    public SwitchParameter Compress { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord() => _objects.Add(InputObject);

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        JsonNode? node = Write(_objects.Count == 1 ? _objects[0] : _objects.ToArray(), Depth);
        WriteObject(node?.ToJsonString(Compress ? s_compressed : s_indented) ?? "null");
    }

    private static JsonNode? Write(object? value, int depth)
    {
        object? bare = value is PSObject { BaseObject: not PSCustomObject and var inner } ? inner : value;
        switch (bare)
        {
            case null:
                return null;
            case nint handle:
                return JsonValue.Create((long)handle);
            case string or DateTime or DateTimeOffset or decimal or Guid:
            case not null when bare.GetType().IsPrimitive:
                return JsonSerializer.SerializeToNode(bare, bare.GetType());
            case Enum:
                return JsonSerializer.SerializeToNode(Convert.ToInt64(bare, System.Globalization.CultureInfo.InvariantCulture));
        }

        if (depth < 0)
        {
            return JsonValue.Create(bare.ToString());
        }

        if (bare is IDictionary dictionary)
        {
            return new JsonObject(dictionary.Keys.Cast<object>().Select(key => KeyValuePair.Create($"{key}", Write(dictionary[key], depth - 1))));
        }

        return bare is IEnumerable list
            ? new JsonArray([.. list.Cast<object?>().Select(item => Write(item, depth - 1))])
            : new JsonObject(PSObject.AsPSObject(bare).Properties.Select(p => KeyValuePair.Create(p.Name, Write(ValueOf(p), depth - 1))));
    }

    // PowerShell writes null for a property that throws.
    private static object? ValueOf(PSPropertyInfo property)
    {
        try
        {
            return property.Value;
        }
        catch (GetValueException)
        {
            return null;
        }
    }
}
