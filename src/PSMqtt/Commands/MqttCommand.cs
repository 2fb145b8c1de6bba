using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Management.Automation;
using PSMqtt.Connections;
using PSMqtt.Errors;
using PSMqtt.Protocol;

namespace PSMqtt.Commands;

/// <summary>
/// The base of every cmdlet that waits for something: it bridges the engine's tasks to PowerShell's one pipeline thread. Ctrl+C ends a wait at once;
/// nothing is written from another thread; event actions get their turn while the pipeline waits.
/// </summary>
public abstract partial class MqttCommand : PSCmdlet, IDisposable
{
    private const int EventIntervalMilliseconds = 50;

    private readonly CancellationTokenSource _stop = new();
    private readonly ManualResetEventSlim _wake = new();

    /// <summary>Made when it is first needed: most cmdlets never need it, and a script may call one a thousand times a second.</summary>
    private ConcurrentQueue<Action>? _pipelineWork;
    private ScriptBlock? _statement;
    private bool _disposed;

    /// <summary>Cancelled when the pipeline is stopped.</summary>
    protected CancellationToken StopToken => _stop.Token;

    /// <summary>Whether the pipeline has been stopped; <c>EndProcessing</c> still runs then.</summary>
    protected bool IsStopped => _stop.IsCancellationRequested;

    /// <inheritdoc />
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Releases what the cmdlet holds. Runs however the pipeline ends, a downstream <c>break</c> or <c>Select-Object -First</c> too.</summary>
    /// <param name="disposing">Whether called by <see cref="Dispose()"/>.</param>
    protected virtual void Dispose(bool disposing)
    {
        if (disposing)
        {
            EndStory();
            DropOwnConnection();
            _stop.Cancel();
            _stop.Dispose();

            // _wake is left to the garbage collector: a task that ends late may still set it.
        }
    }

    /// <inheritdoc />
    protected override void StopProcessing() => _stop.Cancel();

    /// <summary>Has an action run on the pipeline thread while it waits: for what other threads want to write.</summary>
    /// <param name="action">The action.</param>
    protected void Post(Action action)
    {
        LazyInitializer.EnsureInitialized(ref _pipelineWork).Enqueue(action);
        _wake.Set();
    }

    /// <summary>Waits for a task, on the pipeline thread.</summary>
    /// <typeparam name="T">The type of the result.</typeparam>
    /// <param name="task">The task. It must end soon once <see cref="StopToken"/> is cancelled.</param>
    /// <param name="onWake">Called on the pipeline thread now and then while waiting.</param>
    /// <returns>The task's result.</returns>
    /// <exception cref="PipelineStoppedException">The pipeline was stopped; the task has ended.</exception>
    protected T WaitFor<T>(Task<T> task, Action? onWake = null)
    {
        ArgumentNullException.ThrowIfNull(task);
        WaitForEnd(task, onWake);
        return task.GetAwaiter().GetResult();
    }

    /// <summary>Waits for a task, on the pipeline thread.</summary>
    /// <param name="task">The task. It must end soon once <see cref="StopToken"/> is cancelled.</param>
    /// <param name="onWake">Called on the pipeline thread now and then while waiting.</param>
    /// <exception cref="PipelineStoppedException">The pipeline was stopped; the task has ended.</exception>
    protected void WaitFor(Task task, Action? onWake = null)
    {
        ArgumentNullException.ThrowIfNull(task);
        WaitForEnd(task, onWake);
        task.GetAwaiter().GetResult();
    }

    /// <summary>Waits for work that must be done even though the pipeline is being stopped, for a limited time.</summary>
    /// <param name="task">The task; a failure of it is of no interest any more.</param>
    /// <param name="limit">How long.</param>
    protected static void WaitForCleanup(Task task, TimeSpan limit)
    {
        ArgumentNullException.ThrowIfNull(task);

        if (!task.IsCompleted)
        {
            // Dispose has no pipeline to keep alive, and no way to hand on a task: the second and last place that blocks.
            ((IAsyncResult)task).AsyncWaitHandle.WaitOne(limit);
        }

        _ = task.Exception;
    }

    /// <summary>Ends the cmdlet with an error.</summary>
    /// <param name="record">The error.</param>
    [DoesNotReturn]
    protected void Fail(ErrorRecord record)
    {
        ThrowTerminatingError(record);
        throw new UnreachableException();
    }

    /// <summary>
    /// Reports an error after which the cmdlet has nothing more to do. It does not end the script, nor is it heard with -ErrorAction SilentlyContinue; but
    /// what sends the cmdlet its input, perhaps for ever, is not left to do so in vain.
    /// </summary>
    /// <param name="record">The error.</param>
    private protected void GiveUp(ErrorRecord record)
    {
        if (MyInvocation.ExpectingInput)
        {
            Fail(record);
        }

        WriteError(record);
    }

    /// <summary>Makes an error of what the engine has thrown.</summary>
    /// <param name="exception">The exception.</param>
    /// <param name="target">The object that the error is about.</param>
    /// <param name="timeout">The kind of error that a timeout is.</param>
    /// <param name="argument">The kind of error that an invalid argument is.</param>
    /// <returns>The error.</returns>
    /// <exception cref="PipelineStoppedException">The exception only says that the pipeline was stopped.</exception>
    private protected ErrorRecord Explain(Exception exception, object target, MqttErrorKind? timeout = null, MqttErrorKind? argument = null) =>
        exception is PipelineStoppedException || IsStopped
            ? throw new PipelineStoppedException()
            : EngineErrors.ToRecord(exception, target, timeout, argument);

    /// <summary>Finds a connection.</summary>
    /// <param name="reference">What the user has given; <see langword="null"/>: nothing, so the runspace's current connection.</param>
    /// <returns>The connection; <see langword="null"/> when there is none, which has been reported.</returns>
    protected MqttConnection? GetConnection(MqttConnectionReference? reference)
    {
        if (reference is not null)
        {
            if (reference.Resolve() is { } named)
            {
                Follow(named);
                return named;
            }

            GiveUp(MqttErrors.ConnectionNotFound.ToRecord($"This runspace has no connection named '{reference.Name}'.", reference.Name));
            return null;
        }

        ConnectionTable? table = ConnectionTable.Here;
        if (table?.Current is { } current)
        {
            Follow(current);
            return current;
        }

        MqttConnection[] others = table?.All ?? [];
        string message = others.Length == 0
            ? "There is no connection. Connect to a broker first: Connect-Mqtt <server>."
            : $"There is no current connection. Choose one with -Connection: {string.Join(", ", others.Select(static other => other.Name))}.";
        GiveUp(MqttErrors.NoCurrentConnection.ToRecord(message, MyInvocation.MyCommand));
        return null;
    }

    /// <summary>Ends the cmdlet when it was given a parameter that only MQTT 5.0 has and the connection speaks an older version.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="parameters">The names of the parameters that only MQTT 5.0 has.</param>
    protected void RequireMqtt5(MqttConnection connection, params ReadOnlySpan<string> parameters)
    {
        ArgumentNullException.ThrowIfNull(connection);

        // Before the version has been negotiated the engine is the one who knows.
        if (connection.Client.ConnectResult is not { ProtocolVersion: < MqttProtocolVersion.V500 })
        {
            return;
        }

        foreach (string parameter in parameters)
        {
            if (MyInvocation.BoundParameters.ContainsKey(parameter))
            {
                Fail(MqttErrors.RequiresMqtt5.ToRecord(
                    $"-{parameter} needs MQTT 5.0, and the connection '{connection.Name}' speaks MQTT {connection.ProtocolVersion}.", connection));
            }
        }
    }

    // The one place where the module blocks a thread on asynchronous work: a pipeline thread has nothing else to do, and only it may write.
    private void WaitForEnd(Task task, Action? onWake)
    {
        if (!task.IsCompleted)
        {
            _ = task.ContinueWith(
                static (_, wake) => ((ManualResetEventSlim)wake!).Set(),
                _wake,
                CancellationToken.None,
                TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default);

            EventActions actions = EventActions.Of(Events);
            ManualResetEventSlim? outer = actions.Exchange(_wake);
            try
            {
                while (!task.IsCompleted)
                {
                    bool woken = _wake.Wait(EventIntervalMilliseconds);
                    _wake.Reset();
                    DoPipelineWork();
                    if (!IsStopped)
                    {
                        onWake?.Invoke();
                        if (!woken)
                        {
                            WarnOfBlockage();
                            WarnOfUndelivered();
                        }

                        if (actions.TakeCome() || !woken)
                        {
                            LetEventActionsRun();
                        }
                    }
                }
            }
            catch
            {
                // Something that was written ended the pipeline. The task must not outlive its cmdlet.
                _stop.Cancel();
                WaitForCleanup(task, Timeout.InfiniteTimeSpan);
                throw;
            }
            finally
            {
                actions.Exchange(outer);
            }
        }

        if (!IsStopped)
        {
            CatchUpWithStory();
            WarnOfUndelivered();
        }

        DoPipelineWork();
        if (IsStopped)
        {
            _ = task.Exception;
            throw new PipelineStoppedException();
        }
    }

    private void DoPipelineWork()
    {
        while (!IsStopped && Volatile.Read(ref _pipelineWork) is { } work && work.TryDequeue(out Action? action))
        {
            action();
        }
    }

    // PowerShell runs the actions of events between the rounds of loops and the commands of a script, and a cmdlet that waits is a long command: so run
    // a loop of one round.
    private void LetEventActionsRun()
    {
        if (Events.Subscribers.Count > 0)
        {
            _statement ??= ScriptBlock.Create("do { } while ($false)");
            InvokeCommand.InvokeScript(false, _statement, null);
        }
    }
}
