using System.Buffers.Binary;
using PSMqtt.Protocol.Transports;

namespace PSMqtt.Protocol.Tests.Brokers;

/// <summary>The client with brokers that others have written, over every version of MQTT.</summary>
public sealed class InteroperabilityTests
{
    private const int Many = 10_000;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public static TheoryData<RealBrokerKind, MqttProtocolVersion> BrokersAndVersions => RealBroker.BrokersAndVersions;

    public static IEnumerable<TheoryDataRow<RealBrokerKind, MqttProtocolVersion, MqttQualityOfService>> BrokersVersionsAndQoS =>
        RealBroker.BrokersVersionsAndQoS;

    [Theory(DisplayName = "A message arrives as it was sent")]
    [MemberData(nameof(BrokersVersionsAndQoS))]
    public async Task RoundTrip(RealBrokerKind kind, MqttProtocolVersion version, MqttQualityOfService qos)
    {
        await using IRealBroker broker = await RealBroker.StartAsync(kind);
        await using MqttClient client = await ConnectAsync(broker, version);
        MqttSubscription subscription = await client.SubscribeAsync("plant/+/temperature", qos, Cancelled);

        MqttPublishResult result = await client.PublishAsync(new MqttMessage("plant/line 1/temperature", "21.5 °C", qos), Cancelled);

        MqttMessage message = await NextAsync(subscription);
        Assert.Equal("plant/line 1/temperature", message.Topic);
        Assert.Equal("21.5 °C", message.Text);
        Assert.Equal(qos, message.QoS);
        Assert.False(message.Retain);
        Assert.Equal(version, client.ConnectResult!.ProtocolVersion);
        Assert.Equal(MqttReasonCode.Success, result.ReasonCode);
    }

    [Theory(DisplayName = "10,000 messages arrive complete and in order")]
    [MemberData(nameof(BrokersVersionsAndQoS))]
    public async Task ManyMessages(RealBrokerKind kind, MqttProtocolVersion version, MqttQualityOfService qos)
    {
        await using IRealBroker broker = await RealBroker.StartAsync(kind);
        await using MqttClient receiver = await ConnectAsync(broker, version);
        await using MqttClient sender = await ConnectAsync(broker, version);
        MqttSubscription subscription = await receiver.SubscribeAsync("many", qos, Cancelled);

        Task<List<int>> received = Task.Run(() => ReceiveNumbersAsync(subscription, Many), Cancelled);
        await SendNumbersAsync(sender, "many", qos, Many);

        Assert.Equal(Enumerable.Range(0, Many), await received);
        Assert.Equal(0, receiver.Counters.MessagesDropped);
        Assert.Equal(0, receiver.Counters.Reconnects);
    }

    [Theory(DisplayName = "10,000 messages to oneself, on one connection, arrive complete and in order")]
    [MemberData(nameof(BrokersVersionsAndQoS))]
    public async Task ManyMessagesToOneself(RealBrokerKind kind, MqttProtocolVersion version, MqttQualityOfService qos)
    {
        await using IRealBroker broker = await RealBroker.StartAsync(kind);
        await using MqttClient client = await ConnectAsync(broker, version);
        MqttSubscription subscription = await client.SubscribeAsync("many", qos, Cancelled);

        Task<List<int>> received = Task.Run(() => ReceiveNumbersAsync(subscription, Many), Cancelled);
        await SendNumbersAsync(client, "many", qos, Many);

        Assert.Equal(Enumerable.Range(0, Many), await received);
        Assert.Equal(0, client.Counters.MessagesDropped);
        Assert.Equal(0, client.Counters.Reconnects);
    }

    [Theory(DisplayName = "A subscription that is read late gets everything: what does not fit waits at the broker")]
    [MemberData(nameof(BrokersAndVersions))]
    public async Task ReadLate(RealBrokerKind kind, MqttProtocolVersion version)
    {
        const int Count = 3_000;
        await using IRealBroker broker = await RealBroker.StartAsync(kind);

        await using MqttClient receiver = await ConnectAsync(broker, version);
        await using MqttClient sender = await ConnectAsync(broker, version);
        MqttSubscription subscription = await receiver.SubscribeAsync("late", MqttQualityOfService.AtLeastOnce, Cancelled);

        var lost = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        receiver.Disconnected += (_, end) => lost.TrySetResult($"{end} {end.Error}\n{(broker as MosquittoBroker)?.Log}");

        await SendNumbersAsync(sender, "late", MqttQualityOfService.AtLeastOnce, Count);
        List<int> received = await ReceiveNumbersAsync(subscription, Count);

        Assert.False(lost.Task.IsCompleted, lost.Task.IsCompleted ? await lost.Task : null);
        Assert.Equal(Enumerable.Range(0, Count), received);
    }

    [Theory(DisplayName = "A retained message reaches a later subscriber, and is gone once cleared")]
    [MemberData(nameof(BrokersAndVersions))]
    public async Task Retained(RealBrokerKind kind, MqttProtocolVersion version)
    {
        await using IRealBroker broker = await RealBroker.StartAsync(kind);
        await using MqttClient client = await ConnectAsync(broker, version);
        await client.PublishAsync(new MqttMessage("state/a", "kept", MqttQualityOfService.AtLeastOnce, retain: true), Cancelled);
        await client.PublishAsync(new MqttMessage("state/b", "kept", MqttQualityOfService.AtLeastOnce, retain: true), Cancelled);
        await client.PublishAsync(new MqttMessage("state/a", string.Empty, MqttQualityOfService.AtLeastOnce, retain: true), Cancelled);

        MqttSubscription subscription = await client.SubscribeAsync("state/#", MqttQualityOfService.AtLeastOnce, Cancelled);

        MqttMessage message = await NextAsync(subscription);
        Assert.Equal("state/b", message.Topic);
        Assert.True(message.Retain);
        await client.PublishAsync(new MqttMessage("state/end", "end", MqttQualityOfService.AtLeastOnce), Cancelled);
        Assert.Equal("state/end", (await NextAsync(subscription)).Topic);
    }

    [Theory(DisplayName = "A payload of a mebibyte arrives byte for byte")]
    [MemberData(nameof(BrokersAndVersions))]
    public async Task LargePayload(RealBrokerKind kind, MqttProtocolVersion version)
    {
        byte[] payload = new byte[1 << 20];
        new Random(1).NextBytes(payload);
        await using IRealBroker broker = await RealBroker.StartAsync(kind);
        await using MqttClient client = await ConnectAsync(broker, version);
        MqttSubscription subscription = await client.SubscribeAsync("large", MqttQualityOfService.AtLeastOnce, Cancelled);

        await client.PublishAsync(new MqttMessage("large", payload, MqttQualityOfService.AtLeastOnce), Cancelled);

        Assert.Equal(payload, (await NextAsync(subscription)).Payload);
    }

    [Theory(DisplayName = "The properties of MQTT 5.0 arrive as they were sent")]
    [InlineData(RealBrokerKind.Embedded)]
    [InlineData(RealBrokerKind.Mosquitto)]
    public async Task Properties(RealBrokerKind kind)
    {
        await using IRealBroker broker = await RealBroker.StartAsync(kind);
        await using MqttClient client = await ConnectAsync(broker, MqttProtocolVersion.V500);
        MqttSubscription subscription = await client.SubscribeAsync("properties", MqttQualityOfService.AtLeastOnce, Cancelled);

        await client.PublishAsync(
            new MqttMessage("properties", "{}", MqttQualityOfService.AtLeastOnce)
            {
                ContentType = "application/json",
                ResponseTopic = "answers/here",
                CorrelationData = [1, 2, 3],
                PayloadFormat = MqttPayloadFormat.Utf8,
                UserProperties = [new MqttUserProperty("a", "1"), new MqttUserProperty("a", "2")],
            },
            Cancelled);

        MqttMessage message = await NextAsync(subscription);
        Assert.Equal("application/json", message.ContentType);
        Assert.Equal("answers/here", message.ResponseTopic);
        Assert.Equal([1, 2, 3], message.CorrelationData);
        Assert.Equal(MqttPayloadFormat.Utf8, message.PayloadFormat);
        Assert.Equal([new MqttUserProperty("a", "1"), new MqttUserProperty("a", "2")], message.UserProperties);
    }

    [Theory(DisplayName = "The highest version that the broker speaks is found without being asked for")]
    [InlineData(RealBrokerKind.Embedded)]
    [InlineData(RealBrokerKind.Mosquitto)]
    public async Task Negotiation(RealBrokerKind kind)
    {
        await using IRealBroker broker = await RealBroker.StartAsync(kind);
        await using MqttClient client = await ConnectAsync(broker, version: null);
        Assert.Equal(MqttProtocolVersion.V500, client.ConnectResult!.ProtocolVersion);
    }

    [Fact(DisplayName = "A wrong password is refused as bad credentials, the right one lets in")]
    public async Task Credentials()
    {
        await using EmbeddedBrokerFixture broker = await EmbeddedBrokerFixture.StartAsync("operator", "secret");

        await using var wrong = new MqttClient(Options(broker, MqttProtocolVersion.V500) with { Credential = new MqttCredential("operator", "guess") });
        MqttConnectException refused = await Assert.ThrowsAsync<MqttConnectException>(() => wrong.ConnectAsync(Cancelled));
        Assert.Equal(MqttConnectFailure.BadCredentials, refused.Failure);

        await using var right = new MqttClient(Options(broker, MqttProtocolVersion.V500) with { Credential = new MqttCredential("operator", "secret") });
        await right.ConnectAsync(Cancelled);
        Assert.Equal(MqttConnectionState.Connected, right.State);
    }

    /// <summary>
    /// Receive Maximum is not enforced: mosquitto 2.0.11 sends as many again with the first acknowledgement of a full window, and how slow a consumer has to be
    /// for that, the load of the machine decides.
    /// </summary>
    private static MqttClientOptions Options(IRealBroker broker, MqttProtocolVersion? version) => new()
    {
        EnforceReceiveMaximum = false,
        Servers = [MqttEndpoint.Parse(broker.Uri)],
        ProtocolVersion = version,
        ClientId = $"test-{Guid.NewGuid():N}"[..20],
    };

    private static Task<MqttClient> ConnectAsync(IRealBroker broker, MqttProtocolVersion? version) => ConnectAsync(Options(broker, version));

    private static async Task<MqttClient> ConnectAsync(MqttClientOptions options)
    {
        var client = new MqttClient(options);
        await client.ConnectAsync(Cancelled);
        return client;
    }

    private static async Task SendNumbersAsync(MqttClient client, string topic, MqttQualityOfService qos, int count)
    {
        await using MqttPublisher publisher = client.CreatePublisher();
        for (int number = 0; number < count; number++)
        {
            byte[] payload = new byte[sizeof(int)];
            BinaryPrimitives.WriteInt32BigEndian(payload, number);
            await publisher.PostAsync(new MqttMessage(topic, payload, qos), Cancelled);
        }

        await publisher.FlushAsync(Cancelled);
        Assert.False(publisher.TryTakeOutcome(out MqttPublishOutcome failure), $"A message was not sent: {failure}");
    }

    private static async Task<List<int>> ReceiveNumbersAsync(MqttSubscription subscription, int count)
    {
        var numbers = new List<int>(count);
        while (numbers.Count < count)
        {
            numbers.Add(BinaryPrimitives.ReadInt32BigEndian((await NextAsync(subscription)).Payload));
        }

        return numbers;
    }

    private static async Task<MqttMessage> NextAsync(MqttSubscription subscription)
    {
        Assert.True(await subscription.WaitToReadAsync(Cancelled), "The subscription has ended.");
        Assert.True(subscription.TryRead(out MqttMessage? message));
        return message;
    }
}
