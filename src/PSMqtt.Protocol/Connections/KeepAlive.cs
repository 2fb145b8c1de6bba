using PSMqtt.Protocol.Packets;

namespace PSMqtt.Protocol.Connections;

/// <summary>
/// Keeps a connection alive and notices when it is not: sends PINGREQ before the keep-alive time runs out without a packet of ours [MQTT-3.1.2-20],
/// and gives the connection up when nothing has come for 1.5 keep-alive times although the server was asked.
/// </summary>
internal sealed class KeepAlive
{
    private readonly object _gate;
    private readonly TimeProvider _timeProvider;
    private readonly ConnectionWriter _writer;
    private readonly Action<string> _dead;
    private readonly TimeSpan _period;
    private readonly ITimer? _timer;
    private long _lastReceived;
    private long? _askedSince;
    private bool _isPaused;
    private bool _isStopped;

    /// <param name="gate">The session's lock.</param>
    /// <param name="timeProvider">The clock.</param>
    /// <param name="writer">Where PINGREQ goes.</param>
    /// <param name="period">The keep-alive time in force; zero: none.</param>
    /// <param name="dead">Called, not under the lock, with a sentence, when the connection is given up.</param>
    public KeepAlive(object gate, TimeProvider timeProvider, ConnectionWriter writer, TimeSpan period, Action<string> dead)
    {
        _gate = gate;
        _timeProvider = timeProvider;
        _writer = writer;
        _period = period;
        _dead = dead;
        _lastReceived = timeProvider.GetTimestamp();
        if (period > TimeSpan.Zero)
        {
            _timer = timeProvider.CreateTimer(
                static state => ((KeepAlive)state!).Check(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            Schedule(PingAfter);
        }
    }

    /// <summary>A quarter of the time is left for the packet to travel.</summary>
    private TimeSpan PingAfter => _period * 0.75;

    private TimeSpan DeadAfter => _period * 1.5;

    /// <summary>Bytes have come.</summary>
    public void Received() => Volatile.Write(ref _lastReceived, _timeProvider.GetTimestamp());

    /// <summary>The answer to a ping has come.</summary>
    /// <returns>False when there was nothing to answer.</returns>
    public bool Answered()
    {
        lock (_gate)
        {
            bool wasAsked = _askedSince is not null;
            _askedSince = null;
            return wasAsked;
        }
    }

    /// <summary>The reader stops, because a consumer is slow: silence means nothing now. By the reader alone.</summary>
    public void Pause()
    {
        lock (_gate)
        {
            _isPaused = true;
        }
    }

    /// <summary>The reader goes on, if it had stopped: the time of silence begins anew. By the reader alone, which need not lock to see what it has set.</summary>
    public void Continue()
    {
        if (!_isPaused)
        {
            return;
        }

        lock (_gate)
        {
            _isPaused = false;
            Received();
        }
    }

    public void Stop()
    {
        lock (_gate)
        {
            _isStopped = true;
        }

        _timer?.Dispose();
    }

    private void Check()
    {
        string? death = null;
        bool run = false;
        lock (_gate)
        {
            if (_isStopped)
            {
                return;
            }

            TimeSpan silent = _timeProvider.GetElapsedTime(Volatile.Read(ref _lastReceived));
            TimeSpan idle = _timeProvider.GetElapsedTime(_writer.LastSent);
            bool isSending = _writer.SendingSince is not null;
            TimeSpan asked = _askedSince is { } asking ? _timeProvider.GetElapsedTime(asking) : TimeSpan.Zero;
            TimeSpan stalled = _writer.SendingSince is { } since ? _timeProvider.GetElapsedTime(since) : TimeSpan.Zero;
            if (stalled >= DeadAfter)
            {
                death = $"The server has not taken anything for {stalled.TotalSeconds:0.#} s: the connection is dead.";
            }
            else if (!_isPaused && asked >= _period / 2 && silent >= DeadAfter)
            {
                death = $"The server has sent nothing for {silent.TotalSeconds:0.#} s, not even the answer to a ping: the connection is dead.";
            }
            else
            {
                // What is on its way to the socket will do; a ping behind it would only add to it.
                bool mustSend = !isSending && idle >= PingAfter;
                bool mustAsk = !_isPaused && _askedSince is null && silent >= _period;
                if (mustSend || mustAsk)
                {
                    _askedSince ??= _timeProvider.GetTimestamp();
                    idle = TimeSpan.Zero;
                    _writer.Output.Write(PingPackets.PingReq);
                    run = _writer.TryStart();
                }

                Schedule(NextCheck(idle, silent, stalled));
            }
        }

        if (run)
        {
            _writer.Run();
        }

        if (death is not null)
        {
            _dead(death);
        }
    }

    /// <summary>The earliest time at which there can be something to do.</summary>
    private TimeSpan NextCheck(TimeSpan idle, TimeSpan silent, TimeSpan stalled)
    {
        // A send that is under way now may have ended a moment later: then the next ping is due as long after it as after any other.
        TimeSpan untilStalled = DeadAfter - stalled;
        TimeSpan next = stalled == TimeSpan.Zero ? PingAfter - idle : untilStalled < PingAfter ? untilStalled : PingAfter;
        if (!_isPaused)
        {
            TimeSpan untilSilent = (_askedSince is null ? _period : DeadAfter) - silent;
            next = next < untilSilent ? next : untilSilent;
        }

        TimeSpan least = _period / 16;
        return next > least ? next : least;
    }

    private void Schedule(TimeSpan delay) => _timer!.Change(delay, Timeout.InfiniteTimeSpan);
}
