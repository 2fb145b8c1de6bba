using System.Globalization;
using System.Runtime.InteropServices;

namespace PSMqtt.Benchmarks;

/// <summary>
/// The same work through each client against the same peer, in turns, three times; the medians and their ratios in one table. Rates of different runs
/// cannot be compared: only the ratios within one.
/// </summary>
internal static class EndToEnd
{
    private const int HeldCount = 5000;

    private sealed record Work(string Name, int QoS, int Count, Func<IBenchClient, int, Task<Measurement>> RunAsync);

    /// <param name="filter">Part of the names of the work to do.</param>
    /// <param name="repetitions">How often each client does it.</param>
    /// <param name="scale">How much of the usual number of messages.</param>
    /// <param name="only">Part of the names of the clients that do it.</param>
    public static async Task RunAsync(string filter, int repetitions, double scale, string only)
    {
        IBenchClient[] clients = [.. Clients().Where(c => c.Name.Contains(only, StringComparison.OrdinalIgnoreCase))];
        Console.WriteLine(
            $"{RuntimeInformation.FrameworkDescription}, {RuntimeInformation.OSDescription}, {Environment.ProcessorCount} processors, "
            + DateTime.UtcNow.ToString("u", CultureInfo.InvariantCulture));
        Console.WriteLine("| work | client | a second | x best other | x MQTTnet | x raw socket | processor us | bytes | gen 0 | p50 us | p99 us |");
        Console.WriteLine("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
        foreach (Work work in Works().Where(w => w.Name.Contains(filter, StringComparison.OrdinalIgnoreCase)))
        {
            Dictionary<string, List<Measurement>> taken = await MeasureAsync(work, clients, repetitions, scale);
            double raw = BestRate(taken, static name => name == "raw socket");
            double mqttNet = BestRate(taken, static name => name.StartsWith("MQTTnet", StringComparison.Ordinal));
            double other = BestRate(taken, static name => name is not ("raw socket" or "PSMqtt"));
            foreach ((string name, List<Measurement> all) in taken)
            {
                double rate = Median(all, m => m.Rate);
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"| {work.Name} | {name} | {rate:N0} | {rate / other:0.00} | {rate / mqttNet:0.00} | {rate / raw:0.000} | {Median(all, m => m.ProcessorMicroseconds):0.00} | {Median(all, m => m.AllocatedBytes):0} | {Median(all, m => m.Collections):0} | {Median(all, m => m.Latency.P50):0.0} | {Median(all, m => m.Latency.P99):0.0} |"));
            }
        }

        if ("held".Contains(filter, StringComparison.OrdinalIgnoreCase))
        {
            await HoldAsync(clients, (int)(HeldCount * Math.Min(scale, 1)));
        }
    }

    private static IEnumerable<IBenchClient> Clients()
    {
        yield return new PsMqttBenchClient();
        yield return new MqttNetBenchClient(false);
        yield return new MqttNetBenchClient(true);
        if (LibMosquittoBenchClient.IsInstalled)
        {
            yield return new LibMosquittoBenchClient();
        }

        if (MosquittoToolsBenchClient.AreInstalled)
        {
            yield return new MosquittoToolsBenchClient();
        }

        yield return new RawSocketBenchClient();
    }

    private static async Task<Dictionary<string, List<Measurement>>> MeasureAsync(Work work, IBenchClient[] clients, int repetitions, double scale)
    {
        var taken = new Dictionary<string, List<Measurement>>();
        var unable = new HashSet<string>();
        for (int i = 0; i <= repetitions; i++)
        {
            foreach (IBenchClient client in clients.Where(c => !unable.Contains(c.Name)))
            {
                // Slow ones get less to do: what is measured is a rate. The first round is for the compiler.
                double share = client is MqttNetBenchClient or LibMosquittoBenchClient ? 0.1 : 1;
                int count = Math.Clamp((int)(work.Count * scale * share * (i == 0 ? 0.2 : 1)), 200, client.MostMessages(work.QoS));
                try
                {
                    Measurement measurement = await work.RunAsync(client, count);
                    if (i > 0)
                    {
                        (CollectionsMarshal.GetValueRefOrAddDefault(taken, client.Name, out _) ??= []).Add(measurement);
                    }
                }
                catch (NotSupportedException)
                {
                    unable.Add(client.Name);
                }
            }
        }

        return taken;
    }

    /// <summary>Thousands of connections at a time: what each takes of managed memory, with the peer's socket object, and of threads.</summary>
    private static async Task HoldAsync(IBenchClient[] clients, int count)
    {
        Console.WriteLine();
        Console.WriteLine($"| {count} connections held | managed bytes each | threads more |");
        Console.WriteLine("|---|---:|---:|");
        foreach (IBenchClient client in clients)
        {
            using var server = new AcceptServer();
            long memory = GC.GetTotalMemory(forceFullCollection: true);
            int threads = System.Diagnostics.Process.GetCurrentProcess().Threads.Count;
            try
            {
                IReadOnlyList<IAsyncDisposable> held = await client.HoldAsync(server.Port, count);
                memory = GC.GetTotalMemory(forceFullCollection: true) - memory;
                threads = System.Diagnostics.Process.GetCurrentProcess().Threads.Count - threads;
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {client.Name} | {memory / count:N0} | {threads} |"));
                server.Dispose();
                foreach (IAsyncDisposable connection in held)
                {
                    await connection.DisposeAsync();
                }
            }
            catch (NotSupportedException)
            {
                // A tool, which has one connection.
            }
        }
    }

    private static double BestRate(Dictionary<string, List<Measurement>> taken, Func<string, bool> isOne) =>
        taken.Where(t => isOne(t.Key)).Select(t => Median(t.Value, m => m.Rate)).DefaultIfEmpty(double.NaN).Max();

    private static double Median(List<Measurement> all, Func<Measurement, double> value)
    {
        double[] sorted = [.. all.Select(value).Order()];
        return sorted[sorted.Length / 2];
    }

    private static IEnumerable<Work> Works()
    {
        foreach ((int qos, int size, int count) in new[]
        {
            (0, 16, 3_000_000), (0, 256, 2_000_000), (0, 65_536, 20_000), (1, 16, 500_000), (2, 16, 300_000), (1, 65_536, 10_000),
        })
        {
            yield return new Work($"publish QoS {qos}, {size} B", qos, count, (client, n) => PublishAsync(client, n, size, qos));
        }

        yield return new Work("publish QoS 1, 16 B, one at a time", 1, 20_000, async (client, n) =>
        {
            using var server = new BenchServer(BenchServerMode.Sink);
            return await Measurement.TakeAsync(n, () => client.PublishOneByOneAsync(server.Port, n, 16, 1));
        });

        foreach ((int qos, int size, int count) in new[]
        {
            (0, 16, 2_000_000), (0, 65_536, 20_000), (1, 16, 500_000), (1, 256, 500_000), (1, 65_536, 10_000),
        })
        {
            yield return new Work($"receive QoS {qos}, {size} B", qos, count, async (client, n) =>
            {
                using var server = new BenchServer(BenchServerMode.Blast, n, size, qos);
                return await Measurement.TakeAsync(n, async () =>
                {
                    await client.ReceiveAsync(server.Port, n, qos);
                    return default;
                });
            });
        }

        foreach (int qos in new[] { 0, 1 })
        {
            yield return new Work($"round trip QoS {qos}, one at a time", qos, 20_000, async (client, n) =>
            {
                using var server = new BenchServer(BenchServerMode.Echo);
                return await Measurement.TakeAsync(n, () => client.RoundTripAsync(server.Port, n, qos));
            });
        }

        yield return new Work("connect, one after the other", 0, 3000, async (client, n) =>
        {
            using var server = new AcceptServer { OneAfterTheOther = true };
            return await Measurement.TakeAsync(n, async () =>
            {
                await client.ConnectAsync(server.Port, n);
                return default;
            });
        });
    }

    private static async Task<Measurement> PublishAsync(IBenchClient client, int count, int size, int qos)
    {
        using var server = new BenchServer(BenchServerMode.Sink);
        return await Measurement.TakeAsync(count, async () =>
        {
            await client.PublishAsync(server.Port, count, size, qos, () => server.WaitForReceived(count));
            return default;
        });
    }
}
