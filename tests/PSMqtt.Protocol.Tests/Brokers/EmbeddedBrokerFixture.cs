using System.Text;
using PSMqtt.Broker;

namespace PSMqtt.Protocol.Tests.Brokers;

/// <summary>The embedded broker of the module, without the module around it.</summary>
internal sealed class EmbeddedBrokerFixture : IRealBroker
{
    private readonly EmbeddedBroker _broker;

    private EmbeddedBrokerFixture(EmbeddedBroker broker)
    {
        _broker = broker;
    }

    public int Port => _broker.Port;

    public string Uri => $"mqtt://127.0.0.1:{Port}";

    public long DroppedCount => _broker.DroppedCount;

    public static async Task<EmbeddedBrokerFixture> StartAsync(string? userName = null, string? password = null)
    {
        var settings = new EmbeddedBrokerSettings(Port: 0, userName, password is null ? null : Encoding.UTF8.GetBytes(password), Certificate: null, new BrokerFaults());
        var broker = new EmbeddedBroker(settings);
        await broker.StartAsync();
        return new EmbeddedBrokerFixture(broker);
    }

    public async ValueTask DisposeAsync()
    {
        await _broker.StopAsync();
        await _broker.DisposeAsync();
    }
}
