using System.Globalization;

namespace PSMqtt.Benchmarks;

/// <summary>
/// The same work through each client against the same peer, in turns, three times; the medians and their ratios in one table. Rates of different runs
/// cannot be compared: only the ratios within one.
/// </summary>
internal static class EndToEnd
{
    private sealed record Work(string Name, int Count, Func<IBenchClient, int, Task<Measurement>> RunAsync);

    public static async Task RunAsync(string filter, int repetitions, double scale)
    {
        IBenchClient[] clients =
            [new PsMqttBenchClient(), new MqttNetBenchClient(false), new MqttNetBenchClient(true), new RawSocketBenchClient()];
        string only = Environment.GetEnvironmentVariable("BENCH_CLIENTS") ?? string.Empty;
        clients = [.. clients.Where(c => c.Name.Contains(only, StringComparison.OrdinalIgnoreCase))];
        Console.WriteLine("| work | client | messages/s | x MQTTnet | x raw | processor us | bytes | gen0 | p50 us | p99 us |");
        Console.WriteLine("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|");
        foreach (Work work in Works())
        {
            if (!work.Name.Contains(filter, StringComparison.OrdinalIgnoreCase))
            {
                continue;
            }

            var taken = clients.ToDictionary(c => c.Name, _ => new List<Measurement>());
            for (int i = 0; i <= repetitions; i++)
            {
                foreach (IBenchClient client in clients)
                {
                    // Slow ones get less to do: what is measured is a rate. The first round is for the compiler.
                    double share = client is MqttNetBenchClient ? 0.1 : 1;
                    int count = Math.Max(200, (int)(work.Count * scale * share * (i == 0 ? 0.2 : 1)));
                    if (Environment.GetEnvironmentVariable("BENCH_VERBOSE") is not null) { await Console.Error.WriteLineAsync($"{work.Name} {client.Name} {count}"); }
                    Measurement measurement = await work.RunAsync(client, count);
                    if (i > 0)
                    {
                        taken[client.Name].Add(measurement);
                    }
                }
            }

            double raw = taken.TryGetValue("raw socket", out List<Measurement>? rawTaken) ? Median(rawTaken, m => m.Rate) : double.NaN;
            double mqttNet = taken.Where(t => t.Key.StartsWith("MQTTnet", StringComparison.Ordinal)).Select(t => Median(t.Value, m => m.Rate)).DefaultIfEmpty(double.NaN).Max();
            foreach (IBenchClient client in clients)
            {
                List<Measurement> all = taken[client.Name];
                double rate = Median(all, m => m.Rate);
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"| {work.Name} | {client.Name} | {rate:N0} | {rate / mqttNet:0.00} | {rate / raw:0.000} | {Median(all, m => m.ProcessorMicroseconds):0.00} | {Median(all, m => m.AllocatedBytes):0} | {Median(all, m => m.Collections):0} | {Median(all, m => m.Latency.P50):0.0} | {Median(all, m => m.Latency.P99):0.0} |"));
            }
        }
    }

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
            yield return new Work($"publish QoS {qos}, {size} B", count, (client, n) => PublishAsync(client, n, size, qos));
        }

        yield return new Work("publish QoS 1, 16 B, one at a time", 20_000, async (client, n) =>
        {
            using var server = new BenchServer(BenchServerMode.Sink);
            return await Measurement.TakeAsync(n, () => client.PublishOneByOneAsync(server.Port, n, 16, 1));
        });

        foreach ((int qos, int size, int count) in new[]
        {
            (0, 16, 2_000_000), (0, 65_536, 20_000), (1, 16, 500_000), (1, 256, 500_000), (1, 65_536, 10_000),
        })
        {
            yield return new Work($"receive QoS {qos}, {size} B", count, async (client, n) =>
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
            yield return new Work($"round trip QoS {qos}, one at a time", 20_000, async (client, n) =>
            {
                using var server = new BenchServer(BenchServerMode.Echo);
                return await Measurement.TakeAsync(n, () => client.RoundTripAsync(server.Port, n, qos));
            });
        }
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
