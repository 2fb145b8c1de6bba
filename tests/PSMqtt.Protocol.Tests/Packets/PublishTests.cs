using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Tests.Scripted;
using static PSMqtt.Protocol.Tests.Packets.PacketBytes;

namespace PSMqtt.Protocol.Tests.Packets;

/// <summary>The way of every message: PUBLISH written and read, topics, and what that allocates.</summary>
public sealed class PublishTests
{
    private const MqttProtocolVersion V311 = MqttProtocolVersion.V311;
    private const MqttProtocolVersion V500 = MqttProtocolVersion.V500;

    public static TheoryData<string> Publishes => new(PacketExamples.All.Where(example => example.Packet is ServerPublish).Select(e => e.ToString()));

    /// <summary>What a client writes: header by <see cref="PublishWriter"/>, then the payload.</summary>
    internal static byte[] Write(ServerPublish publish, MqttProtocolVersion version)
    {
        ushort alias = publish.TopicAlias ?? 0;
        int size = PublishWriter.GetHeaderSize(
            publish.Topic, alias, publish.QoS, publish.Properties, publish.Payload.Length, version, out int topicBytes, out int propertyLength);
        var bytes = new byte[size + publish.Payload.Length];
        int written = PublishWriter.WriteHeader(
            bytes.AsSpan(0, size), publish.Topic, topicBytes, alias, publish.PacketIdentifier, publish.QoS, publish.Retain, publish.Duplicate,
            publish.Properties, propertyLength, publish.Payload.Length, version);
        Assert.Equal(size, written);
        publish.Payload.CopyTo(bytes, size);
        return bytes;
    }

    [Theory]
    [MemberData(nameof(Publishes))]
    public void The_writer_writes_the_bytes_of_the_specification(string name)
    {
        PacketExample example = PacketExamples.Get(name);
        var publish = (ServerPublish)example.Packet;

        // A client does not send subscription identifiers; the rest is the same.
        ServerPublish sent = publish.Properties is null
            ? publish
            : publish with { Properties = publish.Properties with { SubscriptionIdentifiers = [] } };
        Assert.Equal(Convert.ToHexString(Encode(sent, example.Version)), Convert.ToHexString(Write(publish, example.Version)));
    }

    [Fact]
    public void Messages_of_every_length_around_the_borders_of_the_remaining_length_come_back()
    {
        foreach (int border in (int[])[0, 128, 16_384, 2_097_152])
        {
            for (int length = Math.Max(0, border - 12); length <= border + 2; length++)
            {
                var publish = new ServerPublish("ü/€/😀", new byte[length], MqttQualityOfService.AtLeastOnce, 77) { TopicAlias = 3 };
                var received = (ReceivedPublish)Decode(Write(publish, V500), V500);
                Assert.Equal((publish.Topic, length, 77, 3), (received.Topic, received.Payload.Length, received.PacketIdentifier, received.TopicAlias));
                Assert.Equal(length, ((ReceivedPublish)Decode(Write(publish, V311), V311)).Payload.Length);
            }
        }
    }

    [Fact]
    public void A_message_fills_a_packet_to_the_last_byte_and_not_further()
    {
        const int Room = 268_435_455 - 2 - 1;
        Assert.Equal(8, PublishWriter.GetHeaderSize("t", 0, MqttQualityOfService.AtMostOnce, null, Room, V311, out _, out _));
        var exception = Assert.Throws<ArgumentException>(
            () => PublishWriter.GetHeaderSize("t", 0, MqttQualityOfService.AtMostOnce, null, Room + 1, V311, out _, out _));
        Assert.Contains("several messages", exception.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => PublishWriter.GetHeaderSize("t", 0, MqttQualityOfService.AtMostOnce, null, Room, V500, out _, out _));
        Assert.Throws<ArgumentException>(
            () => PublishWriter.GetHeaderSize("t", 0, MqttQualityOfService.AtMostOnce, null, int.MaxValue, V500, out _, out _));
    }

    [Fact]
    public void A_topic_or_a_property_that_is_too_long_is_the_senders_fault()
    {
        Assert.Throws<ArgumentException>(() => HeaderSize(PacketExamples.TextOf(65_536), null));
        Assert.Throws<ArgumentException>(() => HeaderSize(new string('ü', 32_768), null));
        Assert.Equal(1 + 3 + 2 + 65_534 + 1, HeaderSize(new string('ü', 32_767), null));
        MqttMessageProperties[] wrong =
        [
            new() { ContentType = PacketExamples.TextOf(65_536) },
            new() { ResponseTopic = "a\0" },
            new() { CorrelationData = new byte[65_536] },
            new() { UserProperties = [new("a", "\uD800")] },
        ];
        Assert.All(wrong, properties => Assert.Throws<ArgumentException>(() => HeaderSize("t", properties)));
    }

    [Fact]
    public void The_view_shows_where_its_fields_are()
    {
        byte[] bytes = Hex("3D 11 0003 612F62 0102 05 23 0009 0B 05 68656C6C");
        Assert.True(MqttPacketReader.TryReadFrame([.. bytes, 0, 0], int.MaxValue, out MqttFrame frame, out _));
        PublishPacket packet = PublishPacket.Read(frame, V500);
        Assert.Equal("a/b", System.Text.Encoding.UTF8.GetString(packet.Topic));
        Assert.Equal("hell", System.Text.Encoding.UTF8.GetString(packet.Payload));
        Assert.Equal((MqttQualityOfService.ExactlyOnce, true, true), (packet.QoS, packet.Retain, packet.Duplicate));
        Assert.Equal((258, 9, true), (packet.PacketIdentifier, packet.TopicAlias, packet.HasTopicAlias));
        Assert.Equal((true, 5), (packet.HasMessageProperties, packet.OnlySubscriptionIdentifier));
        Assert.Equal([5], packet.ReadMessageProperties()!.SubscriptionIdentifiers);
    }

    [Theory]
    [InlineData("30 07 0001 74 03 23 0009", false, 0)]
    [InlineData("30 06 0001 74 02 01 00", true, 0)]
    [InlineData("30 06 0001 74 02 0B 07", true, 7)]
    [InlineData("30 07 0001 74 03 0B 8001", true, 128)]
    [InlineData("30 09 0001 74 05 0B 07 23 0001", true, 7)]
    [InlineData("30 08 0000 05 23 0001 0B 7F", true, 127)]
    [InlineData("30 08 0001 74 04 0B 07 0B 08", true, 0)]
    [InlineData("30 08 0001 74 04 01 01 0B 08", true, 0)]
    public void Message_properties_are_told_from_the_alias(string bytes, bool has, int only)
    {
        Assert.True(MqttPacketReader.TryReadFrame(Hex(bytes), int.MaxValue, out MqttFrame frame, out _));
        PublishPacket packet = PublishPacket.Read(frame, V500);
        Assert.Equal((has, only), (packet.HasMessageProperties, packet.OnlySubscriptionIdentifier));
        var cache = new MessagePropertiesCache();
        Assert.Equal(Dump(packet.ReadMessageProperties()), Dump(cache.Read(packet)));
        if (only != 0)
        {
            Assert.Same(cache.Read(packet), cache.Read(packet));
        }
    }

    [Theory]
    [InlineData("30 08 0001 74 04 0B 01 0B 00", "MQTT-3.3.2.3.8")]
    [InlineData("30 06 0001 74 02 0B 00", "MQTT-3.3.2.3.8")]
    [InlineData("30 09 0001 74 05 23 0001 0B 00", "MQTT-3.3.2.3.8")]
    [InlineData("30 09 0001 74 05 0B 01 23 0000", "MQTT-3.3.2-8")]
    [InlineData("30 07 0001 74 03 23 0000", "MQTT-3.3.2-8")]
    [InlineData("30 06 0001 74 02 23 00", "MQTT-2.2.2.1")]
    [InlineData("30 05 0001 74 01 0B", "MQTT-2.2.2.1")]
    [InlineData("30 06 0001 74 02 0B 80", "MQTT-2.2.2.1")]
    [InlineData("30 07 0001 74 03 0B 8000", "MQTT-1.5.5-1")]
    [InlineData("30 07 0001 74 04 23 0001", "MQTT-3.3.2.3.1")]
    [InlineData("30 0A 0001 74 06 23 0001 23 0001", "MQTT-3.3.2.3.4")]
    [InlineData("30 05 0000 02 0B 07", "MQTT-4.7.3-1")]
    public void The_usual_properties_are_checked_as_the_others_are(string bytes, string statement) =>
        Assert.Equal(statement, Refused(Hex(bytes), V500).Statement);

    [Fact]
    public void The_cache_gives_each_topic_its_own_string_however_many_there_are()
    {
        var cache = new TopicCache();
        for (int round = 0; round < 3; round++)
        {
            for (int number = 0; number < 5000; number++)
            {
                string topic = $"sensors/{number}/ü";
                Assert.Equal(topic, cache.GetTopic(System.Text.Encoding.UTF8.GetBytes(topic)));
            }
        }
    }

    [Fact]
    public void The_cache_gives_the_same_string_for_a_topic_seen_before()
    {
        var cache = new TopicCache();
        byte[] topic = "a/b"u8.ToArray();
        byte[] other = "a/c"u8.ToArray();
        string first = cache.GetTopic(topic);
        Assert.Same(cache.GetTopic(other), cache.GetTopic(other));
        Assert.Same(first, cache.GetTopic(topic));
        Assert.Same(string.Empty, cache.GetTopic([]));

        byte[] longTopic = new byte[257];
        longTopic.AsSpan().Fill((byte)'x');
        Assert.Equal(new string('x', 257), cache.GetTopic(longTopic));
        Assert.NotSame(cache.GetTopic(longTopic), cache.GetTopic(longTopic));
    }

    [Fact]
    public void The_cache_refuses_a_wrong_topic_each_time()
    {
        var cache = new TopicCache();
        for (int time = 0; time < 3; time++)
        {
            Assert.Equal("MQTT-1.5.4-1", Assert.Throws<MqttProtocolException>(() => cache.GetTopic([0x61, 0xFF])).Statement);
            Assert.Equal("MQTT-1.5.4-2", Assert.Throws<MqttProtocolException>(() => cache.GetTopic([0x61, 0x00])).Statement);
            Assert.Equal("MQTT-3.3.2-2", Assert.Throws<MqttProtocolException>(() => cache.GetTopic("a/#"u8)).Statement);
            Assert.Equal("a", cache.GetTopic("a"u8));
        }
    }

    [Fact]
    public void Reading_and_writing_a_message_allocates_nothing()
    {
        const string Topic = "building/3/temperature";
        var cache = new TopicCache();
        var properties = new MessagePropertiesCache();
        var kept = new MqttMessageProperties
        {
            ContentType = "ü",
            MessageExpirySeconds = 7,
            CorrelationData = [1],
            UserProperties = [new("a", "b")],
            ResponseTopic = "r",
        };
        var destination = new byte[256];
        byte[] plain = Write(new ServerPublish(Topic, "21.5", MqttQualityOfService.AtLeastOnce, 1), V311);
        byte[] identified = Encode(
            new ServerPublish(Topic, "21.5") { TopicAlias = 1, Properties = new MqttMessageProperties { SubscriptionIdentifiers = [3] } }, V500);
        byte[] full = Encode(new ServerPublish(Topic, "21.5") { Properties = kept }, V500);

        Assert.Equal(0, Allocated.PerCall(() => Read(plain, V311)));
        Assert.Equal(0, Allocated.PerCall(() => Read(identified, V500)));
        Assert.Equal(0, Allocated.PerCall(() => WriteHeader(0, MqttQualityOfService.AtMostOnce, null, V311)));
        Assert.Equal(0, Allocated.PerCall(() => WriteHeader(7, MqttQualityOfService.ExactlyOnce, null, V500)));
        Assert.Equal(0, Allocated.PerCall(() => WriteHeader(7, MqttQualityOfService.ExactlyOnce, kept, V500)));
        Assert.Equal(0, Allocated.PerCall(() =>
        {
            MqttPacketReader.TryReadFrame(full, int.MaxValue, out MqttFrame frame, out _);
            PublishPacket.Read(frame, V500);
        }));

        void Read(byte[] bytes, MqttProtocolVersion version)
        {
            MqttPacketReader.TryReadFrame(bytes, int.MaxValue, out MqttFrame frame, out _);
            PublishPacket packet = PublishPacket.Read(frame, version);
            cache.GetTopic(packet.Topic);
            properties.Read(packet);
        }

        void WriteHeader(ushort alias, MqttQualityOfService qos, MqttMessageProperties? message, MqttProtocolVersion version)
        {
            PublishWriter.GetHeaderSize(Topic, alias, qos, message, 4, version, out int topicBytes, out int propertyLength);
            PublishWriter.WriteHeader(destination, Topic, topicBytes, alias, 1, qos, false, false, message, propertyLength, 4, version);
        }
    }

    [Fact]
    public void Topics_seen_before_allocate_nothing_even_when_there_are_hundreds()
    {
        var cache = new TopicCache();
        byte[][] topics = [.. Enumerable.Range(0, 200).Select(number => System.Text.Encoding.UTF8.GetBytes($"plant/line{number}/speed"))];
        double allocated = Allocated.PerCall(() =>
        {
            foreach (byte[] topic in topics)
            {
                cache.GetTopic(topic);
            }
        });
        Assert.Equal(0, allocated);
    }

    [Fact]
    public void A_short_acknowledgement_allocates_nothing()
    {
        var output = new System.Buffers.ArrayBufferWriter<byte>(16);
        byte[] bytes = Hex("50 02 0001");
        Assert.Equal(0, Allocated.PerCall(() =>
        {
            MqttPacketReader.TryReadFrame(bytes, int.MaxValue, out MqttFrame frame, out _);
            AcknowledgementPacket packet = AcknowledgementPacket.Read(frame, V500);
            output.ResetWrittenCount();
            new AcknowledgementPacket(MqttPacketType.PubRel, packet.PacketIdentifier).Write(output, V500);
        }));
        Assert.Equal("62020001", Convert.ToHexString(output.WrittenSpan));
    }

    private static int HeaderSize(string topic, MqttMessageProperties? properties) =>
        PublishWriter.GetHeaderSize(topic, 0, MqttQualityOfService.AtMostOnce, properties, 0, V500, out _, out _);
}
