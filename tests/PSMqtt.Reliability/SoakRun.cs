using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using PSMqtt.Protocol;
using PSMqtt.Protocol.Transports;

namespace PSMqtt.Reliability;

/// <summary>
/// Sends with QoS 2 and receives with QoS 1 at 80 % of the measured rate, for a long time, through a proxy that cuts the connections every few seconds. In
/// the end what was received must be what was sent.
/// </summary>
internal sealed class SoakRun(TimeSpan duration, int seed)
{
    private static readonly TimeSpan s_measuring = TimeSpan.FromSeconds(5);

    private long _taken;
    private long _repeated;
    private long _sent;
    private long _expected = 1;

    // Which have come out of turn: those are few, and the set stays small.
    private readonly HashSet<long> _early = [];

    public async Task<int> RunAsync()
    {
        await using var peer = new Peer();
        peer.Start();
        await using var proxy = new CuttingProxy(peer.Port);
        await using MqttClient sender = NewClient("soak-sender", proxy.Port);
        await using MqttClient receiver = NewClient("soak-receiver", proxy.Port);
        await sender.ConnectAsync();
        await receiver.ConnectAsync();
        MqttSubscription subscription = await receiver.SubscribeAsync([new MqttTopicSubscription("soak")]);
        Task receiving = ReceiveAsync(subscription);
        await using MqttPublisher publisher = sender.CreatePublisher(timeout: Timeout.InfiniteTimeSpan);

        double rate = await MeasureAsync(publisher);
        double target = rate * 0.8;
        Console.WriteLine($"soak: {rate:0} messages/s measured, {target:0} aimed at, for {duration.TotalSeconds:0} s, seed {seed}.");
        using var stop = new CancellationTokenSource();
        Task cutting = CutAsync(proxy, stop.Token);
        Figures? early = null;
        var clock = Stopwatch.StartNew();
        long first = _sent;
        while (clock.Elapsed < duration)
        {
            while (_sent - first < clock.Elapsed.TotalSeconds * target && clock.Elapsed < duration)
            {
                await PostAsync(publisher);
            }

            if (early is null && clock.Elapsed > FirstLook)
            {
                early = Figures.Take();
            }

            await Task.Delay(5);
        }

        double held = (_sent - first) / clock.Elapsed.TotalSeconds;
        await stop.CancelAsync();
        try
        {
            await cutting;
        }
        catch (OperationCanceledException)
        {
            // It would have gone on for ever.
        }

        await publisher.FlushAsync().WaitAsync(TimeSpan.FromMinutes(2));
        var patience = Stopwatch.StartNew();
        while (Interlocked.Read(ref _taken) < _sent && patience.Elapsed < TimeSpan.FromMinutes(2))
        {
            await Task.Delay(20);
        }

        Figures late = Figures.Take();
        int failures = 0;
        while (publisher.TryTakeOutcome(out _))
        {
            failures++;
        }

        await receiver.UnsubscribeAsync(subscription);
        await receiving;
        return Report(held, proxy.Cuts, sender.Counters.Reconnects + receiver.Counters.Reconnects, early ?? late, late, failures);
    }

    private TimeSpan FirstLook => duration > TimeSpan.FromMinutes(2) ? TimeSpan.FromMinutes(1) : duration / 3;

    private async Task<double> MeasureAsync(MqttPublisher publisher)
    {
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed < s_measuring)
        {
            await PostAsync(publisher);
        }

        // What counts is what has come out at the other end.
        await publisher.FlushAsync();
        while (Interlocked.Read(ref _taken) < _sent)
        {
            await Task.Delay(1);
        }

        return _sent / clock.Elapsed.TotalSeconds;
    }

    private ValueTask PostAsync(MqttPublisher publisher) => publisher.PostAsync(new MqttMessage(
        "soak", (++_sent).ToString(CultureInfo.InvariantCulture).PadRight(100, '.'), MqttQualityOfService.ExactlyOnce));

    private async Task ReceiveAsync(MqttSubscription subscription)
    {
        while (await subscription.WaitToReadAsync())
        {
            while (subscription.TryRead(out MqttMessage? message))
            {
                ReadOnlySpan<byte> digits = message.Payload.AsSpan(0, message.Payload.AsSpan().IndexOf((byte)'.'));
                Take(long.Parse(Encoding.ASCII.GetString(digits), CultureInfo.InvariantCulture));
            }
        }
    }

    private void Take(long number)
    {
        if (number < _expected || !_early.Add(number))
        {
            _repeated++;
            return;
        }

        Interlocked.Increment(ref _taken);
        while (_early.Remove(_expected))
        {
            _expected++;
        }
    }

    private async Task CutAsync(CuttingProxy proxy, CancellationToken stop)
    {
        var random = new Random(seed);
        while (true)
        {
            await Task.Delay(TimeSpan.FromSeconds(2 + (4 * random.NextDouble())), stop);
            proxy.Cut();
        }
    }

    private int Report(double held, int cuts, long reconnects, Figures early, Figures late, int failures)
    {
        double change = 100.0 * (late.Memory - early.Memory) / early.Memory;
        Console.WriteLine(
            $"soak: {_sent} sent, {_taken} received, {_sent - _taken} lost, {failures} failed; {held:0} messages/s held, {cuts} cuts, {reconnects} reconnects, "
            + $"{_repeated} received again (QoS 1).");
        Console.WriteLine(
            $"soak: managed memory after a collection {early.Memory / 1024.0:0} KiB after {FirstLook.TotalSeconds:0} s and {late.Memory / 1024.0:0} KiB at the end "
            + $"({change:+0.0;-0.0} %); handles {early.Handles} and {late.Handles}; threads {early.Threads} and {late.Threads}.");
        return _sent == _taken && failures == 0 && cuts > 0 && late.Handles <= early.Handles + 20 ? 0 : 1;
    }

    private static MqttClient NewClient(string name, int port) => new(new MqttClientOptions
    {
        Servers = [MqttEndpoint.Parse($"mqtt://127.0.0.1:{port}")],
        ProtocolVersion = MqttProtocolVersion.V500,
        ClientId = name,
        SessionExpiry = Timeout.InfiniteTimeSpan,
        OperationTimeout = Timeout.InfiniteTimeSpan,
        Reconnect = new ReconnectPolicy { Delay = TimeSpan.FromMilliseconds(50), DelayMaximum = TimeSpan.FromSeconds(1) },
    });

    private sealed record Figures(long Memory, int Handles, int Threads)
    {
        public static Figures Take()
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            long memory = GC.GetTotalMemory(forceFullCollection: true);
            using var process = Process.GetCurrentProcess();
            int handles = Directory.Exists("/proc/self/fd") ? Directory.GetFileSystemEntries("/proc/self/fd").Length : process.HandleCount;
            return new Figures(memory, handles, process.Threads.Count);
        }
    }
}
