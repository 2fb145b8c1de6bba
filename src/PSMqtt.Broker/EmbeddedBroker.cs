using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using MQTTnet.Formatter;
using MQTTnet.Protocol;
using MQTTnet.Server;

namespace PSMqtt.Broker;

/// <summary>MQTTnet.Server as an embedded broker, with the rules of delivery that it leaves out: see <see cref="DeliveryChannel"/>.</summary>
internal sealed class EmbeddedBroker : IEmbeddedBroker
{
    /// <summary>Past this many messages for one client the oldest are dropped, and counted. The library's own limit is too low for a burst.</summary>
    private const int PendingLimit = 1_000_000;

    private readonly MqttServerOptions _options;
    private readonly MqttServer _server;
    private long _published;
    private long _dropped;

    public EmbeddedBroker(EmbeddedBrokerSettings settings)
    {
        var factory = new MqttServerFactory();
        _options = factory.CreateServerOptionsBuilder()
            .WithDefaultEndpoint()
            .WithDefaultEndpointBoundIPAddress(IPAddress.Loopback)
            .WithDefaultEndpointBoundIPV6Address(IPAddress.None)
            .WithDefaultEndpointPort(settings.Port)
            .WithPersistentSessions()
            .WithMaxPendingMessagesPerClient(PendingLimit)
            .Build();

        // The library closes with a reset, which can overtake the CONNACK that says why a client was refused.
        _options.DefaultEndpointOptions.LingerState = null;

        _server = factory.CreateMqttServer(_options, [new DeliveryServerAdapter()]);
        _server.InterceptingPublishAsync += _ => Count(ref _published);
        _server.QueuedApplicationMessageOverwrittenAsync += _ => Count(ref _dropped);
        _server.ValidatingConnectionAsync += e => Validate(e, settings);
    }

    public int Port => _options.DefaultEndpointOptions.Port;

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

    public Task StopAsync() => _server.StopAsync(new MqttServerStopOptions
    {
        DefaultClientDisconnectOptions = new MqttServerClientDisconnectOptions { ReasonCode = MqttDisconnectReasonCode.ServerShuttingDown },
    });

    public ValueTask DisposeAsync()
    {
        _server.Dispose();
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

    private static Task Validate(ValidatingConnectionEventArgs connection, EmbeddedBrokerSettings settings)
    {
        if (settings.UserName is null)
        {
            return Task.CompletedTask;
        }

        bool isKnown = CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(connection.UserName ?? string.Empty), Encoding.UTF8.GetBytes(settings.UserName))
            & CryptographicOperations.FixedTimeEquals(connection.RawPassword ?? [], settings.Password ?? []);
        if (!isKnown)
        {
            connection.ReasonCode = MqttConnectReasonCode.BadUserNameOrPassword;
        }

        return Task.CompletedTask;
    }
}
