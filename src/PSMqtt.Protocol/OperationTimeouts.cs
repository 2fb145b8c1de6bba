namespace PSMqtt.Protocol;

/// <summary>The time that an operation may take, where it waits for something of ours.</summary>
internal static class OperationTimeouts
{
    /// <summary>Refuses what is no time.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative, and not infinite.</exception>
    public static void Check(TimeSpan timeout)
    {
        if (timeout != Timeout.InfiniteTimeSpan)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(timeout, TimeSpan.Zero);
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
            await task.WaitAsync(timeout, timeProvider, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException) when (!task.IsCompleted)
        {
            throw new TimeoutException($"{what} within {timeout.TotalSeconds:0.#} s.");
        }
    }
}
