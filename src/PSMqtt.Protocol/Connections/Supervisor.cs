using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Sessions;
using PSMqtt.Protocol.Transports;

namespace PSMqtt.Protocol.Connections;

/// <summary>
/// Makes the connection, watches it, makes it again: with growing delays, for as long as that can help. Its state is guarded by the session's lock.
/// </summary>
internal sealed class Supervisor : IDisposable
{
    private const int SuspiciousCloses = 5;
    private const int MostFollowed = 3;
    private static readonly TimeSpan s_suspiciousTime = TimeSpan.FromSeconds(1);

    private readonly MqttClientOptions _options;
    private readonly Session _session;
    private readonly Action<ConnectionStep, MqttConnectionEventArgs> _raise;
    private readonly Action<Exception?> _ended;
    private readonly ClientTrace _trace;
    private readonly TimeProvider _timeProvider;
    private readonly Connector _connector;
    private readonly SessionHistory _history;
    private readonly ServerSession _serverSession;

    private CancellationTokenSource _stop = new();
    private CancellationTokenSource _hurry = new();
    private Connection? _connection;
    private Task _run = Task.CompletedTask;
    private Task<Task>? _disconnect;
    private bool _isStarted;
    private bool _isClosing;
    private bool _isRetired;

    /// <summary>How many delays there were since a connection has lasted.</summary>
    private int _attempt;
    private int _followed;
    private long _bytesSent;
    private long _bytesReceived;

    /// <param name="options">The options.</param>
    /// <param name="session">The session, which outlives connections.</param>
    /// <param name="raise">Reports a step.</param>
    /// <param name="ended">Called under the lock when no more connection will be made, with the reason unless the owner wanted it.</param>
    /// <param name="trace">Takes trace lines.</param>
    public Supervisor(
        MqttClientOptions options,
        Session session,
        Action<ConnectionStep, MqttConnectionEventArgs> raise,
        Action<Exception?> ended,
        ClientTrace trace)
    {
        _options = options;
        _session = session;
        _raise = raise;
        _ended = ended;
        _trace = trace;
        _timeProvider = options.TimeProvider;
        _connector = new Connector(options, trace);
        _history = new SessionHistory(options, session);
        _serverSession = new ServerSession(options, session, _history, _connector, trace);
    }

    public MqttConnectionState State { get; private set; }

    public MqttConnectResult? Limits { get; private set; }

    public Exception? LastError { get; private set; }

    public string ClientId => _connector.ClientId;

    public long Reconnects { get; private set; }

    /// <summary>Whether messages that are not acknowledged when the owner disconnects stay with the session, for the next connection or process.</summary>
    public bool KeepsMessages => _options.PersistentSession || _options.SessionStore is not null;

    /// <summary>Messages that were unacknowledged when the owner disconnected, and that no session keeps.</summary>
    public long MessagesAbandoned { get; private set; }

    public long BytesSent => _bytesSent + (_connection?.Writer.BytesSent ?? 0);

    public long BytesReceived => _bytesReceived + (_connection?.BytesReceived ?? 0);

    /// <summary>Makes the first connection.</summary>
    public async Task<MqttConnectResult> ConnectAsync(CancellationToken cancellationToken)
    {
        // Whoever disconnects meanwhile waits for this, as for the loop that follows it.
        var connecting = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        CancellationToken stop = Begin(_ => connecting.Task);
        Raise(ConnectionStep.Connecting, $"Connecting to {string.Join(", ", _options.Servers)}.", null);
        try
        {
            using var both = CancellationTokenSource.CreateLinkedTokenSource(stop, cancellationToken);
            Connection connection = await EstablishAsync(both.Token).ConfigureAwait(false);
            lock (_session.Gate)
            {
                _run = Task.Run(() => SuperviseAsync(connection, stop), CancellationToken.None);
            }

            return connection.Limits;
        }
        catch (Exception e)
        {
            bool isStopped = e is OperationCanceledException && !cancellationToken.IsCancellationRequested;
            Exception error = isStopped
                ? new MqttConnectException(
                    MqttConnectPhase.Handshake, MqttConnectFailure.Unspecified, "The client was disconnected while it was connecting.", e)
                : e;
            Finish(error);
            Raise(ConnectionStep.ConnectFailed, error.Message, error, attempt: 1);
            cancellationToken.ThrowIfCancellationRequested();
            if (isStopped)
            {
                throw error;
            }

            throw;
        }
        finally
        {
            connecting.TrySetResult();
        }
    }

    /// <summary>Begins to make the first connection.</summary>
    public void Start() => Begin(stop => Task.Run(() => SuperviseAsync(null, stop), CancellationToken.None));

    /// <summary>Ends the connection, and making any.</summary>
    /// <exception cref="ArgumentException">DISCONNECT cannot carry what the options say.</exception>
    public Task DisconnectAsync(MqttDisconnectOptions options, CancellationToken cancellationToken)
    {
        OperationTimeouts.CheckWait(options.DrainTimeout);
        DisconnectRequest.Check(options, _options, Limits);
        Task<Task> disconnect;
        bool isBegun;
        lock (_session.Gate)
        {
            if (!_isStarted)
            {
                return Task.CompletedTask;
            }

            isBegun = _disconnect is not null;
            disconnect = _disconnect ??= new Task<Task>(() => StopAsync(options, cancellationToken), CancellationToken.None);
        }

        if (!isBegun)
        {
            // Begun here, and not under the lock: a thread of its own would only make it later.
            disconnect.RunSynchronously(TaskScheduler.Default);
        }
        else if (options.DrainTimeout == TimeSpan.Zero)
        {
            _hurry.Cancel();
        }

        return disconnect.Unwrap();
    }

    /// <summary>Authenticates again on the open connection.</summary>
    public Task ReauthenticateAsync(TimeSpan timeout, CancellationToken cancellationToken) => _connection is { } connection
        ? new Reauthentication(_options, _session).RunAsync(connection, timeout, cancellationToken)
        : Task.FromException(new InvalidOperationException("There is no connection to authenticate again on."));

    /// <summary>From now on no connection is begun. Under the lock.</summary>
    public void Retire() => _isRetired = true;

    public void Dispose()
    {
        _stop.Dispose();
        _hurry.Dispose();
    }

    private CancellationToken Begin(Func<CancellationToken, Task> run)
    {
        lock (_session.Gate)
        {
            ObjectDisposedException.ThrowIf(_isRetired, typeof(MqttClient));
            if (_isStarted)
            {
                throw new InvalidOperationException("The client is connected, or connecting, already: disconnect first.");
            }

            _history.OpenStore();
            _isStarted = true;
            _disconnect = null;
            _isClosing = false;
            _attempt = 0;
            _followed = 0;
            _stop.Dispose();
            _stop = new CancellationTokenSource();
            _hurry.Dispose();
            _hurry = new CancellationTokenSource();
            State = MqttConnectionState.Connecting;
            if (_history.IsRestored)
            {
                _session.Outbound.Open();
            }

            _run = run(_stop.Token);
            return _stop.Token;
        }
    }

    private async Task SuperviseAsync(Connection? connection, CancellationToken stop)
    {
        int suspicious = 0;
        bool hasBeenConnected = connection is not null;
        try
        {
            while (true)
            {
                if (connection is null)
                {
                    connection = await RetryAsync(hasBeenConnected, stop).ConfigureAwait(false);
                    if (connection is null)
                    {
                        return;
                    }

                    Reconnects += hasBeenConnected ? 1 : 0;
                    hasBeenConnected = true;
                }

                ConnectionEnd end = await connection.RunAsync().ConfigureAwait(false);
                TimeSpan lasted = _timeProvider.GetElapsedTime(connection.Established);
                bool isOld = connection.Limits.ProtocolVersion != MqttProtocolVersion.V500;
                Detach(connection);
                connection = null;
                if (_isClosing)
                {
                    return;
                }

                bool hasLasted = lasted >= _options.Reconnect.ResetAfter;
                _attempt = hasLasted ? 0 : _attempt;
                _followed = hasLasted ? 0 : _followed;
                suspicious = isOld && end.IsSilentClose && lasted < s_suspiciousTime ? suspicious + 1 : 0;
                if (!await PauseAsync(end, suspicious >= SuspiciousCloses, stop).ConfigureAwait(false))
                {
                    return;
                }
            }
        }
        catch (OperationCanceledException) when (_isClosing || stop.IsCancellationRequested)
        {
            // The owner wants no connection any more.
        }
    }

    /// <summary>A connection has ended: decides whether there shall be another, and waits.</summary>
    private async Task<bool> PauseAsync(ConnectionEnd end, bool isSuspicious, CancellationToken stop)
    {
        string? objection = end.ServerReference is not null && _followed == MostFollowed ? Connector.TooManyHops : null;
        bool isFollowed = end.ServerReference is { } reference && _followed < MostFollowed
            && _connector.Follow(reference, end.ReasonCode == MqttReasonCode.ServerMoved, out objection);
        _followed += isFollowed ? 1 : 0;
        bool isTakenOver = end is { ByServer: true, ReasonCode: MqttReasonCode.SessionTakenOver };
        string explanation = objection is null ? end.Explanation : $"{end.Explanation} {objection}";
        Exception? error = end.Error;
        if (isTakenOver)
        {
            explanation += $" Another client uses the client identifier '{ClientId}': give each its own. Not connecting again.";
            error = new MqttConnectException(MqttConnectPhase.Handshake, MqttConnectFailure.Refused, explanation)
            {
                ReasonCode = end.ReasonCode,
            };
        }
        else if (isSuspicious)
        {
            explanation += $" That is the {SuspiciousCloses}th time in a row, each within a second: another client probably uses the client identifier "
                + $"'{ClientId}', and the two push each other off. Trying again slowly.";
        }

        LastError = error;
        if (isTakenOver || (!_options.Reconnect.Enabled && !isFollowed))
        {
            Finish(error);
            Raise(ConnectionStep.Disconnected, explanation, error, end: end);
            return false;
        }

        ReconnectPolicy policy = _options.Reconnect;
        TimeSpan delay = isFollowed ? TimeSpan.Zero
            : isSuspicious || IsSlow(end) ? Waitable(policy.DelayMaximum)
            : NextDelay();
        SetState(MqttConnectionState.Reconnecting);
        Raise(ConnectionStep.Disconnected, explanation, error, delay, end: end);
        await Task.Delay(delay, _timeProvider, stop).ConfigureAwait(false);
        return true;
    }

    /// <summary>Tries to connect until it succeeds, or cannot.</summary>
    /// <returns>The connection; <see langword="null"/> when trying again cannot help.</returns>
    private async Task<Connection?> RetryAsync(bool hasBeenConnected, CancellationToken stop)
    {
        for (int failed = 0; ;)
        {
            Raise(ConnectionStep.Connecting, $"Connecting to {string.Join(", ", _options.Servers)}.", null, attempt: failed);
            try
            {
                return await EstablishAsync(stop).ConfigureAwait(false);
            }
            catch (Exception e) when (!(e is OperationCanceledException && (_isClosing || stop.IsCancellationRequested)))
            {
                LastError = e;
                failed++;
                bool isHopeless = IsHopeless(e);
                if ((isHopeless && !hasBeenConnected) || !_options.Reconnect.Enabled)
                {
                    Finish(e);
                    string why = _options.Reconnect.Enabled ? " Trying again cannot help." : string.Empty;
                    Raise(ConnectionStep.ConnectFailed, e.Message + why, e, attempt: failed);
                    return null;
                }

                // What has worked before may work again, once somebody has put it right: but nobody is served by asking often.
                TimeSpan delay = isHopeless ? Waitable(_options.Reconnect.DelayMaximum) : NextDelay();
                Raise(ConnectionStep.ConnectFailed, e.Message, e, delay, failed);
                await Task.Delay(delay, _timeProvider, stop).ConfigureAwait(false);
            }
        }
    }

    private TimeSpan NextDelay()
    {
        TimeSpan bound = _options.Reconnect.GetDelayBound(_attempt++);
        try
        {
            return Waitable(_options.Reconnect.Jitter(bound));
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // What the user has for choosing a delay fails: that is no reason not to connect again.
            _trace.Step($"The choice of a delay has failed, and its upper bound is used. {e.Message}");
            return Waitable(bound);
        }
    }

    /// <summary>A delay that a timer takes.</summary>
    private static TimeSpan Waitable(TimeSpan delay) =>
        delay < TimeSpan.Zero ? TimeSpan.Zero : delay > OperationTimeouts.Longest ? OperationTimeouts.Longest : delay;

    private async Task<Connection> EstablishAsync(CancellationToken cancellationToken)
    {
        await _history.RestoreAsync(cancellationToken).ConfigureAwait(false);
        (HandshakeResult result, MqttEndpoint server, ConnectPacket request, bool isSessionPresent) =
            await _serverSession.BeginAsync(cancellationToken).ConfigureAwait(false);
        MqttConnectResult limits = ConnectRequest.Negotiate(_options, server, request, result.Answer);
        var connection = new Connection(_options, _session, result.Transport, result.Buffer, limits, _trace);

        // MQTT 3.1 does not say whether there is a session: the subscriptions are made again to be sure.
        bool hasSubscriptions = isSessionPresent && request.ProtocolVersion != MqttProtocolVersion.V310;
        lock (_session.Gate)
        {
            if (_isClosing || cancellationToken.IsCancellationRequested)
            {
                result.Transport.Abort();
                throw new OperationCanceledException("The client was disconnected while it connected.", cancellationToken);
            }

            _history.Attached(isSessionPresent);
            _connection = connection;
            _bytesSent += result.BytesSent;
            Limits = limits;
            LastError = null;
            SetState(MqttConnectionState.Connected);
            _session.Attach(connection.Writer, limits, isSessionPresent, _history.IsInherited, hasSubscriptions);
        }

        Raise(ConnectionStep.Connected, ConnectionStory.Connected(limits), null, result: limits);
        _trace.Step(() => ConnectionStory.Limits(limits));
        return connection;
    }

    private async Task StopAsync(MqttDisconnectOptions options, CancellationToken cancellationToken)
    {
        SetState(MqttConnectionState.Disconnecting);
        bool isInstant = options.DrainTimeout == TimeSpan.Zero || options.Discard;

        // What waits for a first connection waits for it still; unless it stays in the store, for whoever connects next.
        if (!isInstant && (Limits is not null || _options.SessionStore is not { IsDurable: true }))
        {
            await DrainAsync(options.DrainTimeout, cancellationToken).ConfigureAwait(false);
        }

        bool keepsSession = _options.PersistentSession && !options.Discard;
        bool keepsMessages = KeepsMessages && !options.Discard;
        Connection? connection;
        int abandoned;
        lock (_session.Gate)
        {
            _isClosing = true;
            connection = _connection;
            abandoned = keepsMessages ? 0 : _session.Outbound.InFlight + _session.Outbound.Queued;
            MessagesAbandoned += abandoned;
            CloseSession(null, keepsMessages, keepsSession);
        }

        try
        {
            if (connection is not null)
            {
                await connection.CloseAsync(DisconnectRequest.Make(options, _options, connection.Limits)).ConfigureAwait(false);
            }

            await _stop.CancelAsync().ConfigureAwait(false);
            await WaitForRunAsync().ConfigureAwait(false);
            if (options.Discard)
            {
                await _serverSession.DiscardAsync(Limits, connection is not null, cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            lock (_session.Gate)
            {
                _isStarted = false;
                _history.Forget(keepsSession);
                State = MqttConnectionState.Disconnected;
                _ended(null);
            }

            string what = connection is null ? "No connection is made any more: the client was disconnected." : $"Disconnected from {connection.Limits.Server}.";
            string left = abandoned > 0 ? $" Not acknowledged, and given up: {abandoned} of our messages." : string.Empty;
            Raise(ConnectionStep.Disconnected, what + left, null);
        }
    }

    /// <summary>Waits for what is in flight, for as long as there is hope.</summary>
    private async Task DrainAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        Task drained = _session.Outbound.Outcomes.WaitUntilDrainedAsync();
        if (drained.IsCompleted)
        {
            return;
        }

        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _hurry.Token);
        try
        {
            await Task.WhenAny(drained, WaitForRunAsync())
                .WaitAsync(timeout, _timeProvider, both.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            // Long enough: whoever waits for a message is told below.
        }
    }

    /// <summary>Ends when no connection is kept or made any more: neither the first one, nor the loop that follows it.</summary>
    private async Task WaitForRunAsync()
    {
        Task? seen = null;
        while (seen != _run)
        {
            seen = _run;
            await seen.ConfigureAwait(false);
        }
    }

    private void Detach(Connection connection)
    {
        lock (_session.Gate)
        {
            _bytesSent += connection.Writer.BytesSent;
            _bytesReceived += connection.BytesReceived;
            _connection = null;
        }
    }

    /// <summary>No connection will be made any more: everybody who waits for one is told.</summary>
    private void Finish(Exception? reason)
    {
        lock (_session.Gate)
        {
            if (_disconnect is not null)
            {
                // The owner is ending it already, and will tell them.
                return;
            }

            LastError = reason;
            State = MqttConnectionState.Disconnected;
            _isStarted = false;
            CloseSession(reason, KeepsMessages, keepsSubscriptions: true);
            _history.Forget(_options.PersistentSession || Limits is null);
            _ended(reason);
        }
    }

    private void CloseSession(Exception? reason, bool keepExchanges, bool keepsSubscriptions)
    {
        string why = reason is null ? "The client was disconnected" : $"The connection has ended for good ({reason.Message})";

        // A session that only this client has ends with it.
        bool goesOn = !_isRetired || _options.SessionStore is not null;
        _session.Outbound.Close(
            (operation, isKept) => new MqttOperationException(
                MqttOperation.Publish,
                MqttOperationFailure.Disconnected,
                (operation.State == PublishState.Queued
                    ? $"{why} before the message for '{operation.Topic}' could be sent."
                    : $"{why} before the server had acknowledged the message for '{operation.Topic}'. It may or may not have been delivered.")
                + (isKept && goesOn ? " It stays in the session: the next connection does what is left to do." : string.Empty),
                reason)
            { Topic = operation.Topic },
            keepExchanges);
        _session.Subscriptions.Clear(new MqttOperationException(
            MqttOperation.Subscribe, MqttOperationFailure.Disconnected, $"{why} before the server had answered the subscription.", reason), keepsSubscriptions);
    }

    /// <summary>While the owner ends the connection, that is the state, whatever happens to the connection.</summary>
    private void SetState(MqttConnectionState state)
    {
        lock (_session.Gate)
        {
            State = _disconnect is null ? state : MqttConnectionState.Disconnecting;
        }
    }

    private void Raise(
        ConnectionStep step,
        string explanation,
        Exception? error,
        TimeSpan? retryIn = null,
        int attempt = 0,
        ConnectionEnd? end = null,
        MqttConnectResult? result = null)
    {
        explanation = retryIn is { } delay ? $"{explanation} Trying again in {delay.TotalSeconds:0.##} s." : explanation;
        _trace.Step(explanation);
        _raise(step, new MqttConnectionEventArgs(State, _timeProvider.GetUtcNow())
        {
            Server = Limits?.Server,
            Result = result,
            Error = error,
            ReasonCode = end?.ReasonCode ?? (error as MqttConnectException)?.ReasonCode,
            ByServer = end?.ByServer ?? false,
            Attempt = attempt,
            RetryIn = retryIn,
            Explanation = explanation,
        });
    }

    /// <summary>Whether the server's DISCONNECT says that trying again soon is not wanted. What has worked before may work again.</summary>
    private static bool IsSlow(ConnectionEnd end) =>
        end is { ByServer: true, ReasonCode: MqttReasonCode.NotAuthorized or MqttReasonCode.Banned };

    private static bool IsHopeless(Exception error) => error is ArgumentException or SessionStoreException or MqttConnectException
    {
        Failure: MqttConnectFailure.BadCredentials or MqttConnectFailure.UnsupportedVersion or MqttConnectFailure.ClientIdentifierRefused
            or MqttConnectFailure.AuthenticationFailed,
    }
    or MqttConnectException { ReasonCode: MqttReasonCode.Banned };
}
