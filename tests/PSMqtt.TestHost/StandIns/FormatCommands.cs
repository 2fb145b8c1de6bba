using System.Management.Automation;
using System.Management.Automation.Host;
using System.Reflection;
using System.Text;
using Microsoft.PowerShell.Commands.Internal.Format;

namespace PSMqtt.TestHost.StandIns;

/// <summary>The engine has the formatter, but its public commands live elsewhere. These only name the shape.</summary>
internal static class FormatShapes
{
    public static object Create(string shape)
    {
        Assembly engine = typeof(PSObject).Assembly;
        Type shapes = engine.GetType("Microsoft.PowerShell.Commands.Internal.Format.FormatShape", throwOnError: true)!;
        Type command = engine.GetType("Microsoft.PowerShell.Commands.Internal.Format.InnerFormatShapeCommand", throwOnError: true)!;
        return Activator.CreateInstance(
            command, BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.Public, binder: null, [Enum.Parse(shapes, shape)], culture: null)!;
    }

    public static void Implement(FrontEndCommandBase command, string shape) => typeof(FrontEndCommandBase)
        .GetField("implementation", BindingFlags.Instance | BindingFlags.NonPublic)!
        .SetValue(command, Create(shape));
}

/// <summary>Formats objects as a table.</summary>
[Cmdlet(VerbsCommon.Format, "Table")]
public sealed class FormatTableCommand : OuterFormatTableBase
{
    /// <summary>Creates the command.</summary>
    public FormatTableCommand() => FormatShapes.Implement(this, "Table");
}

/// <summary>Formats objects as a list.</summary>
[Cmdlet(VerbsCommon.Format, "List")]
public sealed class FormatListCommand : OuterFormatTableAndListBase
{
    /// <summary>Creates the command.</summary>
    public FormatListCommand() => FormatShapes.Implement(this, "List");
}

/// <summary>What the host would show, as a string.</summary>
[Cmdlet(VerbsData.Out, "String")]
public sealed class OutStringCommand : PSCmdlet
{
    private readonly List<PSObject> _objects = [];

    /// <summary>The objects.</summary>
    [Parameter(ValueFromPipeline = true)]
    public PSObject? InputObject { get; set; }

    /// <summary>A string for each line.</summary>
    [Parameter]
    public SwitchParameter Stream { get; set; }

    /// <summary>The width of a line. Default: 120.</summary>
    [Parameter]
    [ValidateRange(2, int.MaxValue)]
    public int Width { get; set; } = 120;

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (InputObject is not null)
        {
            _objects.Add(InputObject);
        }
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        var host = (ConsolePSHost)Host.GetType().GetProperty("ExternalHost", BindingFlags.Instance | BindingFlags.NonPublic)!.GetValue(Host)!;
        var text = new StringBuilder();
        Size before = host.UI.RawUI.BufferSize;
        using (host.Divert(text))
        {
            try
            {
                host.UI.RawUI.BufferSize = before with { Width = Width };
                InvokeCommand.InvokeScript(useLocalScope: true, ScriptBlock.Create("$args[0] | Out-Host"), input: null, args: [_objects.ToArray()]);
            }
            finally
            {
                host.UI.RawUI.BufferSize = before;
            }
        }

        if (Stream)
        {
            WriteObject(text.ToString().Split('\n').Select(line => line.TrimEnd('\r')), enumerateCollection: true);
        }
        else
        {
            WriteObject(text.ToString());
        }
    }
}
