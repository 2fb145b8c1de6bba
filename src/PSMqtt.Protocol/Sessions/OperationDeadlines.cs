namespace PSMqtt.Protocol.Sessions;

/// <summary>
/// One timer for the deadlines of many operations: with equal timeouts it is set once a period, not once an operation. Guarded by the session's lock.
/// </summary>
internal sealed class OperationDeadlines
{
    private readonly object _gate;
    private readonly TimeProvider _timeProvider;
    private readonly Func<long, long> _sweep;
    private ITimer? _timer;
    private long _due = long.MaxValue;

    /// <param name="gate">The session's lock.</param>
    /// <param name="timeProvider">The clock.</param>
    /// <param name="sweep">Called under the lock: ends what is past the given timestamp, and returns the earliest deadline that is left.</param>
    public OperationDeadlines(object gate, TimeProvider timeProvider, Func<long, long> sweep)
    {
        _gate = gate;
        _timeProvider = timeProvider;
        _sweep = sweep;
    }

    /// <summary>Notes an operation.</summary>
    /// <returns>Its deadline, as a timestamp; <see cref="long.MaxValue"/> if it has none.</returns>
    public long Add(long started, TimeSpan timeout)
    {
        // A time that the clock cannot count is for ever, too.
        if (timeout == Timeout.InfiniteTimeSpan || timeout.TotalSeconds >= (double)(long.MaxValue - started) / _timeProvider.TimestampFrequency)
        {
            return long.MaxValue;
        }

        long deadline = started + (long)(timeout.TotalSeconds * _timeProvider.TimestampFrequency);
        if (deadline < _due)
        {
            SetTimer(deadline);
        }

        return deadline;
    }

    public void Stop() => _timer?.Dispose();

    private void SetTimer(long due)
    {
        _due = due;
        long now = _timeProvider.GetTimestamp();
        TimeSpan delay = due <= now
            ? TimeSpan.Zero
            : TimeSpan.FromSeconds((double)(due - now) / _timeProvider.TimestampFrequency) + TimeSpan.FromMilliseconds(1);
        delay = delay > TimeSpan.FromDays(40) ? TimeSpan.FromDays(40) : delay;
        if (_timer is null)
        {
            _timer = _timeProvider.CreateTimer(
                static state => ((OperationDeadlines)state!).Fire(), this, delay, Timeout.InfiniteTimeSpan);
        }
        else
        {
            _timer.Change(delay, Timeout.InfiniteTimeSpan);
        }
    }

    private void Fire()
    {
        lock (_gate)
        {
            _due = long.MaxValue;
            long next = _sweep(_timeProvider.GetTimestamp());
            if (next != long.MaxValue)
            {
                SetTimer(next);
            }
        }
    }
}
