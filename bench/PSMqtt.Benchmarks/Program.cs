using System.Globalization;
using BenchmarkDotNet.Running;
using PSMqtt.Benchmarks;

if (args is ["codec", ..])
{
    BenchmarkSwitcher.FromAssembly(typeof(BenchServer).Assembly).Run(args[1..]);
}
else if (args is [] or ["end-to-end", ..])
{
    string filter = args.Length > 1 ? args[1] : string.Empty;
    double scale = args.Length > 2 ? double.Parse(args[2], CultureInfo.InvariantCulture) : 1;
    await EndToEnd.RunAsync(filter, repetitions: 3, scale, only: args.Length > 3 ? args[3] : string.Empty);
}
else
{
    await Console.Error.WriteLineAsync("Usage: PSMqtt.Benchmarks [end-to-end [part of a work's name] [scale] [part of a client's name]] | codec [BenchmarkDotNet's own arguments]");
    return 2;
}

return 0;
