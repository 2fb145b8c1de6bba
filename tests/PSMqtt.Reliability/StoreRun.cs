using System.Diagnostics;
using PSMqtt.Protocol;
using PSMqtt.Protocol.Sessions;
using PSMqtt.Protocol.Sessions.Files;
using PSMqtt.Protocol.Transports;

namespace PSMqtt.Reliability;

/// <summary>Measures what a session on disk costs: messages of 100 bytes with QoS 1 to a server on loopback, pipelined.</summary>
internal static class StoreRun
{
    public static async Task<int> RunAsync(int messages)
    {
        await using var peer = new Peer();
        peer.Start();
        await MeasureAsync("no store", peer.Port, messages, null);
        await MeasureAsync("no store", peer.Port, messages, null);
        foreach (SessionDurability durability in (SessionDurability[])[SessionDurability.Write, SessionDurability.Flush])
        {
            string directory = Path.Combine(Path.GetTempPath(), $"psmqtt-rate-{Guid.NewGuid():N}");
            var store = new FileSessionStore(new FileSessionStoreOptions { Directory = directory, Durability = durability });
            await MeasureAsync(durability.ToString(), peer.Port, messages, store);
            Console.WriteLine($"store: {store.Flushes} flushes, {store.Compactions} times written anew.");
            await store.DisposeAsync();
            Directory.Delete(directory, recursive: true);
        }

        return 0;
    }

    private static async Task MeasureAsync(string name, int port, int messages, ISessionStore? store)
    {
        await using var client = new MqttClient(new MqttClientOptions
        {
            Servers = [MqttEndpoint.Parse($"mqtt://127.0.0.1:{port}")],
            ProtocolVersion = MqttProtocolVersion.V500,
            ClientId = $"store-{name}",
            SessionStore = store,
        });
        await client.ConnectAsync();
        await using MqttPublisher publisher = client.CreatePublisher();
        byte[] payload = new byte[100];
        var clock = Stopwatch.StartNew();
        for (int i = 0; i < messages; i++)
        {
            await publisher.PostAsync(new MqttMessage("store", payload, MqttQualityOfService.AtLeastOnce));
        }

        await publisher.FlushAsync();
        double pipelined = messages / clock.Elapsed.TotalSeconds;
        clock.Restart();
        for (int i = 0; i < 300; i++)
        {
            await client.PublishAsync("store", payload, MqttQualityOfService.AtLeastOnce);
        }

        Console.WriteLine($"store: {name}: {pipelined:0} messages/s pipelined; one after the other {clock.Elapsed.TotalMilliseconds / 300:0.000} ms each.");
        await client.DisconnectAsync();
    }
}
