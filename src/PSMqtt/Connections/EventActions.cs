using System.Diagnostics.CodeAnalysis;
using System.Management.Automation;
using System.Management.Automation.Runspaces;
using System.Runtime.CompilerServices;

namespace PSMqtt.Connections;

/// <summary>
/// The event actions of a runspace that wait for their turn. A cmdlet that waits keeps the pipeline thread from them, so it has to give them a turn now
/// and then; it is told here when one of the module's own has come, and need not look for it.
/// </summary>
/// <remarks>
/// The module's events have turns, too: the next is raised when the actions of the one before have run. To have an idle runspace run an action, PowerShell
/// runs an empty pipeline in it, on the thread that raises the event. It handles two events then, and comes back for the others a tenth of a second later,
/// on a thread of the pool. Two such threads may take each other's pipeline, and the one that is late gets an exception: on the pool, that is the end of the
/// process. With turns there are no two of ours, and two events at most to be handled.
/// </remarks>
[SuppressMessage("Design", "CA1001", Justification = "As old as the runspace; a semaphore whose handle nobody asks for has nothing to dispose of.")]
internal sealed class EventActions
{
    // Runs in the user's runspace after the actions of the events before it. A delegate is all that it needs to know.
    private const string MarkerAction = "$Event.Sender.Invoke()";

    private static readonly ConditionalWeakTable<PSEventManager, EventActions> s_ofRunspaces = [];
    private static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(250);

    private readonly PSEventManager _events;
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly HashSet<TaskCompletionSource> _marks = [];
    private PSEventSubscriber? _marker;
    private ManualResetEventSlim? _waiter;
    private int _isWaiting;
    private int _users;

    private EventActions(PSEventManager events) => _events = events;

    /// <summary>Those of the runspace that the event manager belongs to.</summary>
    public static EventActions Of(PSEventManager events) => s_ofRunspaces.GetValue(events, static events => new EventActions(events));

    /// <summary>Has an event wake the cmdlet that waits. On the pipeline thread.</summary>
    /// <param name="wake">What wakes it.</param>
    /// <returns>What woke the cmdlet that this one runs inside of: to be put back afterwards.</returns>
    public ManualResetEventSlim? Exchange(ManualResetEventSlim? wake) => Interlocked.Exchange(ref _waiter, wake);

    /// <summary>Whether an action has come to wait since this was last asked.</summary>
    public bool TakeCome() => Interlocked.Exchange(ref _isWaiting, 0) == 1;

    /// <summary>There is somebody who raises events here. On the pipeline thread.</summary>
    public void AddUser()
    {
        lock (_marks)
        {
            _users++;
            if (_marker is not null)
            {
                return;
            }
        }

        PSEventSubscriber marker = _events.SubscribeEvent(
            null, null, $"PSMqtt.EventActions.{Guid.NewGuid()}", null, ScriptBlock.Create(MarkerAction), supportEvent: true, forwardEvent: false, maxTriggerCount: 0);
        lock (_marks)
        {
            _marker = marker;
        }
    }

    /// <summary>One of them raises none any more. When there is nobody left, nobody waits for marks.</summary>
    public void RemoveUser()
    {
        PSEventSubscriber? marker;
        TaskCompletionSource[] left;
        lock (_marks)
        {
            if (--_users > 0)
            {
                return;
            }

            marker = _marker;
            _marker = null;
            left = [.. _marks];
            _marks.Clear();
        }

        Array.ForEach(left, static mark => mark.TrySetResult());
        if (marker is not null)
        {
            // Not under the lock: it waits for the action that runs.
            _events.UnsubscribeEvent(marker);
        }
    }

    /// <summary>Begins a turn, when those before it have ended.</summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    public Task BeginTurnAsync(CancellationToken cancellationToken) => _turn.WaitAsync(cancellationToken);

    /// <summary>Ends the turn: what was raised in it has run.</summary>
    public void EndTurn() => _turn.Release();

    /// <summary>Raises an event in its own turn, and waits for its actions.</summary>
    public async Task RaiseInTurnAsync(string identifier, object sender, object[] arguments, PSObject? data)
    {
        await BeginTurnAsync(CancellationToken.None).ConfigureAwait(false);
        try
        {
            Raise(identifier, sender, arguments, data);
            Task mark = MarkAsync(static () => { });
            if (await Task.WhenAny(mark, Task.Delay(s_patience)).ConfigureAwait(false) != mark)
            {
                // A pipeline that ended just when they came has seen neither the event nor the mark: another one wakes the runspace.
                await MarkAsync(static () => { }).ConfigureAwait(false);
                await mark.ConfigureAwait(false);
            }
        }
        finally
        {
            EndTurn();
        }
    }

    /// <summary>Raises an event. In a turn.</summary>
    public void Raise(string identifier, object sender, object[] arguments, PSObject? data)
    {
        try
        {
            _events.GenerateEvent(identifier, sender, arguments, data, processInCurrentThread: true, waitForCompletionInCurrentThread: false);
        }
        catch (InvalidPipelineStateException)
        {
            // The event waits already, and somebody else's event has just woken the runspace, with the pipeline that was to be ours.
        }

        Volatile.Write(ref _isWaiting, 1);
        Volatile.Read(ref _waiter)?.Set();
    }

    /// <summary>PowerShell runs actions one after the other, in the order of their events: so that of the mark runs when those before it have. In a turn.</summary>
    /// <param name="action">What else to do then, on the pipeline thread.</param>
    /// <returns>A task that ends then; or when there is no user any more.</returns>
    public Task MarkAsync(Action action)
    {
        TaskCompletionSource mark = new(TaskCreationOptions.RunContinuationsAsynchronously);
        string identifier;
        lock (_marks)
        {
            if (_marker is null)
            {
                return Task.CompletedTask;
            }

            identifier = _marker.SourceIdentifier;
            _marks.Add(mark);
        }

        Action reached = () =>
        {
            action();
            lock (_marks)
            {
                _marks.Remove(mark);
            }

            mark.TrySetResult();
        };
        Raise(identifier, reached, [reached, EventArgs.Empty], null);
        return mark.Task;
    }
}
