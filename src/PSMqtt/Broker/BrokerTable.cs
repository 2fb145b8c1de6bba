using System.Collections.Concurrent;
using System.Globalization;
using System.Management.Automation.Runspaces;
using PSMqtt.Dependencies;

namespace PSMqtt.Broker;

/// <summary>The embedded brokers that run in this process.</summary>
internal static class BrokerTable
{
    private static readonly ConcurrentDictionary<string, MqttBroker> s_brokers = new(StringComparer.OrdinalIgnoreCase);
    private static readonly ConcurrentDictionary<Guid, bool> s_watched = new();

    private static readonly Lazy<IEmbeddedBrokerFactory> s_factory = new(
        static () => DependencyLoadContext.Create<IEmbeddedBrokerFactory>("PSMqtt.Broker", "PSMqtt.Broker.EmbeddedBrokerFactory"));

    /// <summary>Those that run now, by name.</summary>
    public static IEnumerable<MqttBroker> All => s_brokers.Values.OrderBy(broker => broker.Name, StringComparer.OrdinalIgnoreCase);

    /// <summary>Starts a broker.</summary>
    /// <param name="name">Its name; null: the first of Broker1, Broker2, ... that is free.</param>
    /// <param name="settings">How it is to be.</param>
    /// <param name="runspace">The runspace it belongs to, and ends with.</param>
    /// <exception cref="ArgumentException">The name is taken.</exception>
    public static async Task<MqttBroker> StartAsync(string? name, EmbeddedBrokerSettings settings, Runspace? runspace)
    {
        ThrowIfTaken(name);
        IEmbeddedBroker embedded = s_factory.Value.Create(settings);
        try
        {
            await embedded.StartAsync().ConfigureAwait(false);
        }
        catch
        {
            await embedded.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        for (int number = 1; ; number++)
        {
            var broker = new MqttBroker(
                name ?? string.Create(CultureInfo.InvariantCulture, $"Broker{number}"), embedded, settings, runspace?.InstanceId ?? Guid.Empty);
            if (s_brokers.TryAdd(broker.Name, broker))
            {
                Watch(runspace);
                return broker;
            }

            if (name is not null)
            {
                await embedded.StopAsync().ConfigureAwait(false);
                await embedded.DisposeAsync().ConfigureAwait(false);
                ThrowIfTaken(name);
            }
        }
    }

    /// <summary>
    /// Stops the brokers that the current runspace has started, and waits until they have stopped: for when the module is removed from it.
    /// </summary>
    public static void StopAll() => StopAll(Runspace.DefaultRunspace?.InstanceId ?? Guid.Empty);

    /// <summary>Forgets a broker that is being stopped.</summary>
    public static void Remove(MqttBroker broker) => s_brokers.TryRemove(new KeyValuePair<string, MqttBroker>(broker.Name, broker));

    private static void StopAll(Guid runspace)
    {
        foreach (MqttBroker broker in s_brokers.Values.Where(broker => broker.Runspace == runspace))
        {
            broker.Dispose();
        }
    }

    private static void ThrowIfTaken(string? name)
    {
        if (name is not null && s_brokers.ContainsKey(name))
        {
            throw new ArgumentException($"There is a broker named '{name}' already.", nameof(name));
        }
    }

    /// <summary>A runspace that is closed takes its brokers with it.</summary>
    private static void Watch(Runspace? runspace)
    {
        if (runspace is null || !s_watched.TryAdd(runspace.InstanceId, true))
        {
            return;
        }

        runspace.StateChanged += (sender, change) =>
        {
            if (change.RunspaceStateInfo.State is RunspaceState.Closed or RunspaceState.Broken)
            {
                var closed = (Runspace)sender!;
                s_watched.TryRemove(closed.InstanceId, out _);
                StopAll(closed.InstanceId);
            }
        };
    }
}
