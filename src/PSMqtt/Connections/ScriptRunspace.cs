using System.Management.Automation;
using System.Management.Automation.Runspaces;
using PSMqtt.Errors;

namespace PSMqtt.Connections;

/// <summary>
/// Runs a script block that the engine asks for something. The user's runspace may be busy, or be the one that waits for the answer, so the script
/// block's text runs in a runspace of its own, which keeps its variables from one call to the next. It does not see the user's.
/// </summary>
internal sealed class ScriptRunspace : IDisposable
{
    private readonly string _script;
    private readonly string _parameter;
    private readonly MqttErrorKind _failure;
    private readonly Lazy<Runspace> _runspace = new(Open);

    /// <param name="script">The script block.</param>
    /// <param name="parameter">The parameter that it was given with.</param>
    /// <param name="failure">The kind of error that its failure is.</param>
    public ScriptRunspace(ScriptBlock script, string parameter, MqttErrorKind failure)
    {
        _script = script.ToString();
        _parameter = parameter;
        _failure = failure;
    }

    /// <summary>Runs the script.</summary>
    /// <param name="arguments">The values of its parameters, in their order.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>What it has written.</returns>
    /// <exception cref="MqttScriptException">It has thrown an exception, or written an error.</exception>
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
                return shell.Streams.Error.Count == 0 ? output : throw Failed(shell.Streams.Error[0].ToString(), shell.Streams.Error[0].Exception);
            }
            catch (PipelineStoppedException) when (cancellationToken.IsCancellationRequested)
            {
                throw new OperationCanceledException(cancellationToken);
            }
            catch (RuntimeException exception)
            {
                throw Failed(exception.Message, exception);
            }
        }
    }

    /// <summary>Makes the exception that says how the script failed.</summary>
    /// <param name="message">In what way.</param>
    /// <param name="exception">Its own exception, where it has one.</param>
    public MqttScriptException Failed(string message, Exception? exception = null) =>
        new(_failure, $"The script block of {_parameter} failed: {message}", exception);

    public void Dispose()
    {
        if (_runspace.IsValueCreated)
        {
            // A script that is inside a call of .NET cannot be stopped, and a runspace waits for what runs in it: nobody else shall.
            _ = Task.Run(_runspace.Value.Dispose);
        }
    }

    private static Runspace Open()
    {
        Runspace runspace = RunspaceFactory.CreateRunspace(InitialSessionState.CreateDefault2());
        runspace.Open();
        return runspace;
    }
}
