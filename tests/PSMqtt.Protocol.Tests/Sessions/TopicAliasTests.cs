using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Tests.Scripted;

namespace PSMqtt.Protocol.Tests.Sessions;

public sealed class TopicAliasTests : SessionTest
{
    private const MqttQualityOfService QoS0 = MqttQualityOfService.AtMostOnce;
    private const MqttQualityOfService QoS1 = MqttQualityOfService.AtLeastOnce;

    [Fact(DisplayName = "[MQTT-3.3.2-10] received aliases are resolved from 1 to our maximum, can be given another topic, and count for every QoS")]
    public async Task Received()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(MqttProtocolVersion.V500) with { TopicAliasMaximum = 3 });
        Assert.Equal((ushort)3, peer.Connect!.TopicAliasMaximum);
        MqttSubscription subscription = await SubscribeAsync(client, peer, "#");
        await peer.SendAsync(
            new ServerPublish("one", "1") { TopicAlias = 1 },
            new ServerPublish("three", "2", QoS1, 1) { TopicAlias = 3 },
            new ServerPublish("", "3", QoS1, 2) { TopicAlias = 1 },
            new ServerPublish("", "4") { TopicAlias = 3 },
            new ServerPublish("other", "5") { TopicAlias = 1 },
            new ServerPublish("", "6", MqttQualityOfService.ExactlyOnce, 3) { TopicAlias = 1 },
            new ServerPublish("plain", "7"));
        var topics = new List<string>();
        for (int i = 1; i <= 7; i++)
        {
            MqttMessage message = await ReadAsync(subscription);
            Assert.Equal($"{i}", message.Text);
            topics.Add(message.Topic);
        }

        Assert.Equal(["one", "three", "one", "three", "other", "other", "plain"], topics);
    }

    [Theory(DisplayName = "[MQTT-3.3.2-8] [MQTT-3.3.2-11] [MQTT-3.1.2-29] an alias of 0, or beyond our maximum, ends the connection with 0x94")]
    [InlineData(3, 0)]
    [InlineData(3, 4)]
    [InlineData(3, 65_535)]
    public async Task Invalid(int maximum, int alias)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(MqttProtocolVersion.V500) with { TopicAliasMaximum = maximum });
        MqttSubscription subscription = await SubscribeAsync(client, peer, "#");
        await peer.SendAsync(new ServerPublish("a", "x") { TopicAlias = (ushort)alias });
        await peer.ExpectDisconnectAsync(MqttReasonCode.TopicAliasInvalid);
        Assert.Equal(0, subscription.QueuedCount);
    }

    [Fact(DisplayName = "[MQTT-3.1.2-30] where we announce no aliases, any ends the connection with 0x94")]
    public async Task None_announced()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(MqttProtocolVersion.V500) with { TopicAliasMaximum = 0 });
        Assert.Null(peer.Connect!.TopicAliasMaximum);
        await SubscribeAsync(client, peer, "#");
        await peer.SendAsync(new ServerPublish("a", "x") { TopicAlias = 1 });
        await peer.ExpectDisconnectAsync(MqttReasonCode.TopicAliasInvalid);
    }

    [Fact(DisplayName = "[MQTT-3.3.2-7] an alias without a topic is an error: never given one, or only on an earlier connection")]
    public async Task Unknown()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(MqttProtocolVersion.V500);
        MqttSubscription subscription = await SubscribeAsync(client, peer, "#");
        await peer.SendAsync(new ServerPublish("a", "x") { TopicAlias = 2 });
        await ReadAsync(subscription);
        await peer.SendAsync(new ServerPublish("", "y") { TopicAlias = 1 });
        await peer.ExpectDisconnectAsync(MqttReasonCode.ProtocolError);
        peer.Dispose();
        ScriptedPeer second = await Server.AcceptConnectedAsync(new ConnAckPacket { SessionPresent = true });
        await second.SendAsync(new ServerPublish("", "y") { TopicAlias = 2 });
        await second.ExpectDisconnectAsync(MqttReasonCode.ProtocolError);
        Assert.Equal(0, subscription.QueuedCount);
    }

    [Fact(DisplayName = "[MQTT-3.2.2-17] [MQTT-3.3.2-9] sent aliases stay within the server's maximum: first with the topic, then alone; the least recently used is given away")]
    public async Task Sent()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(MqttProtocolVersion.V500, new ConnAckPacket { TopicAliasMaximum = 2 });
        Assert.Equal(("a", 1), await SendAsync(client, peer, "a"));
        Assert.Equal(("", 1), await SendAsync(client, peer, "a"));
        Assert.Equal(("b", 2), await SendAsync(client, peer, "b"));
        Assert.Equal(("", 1), await SendAsync(client, peer, "a"));
        Assert.Equal(("c", 2), await SendAsync(client, peer, "c"));
        Assert.Equal(("", 1), await SendAsync(client, peer, "a"));
        Assert.Equal(("b", 2), await SendAsync(client, peer, "b"));
        Assert.Equal(("", 2), await SendAsync(client, peer, "b"));
        Assert.Equal(("c", 1), await SendAsync(client, peer, "c"));
    }

    [Theory(DisplayName = "[MQTT-3.2.2-18] no aliases are sent where the server allows none, or the options turn them off")]
    [InlineData(0, 64)]
    [InlineData(10, 0)]
    public async Task None_sent(int server, int own)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(
            Options(MqttProtocolVersion.V500) with { OutboundTopicAliasMaximum = own }, new ConnAckPacket { TopicAliasMaximum = (ushort)server });
        Assert.Equal(("a", 0), await SendAsync(client, peer, "a"));
        Assert.Equal(("a", 0), await SendAsync(client, peer, "a"));
    }

    [Fact(DisplayName = "our own bound on sent aliases holds where the server allows more")]
    public async Task Own_bound()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(
            Options(MqttProtocolVersion.V500) with { OutboundTopicAliasMaximum = 1 }, new ConnAckPacket { TopicAliasMaximum = 100 });
        Assert.Equal(("a", 1), await SendAsync(client, peer, "a"));
        Assert.Equal(("b", 1), await SendAsync(client, peer, "b"));
        Assert.Equal(("a", 1), await SendAsync(client, peer, "a"));
    }

    [Fact(DisplayName = "[MQTT-3.3.2-7] sent aliases are forgotten on reconnect: a message that is sent again carries what the new connection knows")]
    public async Task Forgotten_on_reconnect()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(MqttProtocolVersion.V500, new ConnAckPacket { TopicAliasMaximum = 5 });
        await SendAsync(client, peer, "zero");
        Task<MqttPublishResult>[] publishes = [Publish(client, "1", topic: "a"), Publish(client, "2", topic: "a"), Publish(client, "3", topic: "b")];
        Assert.Equal(("a", 2), Seen(await ExpectPublishAsync(peer, "1")));
        Assert.Equal(("", 2), Seen(await ExpectPublishAsync(peer, "2")));
        Assert.Equal(("b", 3), Seen(await ExpectPublishAsync(peer, "3")));

        ScriptedPeer second = await ReconnectAsync(peer, true, new ConnAckPacket { SessionPresent = true, TopicAliasMaximum = 1 });
        Assert.Equal(("a", 1), Seen(await ExpectPublishAsync(second, "1", true)));
        Assert.Equal(("", 1), Seen(await ExpectPublishAsync(second, "2", true)));
        Assert.Equal(("b", 1), Seen(await ExpectPublishAsync(second, "3", true)));

        ScriptedPeer third = await ReconnectAsync(second, sessionPresent: true);
        Assert.Equal(("a", 0), Seen(await ExpectPublishAsync(third, "1", true)));
        Assert.Equal(("a", 0), Seen(await ExpectPublishAsync(third, "2", true)));
        Assert.Equal(("b", 0), Seen(await ExpectPublishAsync(third, "3", true)));
        Assert.All(publishes, p => Assert.False(p.IsCompleted));
    }

    private static async Task<(string Topic, int Alias)> SendAsync(MqttClient client, ScriptedPeer peer, string topic)
    {
        await Soon(Publish(client, "x", QoS0, topic));
        return Seen(await ExpectPublishAsync(peer, "x"));
    }

    private static (string Topic, int Alias) Seen(ReceivedPublish publish) => (publish.Topic, publish.TopicAlias);
}
