using System.Globalization;
using System.Management.Automation;
using System.Reflection;

namespace PSMqtt.TestHost.StandIns;

/// <summary>Chooses objects or properties.</summary>
[Cmdlet(VerbsCommon.Select, "Object")]
public sealed class SelectObjectCommand : Cmdlet
{
    private readonly Queue<PSObject> _last = new();
    private int _seen;
    private int _written;

    /// <summary>The objects.</summary>
    [Parameter(ValueFromPipeline = true)]
    public PSObject? InputObject { get; set; }

    /// <summary>The properties to keep.</summary>
    [Parameter(Position = 0)]
    public string[]? Property { get; set; }

    /// <summary>The property to write instead of the object.</summary>
    [Parameter]
    public string? ExpandProperty { get; set; }

    /// <summary>So many from the start; then what comes before in the pipeline is stopped.</summary>
    [Parameter]
    public int? First { get; set; }

    /// <summary>So many from the end.</summary>
    [Parameter]
    public int? Last { get; set; }

    /// <summary>Leaves out so many from the start.</summary>
    [Parameter]
    public int Skip { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (InputObject is null || _seen++ < Skip)
        {
            return;
        }

        if (Last is { } last)
        {
            _last.Enqueue(InputObject);
            if (_last.Count > last)
            {
                _last.Dequeue();
            }

            return;
        }

        if (First is not { } first || _written < first)
        {
            _written++;
            Write(InputObject);
        }

        if (First is { } enough && _written >= enough)
        {
            throw StopUpstream();
        }
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        foreach (PSObject item in _last)
        {
            Write(item);
        }
    }

    private void Write(PSObject item)
    {
        if (ExpandProperty is not null)
        {
            PSPropertyInfo property = item.Properties[ExpandProperty]
                ?? throw new ArgumentException($"Property '{ExpandProperty}' cannot be found.");
            WriteObject(property.Value, enumerateCollection: true);
            return;
        }

        if (Property is null)
        {
            WriteObject(item);
            return;
        }

        var chosen = new PSObject();
        foreach (string name in Property)
        {
            chosen.Properties.Add(new PSNoteProperty(name, item.Properties[name]?.Value));
        }

        WriteObject(chosen);
    }

    /// <summary>The engine's way to end the commands before this one, which it keeps to itself.</summary>
    private Exception StopUpstream() => (Exception)Activator.CreateInstance(
        typeof(PSObject).Assembly.GetType("System.Management.Automation.StopUpstreamCommandsException", throwOnError: true)!,
        BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic,
        binder: null,
        [this],
        CultureInfo.InvariantCulture)!;
}

/// <summary>Counts objects, and sums up a property of them.</summary>
[Cmdlet(VerbsDiagnostic.Measure, "Object")]
public sealed class MeasureObjectCommand : Cmdlet
{
    private readonly List<double> _values = [];
    private int _count;

    /// <summary>The objects.</summary>
    [Parameter(ValueFromPipeline = true)]
    public PSObject? InputObject { get; set; }

    /// <summary>The property to measure, instead of the object itself.</summary>
    [Parameter(Position = 0)]
    public string? Property { get; set; }

    /// <summary>The sum.</summary>
    [Parameter]
    public SwitchParameter Sum { get; set; }

    /// <summary>The greatest value.</summary>
    [Parameter]
    public SwitchParameter Maximum { get; set; }

    /// <summary>The least value.</summary>
    [Parameter]
    public SwitchParameter Minimum { get; set; }

    /// <summary>The mean.</summary>
    [Parameter]
    public SwitchParameter Average { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (InputObject is null)
        {
            return;
        }

        _count++;
        if (Sum || Maximum || Minimum || Average)
        {
            _values.Add(LanguagePrimitives.ConvertTo<double>(Property is null ? InputObject : InputObject.Properties[Property]?.Value));
        }
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        var result = new PSObject();
        result.Properties.Add(new PSNoteProperty("Count", _count));
        result.Properties.Add(new PSNoteProperty("Average", Average && _values.Count > 0 ? _values.Average() : null));
        result.Properties.Add(new PSNoteProperty("Sum", Sum && _values.Count > 0 ? _values.Sum() : null));
        result.Properties.Add(new PSNoteProperty("Maximum", Maximum && _values.Count > 0 ? _values.Max() : null));
        result.Properties.Add(new PSNoteProperty("Minimum", Minimum && _values.Count > 0 ? _values.Min() : null));
        result.Properties.Add(new PSNoteProperty("Property", Property));
        WriteObject(result);
    }
}

/// <summary>Sorts objects by a property, or by themselves.</summary>
[Cmdlet("Sort", "Object")]
public sealed class SortObjectCommand : Cmdlet
{
    private readonly List<PSObject> _items = [];

    /// <summary>The objects.</summary>
    [Parameter(ValueFromPipeline = true)]
    public PSObject? InputObject { get; set; }

    /// <summary>The property.</summary>
    [Parameter(Position = 0)]
    public string? Property { get; set; }

    /// <summary>One of those that are equal.</summary>
    [Parameter]
    public SwitchParameter Unique { get; set; }

    /// <summary>The greatest first.</summary>
    [Parameter]
    public SwitchParameter Descending { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (InputObject is not null)
        {
            _items.Add(InputObject);
        }
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        var order = Comparer<object?>.Create((a, b) => LanguagePrimitives.Compare(a, b, ignoreCase: true, CultureInfo.InvariantCulture));
        List<PSObject> sorted = [.. Descending ? _items.OrderByDescending(Key, order) : _items.OrderBy(Key, order)];
        WriteObject(sorted.Where((item, index) => !Unique || index == 0 || order.Compare(Key(item), Key(sorted[index - 1])) != 0), enumerateCollection: true);
    }

    private object? Key(PSObject item) => Property is null ? item.BaseObject : item.Properties[Property]?.Value;
}

/// <summary>Creates an object of a .NET type.</summary>
[Cmdlet(VerbsCommon.New, "Object")]
public sealed class NewObjectCommand : Cmdlet
{
    /// <summary>The type.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    public string TypeName { get; set; } = string.Empty;

    /// <summary>The constructor's arguments.</summary>
    [Parameter(Position = 1)]
    public object?[] ArgumentList { get; set; } = [];

    /// <inheritdoc/>
    protected override void EndProcessing() => WriteObject(Activator.CreateInstance(
        LanguagePrimitives.ConvertTo<Type>(TypeName),
        [.. ArgumentList.Select(argument => argument is PSObject { BaseObject: var inner } ? inner : argument)]));
}

/// <summary>Waits.</summary>
[Cmdlet(VerbsLifecycle.Start, "Sleep")]
public sealed class StartSleepCommand : Cmdlet, IDisposable
{
    private readonly ManualResetEventSlim _stopped = new();

    /// <summary>Seconds.</summary>
    [Parameter(Position = 0)]
    public double Seconds { get; set; }

    /// <summary>Milliseconds, in addition.</summary>
    [Parameter]
    public int Milliseconds { get; set; }

    /// <inheritdoc/>
    protected override void EndProcessing() => _stopped.Wait(TimeSpan.FromSeconds(Seconds) + TimeSpan.FromMilliseconds(Milliseconds));

    /// <inheritdoc/>
    protected override void StopProcessing() => _stopped.Set();

    /// <inheritdoc/>
    public void Dispose() => _stopped.Dispose();
}
