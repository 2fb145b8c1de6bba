using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using PSMqtt.Protocol.Tests.Brokers;
using PSMqtt.Protocol.Transports;

namespace PSMqtt.Protocol.Tests.Chaos;

/// <summary>
/// Two clients and a real broker over a bad network, both ways at once. PSMQTT_CHAOS_MESSAGES and PSMQTT_CHAOS_CUTS make it longer (messages a direction
/// and QoS, and cuts a client); PSMQTT_CHAOS_SEED repeats the network's moods of a run.
/// </summary>
public sealed class ChaosTests(ITestOutputHelper output)
{
    private static readonly int s_messages = Setting("PSMQTT_CHAOS_MESSAGES", 10_000);
    private static readonly int s_cuts = Setting("PSMQTT_CHAOS_CUTS", 110);

    [Theory(DisplayName = "[MQTT-4.3.2-3] [MQTT-4.3.3-10] [MQTT-4.4.0-1] over a network that is cut again and again, QoS 1 arrives and QoS 2 arrives once, in order")]
    [InlineData(MqttProtocolVersion.V500)]
    [InlineData(MqttProtocolVersion.V311)]
    public async Task Over_a_network_that_is_cut_everything_arrives(MqttProtocolVersion version)
    {
        Assert.SkipUnless(MosquittoBroker.IsInstalled, "mosquitto is not installed (on Debian and Ubuntu: apt-get install mosquitto).");
        var clock = Stopwatch.StartNew();
        int seed = Setting("PSMQTT_CHAOS_SEED", Random.Shared.Next());
        output.WriteLine($"To repeat it: PSMQTT_CHAOS_SEED={seed}.");
        await using MosquittoBroker broker = await MosquittoBroker.StartAsync(
            "max_inflight_messages 1000", "log_type none", "log_type error", "log_type warning", "log_type notice", "log_type information");

        // The default keep-alive notices a silent line after a minute and a half: here the line gives way before that.
        TimeSpan silence = version == MqttProtocolVersion.V500 ? TimeSpan.FromSeconds(1) : Timeout.InfiniteTimeSpan;
        await using var northLine = new ChaosProxy(broker.Port, seed, s_cuts, silenceLimit: 2) { LongestSilence = silence };
        await using var southLine = new ChaosProxy(broker.Port, unchecked(seed + 1), s_cuts, silenceLimit: 2) { LongestSilence = silence };
        await using MqttClient north = MakeClient("north", northLine, version);
        await using MqttClient south = MakeClient("south", southLine, version);
        Assert.Equal(version == MqttProtocolVersion.V500 ? (true, 60, 30) : (true, 1, -0.001),
            (north.Options.EnforceReceiveMaximum, north.Options.KeepAlive.TotalSeconds, north.Options.OperationTimeout.TotalSeconds));
        Dictionary<string, int> ends = CountEnds(north, south);
        await north.ConnectAsync(TestContext.Current.CancellationToken);
        await south.ConnectAsync(TestContext.Current.CancellationToken);
        Arrivals[] arriving =
        [
            await ReceiveAsync(north, "south/1", MqttQualityOfService.AtLeastOnce),
            await ReceiveAsync(north, "south/2", MqttQualityOfService.ExactlyOnce),
            await ReceiveAsync(south, "north/1", MqttQualityOfService.AtLeastOnce),
            await ReceiveAsync(south, "north/2", MqttQualityOfService.ExactlyOnce),
        ];

        northLine.Begin();
        southLine.Begin();
        Task[] sending =
        [
            SendAsync(north, "north/1", MqttQualityOfService.AtLeastOnce, arriving[2].Window),
            SendAsync(north, "north/2", MqttQualityOfService.ExactlyOnce, arriving[3].Window),
            SendAsync(south, "south/1", MqttQualityOfService.AtLeastOnce, arriving[0].Window),
            SendAsync(south, "south/2", MqttQualityOfService.ExactlyOnce, arriving[1].Window),
        ];
        try
        {
            await Task.WhenAll(sending).WaitAsync(TimeSpan.FromSeconds(Setting("PSMQTT_CHAOS_SECONDS", 300)), TestContext.Current.CancellationToken);
            await Task.WhenAll(arriving.Select(a => a.Complete)).WaitAsync(TimeSpan.FromSeconds(Setting("PSMQTT_CHAOS_SECONDS", 300)), TestContext.Current.CancellationToken);
        }
        finally
        {
            output.WriteLine(
                $"{northLine.Cuts} + {southLine.Cuts} cuts ({northLine.Silences} + {southLine.Silences} of them silences), "
                + $"{north.Counters.Reconnects} + {south.Counters.Reconnects} reconnects, {clock.Elapsed.TotalSeconds:F1} s.");
            lock (ends)
            {
                output.WriteLine(string.Concat(ends.Select(end => $"{end.Value} x {end.Key}{Environment.NewLine}")));
            }

            output.WriteLine($"north: {north.Counters}, {north.State}, {north.LastError?.Message}");
            output.WriteLine($"south: {south.Counters}, {south.State}, {south.LastError?.Message}");
        }

        output.WriteLine($"Repetitions of QoS 1: {arriving[0].Repeated} + {arriving[2].Repeated}.");
        Assert.Equal((0, 0), (arriving[1].Repeated, arriving[3].Repeated));
        Assert.InRange(northLine.Cuts + southLine.Cuts, 2 * s_cuts, int.MaxValue);
        Assert.Equal((0, 0), (north.Counters.InFlight, south.Counters.InFlight));
    }

    /// <summary>
    /// On 5.0 with the defaults: nothing but the delays between attempts is shorter, so that 220 of them do not take an hour. On 3.1.1 with a persistent
    /// session, and a keep-alive that notices by itself that the line has gone silent.
    /// </summary>
    private static MqttClient MakeClient(string clientId, ChaosProxy line, MqttProtocolVersion version)
    {
        var defaults = new MqttClientOptions
        {
            Servers = [MqttEndpoint.Parse($"mqtt://127.0.0.1:{line.Port}")],
            ClientId = clientId,
            Reconnect = new ReconnectPolicy { Delay = TimeSpan.FromMilliseconds(1), DelayMaximum = TimeSpan.FromMilliseconds(20) },
        };
        return new MqttClient(version == MqttProtocolVersion.V500 ? defaults : defaults with
        {
            ProtocolVersion = version,
            PersistentSession = true,
            KeepAlive = TimeSpan.FromSeconds(1),
            OperationTimeout = Timeout.InfiniteTimeSpan,
        });
    }

    /// <summary>Why connections ended, and how often.</summary>
    private static Dictionary<string, int> CountEnds(params MqttClient[] clients)
    {
        var ends = new Dictionary<string, int>();
        foreach (MqttClient client in clients)
        {
            client.Disconnected += (_, end) =>
            {
                string why = end.Error?.Message ?? end.Explanation;
                lock (ends)
                {
                    ends[why] = ends.GetValueOrDefault(why) + 1;
                }
            };
        }

        return ends;
    }

    private static async Task SendAsync(MqttClient client, string topic, MqttQualityOfService qos, SemaphoreSlim window)
    {
        await using MqttPublisher publisher = client.CreatePublisher();
        for (int number = 0; number < s_messages; number++)
        {
            await window.WaitAsync(TestContext.Current.CancellationToken);
            var payload = new byte[4];
            BinaryPrimitives.WriteInt32BigEndian(payload, number);
            await publisher.PostAsync(new MqttMessage(topic, payload, qos), TestContext.Current.CancellationToken);
        }

        await publisher.FlushAsync(TestContext.Current.CancellationToken);
        Assert.False(publisher.TryTakeOutcome(out MqttPublishOutcome failure), $"A message was not sent: {failure}");
    }

    private static async Task<Arrivals> ReceiveAsync(MqttClient client, string topic, MqttQualityOfService qos)
    {
        var arrivals = new Arrivals(topic, s_messages);
        MqttSubscription subscription = await client.SubscribeAsync(topic, qos, TestContext.Current.CancellationToken);
        _ = arrivals.TakeAsync(subscription);
        return arrivals;
    }

    private static int Setting(string name, int value) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : value;
}
