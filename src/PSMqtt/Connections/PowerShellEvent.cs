using System.Management.Automation;
using System.Reflection;

namespace PSMqtt.Connections;

/// <summary>
/// Raises an event for Register-ObjectEvent in its place. The handlers that PowerShell makes hand each event to another thread of the pool, so that two
/// that come close after one another may arrive the wrong way round. What they know is asked for instead, and the event queued here.
/// </summary>
internal static class PowerShellEvent
{
    private static readonly FieldInfo? s_manager = Field("eventManager");
    private static readonly FieldInfo? s_identifier = Field("sourceIdentifier");
    private static readonly FieldInfo? s_data = Field("extraData");

    /// <summary>Raises an event for a handler of PowerShell's.</summary>
    /// <param name="handler">A handler of the event.</param>
    /// <param name="sender">The sender.</param>
    /// <param name="args">The event's arguments.</param>
    /// <returns>False when the handler is not one of PowerShell's: it is to be called as any other.</returns>
    public static bool TryRaise(Delegate handler, object sender, EventArgs args)
    {
        if (handler.Target is not PSEventHandler target
            || s_manager?.GetValue(target) is not PSEventManager manager
            || s_identifier?.GetValue(target) is not string identifier)
        {
            return false;
        }

        manager.GenerateEvent(
            identifier, sender, [sender, args], s_data?.GetValue(target) as PSObject, processInCurrentThread: true, waitForCompletionInCurrentThread: false);
        EventActions.Of(manager).HaveCome();
        return true;
    }

    // Protected, and so part of what PowerShell keeps as it is.
    private static FieldInfo? Field(string name) => typeof(PSEventHandler).GetField(name, BindingFlags.Instance | BindingFlags.NonPublic);
}
