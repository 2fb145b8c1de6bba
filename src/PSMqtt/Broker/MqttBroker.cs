using System.Globalization;
using System.Security.Cryptography.X509Certificates;
using PSMqtt.Broker;

namespace PSMqtt;

/// <summary>Whether an embedded broker can be connected to.</summary>
public enum MqttBrokerState
{
    /// <summary>It listens.</summary>
    Running,

    /// <summary>It has been stopped, and cannot be started again.</summary>
    Stopped,
}

/// <summary>
/// A broker inside this process, on the loopback interface: what <c>Start-MqttBroker</c> writes. Its messages, sessions and retained messages are in
/// memory, and gone when it stops.
/// </summary>
public sealed partial class MqttBroker : IDisposable, IAsyncDisposable
{
    private readonly IEmbeddedBroker _broker;
    private readonly BrokerFaults _faults;
    private Task? _stopping;

    internal MqttBroker(string name, IEmbeddedBroker broker, EmbeddedBrokerSettings settings, Guid runspace)
    {
        Name = name;
        _broker = broker;
        _faults = settings.Faults;
        Runspace = runspace;
        Port = broker.Port;
        if (settings.Certificate is { Certificate: var certificate })
        {
            Certificate = new X509Certificate2(certificate.RawData);

            // A name that the certificate is for, so that it can be verified.
            Host = !certificate.MatchesHostname(Host) && certificate.MatchesHostname("localhost") ? "localhost" : Host;
        }
    }

    /// <summary>Its name: unique in the process.</summary>
    public string Name { get; }

    /// <summary>
    /// What to connect to: <c>mqtt://127.0.0.1:port</c>, with TLS <c>mqtts://127.0.0.1:port</c>. <c>Connect-Mqtt</c> takes it from the pipeline.
    /// </summary>
    public string Uri => string.Create(CultureInfo.InvariantCulture, $"{(Certificate is null ? "mqtt" : "mqtts")}://{Host}:{Port}");

    /// <summary>The address it listens on, or <c>localhost</c> where its certificate is for that name.</summary>
    public string Host { get; } = "127.0.0.1";

    /// <summary>
    /// The certificate that it shows its clients, without its key; <see langword="null"/>: it speaks no TLS. Where it has made one itself, it is
    /// also what to trust: <c>Connect-Mqtt $broker.Uri -CACertificate $broker.Certificate</c>.
    /// </summary>
    public X509Certificate2? Certificate { get; }

    /// <summary>The port it listens on.</summary>
    public int Port { get; }

    /// <summary>Whether it can be connected to.</summary>
    public MqttBrokerState State => Volatile.Read(ref _stopping) is null ? MqttBrokerState.Running : MqttBrokerState.Stopped;

    /// <summary>The clients that are connected now.</summary>
    public IReadOnlyList<MqttBrokerClient> Clients => State == MqttBrokerState.Running ? _broker.Clients : [];

    /// <summary>How many clients are connected now.</summary>
    public int ClientCount => Clients.Count;

    /// <summary>How many messages clients have published.</summary>
    public long PublishedCount => _broker.PublishedCount;

    /// <summary>
    /// How many messages the broker has dropped because a client did not take them: more than 1,000,000 waited for it, or the message was larger than
    /// the client's Maximum Packet Size.
    /// </summary>
    public long DroppedCount => _broker.DroppedCount;

    /// <summary>The runspace that started it: it ends with it.</summary>
    internal Guid Runspace { get; }

    /// <summary>Tells the clients, closes their connections and stops listening. A second call waits for the first.</summary>
    /// <returns>When it has stopped.</returns>
    public ValueTask DisposeAsync()
    {
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        if (Interlocked.CompareExchange(ref _stopping, ended.Task, null) is { } stopping)
        {
            return new ValueTask(stopping);
        }

        BrokerTable.Remove(this);
        return StopAsync(ended);
    }

    /// <summary>Stops it, and waits until it has stopped.</summary>
    // Called by scripts and by using: there is no cmdlet whose wait could serve, and it runs on the pool, so that nothing waits for this thread.
    public void Dispose() => Task.Run(() => DisposeAsync().AsTask()).GetAwaiter().GetResult();

    /// <summary>Its name and what to connect to.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => $"{Name} ({Uri})";

    private async ValueTask StopAsync(TaskCompletionSource ended)
    {
        try
        {
            _faults.Clear();
            await _broker.StopAsync().ConfigureAwait(false);
            await _broker.DisposeAsync().ConfigureAwait(false);
        }
        finally
        {
            ended.SetResult();
        }
    }
}
