namespace PSMqtt.Protocol.Tests.Brokers;

/// <summary>A real broker on a free loopback port, for one test.</summary>
internal interface IRealBroker : IAsyncDisposable
{
    int Port { get; }

    /// <summary>What a client connects to.</summary>
    string Uri { get; }
}

/// <summary>The brokers that tests run over.</summary>
public enum RealBrokerKind
{
    /// <summary>The embedded broker of the module.</summary>
    Embedded,

    /// <summary>mosquitto, where it is installed.</summary>
    Mosquitto,
}

/// <summary>Starts brokers, and names what tests run over.</summary>
internal static class RealBroker
{
    /// <summary>Every broker with every version of MQTT that it speaks.</summary>
    public static TheoryData<RealBrokerKind, MqttProtocolVersion> BrokersAndVersions { get; } = new()
    {
        { RealBrokerKind.Embedded, MqttProtocolVersion.V500 },
        { RealBrokerKind.Embedded, MqttProtocolVersion.V311 },
        { RealBrokerKind.Mosquitto, MqttProtocolVersion.V500 },
        { RealBrokerKind.Mosquitto, MqttProtocolVersion.V311 },
        { RealBrokerKind.Mosquitto, MqttProtocolVersion.V310 },
    };

    /// <summary>The same, each with every QoS.</summary>
    public static IEnumerable<TheoryDataRow<RealBrokerKind, MqttProtocolVersion, MqttQualityOfService>> BrokersVersionsAndQoS { get; } =
        from row in BrokersAndVersions
        from qos in Enum.GetValues<MqttQualityOfService>()
        select new TheoryDataRow<RealBrokerKind, MqttProtocolVersion, MqttQualityOfService>(row.Data.Item1, row.Data.Item2, qos);

    /// <summary>Starts a broker; ends the test as skipped where it is not installed.</summary>
    public static async Task<IRealBroker> StartAsync(RealBrokerKind kind)
    {
        if (kind == RealBrokerKind.Embedded)
        {
            return await EmbeddedBrokerFixture.StartAsync();
        }

        Assert.SkipUnless(MosquittoBroker.IsInstalled, "mosquitto is not installed (on Debian and Ubuntu: apt-get install mosquitto).");
        return await MosquittoBroker.StartAsync();
    }
}
