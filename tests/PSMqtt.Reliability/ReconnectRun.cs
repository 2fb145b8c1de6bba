using System.Diagnostics;
using PSMqtt.Protocol;
using PSMqtt.Protocol.Transports;

namespace PSMqtt.Reliability;

/// <summary>Holds many connections, each with a subscription, through a restart of the server, with the default delays, and shows how their return spreads.</summary>
internal sealed class ReconnectRun(int connections, TimeSpan down)
{
    private long _longestDelay;

    public async Task<int> RunAsync()
    {
        await using var peer = new Peer();
        peer.Start();
        var clients = new List<(MqttClient Client, MqttSubscription Subscription)>();
        var clock = Stopwatch.StartNew();
        try
        {
            foreach (int[] group in Enumerable.Range(0, connections).Chunk(50))
            {
                clients.AddRange(await Task.WhenAll(group.Select(i => ConnectAsync(peer.Port, i))));
            }

            Console.WriteLine($"reconnect: {connections} connections, each with a subscription, made in {clock.Elapsed.TotalSeconds:0.0} s.");
            peer.Accepted.Clear();
            await peer.StopAsync();
            await Task.Delay(down);
            DateTime up = DateTime.UtcNow;
            peer.Start();

            // The delays have doubled while the server was away; a period is the longest that any client was in.
            var patience = Stopwatch.StartNew();
            while (clients.Count(static c => c.Client.State == MqttConnectionState.Connected) < connections && patience.Elapsed < TimeSpan.FromMinutes(3))
            {
                await Task.Delay(20);
            }

            int back = clients.Count(static c => c.Client.State == MqttConnectionState.Connected);
            double[] after = [.. peer.Accepted.Values.Select(time => (time - up).TotalSeconds).Order()];
            int received = await SendToAllAsync(peer, clients);
            return Report(TimeSpan.FromTicks(Interlocked.Read(ref _longestDelay)), back, after, received);
        }
        finally
        {
            await Task.WhenAll(clients.Select(static c => c.Client.DisposeAsync().AsTask()));
        }
    }

    private async Task<(MqttClient Client, MqttSubscription Subscription)> ConnectAsync(int port, int number)
    {
        var client = new MqttClient(new MqttClientOptions
        {
            Servers = [MqttEndpoint.Parse($"mqtt://127.0.0.1:{port}")],
            ProtocolVersion = MqttProtocolVersion.V500,
            ClientId = $"reconnect-{number}",
            SessionExpiry = Timeout.InfiniteTimeSpan,
        });
        client.ConnectFailed += (_, step) => Delayed(step.RetryIn);
        client.Disconnected += (_, step) => Delayed(step.RetryIn);
        await client.ConnectAsync();
        return (client, await client.SubscribeAsync([new MqttTopicSubscription($"reconnect/{number}")]));
    }

    private void Delayed(TimeSpan? delay)
    {
        long ticks = delay?.Ticks ?? 0;
        for (long longest = Interlocked.Read(ref _longestDelay); ticks > longest; longest = Interlocked.Read(ref _longestDelay))
        {
            Interlocked.CompareExchange(ref _longestDelay, ticks, longest);
        }
    }

    private static async Task<int> SendToAllAsync(Peer peer, List<(MqttClient Client, MqttSubscription Subscription)> clients)
    {
        for (int i = 0; i < clients.Count; i++)
        {
            peer.Send($"reconnect/{i}", [1]);
        }

        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        bool[] received = await Task.WhenAll(clients.Select(async c =>
        {
            try
            {
                return await c.Subscription.WaitToReadAsync(limit.Token) && c.Subscription.TryRead(out _);
            }
            catch (OperationCanceledException)
            {
                return false;
            }
        }));
        return received.Count(static r => r);
    }

    private int Report(TimeSpan period, int back, double[] after, int received)
    {
        double last = after.Length == 0 ? double.NaN : after[^1];
        int busiest = after.GroupBy(static second => (int)(second * 10)).Select(static g => g.Count()).DefaultIfEmpty().Max();
        Console.WriteLine(
            $"reconnect: {back} of {connections} back after {down.TotalSeconds:0} s without a server, {received} received on their subscriptions; delays of up to "
            + $"{period.TotalSeconds:0.##} s; the last back {last:0.00} s after the start, within two periods: {(last <= 2 * period.TotalSeconds ? "yes" : "no")}.");
        if (after.Length > 0)
        {
            string spread = string.Join(", ", ((int[])[1, 10, 25, 50, 75, 90, 99]).Select(p => $"{p} % {after[Math.Min(after.Length - 1, after.Length * p / 100)]:0.00} s"));
            Console.WriteLine($"reconnect: spread of the returns: {spread}; at most {busiest} in a tenth of a second.");
        }

        return back == connections && received == connections ? 0 : 1;
    }
}
