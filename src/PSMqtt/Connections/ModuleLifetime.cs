using System.Management.Automation;
using PSMqtt.Broker;

namespace PSMqtt.Connections;

/// <summary>What happens when the module is removed from a session: the connections of that session end, and its embedded brokers, and no others.</summary>
public sealed class ModuleLifetime : IModuleAssemblyCleanup
{
    /// <inheritdoc />
    public void OnRemove(PSModuleInfo psModuleInfo)
    {
        if (ConnectionTable.Here is { } table)
        {
            // Waited for, so that the brokers know of it when Remove-Module returns; a broker that does not answer cannot hold it up for long.
            ((IAsyncResult)table.CloseAllAsync()).AsyncWaitHandle.WaitOne(LiveConnections.ExitTimeout);
        }

        MemorySession.ForgetAll();
        BrokerTable.StopAll();
    }
}
