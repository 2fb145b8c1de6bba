namespace PSMqtt.Protocol;

/// <summary>The time that an operation may take, where it waits for something of ours.</summary>
internal static class OperationTimeouts
{
    /// <summary>The longest time that a timer takes: 49 days.</summary>
    public static TimeSpan Longest { get; } = TimeSpan.FromMilliseconds(uint.MaxValue - 1);

    /// <summary>Refuses what is no time.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative, and not infinite.</exception>
    public static void Check(TimeSpan timeout)
    {
        if (timeout < TimeSpan.Zero && timeout != Timeout.InfiniteTimeSpan)
        {
            throw new ArgumentOutOfRangeException(nameof(timeout), timeout, "A timeout is not negative; Timeout.InfiniteTimeSpan waits for ever.");
        }
    }

    /// <summary>Refuses what is no time that a timer can wait for.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative or longer than 49 days, and not infinite.</exception>
    public static void CheckWait(TimeSpan timeout)
    {
        Check(timeout);
        if (timeout > Longest)
        {
            throw new ArgumentOutOfRangeException(nameof(timeout), timeout, "A timeout is 49 days at most; Timeout.InfiniteTimeSpan waits for ever.");
        }
    }

    /// <summary>Waits for a task, no longer than a time.</summary>
    /// <param name="task">The task.</param>
    /// <param name="timeout">The time.</param>
    /// <param name="timeProvider">The clock.</param>
    /// <param name="what">What did not happen, when the time is over: the beginning of a sentence.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="TimeoutException">The time is over.</exception>
    public static async Task WaitAsync(Task task, TimeSpan timeout, TimeProvider timeProvider, string what, CancellationToken cancellationToken)
    {
        try
        {
            await task.WaitAsync(timeout > Longest ? Timeout.InfiniteTimeSpan : timeout, timeProvider, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException) when (!task.IsCompleted)
        {
            throw new TimeoutException($"{what} within {timeout.TotalSeconds:0.#} s.");
        }
    }
}
