using PSMqtt.Protocol.Sessions;
using PSMqtt.Protocol.Transports;

namespace PSMqtt.Protocol.Connections;

/// <summary>
/// Sends what the session encodes. While one buffer is in the socket the next one fills, so that under load one system call carries many packets;
/// a sender that finds the socket idle sends on its own thread, so that a lone packet costs no thread hop.
/// </summary>
/// <remarks>
/// <see cref="Output"/> and everything marked so is guarded by the session's lock, which the constructor is given. Use: under the lock, encode and
/// call <see cref="TryStart"/>; after it, call <see cref="Run"/> if that returned true.
/// </remarks>
internal sealed class ConnectionWriter : IThreadPoolWorkItem
{
    /// <summary>Above this many bytes publishers wait: enough for full system calls, little enough to stay in the cache.</summary>
    public const int HighWaterMark = 256 * 1024;

    /// <summary>
    /// With this many bytes of answers unsent, what provokes more of them is not read any more. A peer that reads comes nowhere near it: a quarter of a
    /// million acknowledgements.
    /// </summary>
    public const int AnswerLimit = 1024 * 1024;

    /// <summary>
    /// A sender that comes sooner than this after the last send is one of many: it leaves the sending to the thread pool, and what comes until that
    /// has started shares the system call.
    /// </summary>
    private readonly long _burst;

    /// <summary>
    /// A payload from this size on is sent from where it is. Copying less than that costs less than the second segment does.
    /// </summary>
    private const int LargePayload = 16 * 1024;

    private readonly object _gate;
    private readonly ITransport _transport;
    private readonly IGatheringTransport? _gathering;
    private readonly List<ArraySegment<byte>> _segments = [];
    private readonly TimeProvider _timeProvider;
    private readonly Action _drained;
    private readonly Action<Exception> _failed;

    private OutgoingBytes _filling = new();
    private OutgoingBytes _sending = new();
    private OutgoingBytes? _discarded;
    private TaskCompletionSource? _idle;
    private int _answers;
    private bool _isSealed;
    private bool _busy;
    private bool _closed;
    private bool _isAnswered;
    private bool _sendsHere;
    private bool _awaitsStore;
    private bool _isStoreFirst;

    /// <param name="gate">The session's lock.</param>
    /// <param name="transport">Where the bytes go.</param>
    /// <param name="timeProvider">The clock of <see cref="LastSent"/>.</param>
    /// <param name="drained">Called under the lock when a buffer has left and there is room again.</param>
    /// <param name="failed">Called, not under the lock, when the connection turns out to be lost.</param>
    public ConnectionWriter(object gate, ITransport transport, TimeProvider timeProvider, Action drained, Action<Exception> failed)
    {
        _gate = gate;
        _transport = transport;
        _gathering = transport as IGatheringTransport;
        _timeProvider = timeProvider;
        _drained = drained;
        _failed = failed;
        LastSent = timeProvider.GetTimestamp();
        _burst = timeProvider.TimestampFrequency / 50_000;
    }

    /// <summary>Called with what is about to be sent: whole packets. For the trace.</summary>
    public Action<ReadOnlyMemory<byte>>? Sending { get; init; }

    /// <summary>Whether anybody wants to hear of it now.</summary>
    public Func<bool> IsTraced { get; init; } = static () => true;

    /// <summary>A store that must have what it was told before packets that rest on it leave; <see langword="null"/>: there is none.</summary>
    public ISessionStore? Store { get; init; }

    /// <summary>What to encode into; once the last packet is written, a place for what is never sent. Under the lock.</summary>
    public OutgoingBytes Output
    {
        get
        {
            if (!_isSealed)
            {
                return _filling;
            }

            _discarded ??= new OutgoingBytes();
            _discarded.Clear();
            return _discarded;
        }
    }

    /// <summary>Whether publishers need not wait. Under the lock.</summary>
    public bool HasRoom => _filling.Count < HighWaterMark && !_isSealed;

    /// <summary>Whether the last packet is written.</summary>
    public bool IsSealed => _isSealed;

    /// <summary>Whether the peer takes so little that no more answers may be owed to it. Publishers have their own limit. Under the lock.</summary>
    public bool OwesTooMuch => _answers >= AnswerLimit;

    /// <summary>Counts bytes of <see cref="Output"/> that the peer has asked for: acknowledgements. Under the lock.</summary>
    public void CountAnswer(int bytes) => _answers += bytes;

    /// <summary>
    /// What is in <see cref="Output"/> rests on what the store was told, and leaves when that is safe: a peer that knows more of an exchange than we do
    /// after a crash would take a new message for a repetition of an old one. Under the lock.
    /// </summary>
    public void AwaitStore() => _awaitsStore = Store is not null;

    /// <summary>When the last buffer had left (a timestamp of the time provider).</summary>
    public long LastSent { get; private set; }

    /// <summary>When the buffer that is being sent was begun; <see langword="null"/> when none is.</summary>
    public long? SendingSince { get; private set; }

    /// <summary>Bytes that have left.</summary>
    public long BytesSent { get; private set; }

    /// <summary>
    /// Whether a payload is to be given to <see cref="OutgoingBytes.Refer"/> rather than copied. A trace wants whole packets, and a transport that
    /// encrypts makes a copy of its own anyway.
    /// </summary>
    public bool TakesWhole(int payloadLength) => payloadLength >= LargePayload && _gathering is not null && (Sending is null || !IsTraced()) && !_isSealed;

    /// <summary>Bytes have come, and nothing is under way: what is sent next is likely to be the answer to them.</summary>
    public void Answered() => _isAnswered = true;

    /// <summary>Under the lock: whether the caller shall call <see cref="Run"/> after it.</summary>
    public bool TryStart()
    {
        if (_busy || _closed || _filling.Count == 0)
        {
            return false;
        }

        _busy = true;

        // Many small packets share a system call if somebody else sends them, a little later. One that answers what has just come is on its own, and a
        // large one is worth its system call. A clock that stands still, as one does that its owner advances, says nothing of many.
        long since = _timeProvider.GetTimestamp() - LastSent;
        _sendsHere = _isAnswered || _filling.Count >= LargePayload || since >= _burst || since == 0;
        _isAnswered = false;
        return true;
    }

    /// <summary>Sends, or has it done. Not under the lock; once for each <see cref="TryStart"/> that returned true.</summary>
    public void Run()
    {
        if (!_sendsHere)
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
            return;
        }

        ValueTask send;
        try
        {
            lock (_gate)
            {
                Swap();
            }

            send = SendAsync();
            if (!send.IsCompleted)
            {
                _ = DrainAsync(send);
                return;
            }

            send.GetAwaiter().GetResult();
        }
        catch (Exception e)
        {
            // Whatever a transport or a store throws, the connection is over: and neither a timer's thread nor whoever publishes may get it.
            Fail(e);
            return;
        }

        if (Finish())
        {
            // More has come meanwhile: not for this thread, which is somebody's.
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
    }

    /// <inheritdoc />
    void IThreadPoolWorkItem.Execute() => _ = DrainAsync(null);

    /// <summary>Ends when everything encoded so far has left, or the connection is lost.</summary>
    public Task WaitUntilIdleAsync()
    {
        bool start;
        Task idle;
        lock (_gate)
        {
            if (_closed || (!_busy && _filling.Count == 0))
            {
                return Task.CompletedTask;
            }

            _idle ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            idle = _idle.Task;
            start = TryStart();
        }

        if (start)
        {
            Run();
        }

        return idle;
    }

    /// <summary>What is encoded so far is the last that is sent: nothing follows a DISCONNECT [MQTT-3.14.4-1]. Under the lock.</summary>
    public void Seal() => _isSealed = true;

    /// <summary>Nothing more is sent. Under the lock.</summary>
    public void Close()
    {
        _closed = true;
        _filling.ForgetOwners();
        _sending.ForgetOwners();
        _idle?.TrySetResult();
    }

    private async Task DrainAsync(ValueTask? first)
    {
        try
        {
            bool more = true;
            if (first is { } begun)
            {
                await begun.ConfigureAwait(false);
                more = Finish();
            }

            while (more)
            {
                lock (_gate)
                {
                    Swap();
                }

                await SendAsync().ConfigureAwait(false);
                more = Finish();
            }
        }
        catch (Exception e)
        {
            Fail(e);
        }
    }

    private ValueTask SendAsync() => _isStoreFirst ? FlushAndSendAsync() : SendFilledAsync();

    private async ValueTask FlushAndSendAsync()
    {
        await Store!.FlushAsync(CancellationToken.None).ConfigureAwait(false);
        await SendFilledAsync().ConfigureAwait(false);
    }

    private ValueTask SendFilledAsync()
    {
        if (!_sending.IsScattered)
        {
            return _transport.SendAsync(_sending.Written, CancellationToken.None);
        }

        _segments.Clear();
        _sending.GetSegments(_segments);
        return _gathering!.SendAsync(_segments);
    }

    private void Swap()
    {
        (_filling, _sending) = (_sending, _filling);
        _isStoreFirst = _awaitsStore;
        _awaitsStore = false;
        _answers = 0;
        Sending?.Invoke(_sending.Written);
        SendingSince = _timeProvider.GetTimestamp();
    }

    /// <summary>Returns whether there is more to send; if so the writer stays busy.</summary>
    private bool Finish()
    {
        long sent = _timeProvider.GetTimestamp();
        lock (_gate)
        {
            BytesSent += _sending.Count;
            _sending.NotifySent();
            _sending.Clear();
            SendingSince = null;
            LastSent = sent;
            if (_closed)
            {
                _busy = false;
                return false;
            }

            _drained();
            if (_filling.Count > 0)
            {
                return true;
            }

            _busy = false;
            _idle?.TrySetResult();
            _idle = null;
            return false;
        }
    }

    private void Fail(Exception error)
    {
        lock (_gate)
        {
            _busy = false;
            Close();
        }

        _failed(error);
    }
}
