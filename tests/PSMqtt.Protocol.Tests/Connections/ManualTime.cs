using Microsoft.Extensions.Time.Testing;

namespace PSMqtt.Protocol.Tests.Connections;

/// <summary>A clock that only a test moves, and that says which timers were set: a test waits for a timer before it moves the clock past it.</summary>
internal sealed class ManualTime : FakeTimeProvider
{
    private readonly object _gate = new();
    private readonly List<TimeSpan> _set = [];
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        ITimer timer = base.CreateTimer(callback, state, dueTime, period);
        Note(dueTime);
        return new NotedTimer(this, timer);
    }

    /// <summary>Waits until a timer has been set to a time from now; each is found once.</summary>
    public async Task TimerAsync(TimeSpan dueTime)
    {
        while (true)
        {
            Task changed;
            lock (_gate)
            {
                int index = _set.FindIndex(set => (set - dueTime).Duration() < TimeSpan.FromMilliseconds(2));
                if (index >= 0)
                {
                    _set.RemoveAt(index);
                    return;
                }

                changed = _changed.Task;
            }

            try
            {
                await changed.WaitAsync(TimeSpan.FromSeconds(60));
            }
            catch (TimeoutException)
            {
                lock (_gate)
                {
                    throw new TimeoutException($"No timer was set to {dueTime}; those that were: {string.Join(", ", _set)}.");
                }
            }
        }
    }

    private void Note(TimeSpan dueTime)
    {
        if (dueTime == Timeout.InfiniteTimeSpan)
        {
            return;
        }

        lock (_gate)
        {
            _set.Add(dueTime);
            _changed.TrySetResult();
            _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    private sealed class NotedTimer(ManualTime time, ITimer timer) : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            bool changed = timer.Change(dueTime, period);
            time.Note(dueTime);
            return changed;
        }

        public void Dispose() => timer.Dispose();

        public ValueTask DisposeAsync() => timer.DisposeAsync();
    }
}
