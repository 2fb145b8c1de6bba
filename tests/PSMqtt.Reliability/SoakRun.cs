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
internal sealed class SoakRun(TimeSpan duration, int seed) : IDisposable
{
    private static readonly TimeSpan s_measuring = TimeSpan.FromSeconds(5);

    /// <summary>Longer than a client waits for a peer to end its side of a lost connection: by then nothing holds on to that.</summary>
    private static readonly TimeSpan s_settling = TimeSpan.FromSeconds(3);

    /// <summary>
    /// What the runtime may have begun for itself since the first look: a thread that compiles in the background, or one that sees to timers. A thread that a
    /// connection leaves behind shows once a cut: dozens of them in the shortest run.
    /// </summary>
    private const int RuntimeThreads = 2;

    private const int MostLooksAgain = 5;

    private static readonly TimeSpan s_betweenLooks = TimeSpan.FromMinutes(5);

    private readonly List<Figures> _looks = [];
    private long _taken;
    private long _repeated;
    private long _sent;
    private long _expected = 1;

    // Which have come out of turn: those are few, and the set stays small.
    private readonly HashSet<long> _early = [];

    /// <summary>Held by whoever cuts, and while nobody may.</summary>
    private readonly SemaphoreSlim _cut = new(1);

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

        await FillAsync(publisher, proxy);
        double rate = await MeasureAsync(publisher);
        double target = rate * 0.8;
        Console.WriteLine($"soak: {rate:0} messages/s measured, {target:0} aimed at, for {duration.TotalSeconds:0} s, seed {seed}.");
        TimeSpan nextLook = FirstLook;
        var clock = Stopwatch.StartNew();
        long first = _sent;
        int cutBefore = proxy.Cuts;
        using var stop = new CancellationTokenSource();
        Task cutting = CutAsync(proxy, stop.Token);
        while (clock.Elapsed < duration)
        {
            while (_sent - first < clock.Elapsed.TotalSeconds * target && clock.Elapsed < duration)
            {
                await PostAsync(publisher);
            }

            if (clock.Elapsed > nextLook)
            {
                clock.Stop();
                await LookAsync(clock.Elapsed, publisher, proxy, sender, receiver);
                nextLook = clock.Elapsed + s_betweenLooks;
                clock.Start();
            }

            await Task.Delay(5);
        }

        clock.Stop();
        double held = (_sent - first) / clock.Elapsed.TotalSeconds;
        await stop.CancelAsync();
        await cutting.ContinueWith(static _ => { }, TaskScheduler.Default);
        int cuts = proxy.Cuts - cutBefore - _looks.Count;
        await LookAsync(clock.Elapsed, publisher, proxy, sender, receiver);

        // What is only late is gone the next time; what leaks is not.
        for (int again = 0; again < MostLooksAgain && !IsFlat; again++)
        {
            await LookAsync(clock.Elapsed, publisher, proxy, sender, receiver);
        }

        long reconnects = sender.Counters.Reconnects + receiver.Counters.Reconnects;
        int failures = 0;
        while (publisher.TryTakeOutcome(out _))
        {
            failures++;
        }

        await receiver.UnsubscribeAsync(subscription);
        await receiving;
        return Report(held, cuts, reconnects, failures);
    }

    private TimeSpan FirstLook => duration > TimeSpan.FromMinutes(2) ? TimeSpan.FromMinutes(1) : duration / 3;

    /// <summary>
    /// Looks at the process at rest: everything sent has come, and each client has a new connection over which nothing has gone. So looks compare what is
    /// kept, not what happens to be under way, or how far the buffers of a connection have grown.
    /// </summary>
    private async Task LookAsync(TimeSpan after, MqttPublisher publisher, CuttingProxy proxy, MqttClient sender, MqttClient receiver)
    {
        await _cut.WaitAsync();
        try
        {
            await publisher.FlushAsync().WaitAsync(TimeSpan.FromMinutes(2));
            await UntilAsync(() => Interlocked.Read(ref _taken) >= _sent);
            long sends = sender.Counters.Reconnects;
            long receives = receiver.Counters.Reconnects;
            proxy.Cut();
            await UntilAsync(() => sender.Counters.Reconnects > sends && receiver.Counters.Reconnects > receives);
            await Task.Delay(s_settling);
            Figures look = Figures.Take(after);
            _looks.Add(look);
            Console.WriteLine(look);
        }
        finally
        {
            _cut.Release();
        }
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        var patience = Stopwatch.StartNew();
        while (!condition() && patience.Elapsed < TimeSpan.FromMinutes(2))
        {
            await Task.Delay(20);
        }
    }

    public void Dispose() => _cut.Dispose();

    /// <summary>Has everything that is kept for later use grow to its bound: the link is cut when a publisher's window is full.</summary>
    private async Task FillAsync(MqttPublisher publisher, CuttingProxy proxy)
    {
        for (int i = 0; i < 20_000; i++)
        {
            await PostAsync(publisher);
            if (i % 5_000 == 1_000)
            {
                proxy.Cut();
            }
        }

        await publisher.FlushAsync();
        await UntilAsync(() => Interlocked.Read(ref _taken) >= _sent);
    }

    private async Task<double> MeasureAsync(MqttPublisher publisher)
    {
        var clock = Stopwatch.StartNew();
        long first = _sent;
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

        return (_sent - first) / clock.Elapsed.TotalSeconds;
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
            await _cut.WaitAsync(stop);
            proxy.Cut();
            _cut.Release();
        }
    }

    private int Report(double held, int cuts, long reconnects, int failures)
    {
        Figures early = _looks[0];
        Figures late = _looks[^1];
        double change = 100.0 * (late.Memory - early.Memory) / early.Memory;
        Console.WriteLine(
            $"soak: {_sent} sent, {_taken} received, {_sent - _taken} lost, {failures} failed; {held:0} messages/s held, {cuts} cuts, {reconnects} reconnects, "
            + $"{_repeated} received again (QoS 1).");
        Console.WriteLine(
            $"soak: from the first look to the last: managed memory {change:+0.0;-0.0} %, handles {late.Handles - early.Handles:+0;-0;0}, "
            + $"threads that are not the pool's {late.Threads - early.Threads:+0;-0;0}, timers {late.Timers - early.Timers:+0;-0;0}.");
        return _sent == _taken && failures == 0 && cuts > 0 && IsFlat ? 0 : 1;
    }

    /// <summary>Whether the last look has found no more than the first.</summary>
    private bool IsFlat
    {
        get
        {
            Figures early = _looks[0];
            Figures late = _looks[^1];

            // In a short run what the runtime itself does at first still counts.
            double mostMemory = early.Memory * (duration > s_betweenLooks ? 1.05 : 1.25);
            return late.Memory <= mostMemory && late.Threads <= early.Threads + RuntimeThreads && late.Handles <= early.Handles && late.Timers <= early.Timers;
        }
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

    /// <summary>What the process holds, after a collection.</summary>
    private sealed record Figures(TimeSpan After, long Memory, int Handles, int Threads, int PoolThreads, long Timers)
    {
        public static Figures Take(TimeSpan after)
        {
            for (int i = 0; i < 3; i++)
            {
                GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
                GC.WaitForPendingFinalizers();
            }

            long memory = GC.GetTotalMemory(forceFullCollection: true);
            using var process = Process.GetCurrentProcess();
            int handles = Directory.Exists("/proc/self/fd") ? Directory.GetFileSystemEntries("/proc/self/fd").Count(IsOfTheRun) : process.HandleCount;
            int pool = ThreadPool.ThreadCount;
            return new Figures(after, memory, handles, process.Threads.Count - pool, pool, Timer.ActiveCount);
        }

        /// <summary>The runtime opens the files of assemblies when it first needs them, whatever runs.</summary>
        private static bool IsOfTheRun(string descriptor)
        {
            try
            {
                return File.ResolveLinkTarget(descriptor, returnFinalTarget: false)?.Extension is not (".dll" or ".pdb");
            }
            catch (IOException)
            {
                // That of the directory that is being read.
                return false;
            }
        }

        public override string ToString() =>
            $"soak: after {After.TotalSeconds:0} s: managed memory {Memory / 1024.0:0} KiB; handles {Handles}; threads {Threads} and {PoolThreads} of the pool; "
            + $"timers {Timers}.";
    }
}
