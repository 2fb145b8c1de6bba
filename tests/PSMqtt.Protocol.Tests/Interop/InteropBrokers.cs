using PSMqtt.Protocol.Tests.Brokers;
using PSMqtt.Protocol.Transports;

namespace PSMqtt.Protocol.Tests.Interop;

/// <summary>
/// Starts brokers when they are first needed, for all tests of a class: one of them takes half a minute. PSMQTT_INTEROP says which: the beginning of a
/// name, <c>all</c>, or the URI of one that runs already. Without it aedes alone, which is quick, where it is installed.
/// </summary>
public sealed class InteropBrokers : IAsyncDisposable
{
    private static readonly string s_wanted =
        Environment.GetEnvironmentVariable("PSMQTT_INTEROP") is { Length: > 0 } text ? text : nameof(InteropBroker.Aedes);

    private readonly SemaphoreSlim _one = new(1);
    private readonly Dictionary<InteropBroker, IRealBroker> _running = [];

    /// <summary>Those that are wanted.</summary>
    public static TheoryData<InteropBroker> Wanted { get; } = [.. Enum.GetValues<InteropBroker>().Where(IsWanted)];

    /// <summary>The same, each with every version of MQTT that it speaks.</summary>
    public static TheoryData<InteropBroker, MqttProtocolVersion> WantedWithVersions { get; } = new(
        from broker in Enum.GetValues<InteropBroker>().Where(IsWanted)
        from version in VersionsOf(broker)
        select new TheoryDataRow<InteropBroker, MqttProtocolVersion>(broker, version));

    /// <summary>The versions that a broker speaks, the highest one first. One that is given is asked for all.</summary>
    public static MqttProtocolVersion[] VersionsOf(InteropBroker broker) => broker switch
    {
        InteropBroker.Given or InteropBroker.Mosquitto => [MqttProtocolVersion.V500, MqttProtocolVersion.V311, MqttProtocolVersion.V310],

        // It knows the subprotocol mqtt only, and 3.1 has another one.
        InteropBroker.RabbitMQWebSocket => [MqttProtocolVersion.V311],
        _ => [MqttProtocolVersion.V311, MqttProtocolVersion.V310],
    };

    public async ValueTask DisposeAsync()
    {
        foreach (IRealBroker broker in _running.Values)
        {
            await broker.DisposeAsync();
        }

        _one.Dispose();
    }

    /// <summary>Where to connect to; ends the test as skipped where the broker is not installed.</summary>
    internal async Task<MqttEndpoint> StartAsync(InteropBroker broker)
    {
        await _one.WaitAsync(TestContext.Current.CancellationToken);
        try
        {
            return MqttEndpoint.Parse(broker switch
            {
                InteropBroker.Given => s_wanted,
                InteropBroker.Mosquitto => (await RunAsync(broker, MosquittoBroker.Missing, () => MosquittoBroker.StartAsync())).Uri,
                InteropBroker.RabbitMQ => (await RunAsync(InteropBroker.RabbitMQ, RabbitBroker.Missing, RabbitBroker.StartAsync)).Uri,
                InteropBroker.RabbitMQWebSocket =>
                    (await RunAsync(InteropBroker.RabbitMQ, RabbitBroker.Missing, RabbitBroker.StartAsync)).WebSocketUri,
                InteropBroker.Aedes => (await RunAsync(InteropBroker.Aedes, AedesBroker.Missing, AedesBroker.StartAsync)).Uri,
                _ => (await RunAsync(InteropBroker.Aedes, AedesBroker.Missing, AedesBroker.StartAsync)).WebSocketUri,
            });
        }
        finally
        {
            _one.Release();
        }
    }

    private static bool IsWanted(InteropBroker broker) => broker == InteropBroker.Given
        ? s_wanted.Contains("://", StringComparison.Ordinal)
        : s_wanted == "all" || broker.ToString().StartsWith(s_wanted, StringComparison.OrdinalIgnoreCase);

    private async Task<T> RunAsync<T>(InteropBroker broker, string? missing, Func<Task<T>> start)
        where T : IRealBroker
    {
        Assert.SkipWhen(missing is not null, missing ?? string.Empty);
        if (!_running.TryGetValue(broker, out IRealBroker? running))
        {
            _running.Add(broker, running = await start());
        }

        return (T)running;
    }
}
