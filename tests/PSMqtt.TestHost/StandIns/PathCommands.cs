using System.Management.Automation;
using System.Text;

namespace PSMqtt.TestHost.StandIns;

/// <summary>Joins the parts of a path.</summary>
[Cmdlet(VerbsCommon.Join, "Path")]
public sealed class JoinPathCommand : Cmdlet
{
    /// <summary>The parent.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    public string Path { get; set; } = string.Empty;

    /// <summary>The child.</summary>
    [Parameter(Mandatory = true, Position = 1)]
    public string ChildPath { get; set; } = string.Empty;

    /// <summary>What is below the child.</summary>
    [Parameter(Position = 2, ValueFromRemainingArguments = true)]
    public string[] AdditionalChildPath { get; set; } = [];

    /// <inheritdoc/>
    protected override void EndProcessing() => WriteObject(System.IO.Path.Join([Path, ChildPath, .. AdditionalChildPath]));
}

/// <summary>Takes a path apart.</summary>
[Cmdlet(VerbsCommon.Split, "Path")]
public sealed class SplitPathCommand : Cmdlet
{
    /// <summary>The path.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true)]
    public string Path { get; set; } = string.Empty;

    /// <summary>The last part; otherwise what is before it.</summary>
    [Parameter]
    public SwitchParameter Leaf { get; set; }

    /// <summary>What is before the last part: the default.</summary>
    [Parameter]
    public SwitchParameter Parent { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord() => WriteObject(Leaf ? System.IO.Path.GetFileName(Path) : System.IO.Path.GetDirectoryName(Path));
}

/// <summary>Says whether there is something at a path.</summary>
[Cmdlet(VerbsDiagnostic.Test, "Path")]
public sealed class TestPathCommand : PSCmdlet
{
    /// <summary>The path.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true)]
    [Alias("LiteralPath")]
    public string Path { get; set; } = string.Empty;

    /// <inheritdoc/>
    protected override void ProcessRecord() => WriteObject(SessionState.InvokeProvider.Item.Exists(Path));
}

/// <summary>Removes files and directories.</summary>
[Cmdlet(VerbsCommon.Remove, "Item")]
public sealed class RemoveItemCommand : PSCmdlet
{
    /// <summary>The path.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true)]
    [Alias("LiteralPath")]
    public string Path { get; set; } = string.Empty;

    /// <summary>What is inside too.</summary>
    [Parameter]
    public SwitchParameter Recurse { get; set; }

    /// <summary>Hidden and read-only ones too.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord() => SessionState.InvokeProvider.Item.Remove([Path], Recurse, Force, literalPath: true);
}

/// <summary>Reads a text file.</summary>
[Cmdlet(VerbsCommon.Get, "Content")]
public sealed class GetContentCommand : PSCmdlet
{
    /// <summary>The file.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    [Alias("LiteralPath")]
    public string Path { get; set; } = string.Empty;

    /// <summary>As one string.</summary>
    [Parameter]
    public SwitchParameter Raw { get; set; }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        string file = GetUnresolvedProviderPathFromPSPath(Path);
        if (Raw)
        {
            WriteObject(File.ReadAllText(file));
        }
        else
        {
            WriteObject(File.ReadLines(file), enumerateCollection: true);
        }
    }
}

/// <summary>Writes a text file.</summary>
[Cmdlet(VerbsCommon.Set, "Content")]
public sealed class SetContentCommand : PSCmdlet
{
    private readonly StringBuilder _text = new();

    /// <summary>The file.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    [Alias("LiteralPath")]
    public string Path { get; set; } = string.Empty;

    /// <summary>Its lines.</summary>
    [Parameter(Mandatory = true, Position = 1, ValueFromPipeline = true)]
    [AllowEmptyString]
    public object[] Value { get; set; } = [];

    /// <summary>Ends with no new line.</summary>
    [Parameter]
    public SwitchParameter NoNewline { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (object line in Value)
        {
            _text.Append(LanguagePrimitives.ConvertTo<string>(line));
            if (!NoNewline)
            {
                _text.AppendLine();
            }
        }
    }

    /// <inheritdoc/>
    protected override void EndProcessing() => File.WriteAllText(GetUnresolvedProviderPathFromPSPath(Path), _text.ToString());
}
