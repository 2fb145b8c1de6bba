using System.Globalization;

namespace PSMqtt.Reliability;

/// <summary>What PSMqtt holds under faults and load, as figures. Each run ends with exit code 0 only if nothing was lost.</summary>
internal static class Program
{
    private static async Task<int> Main(string[] args)
    {
        var parameters = new Parameters(args);
        return args.FirstOrDefault() switch
        {
            "crash" => await new CrashRun(parameters.Number("kills", 200), parameters.Number("seed", Environment.TickCount)).RunAsync(),
            "crash-child" => await CrashChild.RunAsync(args[1], int.Parse(args[2], CultureInfo.InvariantCulture), int.Parse(args[3], CultureInfo.InvariantCulture)),
            "soak" => await SoakAsync(parameters),
            "reconnect" => await new ReconnectRun(
                parameters.Number("connections", 2000), TimeSpan.FromSeconds(parameters.Number("down", 5))).RunAsync(),
            "store" => await StoreRun.RunAsync(parameters.Number("messages", 50_000)),
            _ => Usage(),
        };
    }

    private static async Task<int> SoakAsync(Parameters parameters)
    {
        using var run = new SoakRun(TimeSpan.FromSeconds(parameters.Number("seconds", 1800)), parameters.Number("seed", Environment.TickCount));
        return await run.RunAsync();
    }

    private static int Usage()
    {
        Console.Error.WriteLine(
            "crash [-kills 200] [-seed n] | soak [-seconds 1800] [-seed n] | reconnect [-connections 2000] [-down seconds] | store [-messages 50000]");
        return 2;
    }

    private sealed class Parameters(string[] args)
    {
        public int Number(string name, int otherwise)
        {
            int index = Array.FindIndex(args, a => a.TrimStart('-').Equals(name, StringComparison.OrdinalIgnoreCase));
            return index < 0 || index + 1 >= args.Length ? otherwise : int.Parse(args[index + 1], CultureInfo.InvariantCulture);
        }
    }
}
