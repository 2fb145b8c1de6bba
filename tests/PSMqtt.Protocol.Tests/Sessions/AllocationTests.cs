using System.Buffers;
using PSMqtt.Protocol.Connections;
using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Sessions;
using PSMqtt.Protocol.Tests.Packets;
using PSMqtt.Protocol.Tests.Scripted;

namespace PSMqtt.Protocol.Tests.Sessions;

/// <summary>What a message costs in the steady state, to the byte, on the thread that handles it.</summary>
public sealed class AllocationTests
{
    private const int Messages = 500;

    /// <summary>The thread pool's queue may grow by itself in a round; not in each of them.</summary>
    private const int Rounds = 20;

    [Theory(DisplayName = "publishing QoS 0 allocates nothing on the publisher's thread")]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Publish_qos_0(bool asObject)
    {
        var transport = new QuietTransport();
        await using MqttClient client = await ConnectAsync(transport);
        var payload = new byte[100];
        var message = new MqttMessage("some/topic", payload);
        long least = long.MaxValue;
        for (int round = 0; round < Rounds; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < Messages; i++)
            {
                ValueTask<MqttPublishResult> publish = asObject ? client.PublishAsync(message) : client.PublishAsync("some/topic", payload);
                Assert.True(publish.IsCompletedSuccessfully);
            }

            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);

            // The next round begins with an empty output buffer.
            for (int sent = 0; sent < Messages;)
            {
                sent += Count(transport.TakeSent());
                await Task.Yield();
            }
        }

        Assert.Equal(0, least);
    }

    // The results are taken later on purpose, and once each: an await would have its own machinery counted.
#pragma warning disable CA2012, xUnit1031
    [Fact(DisplayName = "publishing QoS 1, and taking its result, allocates nothing on the publisher's thread")]
    public async Task Publish_qos_1()
    {
        var transport = new QuietTransport();
        await using MqttClient client = await ConnectAsync(transport);
        var payload = new byte[100];
        var publishes = new ValueTask<MqttPublishResult>[Messages];
        long least = long.MaxValue;
        for (int round = 0; round < Rounds; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < Messages; i++)
            {
                publishes[i] = client.PublishAsync("some/topic", payload, MqttQualityOfService.AtLeastOnce);
            }

            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            int answered = 0;
            while (answered < Messages)
            {
                answered += Answer(transport);
                await Task.Yield();
            }

            while (client.Counters.InFlight > 0)
            {
                await Task.Yield();
            }

            before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < Messages; i++)
            {
                Assert.True(publishes[i].IsCompletedSuccessfully);
                _ = publishes[i].Result;
            }

            least = Math.Min(least, allocated + GC.GetAllocatedBytesForCurrentThread() - before);
        }

        Assert.Equal(0, least);
    }

#pragma warning restore CA2012, xUnit1031

    [Theory(DisplayName = "a received message costs its object and its payload, nothing else, its acknowledgement included")]
    [InlineData(MqttQualityOfService.AtMostOnce, false)]
    [InlineData(MqttQualityOfService.AtMostOnce, true)]
    [InlineData(MqttQualityOfService.AtLeastOnce, true)]
    [InlineData(MqttQualityOfService.ExactlyOnce, true)]
    public async Task Receive(MqttQualityOfService qos, bool withIdentifier)
    {
        var options = new MqttClientOptions { ClientId = "c" };
        await using var client = new MqttClient(options);
        var transport = new QuietTransport();
        (Session session, ConnectionWriter _) = Attach(options, transport);
        var subscription = new MqttSubscription(client, session, [new MqttTopicSubscription("some/+")], new MqttSubscriptionOptions(), "s");
        lock (session.Gate)
        {
            session.Subscriptions.Add(subscription);
        }

        session.Flush();
        Handle(session, Encode(new SubAckPacket { PacketIdentifier = 1, ReasonCodes = [MqttReasonCode.GrantedQoS2] }));
        byte[] publish = Encode(new ServerPublish("some/topic", new byte[40], qos, (ushort)(qos == MqttQualityOfService.AtMostOnce ? 0 : 7))
        {
            Properties = withIdentifier ? new MqttMessageProperties { SubscriptionIdentifiers = [1] } : null,
        });
        byte[] release = Encode(new AcknowledgementPacket(MqttPacketType.PubRel, 7));

        double expected = double.MaxValue;
        double least = double.MaxValue;
        for (int round = 0; round < Rounds; round++)
        {
            expected = Math.Min(expected, Allocated.PerCall(static () => GC.KeepAlive(new MqttMessage("some/topic", new byte[40]))));
            least = Math.Min(least, Allocated.PerCall(() =>
            {
                Handle(session, publish);
                subscription.TryRead(out _);
                if (qos == MqttQualityOfService.ExactlyOnce)
                {
                    Handle(session, release);
                }
            }));
            session.Flush();
            transport.TakeSent();
        }

        Assert.Equal(expected, least);
        Assert.Equal(0, subscription.QueuedCount);
    }

    [Theory(DisplayName = "a publisher's message costs nothing, from its hand-over to the end of its exchange")]
    [InlineData(MqttQualityOfService.AtMostOnce)]
    [InlineData(MqttQualityOfService.AtLeastOnce)]
    [InlineData(MqttQualityOfService.ExactlyOnce)]
    public async Task Publish_to_the_end(MqttQualityOfService qos)
    {
        var transport = new QuietTransport();
        (Session session, ConnectionWriter writer) = Attach(new MqttClientOptions { ClientId = "c" }, transport);
        session.Outbound.Open();
        await using var publisher = new MqttPublisher(session.Outbound, keepResults: false, TimeSpan.FromSeconds(30));
        var message = new MqttMessage("some/topic", new byte[100], qos);
        byte[] pubAck = [0x40, 2, 0, 0];
        byte[] pubRec = [0x50, 2, 0, 0];
        byte[] pubComp = [0x70, 2, 0, 0];

        // One exchange after the other: its identifiers are 1 to 63, in turn.
        byte identifier = 0;
        long least = long.MaxValue;
        for (int round = 0; round < Rounds; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < Messages; i++)
            {
                ValueTask posted = publisher.PostAsync(message);
                Assert.True(posted.IsCompletedSuccessfully);
                identifier = (byte)(identifier == 63 ? 1 : identifier + 1);
                pubAck[3] = pubRec[3] = pubComp[3] = identifier;
                if (qos == MqttQualityOfService.AtLeastOnce)
                {
                    Handle(session, pubAck);
                }
                else if (qos == MqttQualityOfService.ExactlyOnce)
                {
                    Handle(session, pubRec);
                    Handle(session, pubComp);
                }
            }

            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
            Assert.Equal(0, session.StrayAcknowledgements);
            Assert.Equal(0, publisher.Outstanding);

            // The next round begins with an empty output buffer: what one round sends has room in it.
            await writer.WaitUntilIdleAsync();
            transport.TakeSent();
        }

        Assert.Equal(0, least);
    }

    private static (Session Session, ConnectionWriter Writer) Attach(MqttClientOptions options, QuietTransport transport)
    {
        var session = new Session(options);
        var writer = new ConnectionWriter(session.Gate, transport, TimeProvider.System, session.Drained, static _ => { });
        session.Attach(
            writer,
            new MqttConnectResult { ProtocolVersion = MqttProtocolVersion.V500, Server = "s", ClientId = "c" },
            isSessionPresent: false,
            isInherited: false,
            hasSubscriptions: false);
        return (session, writer);
    }

    private static void Handle(Session session, byte[] packet)
    {
        Assert.True(MqttPacketReader.TryReadFrame(packet, int.MaxValue, out MqttFrame frame, out _));
        lock (session.Gate)
        {
            session.Receive(frame);
            session.HandOver();
        }
    }

    private static async Task<MqttClient> ConnectAsync(QuietTransport transport)
    {
        transport.Give(Encode(new ConnAckPacket()));
        var client = new MqttClient(new MqttClientOptions
        {
            ClientId = "c",
            ProtocolVersion = MqttProtocolVersion.V500,
            TransportFactory = transport,
            KeepAlive = TimeSpan.Zero,
        });
        await client.ConnectAsync();
        transport.TakeSent();
        return client;
    }

    /// <summary>Acknowledges the QoS 1 messages that have been sent.</summary>
    private static int Answer(QuietTransport transport)
    {
        ReadOnlySpan<byte> sent = transport.TakeSent();
        var answers = new ArrayBufferWriter<byte>();
        int count = 0;
        while (MqttPacketReader.TryReadFrame(sent, int.MaxValue, out MqttFrame frame, out _))
        {
            new AcknowledgementPacket(MqttPacketType.PubAck, PublishPacket.Read(frame, MqttProtocolVersion.V500).PacketIdentifier)
                .Write(answers, MqttProtocolVersion.V500);
            sent = sent[frame.TotalLength..];
            count++;
        }

        if (count > 0)
        {
            transport.Give(answers.WrittenSpan.ToArray());
        }

        return count;
    }

    private static int Count(ReadOnlySpan<byte> packets)
    {
        int count = 0;
        while (MqttPacketReader.TryReadFrame(packets, int.MaxValue, out MqttFrame frame, out _))
        {
            packets = packets[frame.TotalLength..];
            count++;
        }

        return count;
    }

    private static byte[] Encode(IMqttPacket packet)
    {
        var output = new ArrayBufferWriter<byte>();
        packet.Write(output, MqttProtocolVersion.V500);
        return output.WrittenSpan.ToArray();
    }
}
