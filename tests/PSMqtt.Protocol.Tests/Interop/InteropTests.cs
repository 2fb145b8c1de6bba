using PSMqtt.Protocol.Transports;

namespace PSMqtt.Protocol.Tests.Interop;

/// <summary>
/// The client with brokers that others have written, over every version of MQTT that they speak: what every broker must do. Which brokers:
/// <see cref="InteropBrokers"/>; docs/interop.md says how to start them. What a broker does not do (a QoS) is reported, not hidden.
/// </summary>
public sealed class InteropTests(InteropBrokers brokers, ITestOutputHelper output) : IClassFixture<InteropBrokers>
{
    private const int Many = 1_000;

    public static TheoryData<InteropBroker> Wanted => InteropBrokers.Wanted;

    public static TheoryData<InteropBroker, MqttProtocolVersion> WantedWithVersions => InteropBrokers.WantedWithVersions;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Theory(DisplayName = "A broker that others have written: messages of each QoS come back complete and in order"), MemberData(nameof(WantedWithVersions))]
    public async Task Messages(InteropBroker broker, MqttProtocolVersion version)
    {
        await using MqttClient client = await ConnectAsync(await OptionsAsync(broker, version, "m"));
        string prefix = NewPrefix();
        foreach (MqttQualityOfService qos in Enum.GetValues<MqttQualityOfService>())
        {
            await using MqttSubscription subscription = await client.SubscribeAsync($"{prefix}/{(int)qos}/+", qos, Cancelled);
            if (qos == MqttQualityOfService.ExactlyOnce && broker is InteropBroker.RabbitMQ or InteropBroker.RabbitMQWebSocket)
            {
                // Documented: up to 3.13 it answers a PUBLISH of QoS 2 with PUBACK, which is for QoS 1 alone, and grants QoS 1 at most.
                output.WriteLine($"{broker}, {version}: has no QoS 2.");
                continue;
            }

            await using (MqttPublisher publisher = client.CreatePublisher())
            {
                for (int number = 0; number < Many; number++)
                {
                    await publisher.PostAsync(new MqttMessage($"{prefix}/{(int)qos}/n", $"{number}", qos), Cancelled);
                }

                await publisher.FlushAsync(Cancelled);
                Assert.False(publisher.TryTakeOutcome(out MqttPublishOutcome failure), $"A message was not sent: {failure.Error}");
            }

            MqttQualityOfService? came = null;
            for (int number = 0; number < Many; number++)
            {
                MqttMessage message = await NextAsync(subscription);
                Assert.Equal($"{number}", message.Text);
                came = message.QoS;
            }

            output.WriteLine($"{broker}, {version}: sent with QoS {(int)qos}, came with QoS {(int)came!}.");
        }

        Assert.Equal(0, client.Counters.Reconnects);
    }

    [Theory(DisplayName = "A broker that others have written: a payload of a mebibyte comes back byte for byte"), MemberData(nameof(WantedWithVersions))]
    public async Task LargePayload(InteropBroker broker, MqttProtocolVersion version)
    {
        byte[] payload = new byte[1 << 20];
        new Random(1).NextBytes(payload);
        string topic = NewPrefix();
        await using MqttClient client = await ConnectAsync(await OptionsAsync(broker, version, "l"));
        MqttSubscription subscription = await client.SubscribeAsync(topic, MqttQualityOfService.AtLeastOnce, Cancelled);
        await client.PublishAsync(new MqttMessage(topic, payload, MqttQualityOfService.AtLeastOnce), Cancelled);
        Assert.Equal(payload, (await NextAsync(subscription)).Payload);
    }

    [Theory(DisplayName = "A broker that others have written: a retained message reaches a later subscriber"), MemberData(nameof(WantedWithVersions))]
    public async Task Retained(InteropBroker broker, MqttProtocolVersion version)
    {
        string topic = NewPrefix();
        await using MqttClient client = await ConnectAsync(await OptionsAsync(broker, version, "r"));

        // Some acknowledge a message before they have handed it on: whoever subscribes between gets it as one that is not retained.
        MqttSubscription present = await client.SubscribeAsync(topic, MqttQualityOfService.AtLeastOnce, Cancelled);
        await client.PublishAsync(new MqttMessage(topic, "kept", MqttQualityOfService.AtLeastOnce, retain: true), Cancelled);
        MqttMessage live = await NextAsync(present);
        Assert.Equal(("kept", false), (live.Text, live.Retain));

        await using (MqttClient later = await ConnectAsync(await OptionsAsync(broker, version, "q")))
        {
            MqttSubscription subscription = await later.SubscribeAsync(topic, MqttQualityOfService.AtLeastOnce, Cancelled);
            MqttMessage message = await NextAsync(subscription);
            Assert.Equal(("kept", true), (message.Text, message.Retain));
        }

        await client.PublishAsync(new MqttMessage(topic, string.Empty, MqttQualityOfService.AtLeastOnce, retain: true), Cancelled);
    }

    [Theory(DisplayName = "A broker that others have written: the will of a client that goes without a word is published"), MemberData(nameof(WantedWithVersions))]
    public async Task Will(InteropBroker broker, MqttProtocolVersion version)
    {
        string topic = NewPrefix();
        await using MqttClient client = await ConnectAsync(await OptionsAsync(broker, version, "a"));
        MqttSubscription subscription = await client.SubscribeAsync(topic, MqttQualityOfService.AtLeastOnce, Cancelled);
        await using MqttClient dying = await ConnectAsync(await OptionsAsync(broker, version, "w") with
        {
            Will = new MqttMessage(topic, "gone", MqttQualityOfService.AtLeastOnce),
        });
        await dying.DisconnectAsync(new MqttDisconnectOptions { ReasonCode = MqttReasonCode.DisconnectWithWillMessage }, Cancelled);
        Assert.Equal("gone", (await NextAsync(subscription)).Text);
    }

    [Theory(DisplayName = "A broker that others have written: what comes while a persistent session is away is there afterwards"), MemberData(nameof(WantedWithVersions))]
    public async Task Session(InteropBroker broker, MqttProtocolVersion version)
    {
        string topic = NewPrefix();
        MqttClientOptions options = await OptionsAsync(broker, version, "s") with { PersistentSession = true, CleanStart = false };
        await using (MqttClient first = await ConnectAsync(options))
        {
            Assert.False(first.ConnectResult!.SessionPresent);
            await first.SubscribeAsync(topic, MqttQualityOfService.AtLeastOnce, Cancelled);
            await first.DisconnectAsync(cancellationToken: Cancelled);
        }

        await using (MqttClient other = await ConnectAsync(await OptionsAsync(broker, version, "o")))
        {
            await other.PublishAsync(new MqttMessage(topic, "meanwhile", MqttQualityOfService.AtLeastOnce), Cancelled);
        }

        await using MqttClient second = await ConnectAsync(options);

        // MQTT 3.1 has no field for it.
        Assert.Equal(version != MqttProtocolVersion.V310, second.ConnectResult!.SessionPresent);
        MqttSubscription subscription = await second.SubscribeAsync(topic, MqttQualityOfService.AtLeastOnce, Cancelled);
        Assert.Equal("meanwhile", (await NextAsync(subscription)).Text);
        await second.DisconnectAsync(new MqttDisconnectOptions { Discard = true }, Cancelled);
    }

    [Theory(DisplayName = "A broker that others have written: the highest version that it speaks is found without being asked for"), MemberData(nameof(Wanted))]
    public async Task Negotiation(InteropBroker broker)
    {
        await using MqttClient client = await ConnectAsync(await OptionsAsync(broker, null, "n"));
        output.WriteLine($"{broker}: {client.ConnectResult}");
        Assert.Contains(client.ConnectResult!.ProtocolVersion, broker == InteropBroker.Given ? InteropBrokers.VersionsOf(broker) : InteropBrokers.VersionsOf(broker)[..1]);
    }

    private static string NewPrefix() => $"psmqtt/{Guid.NewGuid():N}";

    private async Task<MqttClientOptions> OptionsAsync(InteropBroker broker, MqttProtocolVersion? version, string role) => new()
    {
        Servers = [await brokers.StartAsync(broker)],
        ProtocolVersion = version,
        ClientId = $"psmqtt{role}{Random.Shared.Next():x8}",
    };

    private static async Task<MqttClient> ConnectAsync(MqttClientOptions options)
    {
        var client = new MqttClient(options);
        try
        {
            await client.ConnectAsync(Cancelled);
            return client;
        }
        catch (MqttConnectException e) when (e.Failure == MqttConnectFailure.UnsupportedVersion)
        {
            // Only of a broker that was given nobody knows before which versions it speaks.
            Assert.Skip($"The broker does not speak this version. {e.Message}");
            throw;
        }
    }

    private static async Task<MqttMessage> NextAsync(MqttSubscription subscription)
    {
        Assert.True(
            await subscription.WaitToReadAsync(Cancelled).AsTask().WaitAsync(TimeSpan.FromSeconds(60), Cancelled), $"The subscription has ended: {subscription.EndReason}");
        Assert.True(subscription.TryRead(out MqttMessage? message));
        return message;
    }
}
