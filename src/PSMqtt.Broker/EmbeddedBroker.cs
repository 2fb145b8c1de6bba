using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using MQTTnet;
using MQTTnet.Formatter;
using MQTTnet.Protocol;
using MQTTnet.Server;
using PSMqtt.Protocol;
using MqttProtocolVersion = MQTTnet.Formatter.MqttProtocolVersion;

namespace PSMqtt.Broker;

/// <summary>MQTTnet.Server as an embedded broker, with the rules of delivery that it leaves out: see <see cref="DeliveryChannel"/>.</summary>
internal sealed class EmbeddedBroker : IEmbeddedBroker
{
    /// <summary>Past this many messages for one client the oldest are dropped, and counted. The library's own limit is too low for a burst.</summary>
    private const int PendingLimit = 1_000_000;

    private readonly BrokerFaults _faults;
    private readonly ClientListener _listener;
    private readonly MqttServer _server;
    private readonly SessionLedgers _ledgers = new();
    private readonly SharedSubscriptions _shared;
    private readonly Wills _wills;
    private long _published;
    private long _dropped;

    public EmbeddedBroker(EmbeddedBrokerSettings settings)
    {
        _faults = settings.Faults;
        _shared = new SharedSubscriptions(FindSession);
        _wills = new Wills(PublishWillAsync);
        _listener = new ClientListener(
            settings.Port,
            settings.Certificate,
            _faults,
            channel => new DeliveryChannel(channel, _ledgers, _shared, _wills, dropped: () => Interlocked.Increment(ref _dropped)));
        var factory = new MqttServerFactory();
        MqttServerOptions options = factory.CreateServerOptionsBuilder()
            .WithPersistentSessions()
            .WithMaxPendingMessagesPerClient(PendingLimit)
            .Build();
        _server = factory.CreateMqttServer(options, [_listener]);
        _server.InterceptingPublishAsync += Publish;
        _server.InterceptingSubscriptionAsync += Subscribe;
        _server.InterceptingUnsubscriptionAsync += Unsubscribe;
        _server.SessionDeletedAsync += Forget;
        _server.QueuedApplicationMessageOverwrittenAsync += _ => Count(ref _dropped);
        _server.ValidatingConnectionAsync += e => Validate(e, settings);
    }

    public int Port => _listener.Port;

    public long PublishedCount => Interlocked.Read(ref _published);

    public long DroppedCount => Interlocked.Read(ref _dropped);

    public IReadOnlyList<MqttBrokerClient> Clients
    {
        get
        {
            // The library has the answer at hand: the task it wraps it in is complete.
            IList<MqttClientStatus> clients = _server.GetClientsAsync().GetAwaiter().GetResult();
            return [.. clients.Select(Describe)];
        }
    }

    public Task StartAsync() => _server.StartAsync();

    public int CutOff(IReadOnlyCollection<string> clientIds)
    {
        int count = 0;
        foreach (FaultChannel channel in _listener.Channels.Where(channel => clientIds.Contains(channel.ClientId)))
        {
            channel.Abort();
            count++;
        }

        return count;
    }

    public async Task DisconnectAsync(IReadOnlyCollection<string> clientIds, MqttReasonCode reason)
    {
        foreach (string clientId in clientIds)
        {
            try
            {
                await _server.DisconnectClientAsync(
                    clientId, new MqttServerClientDisconnectOptions { ReasonCode = (MqttDisconnectReasonCode)reason }).ConfigureAwait(false);
            }
            catch (InvalidOperationException)
            {
                // The client has gone by itself meanwhile.
            }
        }
    }

    public Task StopAsync() => _server.StopAsync(new MqttServerStopOptions
    {
        DefaultClientDisconnectOptions = new MqttServerClientDisconnectOptions { ReasonCode = MqttDisconnectReasonCode.ServerShuttingDown },
    });

    public ValueTask DisposeAsync()
    {
        _server.Dispose();
        _listener.Dispose();
        _wills.Dispose();
        return ValueTask.CompletedTask;
    }

    private static MqttBrokerClient Describe(MqttClientStatus client) => new(
        client.Id,
        Convert.ToString(client.RemoteEndPoint, CultureInfo.InvariantCulture) ?? string.Empty,
        client.ProtocolVersion switch
        {
            MqttProtocolVersion.V500 => "5.0",
            MqttProtocolVersion.V311 => "3.1.1",
            _ => "3.1",
        },
        new DateTimeOffset(client.ConnectedTimestamp, TimeSpan.Zero).ToLocalTime(),
        client.SentApplicationMessagesCount,
        client.ReceivedApplicationMessagesCount,
        client.Session.PendingApplicationMessagesCount);

    private static Task Count(ref long counter)
    {
        Interlocked.Increment(ref counter);
        return Task.CompletedTask;
    }

    private static MqttConnectReasonCode AsVersion3Knows(MqttConnectReasonCode reason) => reason switch
    {
        MqttConnectReasonCode.UnsupportedProtocolVersion or MqttConnectReasonCode.ClientIdentifierNotValid
            or MqttConnectReasonCode.BadUserNameOrPassword or MqttConnectReasonCode.NotAuthorized => reason,
        MqttConnectReasonCode.Banned => MqttConnectReasonCode.NotAuthorized,
        MqttConnectReasonCode.BadAuthenticationMethod => MqttConnectReasonCode.BadUserNameOrPassword,
        _ => MqttConnectReasonCode.ServerUnavailable,
    };

    private async Task ExpireSessionAsync(string clientId)
    {
        if (FindSession(clientId) is { } session && _ledgers.HasExpired(clientId, session.DisconnectedTimestamp))
        {
            await session.DeleteAsync().ConfigureAwait(false);
        }
    }

    private Task Validate(ValidatingConnectionEventArgs connection, EmbeddedBrokerSettings settings)
    {
        if (string.IsNullOrEmpty(connection.ClientId) && connection.ProtocolVersion == MqttProtocolVersion.V500)
        {
            connection.AssignedClientIdentifier = $"psmqtt-{Convert.ToHexString(RandomNumberGenerator.GetBytes(8))}";
        }

        if (_faults.StrikeConnection(connection.AssignedClientIdentifier ?? connection.ClientId ?? string.Empty) is { } fault)
        {
            var reason = (MqttConnectReasonCode)fault.ReasonCode!.Value;
            connection.ReasonCode = connection.ProtocolVersion == MqttProtocolVersion.V500 ? reason : AsVersion3Knows(reason);
            return Task.CompletedTask;
        }

        bool isKnown = settings.UserName is null || HasCredentials(connection, settings);
        if (!isKnown)
        {
            connection.ReasonCode = MqttConnectReasonCode.BadUserNameOrPassword;
            return Task.CompletedTask;
        }

        return string.IsNullOrEmpty(connection.ClientId) ? Task.CompletedTask : ExpireSessionAsync(connection.ClientId);
    }

    private static bool HasCredentials(ValidatingConnectionEventArgs connection, EmbeddedBrokerSettings settings) =>
        CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(connection.UserName ?? string.Empty), Encoding.UTF8.GetBytes(settings.UserName!))
        & CryptographicOperations.FixedTimeEquals(connection.RawPassword ?? [], settings.Password ?? []);

    private Task Publish(InterceptingPublishEventArgs publish)
    {
        if (_faults.StrikeMessage(publish.ClientId, publish.ApplicationMessage.Topic) is { } fault)
        {
            publish.Response.ReasonCode = (MqttPubAckReasonCode)fault.ReasonCode!.Value;
            publish.ProcessPublish = false;
            return Task.CompletedTask;
        }

        // The mark of a sender's repetition is not that of our deliveries [MQTT-3.3.1-3].
        publish.ApplicationMessage.Dup = false;
        Interlocked.Increment(ref _published);
        if (_shared.Deliver(publish.ApplicationMessage))
        {
            _ledgers.ConnectionOf(publish.ClientId)?.MarkShared();
        }

        return Task.CompletedTask;
    }

    private Task Subscribe(InterceptingSubscriptionEventArgs subscription)
    {
        if (_faults.StrikeFilter(subscription.ClientId, SharedSubscriptions.OriginalOf(subscription.TopicFilter.Topic)) is { } fault)
        {
            subscription.Response.ReasonCode = (MqttSubscribeReasonCode)fault.ReasonCode!.Value;
            subscription.ProcessSubscription = false;
            return Task.CompletedTask;
        }

        _shared.TrySubscribe(subscription);
        return Task.CompletedTask;
    }

    private Task Unsubscribe(InterceptingUnsubscriptionEventArgs unsubscription)
    {
        _shared.TryUnsubscribe(unsubscription);
        return Task.CompletedTask;
    }

    private Task Forget(SessionDeletedEventArgs session)
    {
        _shared.Forget(session.Id);
        return Task.CompletedTask;
    }

    private MqttSessionStatus? FindSession(string clientId)
    {
        try
        {
            // The library has the answer at hand: the task it wraps it in is complete.
            return _server.GetSessionAsync(clientId).GetAwaiter().GetResult();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private async Task PublishWillAsync(string clientId, MqttApplicationMessage will)
    {
        try
        {
            await _server.InjectApplicationMessage(new InjectedMqttApplicationMessage(will) { SenderClientId = clientId }).ConfigureAwait(false);
        }
        catch (InvalidOperationException)
        {
            // The broker has stopped meanwhile.
        }
    }
}
