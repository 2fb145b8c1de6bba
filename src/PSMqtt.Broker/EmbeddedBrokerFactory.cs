namespace PSMqtt.Broker;

/// <summary>What the module asks for, by this name, when the first broker is to start.</summary>
internal sealed class EmbeddedBrokerFactory : IEmbeddedBrokerFactory
{
    public IEmbeddedBroker Create(EmbeddedBrokerSettings settings) => new EmbeddedBroker(settings);
}
