using System.Management.Automation;
using System.Management.Automation.Language;
using System.Management.Automation.Runspaces;

namespace PSMqtt.TestHost.Language;

/// <summary>
/// What can be said about a script without running it: the module's cmdlets that it calls exist, and have the parameters that it gives them.
/// </summary>
internal static class CommandCheck
{
    public static IEnumerable<string> FindMistakes(Ast script, Runspace runspace)
    {
        foreach (CommandAst call in script.FindAll(node => node is CommandAst, searchNestedScriptBlocks: true).Cast<CommandAst>())
        {
            if (call.GetCommandName() is not { } name || !name.Contains("-Mqtt", StringComparison.OrdinalIgnoreCase))
            {
                continue;
            }

            string where = $"{Path.GetRelativePath(Environment.CurrentDirectory, call.Extent.File ?? string.Empty)}:{call.Extent.StartLineNumber}";
            CommandInfo? command = runspace.SessionStateProxy.InvokeCommand.GetCommand(name, CommandTypes.Cmdlet | CommandTypes.Alias | CommandTypes.Function);
            if (command is AliasInfo alias)
            {
                command = alias.ResolvedCommand;
            }

            if (command is null)
            {
                yield return $"{where}: there is no command '{name}'.";
                continue;
            }

            foreach (CommandParameterAst parameter in call.CommandElements.OfType<CommandParameterAst>())
            {
                if (Resolve(command, parameter.ParameterName) is { } mistake)
                {
                    yield return $"{where}: {name} -{parameter.ParameterName}: {mistake}";
                }
            }
        }
    }

    private static string? Resolve(CommandInfo command, string parameter)
    {
        try
        {
            command.ResolveParameter(parameter);
            return null;
        }
        catch (ParameterBindingException e)
        {
            return e.Message;
        }
    }
}
