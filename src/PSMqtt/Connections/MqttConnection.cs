using System.Management.Automation;
using PSMqtt.Connections;
using PSMqtt.Protocol;
using PSMqtt.Protocol.Sessions.Files;

namespace PSMqtt;

/// <summary>
/// A connection to a broker, as <c>Connect-Mqtt</c> makes it: a live object, whose properties always show how things stand now. It reconnects by
/// itself, and its subscriptions with it. Its events can be had with <c>Register-ObjectEvent</c>.
/// </summary>
public sealed class MqttConnection : IAsyncDisposable, IDisposable
{
    private static int s_lastId;

    private readonly object _lock = new();
    private readonly List<MqttSubscription> _subscriptions = [];
    private readonly List<MqttSubscription> _queues = [];
    private readonly IReadOnlyList<IDisposable> _resources;
    private readonly ConnectionEvents _events;
    private readonly ConnectionEvent<MqttConnectionEventArgs> _connecting = new();
    private readonly ConnectionEvent<MqttConnectionEventArgs> _connected = new();
    private readonly ConnectionEvent<MqttConnectionEventArgs> _connectFailed = new();
    private readonly ConnectionEvent<MqttConnectionEventArgs> _disconnected = new();
    private readonly ConnectionEvent<MqttConnectionEventArgs> _stateChanged = new();
    private readonly ConnectionEvent<MqttMessageDroppedEventArgs> _messageDropped = new();
    private readonly ConnectionEvent<MqttMessageUndeliveredEventArgs> _messageUndelivered = new();
    private readonly ConnectionEvent<MqttPublishedEventArgs> _published;
    private readonly ConnectionEvent<MqttSubscriptionAnsweredEventArgs> _subscribed;
    private readonly ConnectionEvent<MqttSubscriptionAnsweredEventArgs> _unsubscribed;
    private Task? _closing;

    internal MqttConnection(MqttClient client, string? name, MqttSubscriptionOptions subscriptionDefaults, IReadOnlyList<IDisposable> resources)
    {
        SubscriptionDefaults = subscriptionDefaults;
        _resources = resources;
        Id = Interlocked.Increment(ref s_lastId);
        Name = name ?? $"mqtt{Id}";
        Client = client;
        (client.Options.SessionStore as MemorySession)?.BelongTo(this);
        Blockage = new BlockageWatch(client);
        Undelivered = new UndeliveredWatch(client);
        Reference = new ReferenceWatch(client);
        _events = new ConnectionEvents(this);
        _published = new(() => client.Published += OnPublished, () => client.Published -= OnPublished);
        _subscribed = new(() => client.Subscribed += OnSubscribed, () => client.Subscribed -= OnSubscribed);
        _unsubscribed = new(() => client.Unsubscribed += OnUnsubscribed, () => client.Unsubscribed -= OnUnsubscribed);
        client.Connecting += (_, step) => _events.Raise(_connecting.Handlers, step);
        client.Connected += (_, step) => _events.Raise(_connected.Handlers, step);
        client.ConnectFailed += (_, step) => _events.Raise(_connectFailed.Handlers, step);
        client.Disconnected += (_, step) => _events.Raise(_disconnected.Handlers, step);
        client.StateChanged += (_, step) => _events.Raise(_stateChanged.Handlers, step);
        client.MessageDropped += (_, drop) => _events.Raise(_messageDropped.Handlers, drop);
        client.MessageUndelivered += (_, undelivered) => _events.Raise(_messageUndelivered.Handlers, undelivered);
        OfClient.Add(client, this);
    }

    /// <summary>Raised before each attempt to connect.</summary>
    public event EventHandler<MqttConnectionEventArgs>? Connecting
    {
        add => _connecting.Add(value);
        remove => _connecting.Remove(value);
    }

    /// <summary>Raised when a connection has been made, the first one and every later one.</summary>
    public event EventHandler<MqttConnectionEventArgs>? Connected
    {
        add => _connected.Add(value);
        remove => _connected.Remove(value);
    }

    /// <summary>Raised when an attempt to connect has failed.</summary>
    public event EventHandler<MqttConnectionEventArgs>? ConnectFailed
    {
        add => _connectFailed.Add(value);
        remove => _connectFailed.Remove(value);
    }

    /// <summary>Raised when a connection has ended, by its owner, the server or the network.</summary>
    public event EventHandler<MqttConnectionEventArgs>? Disconnected
    {
        add => _disconnected.Add(value);
        remove => _disconnected.Remove(value);
    }

    /// <summary>Raised with each of these four, in one sequence: State, Explanation, Error, ReasonCode and RetryIn say what has happened.</summary>
    public event EventHandler<MqttConnectionEventArgs>? StateChanged
    {
        add => _stateChanged.Add(value);
        remove => _stateChanged.Remove(value);
    }

    /// <summary>Raised when a full queue has dropped messages: once for a subscription, until the handlers have run.</summary>
    public event EventHandler<MqttMessageDroppedEventArgs>? MessageDropped
    {
        add => _messageDropped.Add(value);
        remove => _messageDropped.Remove(value);
    }

    /// <summary>
    /// Raised when a message of QoS 1 or 2 that was accepted could not be delivered, and nobody waits for it any more: one that an earlier run has left with
    /// <c>-SessionPath</c>, for example.
    /// </summary>
    public event EventHandler<MqttMessageUndeliveredEventArgs>? MessageUndelivered
    {
        add => _messageUndelivered.Add(value);
        remove => _messageUndelivered.Remove(value);
    }

    /// <summary>Raised when a message sent over this connection has had its last acknowledgement, or a rejection; with QoS 0 when it is on its way.</summary>
    public event EventHandler<MqttPublishedEventArgs>? Published
    {
        add => _published.Add(value);
        remove => _published.Remove(value);
    }

    /// <summary>Raised when the server has answered a SUBSCRIBE: for each filter, with the granted QoS or the reason why not.</summary>
    public event EventHandler<MqttSubscriptionAnsweredEventArgs>? Subscribed
    {
        add => _subscribed.Add(value);
        remove => _subscribed.Remove(value);
    }

    /// <summary>Raised when the server has answered an UNSUBSCRIBE: for each filter.</summary>
    public event EventHandler<MqttSubscriptionAnsweredEventArgs>? Unsubscribed
    {
        add => _unsubscribed.Add(value);
        remove => _unsubscribed.Remove(value);
    }

    /// <summary>A number that no other connection of this process has.</summary>
    public int Id { get; }

    /// <summary>The label given with <c>Connect-Mqtt -Name</c>, or one made from the <see cref="Id"/>.</summary>
    public string Name { get; }

    /// <summary>The engine's client, for what the cmdlets do not offer.</summary>
    public MqttClient Client { get; }

    /// <summary>How the connection stands.</summary>
    public MqttConnectionState State => Client.State;

    /// <summary>Whether it is the current connection of the runspace that asks.</summary>
    public bool IsCurrent => ReferenceEquals(ConnectionTable.Here?.Current, this);

    /// <summary>The server, without secrets: the one that is connected to, or those that are tried.</summary>
    public string Server => Result?.Server ?? string.Join(", ", Client.Options.Servers);

    /// <summary>The client identifier in use.</summary>
    public string ClientId => Client.ClientId;

    /// <summary>The version of MQTT that is spoken, such as 5.0; <see langword="null"/> before it is known.</summary>
    public string? ProtocolVersion => Result is { } result ? MqttVersionName.Of(result.ProtocolVersion) : null;

    /// <summary>Whether the server had kept a session for this client when the connection was made.</summary>
    public bool SessionPresent => Result?.SessionPresent ?? false;

    /// <summary>The keep-alive time in force.</summary>
    public TimeSpan KeepAlive => Result?.KeepAlive ?? Client.Options.KeepAlive;

    /// <summary>How long the server keeps the session after the connection is lost; -00:00:00.0010000 stands for ever.</summary>
    public TimeSpan SessionExpiry => Result?.SessionExpiry ?? Client.Options.SessionExpiry;

    /// <summary>How many QoS 1 and 2 messages the server takes without having acknowledged them.</summary>
    public int? ReceiveMaximum => Result?.ReceiveMaximum;

    /// <summary>The largest QoS the server takes.</summary>
    public MqttQualityOfService? MaximumQoS => Result?.MaximumQoS;

    /// <summary>The largest packet the server takes, in bytes.</summary>
    public long? MaximumPacketSize => Result?.MaximumPacketSize;

    /// <summary>How many topic aliases the server takes.</summary>
    public int? TopicAliasMaximum => Result?.TopicAliasMaximum;

    /// <summary>Whether the server keeps retained messages.</summary>
    public bool? RetainAvailable => Result?.RetainAvailable;

    /// <summary>Whether the server allows wildcards in filters.</summary>
    public bool? WildcardSubscriptionAvailable => Result?.WildcardSubscriptionAvailable;

    /// <summary>Whether the server has shared subscriptions.</summary>
    public bool? SharedSubscriptionAvailable => Result?.SharedSubscriptionAvailable;

    /// <summary>Whether the server takes subscription identifiers.</summary>
    public bool? SubscriptionIdentifiersAvailable => Result?.SubscriptionIdentifiersAvailable;

    /// <summary>The user properties of the server's CONNACK.</summary>
    public IReadOnlyList<MqttUserProperty> UserProperties => Result?.UserProperties ?? [];

    /// <summary>What the server suggests as the beginning of response topics.</summary>
    public string? ResponseInformation => Result?.ResponseInformation;

    /// <summary>Messages sent.</summary>
    public long MessagesSent => Client.Counters.MessagesSent;

    /// <summary>Messages received.</summary>
    public long MessagesReceived => Client.Counters.MessagesReceived;

    /// <summary>Messages that full queues have dropped.</summary>
    public long MessagesDropped => Client.Counters.MessagesDropped;

    /// <summary>Messages of QoS 1 and 2 that wait for the server's acknowledgement.</summary>
    public int InFlight => Client.Counters.InFlight;

    /// <summary>Messages of ours that wait to be sent: for a connection, or for their turn.</summary>
    public int Waiting => Client.Counters.Queued;

    /// <summary>Messages of ours that expired while they waited.</summary>
    public long MessagesExpired => Client.Counters.MessagesExpired;

    /// <summary>Messages of ours that the server has refused.</summary>
    public long MessagesRejected => Client.Counters.MessagesRejected;

    /// <summary>Messages of ours that were accepted and could not be delivered later, when nobody waited for them any more: refused, or expired.</summary>
    public long MessagesUndelivered => Client.Counters.MessagesUndelivered;

    /// <summary>The directory that keeps the session (<c>Connect-Mqtt -SessionPath</c>); <see langword="null"/>: none does.</summary>
    public string? SessionPath => (Client.Options.SessionStore as FileSessionStore)?.Directory;

    /// <summary>Whether what was not acknowledged when the connection ends is kept for another one, on disk or in memory.</summary>
    internal bool KeepsSession => Client.Options.SessionStore is not null;

    /// <summary>Whether it has been ended, or will never be connected again.</summary>
    internal bool IsOver => Volatile.Read(ref _closing) is not null || State is MqttConnectionState.Disconnected or MqttConnectionState.Disposed;

    /// <summary>How often the connection has been made again.</summary>
    public long Reconnects => Client.Counters.Reconnects;

    /// <summary>Every count, taken at one moment.</summary>
    public MqttClientCounters Counters => Client.Counters;

    /// <summary>Events of this connection that were dropped because their handlers are slower than they come: 100,000 may wait.</summary>
    public long EventsDropped => _events.Dropped;

    /// <summary>What went wrong last; <see langword="null"/> when nothing has.</summary>
    public Exception? LastError => Client.LastError;

    /// <summary>The subscription that nobody reads, and that holds back the others; <see langword="null"/> when there is none.</summary>
    public MqttSubscription? BlockedBy => Client.BlockedBy;

    /// <summary>The subscriptions made with <c>Register-MqttSubscription</c>.</summary>
    public IReadOnlyList<MqttSubscription> Subscriptions => Snapshot(_subscriptions);

    /// <summary>Those of the subscriptions whose messages queue until Receive-MqttMessage takes them.</summary>
    internal IReadOnlyList<MqttSubscription> Queues => Snapshot(_queues);

    /// <summary>Raised when a subscription was registered or has been ended.</summary>
    internal event EventHandler? SubscriptionsChanged;

    internal static OwnerTable<MqttClient, MqttConnection> OfClient { get; } = new();

    /// <summary>How subscriptions keep messages if they do not say otherwise.</summary>
    internal MqttSubscriptionOptions SubscriptionDefaults { get; }

    /// <summary>Topics that commands have sent to.</summary>
    internal RecentNames SentTopics { get; } = new(200);

    /// <summary>Whether a subscription that nobody reads holds up the connection, for the cmdlets to warn of.</summary>
    internal BlockageWatch Blockage { get; }

    /// <summary>What could not be delivered, and nobody was told yet.</summary>
    internal UndeliveredWatch Undelivered { get; }

    /// <summary>Whether the broker has sent the connection on to where the password travels unencrypted, for the cmdlets to warn of.</summary>
    internal ReferenceWatch Reference { get; }

    private MqttConnectResult? Result => Client.ConnectResult;

    /// <summary>Ends the connection: waits a little for what is in flight, and says DISCONNECT.</summary>
    /// <returns>A task that ends when that is done.</returns>
    public ValueTask DisposeAsync() => new(CloseAsync(new MqttDisconnectOptions(), CancellationToken.None));

    /// <summary>Ends the connection in the background: see <see cref="DisposeAsync"/>.</summary>
    public void Dispose() => _ = CloseAsync(new MqttDisconnectOptions(), CancellationToken.None);

    /// <summary>The connection's name.</summary>
    /// <returns>The name.</returns>
    public override string ToString() => Name;

    /// <summary>It was never handed out: gives its number back, if no later one has been made, for the next to be called by.</summary>
    internal void GiveBackId() => Interlocked.CompareExchange(ref s_lastId, Id - 1, Id);

    /// <summary>Adds a subscription.</summary>
    /// <param name="subscription">The subscription.</param>
    /// <param name="isQueue">Whether its messages wait for Receive-MqttMessage, and not for an action.</param>
    internal void Add(MqttSubscription subscription, bool isQueue)
    {
        lock (_lock)
        {
            _subscriptions.Add(subscription);
            if (isQueue)
            {
                _queues.Add(subscription);
            }
        }

        SubscriptionsChanged?.Invoke(this, EventArgs.Empty);
    }

    internal void Remove(MqttSubscription subscription)
    {
        lock (_lock)
        {
            _subscriptions.Remove(subscription);
            _queues.Remove(subscription);
        }

        SubscriptionsChanged?.Invoke(this, EventArgs.Empty);
    }

    /// <summary>Ends the connection, once; later calls wait for the first.</summary>
    internal Task CloseAsync(MqttDisconnectOptions options, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            return _closing ??= Task.Run(() => DisconnectAndDisposeAsync(options, cancellationToken), CancellationToken.None);
        }
    }

    private void OnPublished(object? sender, MqttPublishedEventArgs args) => _events.Raise(_published.Handlers, args);

    private void OnSubscribed(object? sender, MqttSubscriptionAnsweredEventArgs args) => _events.Raise(_subscribed.Handlers, args);

    private void OnUnsubscribed(object? sender, MqttSubscriptionAnsweredEventArgs args) => _events.Raise(_unsubscribed.Handlers, args);

    // A subscription that has ended stays as long as it has messages to take.
    private MqttSubscription[] Snapshot(List<MqttSubscription> subscriptions)
    {
        lock (_lock)
        {
            subscriptions.RemoveAll(static subscription => !subscription.IsActive && subscription.QueuedCount == 0);
            return [.. subscriptions];
        }
    }

    private async Task DisconnectAndDisposeAsync(MqttDisconnectOptions options, CancellationToken cancellationToken)
    {
        try
        {
            await Client.DisconnectAsync(options, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            await Client.DisposeAsync().ConfigureAwait(false);
            foreach (IDisposable resource in _resources)
            {
                if (resource is IAsyncDisposable files)
                {
                    await files.DisposeAsync().ConfigureAwait(false);
                }
                else
                {
                    resource.Dispose();
                }
            }

            LiveConnections.Remove(this);
        }
    }
}
