namespace PSMqtt.Protocol;

/// <summary>How lost connections are made again: exponential backoff with full jitter.</summary>
public sealed record ReconnectPolicy
{
    /// <summary>Whether lost connections are made again. Default: true.</summary>
    public bool Enabled { get; init; } = true;

    /// <summary>The upper bound of the first delay; it doubles with every attempt. Default: 0.25 seconds.</summary>
    public TimeSpan Delay { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>The upper bound of every delay. Default: 30 seconds.</summary>
    public TimeSpan DelayMaximum { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a connection must have lasted before the delay starts from the beginning again. Default: 10 seconds.</summary>
    public TimeSpan ResetAfter { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Chooses the actual delay from its upper bound. Default: full jitter, evenly distributed from zero to the bound. Tests inject their own.
    /// </summary>
    public Func<TimeSpan, TimeSpan> Jitter { get; init; } = static bound => bound * Random.Shared.NextDouble();

    /// <summary>The upper bound of the delay before an attempt.</summary>
    /// <param name="attempt">How many attempts have failed since the delay was last reset: 0 for the first.</param>
    /// <returns>The delay, doubled for each attempt, at most <see cref="DelayMaximum"/>.</returns>
    public TimeSpan GetDelayBound(int attempt)
    {
        double factor = Math.Pow(2, Math.Clamp(attempt, 0, 60));
        double milliseconds = Math.Min(Delay.TotalMilliseconds * factor, DelayMaximum.TotalMilliseconds);
        return TimeSpan.FromMilliseconds(milliseconds);
    }
}
