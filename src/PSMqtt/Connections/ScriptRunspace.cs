using System.Management.Automation;
using System.Management.Automation.Runspaces;

namespace PSMqtt.Connections;

/// <summary>
/// Runs a script block that the engine asks for something. The user's runspace may be busy, or be the one that waits for the answer, so the script
/// block's text runs in a runspace of its own, which keeps its variables from one call to the next. It does not see the user's.
/// </summary>
internal sealed class ScriptRunspace : IDisposable
{
    private readonly string _script;
    private readonly Lazy<Runspace> _runspace = new(Open);

    public ScriptRunspace(ScriptBlock script) => _script = script.ToString();

    /// <summary>Runs the script.</summary>
    /// <param name="arguments">The values of its parameters, in their order.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>What it has written.</returns>
    /// <exception cref="RuntimeException">It has thrown an exception, or written an error.</exception>
    public async Task<PSDataCollection<PSObject>> RunAsync(object?[] arguments, CancellationToken cancellationToken)
    {
        using PowerShell shell = PowerShell.Create();
        shell.Runspace = _runspace.Value;
        shell.AddScript(_script);
        foreach (object? argument in arguments)
        {
            shell.AddArgument(argument);
        }

        CancellationTokenRegistration stop = cancellationToken.Register(static shell => ((PowerShell)shell!).BeginStop(null, null), shell);
        await using (stop.ConfigureAwait(false))
        {
            try
            {
                PSDataCollection<PSObject> output = await Task.Factory.FromAsync(shell.BeginInvoke(), shell.EndInvoke).ConfigureAwait(false);
                return shell.Streams.Error.Count == 0
                    ? output
                    : throw new RuntimeException(shell.Streams.Error[0].ToString(), shell.Streams.Error[0].Exception);
            }
            catch (PipelineStoppedException) when (cancellationToken.IsCancellationRequested)
            {
                throw new OperationCanceledException(cancellationToken);
            }
        }
    }

    public void Dispose()
    {
        if (_runspace.IsValueCreated)
        {
            _runspace.Value.Dispose();
        }
    }

    private static Runspace Open()
    {
        Runspace runspace = RunspaceFactory.CreateRunspace(InitialSessionState.CreateDefault2());
        runspace.Open();
        return runspace;
    }
}
