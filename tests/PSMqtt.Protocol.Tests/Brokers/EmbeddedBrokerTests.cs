using System.Net;
using System.Net.Sockets;
using System.Text;
using PSMqtt.Protocol.Transports;

namespace PSMqtt.Protocol.Tests.Brokers;

/// <summary>What the embedded broker adds to the library beneath it, seen by a client that is nothing but bytes.</summary>
public sealed class EmbeddedBrokerTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact(DisplayName = "[MQTT-3.3.4-9] the broker has no more QoS 1 messages under way than the client's Receive Maximum allows")]
    public async Task ReceiveMaximumQoS1()
    {
        await using EmbeddedBrokerFixture broker = await EmbeddedBrokerFixture.StartAsync();
        using var receiver = new RawClient(broker.Port);
        receiver.Send(RawClient.Connect("receiver", receiveMaximum: 2));
        Assert.Equal(0x20, receiver.Read()[0]);
        receiver.Send([0x82, 0x07, 0, 9, 0, 0, 1, (byte)'t', 1]);
        Assert.Equal(0x90, receiver.Read()[0]);
        await PublishAsync(broker, "1", "2", "3");

        byte[] first = receiver.Read();
        byte[] second = receiver.Read();
        Assert.Equal("1", PayloadOf(first));
        Assert.Equal("2", PayloadOf(second));

        // All three are at the broker. What comes next answers this ping, so the third was held back.
        receiver.Send([0xC0, 0x00]);
        Assert.Equal([0xD0, 0x00], receiver.Read());

        receiver.Send([0x40, 0x02, first[5], first[6]]);
        Assert.Equal("3", PayloadOf(receiver.Read()));
    }

    [Fact(DisplayName = "[MQTT-4.3.3-10] a QoS 2 message that its sender repeats is handed on once")]
    public async Task RepeatedQoS2()
    {
        await using EmbeddedBrokerFixture broker = await EmbeddedBrokerFixture.StartAsync();
        await using MqttClient receiver = await ConnectAsync(broker);
        MqttSubscription subscription = await receiver.SubscribeAsync("t", MqttQualityOfService.ExactlyOnce, Cancelled);
        using var sender = new RawClient(broker.Port);
        sender.Send(RawClient.Connect("sender"));
        Assert.Equal(0x20, sender.Read()[0]);

        sender.Send(Publish(dup: false, identifier: 7, "once"));
        Assert.Equal([0x50, 7], PacketAndIdentifier(sender.Read()));
        sender.Send(Publish(dup: true, identifier: 7, "once"));
        Assert.Equal([0x50, 7], PacketAndIdentifier(sender.Read()));
        sender.Send([0x62, 0x02, 0, 7]);
        Assert.Equal([0x70, 7], PacketAndIdentifier(sender.Read()));

        // Released, the identifier is free for a new message.
        sender.Send(Publish(dup: false, identifier: 7, "end"));
        Assert.Equal([0x50, 7], PacketAndIdentifier(sender.Read()));

        Assert.Equal("once", (await NextAsync(subscription)).Text);
        Assert.Equal("end", (await NextAsync(subscription)).Text);
    }

    [Fact(DisplayName = "[MQTT-4.3.3-10] a QoS 2 message that is repeated after a reconnect to the session is handed on once")]
    public async Task RepeatedQoS2AfterReconnect()
    {
        await using EmbeddedBrokerFixture broker = await EmbeddedBrokerFixture.StartAsync();
        await using MqttClient receiver = await ConnectAsync(broker);
        MqttSubscription subscription = await receiver.SubscribeAsync("t", MqttQualityOfService.ExactlyOnce, Cancelled);
        using (var sender = new RawClient(broker.Port))
        {
            sender.Send(RawClient.Connect("sender", sessionExpiry: 60));
            Assert.Equal(0x20, sender.Read()[0]);
            sender.Send(Publish(dup: false, identifier: 7, "once"));
            Assert.Equal([0x50, 7], PacketAndIdentifier(sender.Read()));
        }

        using var again = new RawClient(broker.Port);
        again.Send(RawClient.Connect("sender", sessionExpiry: 60, cleanStart: false));
        byte[] connAck = again.Read();
        Assert.Equal(1, connAck[2]);
        again.Send(Publish(dup: true, identifier: 7, "once"));
        Assert.Equal([0x50, 7], PacketAndIdentifier(again.Read()));
        again.Send([0x62, 0x02, 0, 7]);
        Assert.Equal([0x70, 7], PacketAndIdentifier(again.Read()));
        again.Send(Publish(dup: false, identifier: 8, "end"));
        Assert.Equal([0x50, 8], PacketAndIdentifier(again.Read()));

        Assert.Equal("once", (await NextAsync(subscription)).Text);
        Assert.Equal("end", (await NextAsync(subscription)).Text);
    }

    [Fact(DisplayName = "A burst far beyond the library's own limit is kept for a client that does not read, and nothing is dropped")]
    public async Task NothingIsDropped()
    {
        const int Count = 5_000;
        await using EmbeddedBrokerFixture broker = await EmbeddedBrokerFixture.StartAsync();
        using var receiver = new RawClient(broker.Port);
        receiver.Send(RawClient.Connect("receiver"));
        Assert.Equal(0x20, receiver.Read()[0]);
        receiver.Send([0x82, 0x07, 0, 9, 0, 0, 1, (byte)'t', 0]);
        Assert.Equal(0x90, receiver.Read()[0]);

        await PublishAsync(broker, [.. Enumerable.Range(0, Count).Select(number => number.ToString(System.Globalization.CultureInfo.InvariantCulture))]);

        for (int number = 0; number < Count; number++)
        {
            // QoS 0: no packet identifier before the empty properties.
            byte[] packet = receiver.Read();
            Assert.Equal(number.ToString(System.Globalization.CultureInfo.InvariantCulture), Encoding.UTF8.GetString(packet.AsSpan(6)));
        }

        Assert.Equal(0, broker.DroppedCount);
    }

    [Theory(DisplayName = "A message larger than the client takes is not sent to it, and is for its session as if it had been delivered")]
    [InlineData(MqttQualityOfService.AtMostOnce)]
    [InlineData(MqttQualityOfService.AtLeastOnce)]
    [InlineData(MqttQualityOfService.ExactlyOnce)]
    public async Task MaximumPacketSize(MqttQualityOfService qos)
    {
        await using EmbeddedBrokerFixture broker = await EmbeddedBrokerFixture.StartAsync();
        var options = new MqttClientOptions
        {
            Servers = [MqttEndpoint.Parse(broker.Uri)],
            ClientId = "small",
            CleanStart = false,
            SessionExpiry = TimeSpan.FromHours(1),
            PersistentSession = true,
            MaximumPacketSize = 200,
            ReceiveMaximum = 1,
        };
        await using MqttClient sender = await ConnectAsync(broker);
        await using (var receiver = new MqttClient(options))
        {
            await receiver.ConnectAsync(Cancelled);
            MqttSubscription subscription = await receiver.SubscribeAsync("t", qos, Cancelled);
            foreach (string text in new List<string> { "first", new('x', 500), new('y', 500), "last" })
            {
                await sender.PublishAsync(new MqttMessage("t", text) { QoS = qos }, Cancelled);
            }

            Assert.Equal("first", (await NextAsync(subscription)).Text);
            Assert.Equal("last", (await NextAsync(subscription)).Text);
            Assert.Equal(2, broker.DroppedCount);
            await receiver.DisconnectAsync(cancellationToken: Cancelled);
        }

        // Nothing of it is owed to a later connection that would take it.
        await using var later = new MqttClient(options with { MaximumPacketSize = 100_000 });
        await later.ConnectAsync(Cancelled);
        MqttSubscription again = await later.SubscribeAsync("t", qos, Cancelled);
        await sender.PublishAsync(new MqttMessage("t", "end") { QoS = qos }, Cancelled);
        Assert.Equal("end", (await NextAsync(again)).Text);
    }

    [Theory(DisplayName = "The will of a connection that another one of the same client takes over from is published, unless it is to wait for a session that goes on")]
    [InlineData(MqttProtocolVersion.V500, 0, false, true)]
    [InlineData(MqttProtocolVersion.V500, 0, true, true)]
    [InlineData(MqttProtocolVersion.V500, 3600, true, true)]
    [InlineData(MqttProtocolVersion.V500, 3600, false, false)]
    [InlineData(MqttProtocolVersion.V311, 0, false, true)]
    public async Task WillOfATakenOverConnection(MqttProtocolVersion version, int delay, bool cleanStart, bool isPublished)
    {
        await using EmbeddedBrokerFixture broker = await EmbeddedBrokerFixture.StartAsync();
        await using MqttClient watcher = await ConnectAsync(broker);
        MqttSubscription wills = await watcher.SubscribeAsync("will", MqttQualityOfService.AtLeastOnce, Cancelled);
        var options = new MqttClientOptions
        {
            Servers = [MqttEndpoint.Parse(broker.Uri)],
            ProtocolVersion = version,
            ClientId = "same",
            CleanStart = false,
            SessionExpiry = TimeSpan.FromHours(1),
            PersistentSession = true,
            Will = new MqttMessage("will", "gone") { QoS = MqttQualityOfService.AtLeastOnce },
            WillDelay = TimeSpan.FromSeconds(delay),
            Reconnect = new ReconnectPolicy { Enabled = false },
        };
        await using var first = new MqttClient(options);
        await first.ConnectAsync(Cancelled);
        await using var second = new MqttClient(options with { Will = null, WillDelay = TimeSpan.Zero, CleanStart = cleanStart });
        await second.ConnectAsync(Cancelled);
        await second.PublishAsync(new MqttMessage("will", "here") { QoS = MqttQualityOfService.AtLeastOnce }, Cancelled);
        string[] seen = await TakeAsync(wills, isPublished ? 2 : 1);
        Assert.Equal(isPublished ? ["gone", "here"] : ["here"], seen);
    }

    [Fact(DisplayName = "Clients are told (0x8B) when the broker stops")]
    public async Task Stop()
    {
        EmbeddedBrokerFixture broker = await EmbeddedBrokerFixture.StartAsync();
        using var client = new RawClient(broker.Port);
        client.Send(RawClient.Connect("client"));
        Assert.Equal(0x20, client.Read()[0]);

        await broker.DisposeAsync();

        byte[] disconnect = client.Read();
        Assert.Equal([0xE0, 0x8B], [disconnect[0], disconnect[2]]);
        Assert.Empty(client.Read());
    }

    private static byte[] Publish(bool dup, byte identifier, string payload)
    {
        byte[] text = Encoding.UTF8.GetBytes(payload);
        return [(byte)(dup ? 0x3C : 0x34), (byte)(6 + text.Length), 0, 1, (byte)'t', 0, identifier, 0, .. text];
    }

    private static byte[] PacketAndIdentifier(byte[] packet) => [packet[0], packet[3]];

    /// <summary>Topic of one letter, packet identifier, no properties: the payload begins at the ninth byte.</summary>
    private static string PayloadOf(byte[] publish) => Encoding.UTF8.GetString(publish.AsSpan(8));

    private static async Task PublishAsync(EmbeddedBrokerFixture broker, params string[] payloads)
    {
        await using MqttClient client = await ConnectAsync(broker);
        await using MqttPublisher publisher = client.CreatePublisher();
        foreach (string payload in payloads)
        {
            await publisher.PostAsync(new MqttMessage("t", payload, MqttQualityOfService.AtLeastOnce), Cancelled);
        }

        await publisher.FlushAsync(Cancelled);
    }

    private static async Task<MqttClient> ConnectAsync(EmbeddedBrokerFixture broker)
    {
        var client = new MqttClient(new MqttClientOptions { Servers = [MqttEndpoint.Parse(broker.Uri)] });
        await client.ConnectAsync(Cancelled);
        return client;
    }

    /// <summary>The texts of the next messages, in the order of the alphabet.</summary>
    private static async Task<string[]> TakeAsync(MqttSubscription subscription, int count)
    {
        var texts = new string[count];
        for (int i = 0; i < count; i++)
        {
            texts[i] = (await NextAsync(subscription)).Text;
        }

        return [.. texts.Order(StringComparer.Ordinal)];
    }

    private static async Task<MqttMessage> NextAsync(MqttSubscription subscription)
    {
        Assert.True(await subscription.WaitToReadAsync(Cancelled), "The subscription has ended.");
        Assert.True(subscription.TryRead(out MqttMessage? message));
        return message;
    }

    /// <summary>A socket, and packets of at most 127 bytes.</summary>
    private sealed class RawClient : IDisposable
    {
        private readonly TcpClient _client = new() { ReceiveTimeout = 30_000 };

        public RawClient(int port)
        {
            _client.Connect(IPAddress.Loopback, port);
        }

        public static byte[] Connect(string clientId, ushort receiveMaximum = ushort.MaxValue, byte sessionExpiry = 0, bool cleanStart = true)
        {
            byte[] id = Encoding.UTF8.GetBytes(clientId);
            return
            [
                0x10, (byte)(21 + id.Length), 0, 4, (byte)'M', (byte)'Q', (byte)'T', (byte)'T', 5, (byte)(cleanStart ? 2 : 0), 0, 60,
                8, 0x21, (byte)(receiveMaximum >> 8), (byte)receiveMaximum, 0x11, 0, 0, 0, sessionExpiry, 0, (byte)id.Length, .. id,
            ];
        }

        public void Send(ReadOnlySpan<byte> bytes) => _client.GetStream().Write(bytes);

        /// <summary>The next packet; empty when the connection was closed.</summary>
        public byte[] Read()
        {
            NetworkStream stream = _client.GetStream();
            int type = stream.ReadByte();
            if (type < 0)
            {
                return [];
            }

            byte[] packet = new byte[2 + stream.ReadByte()];
            packet[0] = (byte)type;
            packet[1] = (byte)(packet.Length - 2);
            stream.ReadExactly(packet.AsSpan(2));
            return packet;
        }

        public void Dispose() => _client.Dispose();
    }
}
