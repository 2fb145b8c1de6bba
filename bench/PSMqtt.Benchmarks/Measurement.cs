using System.Diagnostics;

namespace PSMqtt.Benchmarks;

/// <summary>What one run of one piece of work took.</summary>
internal readonly record struct Measurement(double Rate, double ProcessorMicroseconds, double AllocatedBytes, int Collections, Latency Latency)
{
    /// <summary>Runs a piece of work and counts what this process spends on it. The peer is in this process too, and the same for all.</summary>
    public static async Task<Measurement> TakeAsync(int count, Func<Task<Latency>> work)
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        int collections = GC.CollectionCount(0);
        long allocated = GC.GetTotalAllocatedBytes(precise: true);
        TimeSpan processor = Process.GetCurrentProcess().TotalProcessorTime;
        long start = Stopwatch.GetTimestamp();
        Latency latency = await work();
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        processor = Process.GetCurrentProcess().TotalProcessorTime - processor;
        allocated = GC.GetTotalAllocatedBytes(precise: true) - allocated;
        return new Measurement(
            count / seconds, processor.TotalMicroseconds / count, (double)allocated / count, GC.CollectionCount(0) - collections, latency);
    }
}
