using System.Globalization;
using System.Management.Automation.Host;
using System.Text;

namespace PSMqtt.TestHost;

/// <summary>A host that writes to two text writers and asks nothing.</summary>
internal sealed class ConsolePSHost(TextWriter output, TextWriter error, bool colours) : PSHost
{
    private readonly TextUserInterface _ui = new(output, error, colours);

    public override CultureInfo CurrentCulture => CultureInfo.InvariantCulture;

    public override CultureInfo CurrentUICulture => CultureInfo.InvariantCulture;

    public override Guid InstanceId { get; } = Guid.NewGuid();

    public override string Name => "PSMqtt.TestHost";

    public override PSHostUserInterface UI => _ui;

    public override Version Version => typeof(ConsolePSHost).Assembly.GetName().Version ?? new Version(0, 0);

    /// <summary>What <c>exit</c> was called with at the top level.</summary>
    public int? ExitCode { get; private set; }

    /// <summary>Diverts what is written to the host, until the result is disposed.</summary>
    public IDisposable Divert(StringBuilder text) => _ui.Divert(text);

    public override void EnterNestedPrompt() => throw new NotSupportedException("This host is not interactive.");

    public override void ExitNestedPrompt() => throw new NotSupportedException("This host is not interactive.");

    public override void NotifyBeginApplication()
    {
    }

    public override void NotifyEndApplication()
    {
    }

    public override void SetShouldExit(int exitCode) => ExitCode = exitCode;
}
