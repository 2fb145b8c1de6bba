namespace PSMqtt.Protocol.Connections;

/// <summary>
/// The time that one server has to let us in, whatever that takes: several versions, other servers that it names. What the user needs to answer for
/// a credential is not counted.
/// </summary>
/// <param name="timeProvider">The clock.</param>
/// <param name="whole">How long, from its first attempt to its last.</param>
internal sealed class ConnectTime(TimeProvider timeProvider, TimeSpan whole)
{
    /// <summary>What has been used of it.</summary>
    public TimeSpan Spent { get; private set; }

    /// <summary>Runs an attempt, which is told how long it may take.</summary>
    public async Task<T> LimitAsync<T>(Func<TimeSpan, Task<T>> attempt)
    {
        long begun = timeProvider.GetTimestamp();
        try
        {
            TimeSpan left = whole == Timeout.InfiniteTimeSpan ? whole
                : Spent < whole ? whole - Spent : TimeSpan.Zero;
            return await attempt(left).ConfigureAwait(false);
        }
        finally
        {
            Spent += timeProvider.GetElapsedTime(begun);
        }
    }
}
