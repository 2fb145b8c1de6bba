using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using PSMqtt.Protocol;

namespace PSMqtt.Reliability;

/// <summary>
/// Kills a sending process again and again, at random moments, some of them without a server in reach. In the end every message that was reported as
/// accepted must have come, and no QoS 2 message twice.
/// </summary>
internal sealed class CrashRun(int kills, int seed)
{
    private readonly ConcurrentDictionary<int, int> _received = new();
    private readonly ConcurrentDictionary<int, bool> _accepted = new();
    private readonly string _directory = Path.Combine(Path.GetTempPath(), $"psmqtt-crash-{Guid.NewGuid():N}");

    public async Task<int> RunAsync()
    {
        var random = new Random(seed);
        var clock = Stopwatch.StartNew();
        int offline = 0;
        await using var peer = new Peer((_, payload, _) =>
            _received.AddOrUpdate(int.Parse(Encoding.ASCII.GetString(payload), CultureInfo.InvariantCulture), 1, static (_, count) => count + 1));
        peer.Start();
        try
        {
            for (int kill = 1; kill <= kills; kill++)
            {
                bool isOffline = random.Next(5) == 0;
                if (isOffline)
                {
                    offline++;
                    await peer.StopAsync();
                }

                await KillOneAsync(peer.Port, kill * 1_000_000, random.Next(0, 300));
                if (isOffline)
                {
                    peer.Start();
                }
            }

            using Process last = Start(peer.Port, 0);
            using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(5));
            await last.WaitForExitAsync(limit.Token);
            return Report(clock.Elapsed, offline, last.ExitCode);
        }
        finally
        {
            Directory.Delete(_directory, recursive: true);
        }
    }

    private async Task KillOneAsync(int port, int from, int milliseconds)
    {
        using Process child = Start(port, from);
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task reading = Task.Run(async () =>
        {
            while (await child.StandardOutput.ReadLineAsync() is { } line)
            {
                _accepted[int.Parse(line, CultureInfo.InvariantCulture)] = true;
                begun.TrySetResult();
            }

            begun.TrySetResult();
        });

        // The moment is counted from the first acceptance: before it there is nothing to lose.
        await begun.Task.WaitAsync(TimeSpan.FromMinutes(2));
        await Task.Delay(milliseconds);
        child.Kill();
        await child.WaitForExitAsync();
        await reading;
    }

    private Process Start(int port, int from)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
        {
            start.ArgumentList.Add(Environment.GetCommandLineArgs()[0]);
        }

        foreach (string argument in (string[])[
            "crash-child", _directory, port.ToString(CultureInfo.InvariantCulture), from.ToString(CultureInfo.InvariantCulture)])
        {
            start.ArgumentList.Add(argument);
        }

        return Process.Start(start)!;
    }

    private int Report(TimeSpan elapsed, int offline, int exitCode)
    {
        int lost = _accepted.Keys.Count(number => !_received.ContainsKey(number));
        int doubled = _received.Count(static pair => pair.Key % 2 == 0 && pair.Value > 1);
        int repeated = _received.Count(static pair => pair.Key % 2 != 0 && pair.Value > 1);
        Console.WriteLine(
            $"crash: {kills} kills ({offline} with no server in reach), seed {seed}, {elapsed.TotalSeconds:0} s: {_accepted.Count} messages accepted, "
            + $"{_received.Count} received, {lost} accepted ones lost, {doubled} of QoS 2 received twice, {repeated} of QoS 1 received more than once.");
        return lost == 0 && doubled == 0 && exitCode == 0 && !_accepted.IsEmpty ? 0 : 1;
    }
}
