using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace PSMqtt.Protocol.Tests;

public sealed partial class ClockTests
{
    [Fact(DisplayName = "all timing comes from a TimeProvider: no other clock and no other timer in the engine's sources")]
    public void No_other_clock()
    {
        string root = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(Here())!, "../../src/PSMqtt.Protocol"));
        Assert.SkipUnless(Directory.Exists(root), "The sources are not here: only the built tests are.");
        string[] files = [.. Directory.GetFiles(root, "*.cs", SearchOption.AllDirectories).Where(static f => !f.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}"))];
        Assert.True(files.Length > 100);
        List<string> found = [];
        foreach (string file in files)
        {
            string[] lines = File.ReadAllLines(file);
            for (int i = 0; i < lines.Length; i++)
            {
                string line = lines[i].TrimStart();
                if (!line.StartsWith("//", StringComparison.Ordinal) && (OtherClock().IsMatch(line) || IsTimedWithoutProvider(line)))
                {
                    found.Add($"{Path.GetRelativePath(root, file)}:{i + 1}: {line}");
                }
            }
        }

        Assert.Empty(found);
    }

    [Theory(DisplayName = "the search for other clocks finds them")]
    [InlineData("var clock = Stopwatch.StartNew();", true)]
    [InlineData("DateTime now = DateTime.UtcNow;", true)]
    [InlineData("long ticks = Environment.TickCount64;", true)]
    [InlineData("await Task.Delay(delay, stop).ConfigureAwait(false);", true)]
    [InlineData("await Task.Delay(delay, timeProvider, stop).ConfigureAwait(false);", false)]
    [InlineData("using var time = new CancellationTokenSource(s_closeTime);", true)]
    [InlineData("using var time = new CancellationTokenSource(s_closeTime, _timeProvider);", false)]
    [InlineData("using var stop = new CancellationTokenSource();", false)]
    [InlineData("stop.CancelAfter(time);", true)]
    [InlineData("await task.WaitAsync(TimeSpan.FromSeconds(1));", true)]
    [InlineData("await task.WaitAsync(cancellationToken);", false)]
    [InlineData("Thread.Sleep(1);", true)]
    public void Finds(string line, bool isOther) => Assert.Equal(isOther, OtherClock().IsMatch(line) || IsTimedWithoutProvider(line));

    private static bool IsTimedWithoutProvider(string line) =>
        TimedCall().Match(line) is { Success: true } call && !call.Value.Contains("timeProvider", StringComparison.OrdinalIgnoreCase)
        && !call.Value.Contains(", time,", StringComparison.Ordinal);

    [GeneratedRegex(@"\bStopwatch\b|\bDateTime(Offset)?\.(Utc)?(Now|Today)\b|\bTickCount|\bCancelAfter\b|\bThread\.Sleep\b|\bSpinWait\b|\bnew (System\.Threading\.)?(Timers\.)?(Periodic)?Timer\(")]
    private static partial Regex OtherClock();

    [GeneratedRegex(@"\bTask\.Delay\((.*)|\bnew CancellationTokenSource\(([^)].*)|\.WaitAsync\((TimeSpan\.|s_|timeout|time,).*")]
    private static partial Regex TimedCall();

    private static string Here([CallerFilePath] string path = "") => path;
}
