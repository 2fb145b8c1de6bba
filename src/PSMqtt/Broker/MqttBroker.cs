using System.Globalization;
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
public sealed class MqttBroker : IDisposable, IAsyncDisposable
{
    private readonly IEmbeddedBroker _broker;
    private Task? _stopping;

    internal MqttBroker(string name, IEmbeddedBroker broker, Guid runspace)
    {
        Name = name;
        _broker = broker;
        Runspace = runspace;
        Port = broker.Port;
    }

    /// <summary>Its name: unique in the process.</summary>
    public string Name { get; }

    /// <summary>What to connect to: <c>mqtt://127.0.0.1:port</c>. <c>Connect-Mqtt</c> takes it from the pipeline.</summary>
    public string Uri => string.Create(CultureInfo.InvariantCulture, $"mqtt://{Host}:{Port}");

    /// <summary>The address it listens on.</summary>
    public string Host { get; } = "127.0.0.1";

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

    /// <summary>How many messages the broker has dropped because a client did not take them: more than 1,000,000 waited for it.</summary>
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
    public void Dispose() => Task.Run(() => DisposeAsync().AsTask()).GetAwaiter().GetResult();

    /// <summary>Its name and what to connect to.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => $"{Name} ({Uri})";

    private async ValueTask StopAsync(TaskCompletionSource ended)
    {
        try
        {
            await _broker.StopAsync().ConfigureAwait(false);
            await _broker.DisposeAsync().ConfigureAwait(false);
        }
        finally
        {
            ended.SetResult();
        }
    }
}
