using System.Management.Automation;
using System.Management.Automation.Runspaces;

namespace PSMqtt.TestHost;

/// <summary>Runs one script as <c>pwsh -File</c> would: formatted output on stdout, errors on stderr, the script's exit code.</summary>
internal static class ScriptRun
{
    public static int Run(string script, IReadOnlyList<string> arguments)
    {
        if (!File.Exists(script))
        {
            Console.Error.WriteLine($"There is no script '{script}'.");
            return 2;
        }

        var host = new ConsolePSHost(Console.Out, Console.Error, colours: !Console.IsOutputRedirected);
        using Runspace runspace = HostRunspace.Open(host, forTests: false);
        using var powershell = PowerShell.Create(runspace);

        ConsoleCancelEventHandler stop = (_, e) =>
        {
            e.Cancel = true;
            powershell.BeginStop(null, null);
        };
        Console.CancelKeyPress += stop;
        try
        {
            // Arguments arrive as text. Parsed as a command line they bind as they would from a shell: -Name, -Switch, values.
            powershell.AddScript($"& {string.Join(' ', arguments.Select(Quote).Prepend(Quote(Path.GetFullPath(script))))}; $global:______succeeded = $?");
            powershell.AddCommand("Out-Default");
            powershell.Commands.Commands[0].MergeMyResults(PipelineResultTypes.Error, PipelineResultTypes.Output);
            powershell.Invoke();
        }
        catch (PipelineStoppedException)
        {
            return 130;
        }
        catch (RuntimeException e)
        {
            host.UI.WriteErrorLine($"{e.ErrorRecord.Exception.Message}\n{e.ErrorRecord.ScriptStackTrace}");
            return 1;
        }
        finally
        {
            Console.CancelKeyPress -= stop;
        }

        // As with pwsh -File: what exit has said; 1 where the script could not be called; the exit code of a program that it ran is its own affair.
        if (host.ExitCode is { } exitCode)
        {
            return exitCode;
        }

        if (LanguagePrimitives.IsTrue(runspace.SessionStateProxy.GetVariable("______succeeded")))
        {
            return 0;
        }

        int last = LanguagePrimitives.ConvertTo<int>(runspace.SessionStateProxy.GetVariable("LASTEXITCODE"));
        return last == 0 ? 1 : last;
    }

    private static string Quote(string argument) =>
        argument.Length > 1 && argument[0] == '-' && argument.Skip(1).All(c => char.IsLetter(c))
            ? argument
            : $"'{System.Management.Automation.Language.CodeGeneration.EscapeSingleQuotedStringContent(argument)}'";
}
