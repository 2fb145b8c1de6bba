namespace PSMqtt.Protocol.Tests;

/// <summary>Counts the bytes that something allocates on the thread it runs on.</summary>
internal static class Allocated
{
    private const int Times = 1000;

    /// <summary>The bytes that one of 1,000 calls allocates, after some that are not counted.</summary>
    public static double PerCall(Action action)
    {
        for (int warm = 0; warm < Times; warm++)
        {
            action();
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int time = 0; time < Times; time++)
        {
            action();
        }

        return (GC.GetAllocatedBytesForCurrentThread() - before) / (double)Times;
    }
}
