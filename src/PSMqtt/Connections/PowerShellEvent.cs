using System.Management.Automation;
using System.Reflection;

namespace PSMqtt.Connections;

/// <summary>
/// An event that is raised for Register-ObjectEvent in its place. The handlers that PowerShell makes hand each event to another thread of the pool, so that
/// two that come close after one another may arrive the wrong way round. What they know is asked for instead, and the event queued here.
/// </summary>
internal sealed class PowerShellEvent
{
    private static readonly FieldInfo? s_manager = Field("eventManager");
    private static readonly FieldInfo? s_identifier = Field("sourceIdentifier");
    private static readonly FieldInfo? s_data = Field("extraData");

    private readonly PSEventManager _manager;
    private readonly string _identifier;
    private readonly object _sender;
    private readonly object[] _arguments;
    private readonly PSObject? _data;

    private PowerShellEvent(PSEventManager manager, string identifier, object sender, object[] arguments, PSObject? data)
    {
        _manager = manager;
        _identifier = identifier;
        _sender = sender;
        _arguments = arguments;
        _data = data;
    }

    /// <summary>Whether the event has an action. One without waits for Get-Event.</summary>
    public bool HasAction => _manager.GetEventSubscribers(_identifier).Any(static subscriber => subscriber.Action is not null);

    /// <summary>The event for a handler of PowerShell's.</summary>
    /// <param name="handler">A handler of the event.</param>
    /// <param name="sender">The sender.</param>
    /// <param name="args">The event's arguments.</param>
    /// <returns><see langword="null"/> when the handler is not one of PowerShell's: it is to be called as any other.</returns>
    public static PowerShellEvent? Of(Delegate handler, object sender, EventArgs args) =>
        Find(handler) is var (manager, target) && s_identifier?.GetValue(target) is string identifier
            ? new PowerShellEvent(manager, identifier, sender, [sender, args], s_data?.GetValue(target) as PSObject)
            : null;

    /// <summary>Where the actions of a handler run.</summary>
    /// <param name="handler">A handler of an event.</param>
    /// <returns><see langword="null"/> when the handler is not one of PowerShell's.</returns>
    public static EventActions? ActionsOf(Delegate? handler) => Find(handler) is var (manager, _) ? EventActions.Of(manager) : null;

    /// <summary>Raises the event now. Only one without an action.</summary>
    public void Raise() => EventActions.Of(_manager).Raise(_identifier, _sender, _arguments, _data);

    /// <summary>Raises the event when it is its turn.</summary>
    /// <returns>A task that ends when its actions have run.</returns>
    public Task RaiseInTurnAsync() => EventActions.Of(_manager).RaiseInTurnAsync(_identifier, _sender, _arguments, _data);

    private static (PSEventManager Manager, PSEventHandler Target)? Find(Delegate? handler) =>
        handler?.Target is PSEventHandler target && s_manager?.GetValue(target) is PSEventManager manager ? (manager, target) : null;

    // Protected, and so part of what PowerShell keeps as it is.
    private static FieldInfo? Field(string name) => typeof(PSEventHandler).GetField(name, BindingFlags.Instance | BindingFlags.NonPublic);
}
