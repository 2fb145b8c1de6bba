using System.Globalization;

namespace PSMqtt.TestHost;

/// <summary>Runs PowerShell scripts and Pester test files on the bare engine, where there is no PowerShell.</summary>
internal static class Program
{
    private const string Usage = """
        PSMqtt.TestHost run <script.ps1> [arguments...]
            Runs a script. The exit code is the script's.

        PSMqtt.TestHost test <file or directory>... [--tag <tag>]... [--exclude-tag <tag>]... [--limit <seconds>]
            Runs *.Tests.ps1. A file that takes longer than the limit (300 seconds by default) is stopped and counted as failed.
            The last line is "N passed, N failed, N skipped"; the exit code is 1 if anything failed.
        """;

    private static int Main(string[] args)
    {
        CultureInfo.DefaultThreadCurrentCulture = CultureInfo.InvariantCulture;
        CultureInfo.DefaultThreadCurrentUICulture = CultureInfo.InvariantCulture;
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        CultureInfo.CurrentUICulture = CultureInfo.InvariantCulture;

        switch (args)
        {
            case ["run", var script, .. var arguments]:
                return ScriptRun.Run(script, arguments);
            case ["test", .. var rest] when TestOptions.TryParse(rest, out TestOptions? options, out string? error):
                return Complain(error) ?? End(new TestRun(options!, Console.Out).Run());
            default:
                Console.Error.WriteLine(Usage);
                return 2;
        }
    }

    /// <summary>Whatever a test has left running does not hold up the end.</summary>
    private static int End(int exitCode)
    {
        Environment.Exit(exitCode);
        return exitCode;
    }

    private static int? Complain(string? error)
    {
        if (error is null)
        {
            return null;
        }

        Console.Error.WriteLine(error);
        return 2;
    }
}
