using System.Management.Automation;
using System.Runtime.CompilerServices;

namespace PSMqtt.Connections;

/// <summary>
/// The event actions of a runspace that wait for their turn. A cmdlet that waits keeps the pipeline thread from them, so it has to give them a turn now
/// and then; it is told here when one of the module's own has come, and need not look for it.
/// </summary>
internal sealed class EventActions
{
    private static readonly ConditionalWeakTable<PSEventManager, EventActions> s_ofRunspaces = [];

    private ManualResetEventSlim? _waiter;
    private int _isWaiting;

    /// <summary>Those of the runspace that the event manager belongs to.</summary>
    public static EventActions Of(PSEventManager events) => s_ofRunspaces.GetValue(events, static _ => new EventActions());

    /// <summary>Has an event wake the cmdlet that waits. On the pipeline thread.</summary>
    /// <param name="wake">What wakes it.</param>
    /// <returns>What woke the cmdlet that this one runs inside of: to be put back afterwards.</returns>
    public ManualResetEventSlim? Exchange(ManualResetEventSlim? wake) => Interlocked.Exchange(ref _waiter, wake);

    /// <summary>An action waits for its turn.</summary>
    public void HaveCome()
    {
        Volatile.Write(ref _isWaiting, 1);
        Volatile.Read(ref _waiter)?.Set();
    }

    /// <summary>Whether an action has come to wait since this was last asked.</summary>
    public bool TakeCome() => Interlocked.Exchange(ref _isWaiting, 0) == 1;
}
