using System.Diagnostics;
using System.Globalization;

namespace PSMqtt.Protocol.Tests.Packets;

/// <summary>
/// Runs random cases: for five seconds, or for PSMQTT_FUZZ_SECONDS, from a new seed each time, or from PSMQTT_FUZZ_SEED. Says how many cases were tried,
/// and on a failure the seed.
/// </summary>
internal static class FuzzRun
{
    /// <summary>Runs a case again and again; each has its own seed, so that a failure can be repeated alone.</summary>
    public static void Run(ITestOutputHelper output, Action<Random, int> test)
    {
        double seconds = double.Parse(Environment.GetEnvironmentVariable("PSMQTT_FUZZ_SECONDS") ?? "5", CultureInfo.InvariantCulture);
        string? wanted = Environment.GetEnvironmentVariable("PSMQTT_FUZZ_SEED");
        int seed = string.IsNullOrEmpty(wanted) ? Random.Shared.Next() : int.Parse(wanted, CultureInfo.InvariantCulture);
        var clock = Stopwatch.StartNew();
        int cases = 0;
        do
        {
            int caseSeed = unchecked(seed + cases);
            try
            {
                test(new Random(caseSeed), unchecked((int)((uint)caseSeed % 6)));
            }
            catch (Exception exception)
            {
                throw new Xunit.Sdk.XunitException(
                    $"Case {cases} failed. To repeat it: PSMQTT_FUZZ_SEED={caseSeed}.{Environment.NewLine}{exception}");
            }

            cases++;
        }
        while (clock.Elapsed.TotalSeconds < seconds);

        string result = $"{cases} cases tried, from seed {seed}, in {clock.Elapsed.TotalSeconds:F1} s.";
        output.WriteLine(result);

        // The runner shows what a test has written only when it fails; this is to be seen in every run.
        Console.WriteLine($"  Fuzz: {TestContext.Current.TestMethod?.MethodName}: {result}");
    }
}
