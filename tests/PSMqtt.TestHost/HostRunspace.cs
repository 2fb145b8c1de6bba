using System.Management.Automation;
using System.Management.Automation.Runspaces;
using System.Reflection;
using PSMqtt.TestHost.Language;
using PSMqtt.TestHost.StandIns;

namespace PSMqtt.TestHost;

/// <summary>A runspace of the bare engine, with the stand-ins for the cmdlets that it lacks and, for tests, the test language.</summary>
internal static class HostRunspace
{
    public static Runspace Open(ConsolePSHost host, bool forTests)
    {
        InitialSessionState state = InitialSessionState.CreateDefault2();
        if (OperatingSystem.IsWindows())
        {
            state.ExecutionPolicy = Microsoft.PowerShell.ExecutionPolicy.Bypass;
        }

        state.ThreadOptions = PSThreadOptions.UseCurrentThread;
        foreach ((string name, Type type) in StandInList.Cmdlets)
        {
            state.Commands.Add(new SessionStateCmdletEntry(name, type, null));
        }

        if (forTests)
        {
            foreach (Type type in TestLanguage.Cmdlets)
            {
                var cmdlet = type.GetCustomAttribute<CmdletAttribute>()!;
                string name = $"{cmdlet.VerbName}-{cmdlet.NounName}";
                state.Commands.Add(new SessionStateCmdletEntry(name, type, null));
                if (cmdlet.NounName == TestLanguage.NoNoun)
                {
                    state.Commands.Add(new SessionStateAliasEntry(cmdlet.VerbName, name));
                }
            }

            state.Commands.Add(new SessionStateFunctionEntry(TestLanguage.RunBlockFunction, TestLanguage.ReadRunBlock()));
        }

        Runspace runspace = RunspaceFactory.CreateRunspace(host, state);
        runspace.Open();
        return runspace;
    }
}
