using PSMqtt.Protocol.Connections;
using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Sessions;

namespace PSMqtt.Protocol;

/// <summary>
/// An MQTT client: connects, keeps the connection and makes it again when it is lost, publishes, subscribes.
/// </summary>
/// <remarks>
/// Every method can be called from any thread, and from inside any event handler or message loop: no code of the caller's runs on the loops that read
/// and write the socket. Events are raised one after the other, in order.
/// </remarks>
public sealed partial class MqttClient : IAsyncDisposable
{
    /// <summary>How long disposing waits for a store that has not taken everything yet.</summary>
    private static readonly TimeSpan s_storePatience = TimeSpan.FromSeconds(2);

    private readonly Session _session;
    private readonly Supervisor _supervisor;
    private readonly EventPump _events;
    private readonly ClientTrace _trace;
    private readonly List<MqttSubscription> _subscriptions = [];
    private volatile bool _isDisposed;
    private Task<Task>? _disposal;

    /// <summary>Creates a client. Nothing is sent yet.</summary>
    /// <param name="options">The options.</param>
    /// <exception cref="ArgumentException">An option is out of range, or options contradict each other.</exception>
    public MqttClient(MqttClientOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        OptionsValidation.Check(options);
        Options = options;
        _events = new EventPump(options.TimeProvider);
        _session = new Session(options) { Dropped = RaiseDropped };
        Unclaimed = new MqttSubscription(this, _session, [], new MqttSubscriptionOptions(), "(unclaimed)");
        _session.Unclaimed = Unclaimed;
        _session.Subscriptions.Lost = LoseSubscription;
        _session.Outbound.Outcomes.Undelivered = RaiseUndelivered;
        _trace = new ClientTrace(options.TimeProvider, _events);
        if (options.Trace is not null)
        {
            _trace.Add(options.Trace, packets: true);
        }

        _supervisor = new Supervisor(options with { Story = _trace }, _session, Raise, EndSubscriptions, _trace);
    }

    /// <summary>The options it was made with.</summary>
    public MqttClientOptions Options { get; }

    /// <summary>The state of the connection.</summary>
    public MqttConnectionState State => _isDisposed ? MqttConnectionState.Disposed : _supervisor.State;

    /// <summary>The client identifier in use: the server's, where it assigned one.</summary>
    public string ClientId => _supervisor.ClientId;

    /// <summary>What the last CONNACK said; <see langword="null"/> before the first.</summary>
    public MqttConnectResult? ConnectResult => _supervisor.Limits;

    /// <summary>What ended the last connection, or the last attempt to make one; <see langword="null"/> when nothing went wrong.</summary>
    public Exception? LastError => _supervisor.LastError;

    /// <summary>The subscriptions, in the order they were made.</summary>
    public IReadOnlyList<MqttSubscription> Subscriptions
    {
        get
        {
            lock (_session.Gate)
            {
                return [.. _subscriptions];
            }
        }
    }

    /// <summary>
    /// Messages of QoS 1 and 2 that the server had kept for a session that another client object made, and that match no subscription of this one. They
    /// wait unacknowledged; a later subscription takes what matches it.
    /// </summary>
    public MqttSubscription Unclaimed { get; }

    /// <summary>
    /// The subscription whose unread message holds back every acknowledgement, now that the server may send no more; <see langword="null"/>: none does.
    /// </summary>
    public MqttSubscription? BlockedBy
    {
        get
        {
            lock (_session.Gate)
            {
                return _session.Inbound.Blocking is { } entry ? _subscriptions.Find(subscription => subscription.Owes(entry)) ?? entry.Holder : null;
            }
        }
    }

    /// <summary>Topics of messages received lately, in no order: as many as the client happens to remember, a thousand or two at most.</summary>
    public IReadOnlyList<string> RecentTopics => _session.RecentTopics;

    /// <summary>The counts at this moment.</summary>
    public MqttClientCounters Counters
    {
        get
        {
            lock (_session.Gate)
            {
                return new MqttClientCounters
                {
                    MessagesSent = _session.Outbound.MessagesSent,
                    MessagesReceived = _session.MessagesReceived,
                    MessagesDropped = _session.MessagesDropped,
                    MessagesUnclaimed = _session.MessagesUnclaimed,
                    MessagesExpired = _session.Outbound.MessagesExpired,
                    MessagesRejected = _session.Outbound.Outcomes.MessagesRejected,
                    MessagesUndelivered = _session.Outbound.Outcomes.MessagesUndelivered,
                    MessagesAbandoned = _supervisor.MessagesAbandoned,
                    InFlight = _session.Outbound.InFlight,
                    Queued = _session.Outbound.Queued,
                    Unacknowledged = _session.Inbound.Count,
                    StrayAcknowledgements = _session.StrayAcknowledgements,
                    BytesSent = _supervisor.BytesSent,
                    BytesReceived = _supervisor.BytesReceived,
                    Reconnects = _supervisor.Reconnects,
                };
            }
        }
    }

    /// <summary>Connects and waits for CONNACK. From then on a lost connection is made again, as the options say.</summary>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <returns>What the server said.</returns>
    /// <exception cref="MqttConnectException">No server could be connected to.</exception>
    /// <exception cref="InvalidOperationException">The client is connected, or connecting, already.</exception>
    /// <exception cref="OperationCanceledException">The token ended the attempt.</exception>
    public Task<MqttConnectResult> ConnectAsync(CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        return _supervisor.ConnectAsync(cancellationToken);
    }

    /// <summary>Connects, within a time for all of it: every server, every version. See <see cref="ConnectAsync(CancellationToken)"/>.</summary>
    /// <param name="timeout">
    /// How long to wait, up to 49 days; <see cref="Timeout.InfiniteTimeSpan"/>: for as long as the attempts take, each at most
    /// <see cref="MqttClientOptions.ConnectTimeout"/>.
    /// </param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <returns>What the server said.</returns>
    /// <exception cref="MqttConnectException">No server could be connected to.</exception>
    /// <exception cref="InvalidOperationException">The client is connected, or connecting, already.</exception>
    /// <exception cref="OperationCanceledException">The token ended the attempt.</exception>
    /// <exception cref="TimeoutException">There was no connection in time; none is being made any more.</exception>
    public async Task<MqttConnectResult> ConnectAsync(TimeSpan timeout, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        OperationTimeouts.CheckWait(timeout);
        using var time = new CancellationTokenSource(timeout, Options.TimeProvider);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(time.Token, cancellationToken);
        try
        {
            return await _supervisor.ConnectAsync(both.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (both.IsCancellationRequested)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw new TimeoutException($"No connection to {string.Join(", ", Options.Servers)} was made within {timeout.TotalSeconds:0.#} s.", e);
        }
    }

    /// <summary>
    /// Begins to connect in the background, and tries until it succeeds or trying again cannot help. Messages of QoS 1 and 2 and subscriptions are
    /// accepted at once, and wait for the connection.
    /// </summary>
    /// <exception cref="InvalidOperationException">The client is connected, or connecting, already.</exception>
    public void Start()
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        _supervisor.Start();
    }

    /// <summary>
    /// Waits for what is in flight, says DISCONNECT and closes the connection. Subscriptions end; messages they have queued can still be taken. Does nothing
    /// when there is no connection and none is being made.
    /// </summary>
    /// <param name="options">How.</param>
    /// <param name="cancellationToken">Ends the wait for what is in flight; the connection is then closed at once.</param>
    /// <returns>A task that ends when the connection is closed.</returns>
    public Task DisconnectAsync(MqttDisconnectOptions? options = null, CancellationToken cancellationToken = default) =>
        _supervisor.DisconnectAsync(options ?? new MqttDisconnectOptions(), cancellationToken);

    /// <summary>Disconnects with no more than a time for what is in flight: see the other overload.</summary>
    /// <param name="timeout">
    /// How long to wait for what is in flight (<see cref="MqttDisconnectOptions.DrainTimeout"/>); zero: not at all;
    /// <see cref="Timeout.InfiniteTimeSpan"/>: for as long as there is hope. Then the connection is closed, for which a peer that does not answer gets four
    /// more seconds.
    /// </param>
    /// <param name="cancellationToken">Ends the wait for what is in flight; the connection is then closed at once.</param>
    /// <returns>A task that ends when the connection is closed.</returns>
    public Task DisconnectAsync(TimeSpan timeout, CancellationToken cancellationToken = default) =>
        DisconnectAsync(new MqttDisconnectOptions { DrainTimeout = timeout }, cancellationToken);

    /// <summary>Authenticates again on the open connection (5.0), with the method of the options [MQTT-4.12.1-1].</summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>A task that ends when the server has accepted.</returns>
    /// <exception cref="InvalidOperationException">There is no connection, no authentication method, or an exchange is under way.</exception>
    /// <exception cref="TimeoutException">The server did not answer within <see cref="MqttClientOptions.OperationTimeout"/>.</exception>
    public Task ReauthenticateAsync(CancellationToken cancellationToken = default) =>
        ReauthenticateAsync(Options.OperationTimeout, cancellationToken);

    /// <summary>Authenticates again, within a time: see <see cref="ReauthenticateAsync(CancellationToken)"/>.</summary>
    /// <param name="timeout">How long to wait, up to 49 days; <see cref="Timeout.InfiniteTimeSpan"/>: for ever.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>A task that ends when the server has accepted.</returns>
    /// <exception cref="InvalidOperationException">There is no connection, no authentication method, or an exchange is under way.</exception>
    /// <exception cref="TimeoutException">The server did not answer in time.</exception>
    public Task ReauthenticateAsync(TimeSpan timeout, CancellationToken cancellationToken = default)
    {
        OperationTimeouts.CheckWait(timeout);
        return _supervisor.ReauthenticateAsync(timeout, cancellationToken);
    }

    /// <summary>
    /// Acknowledges a message of a subscription with manual acknowledgement. Messages may be acknowledged in any order; what goes to the server keeps the
    /// specified one.
    /// </summary>
    /// <param name="message">The message. One of QoS 0 needs none, and one that has been acknowledged no other: nothing happens then.</param>
    /// <param name="reasonCode">Success, or why the message is refused (5.0 only).</param>
    /// <param name="timeout">
    /// How long it may take; default: <see cref="MqttClientOptions.OperationTimeout"/>. An acknowledgement waits for nothing but its turn, which this call
    /// does not: it is never reached.
    /// </param>
    /// <param name="cancellationToken">One that is cancelled already leaves the message unacknowledged.</param>
    /// <returns>A task that ends when the acknowledgement is on its way.</returns>
    /// <exception cref="ArgumentException">
    /// The reason code is a failure, and the connection speaks an older version than 5.0; or the message came over another connection.
    /// </exception>
    public ValueTask AcknowledgeAsync(
        MqttMessage message,
        MqttReasonCode reasonCode = MqttReasonCode.Success,
        TimeSpan? timeout = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(message);
        OperationTimeouts.Check(timeout ?? Options.OperationTimeout);
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled(cancellationToken);
        }

        if (reasonCode.IsFailure() && _supervisor.Limits?.ProtocolVersion != MqttProtocolVersion.V500)
        {
            throw new ArgumentException("Only MQTT 5.0 can refuse a message: acknowledge it without a reason code.", nameof(reasonCode));
        }

        if (!MqttReasonCodeTable.CodesOf(MqttPacketType.PubAck).Contains((byte)reasonCode))
        {
            throw new ArgumentException($"A message cannot be acknowledged with {reasonCode}.", nameof(reasonCode));
        }

        if (message.Acknowledger is { } client && !ReferenceEquals(client, this))
        {
            throw new ArgumentException("The message came over another connection: acknowledge it there.", nameof(message));
        }

        _session.Acknowledge(message, reasonCode);
        return ValueTask.CompletedTask;
    }

    /// <summary>
    /// Has a listener called with what the client does from now on: each step in the life of the connection, and each packet, in words and without secrets.
    /// As the handlers of events it is called in order, one call at a time, on the thread pool. See also <see cref="MqttClientOptions.Trace"/>.
    /// </summary>
    /// <param name="listener">The listener.</param>
    /// <param name="packets">Whether it is called for packets too, not only for steps.</param>
    /// <returns>What ends it.</returns>
    public MqttTraceListener Listen(Action<MqttTraceEntry> listener, bool packets = true)
    {
        ArgumentNullException.ThrowIfNull(listener);
        object added = _trace.Add(listener, packets);
        return new MqttTraceListener(() => _trace.Remove(added), _events.FlushAsync);
    }

    /// <summary>Disconnects, as <see cref="DisconnectAsync(MqttDisconnectOptions?, CancellationToken)"/> does, without waiting for what is in flight, and ends every waiting operation.</summary>
    /// <returns>A task that ends when the connection is closed.</returns>
    public ValueTask DisposeAsync()
    {
        lock (_session.Gate)
        {
            // From here on nothing new is begun, so that what ends now is all there is.
            _isDisposed = true;
            _supervisor.Retire();
            if (_disposal is not null)
            {
                return new ValueTask(_disposal.Unwrap());
            }

            _disposal = new Task<Task>(EndAsync);
        }

        _disposal.RunSynchronously(TaskScheduler.Default);
        return new ValueTask(_disposal.Unwrap());
    }

    private async Task EndAsync()
    {
        await DisconnectAsync(new MqttDisconnectOptions { DrainTimeout = TimeSpan.Zero }).ConfigureAwait(false);
        await _session.Outbound.WaitUntilCommittedAsync().WaitAsync(s_storePatience, Options.TimeProvider)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lock (_session.Gate)
        {
            Unclaimed.End(null, discard: false);
            _session.Outbound.Close(static (_, _) => new ObjectDisposedException(nameof(MqttClient)), _supervisor.KeepsMessages);
            _session.Outbound.Stop();
        }

        _supervisor.Dispose();
        await _events.CompleteAsync().ConfigureAwait(false);
    }

    /// <summary>No connection will be made any more. Under the lock.</summary>
    private void EndSubscriptions(Exception? reason)
    {
        foreach (MqttSubscription subscription in _subscriptions)
        {
            subscription.End(reason, discard: false);
        }

        _subscriptions.Clear();
    }
}
