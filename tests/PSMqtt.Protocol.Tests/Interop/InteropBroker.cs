namespace PSMqtt.Protocol.Tests.Interop;

/// <summary>The brokers that others have written, and how they are reached.</summary>
public enum InteropBroker
{
    /// <summary>One that runs already: PSMQTT_INTEROP is its URI.</summary>
    Given,

    Mosquitto,

    RabbitMQ,

    RabbitMQWebSocket,

    Aedes,

    AedesWebSocket,
}
