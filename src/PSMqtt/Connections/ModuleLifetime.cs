using System.Management.Automation;
using PSMqtt.Broker;

namespace PSMqtt.Connections;

/// <summary>What happens when the module is removed from a session: the connections of that session end, and its embedded brokers, and no others.</summary>
public sealed class ModuleLifetime : IModuleAssemblyCleanup
{
    /// <inheritdoc />
    public void OnRemove(PSModuleInfo psModuleInfo)
    {
        ConnectionTable.Here?.Leave();
        MemorySession.ForgetAll();
        BrokerTable.StopAll();
    }
}
