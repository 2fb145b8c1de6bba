using System.Globalization;
using System.Text;
using PSMqtt.Protocol;
using PSMqtt.Protocol.Sessions.Files;
using PSMqtt.Protocol.Transports;

namespace PSMqtt.Reliability;

/// <summary>
/// The process that is killed: sends numbered messages, QoS 1 and QoS 2 in turn, and writes the number of each that was accepted. From 0 it sends none, and
/// ends when nothing waits any more.
/// </summary>
internal static class CrashChild
{
    private const int AtOnce = 32;

    public static async Task<int> RunAsync(string directory, int port, int from)
    {
        var store = new FileSessionStore(new FileSessionStoreOptions { Directory = directory });
        await store.OpenAsync(string.Empty, CancellationToken.None);
        await using var client = new MqttClient(new MqttClientOptions
        {
            Servers = [MqttEndpoint.Parse($"mqtt://127.0.0.1:{port}")],
            ProtocolVersion = MqttProtocolVersion.V500,
            ClientId = store.ClientId,
            SessionStore = store,
            PersistentSession = true,
            CleanStart = false,
            SessionExpiry = Timeout.InfiniteTimeSpan,
            OperationTimeout = Timeout.InfiniteTimeSpan,
            Reconnect = new ReconnectPolicy { Delay = TimeSpan.FromMilliseconds(20), DelayMaximum = TimeSpan.FromMilliseconds(100) },
        });
        client.Start();
        await using Stream output = Console.OpenStandardOutput();
        if (from == 0)
        {
            while (client.Counters is not { InFlight: 0, Queued: 0 })
            {
                await Task.Delay(20);
            }

            await client.DisconnectAsync();
            await store.DisposeAsync();
            return 0;
        }

        int next = from;
        await Task.WhenAll(Enumerable.Range(0, AtOnce).Select(async _ =>
        {
            while (true)
            {
                int number = Interlocked.Increment(ref next);
                byte[] text = Encoding.ASCII.GetBytes(number.ToString(CultureInfo.InvariantCulture));
                await client.PublishAsync("crash", text, number % 2 == 0 ? MqttQualityOfService.ExactlyOnce : MqttQualityOfService.AtLeastOnce);

                // One write a line: a pipe takes it whole or not at all.
                byte[] line = [.. text, (byte)'\n'];
                lock (output)
                {
                    output.Write(line);
                    output.Flush();
                }
            }
        }));
        return 1;
    }
}
