using System.Diagnostics;

namespace PSMqtt.Protocol.Tests;

/// <summary>Short forms of what docs/reliability.md has figures of, each in a process of its own.</summary>
public abstract class ReliabilityTest(ITestOutputHelper output)
{
    protected async Task RunAsync(params string[] arguments)
    {
        string configuration = Path.GetFileName(Path.GetDirectoryName(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar)))!;
        string program = Path.GetFullPath(Path.Combine(
            AppContext.BaseDirectory, "../../../../PSMqtt.Reliability/bin", configuration, "net10.0/PSMqtt.Reliability.dll"));
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(program);
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        using Process process = Process.Start(start)!;
        Task<string> said = process.StandardOutput.ReadToEndAsync();
        Task<string> complained = process.StandardError.ReadToEndAsync();
        try
        {
            await process.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(8));
        }
        catch (TimeoutException)
        {
            process.Kill(entireProcessTree: true);
        }

        string text = await said + await complained;
        output.WriteLine(text);
        Assert.True(process.ExitCode == 0, text);
    }
}

public sealed class CrashTests(ITestOutputHelper output) : ReliabilityTest(output)
{
    [Fact(DisplayName = "a sending process is killed at random moments: every accepted message comes, QoS 2 exactly once")]
    public Task Killed() => RunAsync("crash", "-kills", "10", "-seed", "4711");
}

public sealed class SoakTests(ITestOutputHelper output) : ReliabilityTest(output)
{
    [Fact(DisplayName = "60 seconds at 80 % of the measured rate, the connections cut every few seconds: what is received is what was sent")]
    public Task Soaked() => RunAsync("soak", "-seconds", "60", "-seed", "4711");
}

public sealed class ManyConnectionsTests(ITestOutputHelper output) : ReliabilityTest(output)
{
    [Fact(DisplayName = "200 connections, each with a subscription, through a restart of the server: all are back, none is lost")]
    public Task Restarted() => RunAsync("reconnect", "-connections", "200", "-down", "2");
}
