using System.Security.Cryptography;

namespace PSMqtt.Protocol.Sessions.Files;

/// <summary>
/// A session on disk: a directory with an append-only log of what happened to it. What was accepted survives the end of the process, and with
/// <see cref="SessionDurability.Flush"/> that of the machine. docs/session-log.md describes the files.
/// </summary>
/// <remarks>
/// One flusher writes for everybody: what is appended while one batch is on its way to the disk is the next. A log that is mostly history is written anew,
/// beside the old one, which it then replaces in one step. Open the store, then give <see cref="MqttClientOptions.ClientId"/> the value of
/// <see cref="ClientId"/>.
/// </remarks>
public sealed class FileSessionStore : ISessionStore
{
    /// <summary>Below this a log is not worth writing anew.</summary>
    private const long CompactionMinimum = 1024 * 1024;

    /// <summary>What a message takes in the log besides its payload: an estimate for those that are not written yet.</summary>
    private const int MessageOverhead = 96;

    private readonly object _gate = new();
    private readonly FileSessionStoreOptions _options;
    private readonly LogStorage _storage;
    private readonly Dictionary<long, int> _sizes = [];

    private SessionState _state = new();
    private SessionLogDamage[] _damage = [];
    private IDisposable? _lock;
    private LogFile? _file;
    private LogBuffer _pending = new();
    private LogBuffer _writing = new();
    private TaskCompletionSource? _flushed;
    private Task _flusher = Task.CompletedTask;
    private SessionStoreException? _failure;
    private uint _salt;
    private long _end;
    private long _live;
    private long _rewriteAt;
    private bool _isUnflushed;
    private bool _isFlushing;
    private bool _mustRewrite;
    private bool _isDisposed;

    /// <summary>Creates the store. Nothing is touched before it is opened.</summary>
    /// <param name="options">Where it is, and what it promises.</param>
    /// <exception cref="ArgumentException">An option is missing or out of range.</exception>
    public FileSessionStore(FileSessionStoreOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentException.ThrowIfNullOrEmpty(options.Directory, nameof(options));
        ArgumentOutOfRangeException.ThrowIfLessThan(options.SizeLimit, 4096, nameof(options));
        if (!Enum.IsDefined(options.Durability))
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.Durability, "There is no such durability.");
        }

        _options = options with { Directory = Path.GetFullPath(options.Directory) };
        _storage = options.Storage ?? new DiskStorage(_options.Directory);
    }

    /// <inheritdoc />
    public bool IsDurable => true;

    /// <summary>The directory, as a full path.</summary>
    public string Directory => _options.Directory;

    /// <summary>The client identifier that the session belongs to; empty before the store was opened.</summary>
    public string ClientId { get; private set; } = string.Empty;

    /// <summary>What could not be read when the store was opened: usually nothing.</summary>
    public IReadOnlyList<SessionLogDamage> Damage => _damage;

    /// <summary>Where the damaged log was put aside as it was; <see langword="null"/>: it was not damaged, but perhaps torn at its end.</summary>
    public string? DamagedLogPath { get; private set; }

    /// <summary>How many bytes the log has.</summary>
    public long LogLength
    {
        get
        {
            lock (_gate)
            {
                return _end;
            }
        }
    }

    /// <summary>How often the log was written anew.</summary>
    public int Compactions { get; private set; }

    /// <summary>How often the flusher has made the log durable: many messages share one.</summary>
    public long Flushes { get; private set; }

    /// <summary>Opens the store, or looks again at what is in it when it is open.</summary>
    /// <param name="clientId">The client identifier; empty: the one that the store knows, or, in a new store, one that it makes.</param>
    /// <param name="cancellationToken">Not used: the files are read at once.</param>
    /// <returns>What an earlier client has left.</returns>
    /// <exception cref="SessionStoreException">It is in use, belongs to another client identifier, or cannot be read or written.</exception>
    public ValueTask<SessionContents> OpenAsync(string clientId, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(clientId);
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            if (_file is null)
            {
                Open(clientId);
            }

            CheckClientId(clientId);
            return ValueTask.FromResult(_state.Copy());
        }
    }

    /// <inheritdoc />
    public void EnsureRoom(int payloadLength)
    {
        lock (_gate)
        {
            if (_failure is { } failure)
            {
                // It may be possible again: what waits is tried before anything new is taken.
                _flushed ??= NewFlushed();
                Wake();
                throw failure;
            }

            if (_live + payloadLength + MessageOverhead > _options.SizeLimit)
            {
                throw new SessionStoreException(
                    SessionStoreFailure.Full,
                    Directory,
                    $"The session directory '{Directory}' is full: {_live:N0} bytes of messages wait in it, and its limit is {_options.SizeLimit:N0}. Let them be "
                    + "delivered, clear the outbox, or raise the limit.");
            }
        }
    }

    /// <inheritdoc />
    public void Append(SessionChange change)
    {
        lock (_gate)
        {
            if (_isDisposed || _file is null)
            {
                return;
            }

            _state.Apply(change);
            int before = _pending.Count;
            LogRecord.Write(_pending, _salt, change);
            Count(change, _pending.Count - before);
            Wake();
        }
    }

    /// <inheritdoc />
    public ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (_isDisposed)
            {
                return ValueTask.FromException(new ObjectDisposedException(nameof(FileSessionStore)));
            }

            if (_file is null || (!_isFlushing && _pending.Count == 0 && _writing.Count == 0 && !NeedsFlush))
            {
                return ValueTask.CompletedTask;
            }

            // A batch that is on its way does not have what was appended since: the next one ends this wait.
            _flushed ??= NewFlushed();
            Wake();
            return new ValueTask(_flushed.Task.WaitAsync(cancellationToken));
        }
    }

    /// <summary>Writes what is not written yet, and closes the files. Another process can open the directory then.</summary>
    /// <returns>A task that ends then.</returns>
    public async ValueTask DisposeAsync()
    {
        Task last;
        lock (_gate)
        {
            if (_isDisposed)
            {
                return;
            }

            last = FlushAsync(CancellationToken.None).AsTask();
            _isDisposed = true;
        }

        await last.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Task flusher;
        lock (_gate)
        {
            flusher = _flusher;
        }

        await flusher.ConfigureAwait(false);
        lock (_gate)
        {
            _file?.Dispose();
            _file = null;
            _lock?.Dispose();
            _lock = null;
        }
    }

    /// <summary>Looks into a session directory, also while a process uses it, and changes nothing.</summary>
    /// <param name="directory">The directory.</param>
    /// <returns>What is in it.</returns>
    /// <exception cref="SessionStoreException">There is no session log, or it cannot be read.</exception>
    public static SessionLog Read(string directory)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        directory = Path.GetFullPath(directory);
        try
        {
            using LogFile file = new DiskStorage(directory).OpenToRead(LogFormat.LogName);
            return new SessionLog(directory, LogScan.Read(file, directory));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new SessionStoreException(
                SessionStoreFailure.NotFound, directory, $"There is no session in '{directory}': no process has made one there yet. Check the path.", e);
        }
        catch (Exception e) when (LogErrors.IsInputOutput(e))
        {
            throw LogErrors.Translate(e, directory, "read");
        }
    }

    private bool NeedsFlush => _isUnflushed && _options.Durability == SessionDurability.Flush;

    private void Open(string clientId)
    {
        try
        {
            _storage.Create();
            _lock = _storage.Lock();
            _storage.Delete(LogFormat.NewLogName);
            if (!_storage.Exists(LogFormat.LogName))
            {
                ClientId = clientId.Length > 0 ? clientId : NewClientId();
                _salt = BitConverter.ToUInt32(RandomNumberGenerator.GetBytes(sizeof(uint)));
                Rewrite(_state.Copy());
                return;
            }

            _file = _storage.Open(LogFormat.LogName, isNew: false);
            TakeUp(LogScan.Read(_file, Directory, (sequence, size) => _sizes[sequence] = size), clientId);
        }
        catch (Exception e) when (LogErrors.IsInputOutput(e))
        {
            Close();
            throw LogErrors.Translate(e, Directory, "opened");
        }
    }

    /// <summary>Goes on with a log that was read: repairs what is broken, without losing what was not.</summary>
    private void TakeUp(LogScan scan, string clientId)
    {
        _state = scan.State;
        _salt = scan.Salt;
        _end = scan.End;
        _damage = [.. scan.Damage];
        ClientId = scan.ClientId ?? clientId;
        SessionContents contents = _state.Copy();
        var live = contents.Messages.ToDictionary(static m => m.Sequence, m => _sizes.GetValueOrDefault(m.Sequence));
        _sizes.Clear();
        foreach ((long sequence, int size) in live)
        {
            _sizes[sequence] = size;
            _live += size;
        }

        CheckClientId(clientId);
        if (scan.IsCorrupt)
        {
            // Set aside before anything is written: somebody may want to look at it.
            string name = NewDamagedName();
            _storage.Copy(LogFormat.LogName, name);
            DamagedLogPath = Path.Combine(Directory, name);
        }

        if (scan.IsCorrupt || scan.ClientId is null)
        {
            ClientId = ClientId.Length > 0 ? ClientId : NewClientId();
            Rewrite(contents);
        }
        else if (_end < _file!.Length)
        {
            _file.Truncate(_end);
        }
    }

    private string NewDamagedName()
    {
        for (int number = 1; ; number++)
        {
            string name = $"session.log.damaged-{number}";
            if (!_storage.Exists(name))
            {
                return name;
            }
        }
    }

    private void CheckClientId(string clientId)
    {
        if (clientId.Length > 0 && clientId != ClientId)
        {
            throw new SessionStoreException(
                SessionStoreFailure.ClientIdMismatch,
                Directory,
                $"The session in '{Directory}' belongs to the client identifier '{ClientId}', and not to '{clientId}': leave the client identifier out, or use "
                + "another directory.");
        }
    }

    private void Close()
    {
        _file?.Dispose();
        _file = null;
        _lock?.Dispose();
        _lock = null;
        _state = new SessionState();
        _sizes.Clear();
        _live = 0;
        ClientId = string.Empty;
    }

    /// <summary>Keeps count of what is alive. Under the lock.</summary>
    private void Count(in SessionChange change, int size)
    {
        switch (change.Kind)
        {
            case SessionChangeKind.MessageAccepted:
                _sizes[change.Sequence] = size;
                _live += size;
                break;
            case SessionChangeKind.MessageEnded when _sizes.Remove(change.Sequence, out int ended):
                _live -= ended;
                break;
            case SessionChangeKind.Cleared:
                _sizes.Clear();
                _live = 0;
                break;
        }
    }

    /// <summary>Has the flusher run. Under the lock.</summary>
    private void Wake()
    {
        if (!_isFlushing)
        {
            _isFlushing = true;
            _flusher = Task.Run(Flush);
        }
    }

    /// <summary>Writes batches until there is nothing to write. On a thread of its own: it waits for the disk.</summary>
    private void Flush()
    {
        while (true)
        {
            SessionContents? contents = null;
            TaskCompletionSource? flushed;
            lock (_gate)
            {
                flushed = _flushed;
                if (_file is null || (flushed is null && _pending.Count == 0) || (flushed is null && _failure is not null && _writing.Count > 0))
                {
                    // After a failure what is left waits for somebody who asks again.
                    _isFlushing = false;
                    return;
                }

                _flushed = null;
                if (_writing.Count == 0)
                {
                    (_pending, _writing) = (_writing, _pending);
                }
                else
                {
                    // The last batch could not be written: it goes first.
                    _writing.Add(_pending.Written);
                    _pending.Clear();
                }

                if (_mustRewrite || IsMostlyHistory)
                {
                    contents = _state.Copy();
                }
            }

            SessionStoreException? failure = Flush(contents, flushed is not null);
            lock (_gate)
            {
                _failure = failure;
            }

            if (failure is null)
            {
                flushed?.TrySetResult();
            }
            else
            {
                flushed?.TrySetException(failure);
            }
        }
    }

    /// <summary>Makes one batch as safe as it is promised.</summary>
    /// <param name="contents">The whole session with that batch, if the log is to be written anew.</param>
    /// <param name="isAwaited">Whether somebody waits for it.</param>
    /// <returns>Why it could not be done.</returns>
    private SessionStoreException? Flush(SessionContents? contents, bool isAwaited)
    {
        try
        {
            if (contents is not null && TryRewrite(contents))
            {
                _writing.Clear();
                return null;
            }

            if (_writing.Count > 0)
            {
                _file!.Write(_end, _writing.Written);
                lock (_gate)
                {
                    _end += _writing.Count;
                    _isUnflushed = true;
                }

                _writing.Clear();
            }

            if (isAwaited && NeedsFlush)
            {
                FlushFile();
            }

            return null;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // Whatever it is, somebody waits for an answer.
            return LogErrors.Translate(e, Directory, "written");
        }
    }

    private void FlushFile()
    {
        // After a flush that failed nobody knows what of the file is on the disk: it is written anew, not flushed again.
        _mustRewrite = true;
        _file!.Flush();
        _mustRewrite = false;
        lock (_gate)
        {
            _isUnflushed = false;
            Flushes++;
        }
    }

    private bool IsMostlyHistory => _end > Math.Max(CompactionMinimum, _rewriteAt) && _end > 2 * _live;

    /// <summary>Writes the log anew. If that is impossible, the old one goes on, unless it must not.</summary>
    private bool TryRewrite(SessionContents contents)
    {
        try
        {
            Rewrite(contents);
            return true;
        }
        catch (Exception e) when (LogErrors.IsInputOutput(e) && !_mustRewrite)
        {
            lock (_gate)
            {
                _rewriteAt = _end + CompactionMinimum;
            }

            return false;
        }
    }

    private void Rewrite(SessionContents contents)
    {
        long end;
        using (LogFile file = _storage.Open(LogFormat.NewLogName, isNew: true))
        {
            end = WriteAll(file, contents);
            file.Flush();
        }

        // From here to the end of the renaming no file is open: Windows renames none that is.
        _mustRewrite = true;
        _file?.Dispose();
        _storage.Rename(LogFormat.NewLogName, LogFormat.LogName);
        _file = _storage.Open(LogFormat.LogName, isNew: false);
        _storage.FlushNames();
        _mustRewrite = false;
        lock (_gate)
        {
            _end = end;
            _rewriteAt = 0;
            _isUnflushed = false;
            Compactions++;
        }
    }

    private long WriteAll(LogFile file, SessionContents contents)
    {
        var buffer = new LogBuffer();
        buffer.Add(LogFormat.MakeHeaders(_salt));
        LogRecord.WriteClientId(buffer, _salt, ClientId);
        LogRecord.WriteSequenceUsed(buffer, _salt, contents.LastSequence);
        long end = 0;
        foreach (SessionChange change in ChangesTo(contents))
        {
            LogRecord.Write(buffer, _salt, change);
            if (buffer.Count > CompactionMinimum)
            {
                file.Write(end, buffer.Written);
                end += buffer.Count;
                buffer.Clear();
            }
        }

        file.Write(end, buffer.Written);
        return end + buffer.Count;
    }

    /// <summary>What would make a new session into this one.</summary>
    private static IEnumerable<SessionChange> ChangesTo(SessionContents contents)
    {
        foreach (StoredMessage message in contents.Messages)
        {
            yield return new SessionChange(SessionChangeKind.MessageAccepted, message.Sequence, Message: message.Message) { Time = message.Accepted };
            if (message.PacketIdentifier != 0)
            {
                yield return new SessionChange(SessionChangeKind.MessageSent, message.Sequence, message.PacketIdentifier);
            }

            if (message.IsReceivedByServer)
            {
                yield return new SessionChange(SessionChangeKind.MessageReceivedByServer, message.Sequence);
            }
        }

        foreach (int identifier in contents.InboundIdentifiers)
        {
            yield return new SessionChange(SessionChangeKind.InboundReceived, PacketIdentifier: identifier);
        }

        foreach (MqttTopicSubscription subscription in contents.Subscriptions)
        {
            yield return new SessionChange(SessionChangeKind.Subscribed, Subscription: subscription);
        }
    }

    private static TaskCompletionSource NewFlushed()
    {
        var flushed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

        // A failure is everybody's who waits, and nobody need wait.
        _ = flushed.Task.ContinueWith(
            static task => _ = task.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
        return flushed;
    }

    private static string NewClientId() => string.Concat("psmqtt", Guid.NewGuid().ToString("N").AsSpan(0, 16));
}
