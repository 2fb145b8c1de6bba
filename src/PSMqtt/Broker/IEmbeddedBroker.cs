using System.Runtime.CompilerServices;
using PSMqtt.Protocol;
using PSMqtt.Protocol.Transports;

[assembly: InternalsVisibleTo("PSMqtt.Broker")]

namespace PSMqtt.Broker;

/// <summary>
/// A broker inside this process. What implements it lives in an assembly of its own, in a load context of its own, with the library it is made of:
/// this interface is all that the module knows of it.
/// </summary>
internal interface IEmbeddedBroker : IAsyncDisposable
{
    /// <summary>The port it listens on. Known once it has started.</summary>
    int Port { get; }

    /// <summary>The clients that are connected.</summary>
    IReadOnlyList<MqttBrokerClient> Clients { get; }

    /// <summary>How many messages clients have published.</summary>
    long PublishedCount { get; }

    /// <summary>How many messages were dropped because a client did not take them fast enough, or takes none so large.</summary>
    long DroppedCount { get; }

    /// <summary>Starts listening.</summary>
    /// <exception cref="System.Net.Sockets.SocketException">The port cannot be had.</exception>
    Task StartAsync();

    /// <summary>Ends the connections of clients without a word.</summary>
    /// <returns>How many there were.</returns>
    int CutOff(IReadOnlyCollection<string> clientIds);

    /// <summary>Ends the connections of clients with a DISCONNECT (5.0).</summary>
    Task DisconnectAsync(IReadOnlyCollection<string> clientIds, MqttReasonCode reason);

    /// <summary>Tells the clients, closes their connections and stops listening.</summary>
    Task StopAsync();
}

/// <summary>What makes embedded brokers. The assembly that has them has one public-constructor implementation of this, named EmbeddedBrokerFactory.</summary>
internal interface IEmbeddedBrokerFactory
{
    IEmbeddedBroker Create(EmbeddedBrokerSettings settings);
}

/// <summary>How an embedded broker is to be.</summary>
/// <param name="Port">The port, or 0: any free one.</param>
/// <param name="UserName">The user name that clients must give; null: any, or none.</param>
/// <param name="Password">The password that goes with it.</param>
/// <param name="Certificate">What it shows its clients, with its key, and those above it; null: it speaks no TLS.</param>
/// <param name="Faults">What it does wrong.</param>
internal sealed record EmbeddedBrokerSettings(int Port, string? UserName, byte[]? Password, MqttClientCertificate? Certificate, BrokerFaults Faults);
