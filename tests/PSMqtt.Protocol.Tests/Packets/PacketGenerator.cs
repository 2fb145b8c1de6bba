using System.Text;
using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Tests.Scripted;

namespace PSMqtt.Protocol.Tests.Packets;

/// <summary>Makes valid packets of every kind, with any properties, from a seed.</summary>
internal sealed class PacketGenerator(Random random)
{
    private static readonly MqttPacketType[] s_acknowledgements =
        [MqttPacketType.PubAck, MqttPacketType.PubRec, MqttPacketType.PubRel, MqttPacketType.PubComp];

    /// <summary>A packet that a version has, with only what that version can carry.</summary>
    public IMqttPacket Next(MqttProtocolVersion version)
    {
        bool five = version == MqttProtocolVersion.V500;
        return random.Next(five ? 11 : 10) switch
        {
            0 => Connect(version),
            1 => ConnAck(version),
            2 or 3 => Publish(five),
            4 => Acknowledgement(five),
            5 => Subscribe(five),
            6 => new SubAckPacket
            {
                PacketIdentifier = Identifier(),
                ReasonCodes = Many(1, () => five ? Code(MqttPacketType.SubAck) : Pick([0, 1, 2, 0x80])),
                ReasonString = Maybe(five, Text),
                UserProperties = Users(five),
            },
            7 => new UnsubscribePacket { PacketIdentifier = Identifier(), Filters = Many(1, Text), UserProperties = Users(five) },
            8 => new UnsubAckPacket
            {
                PacketIdentifier = Identifier(),
                ReasonCodes = five ? Many(1, () => Code(MqttPacketType.UnsubAck)) : [],
                ReasonString = Maybe(five, Text),
                UserProperties = Users(five),
            },
            9 => !five
                ? new DisconnectPacket()
                : new DisconnectPacket
                {
                    ReasonCode = Code(MqttPacketType.Disconnect),
                    SessionExpirySeconds = MaybeNumber(true),
                    ReasonString = Maybe(true, Text),
                    ServerReference = Maybe(true, Text),
                    UserProperties = Users(true),
                },
            _ => new AuthPacket
            {
                ReasonCode = Code(MqttPacketType.Auth),
                Method = Text(),
                Data = Maybe(true, Bytes),
                ReasonString = Maybe(true, Text),
                UserProperties = Users(true),
            },
        };
    }

    private ConnectPacket Connect(MqttProtocolVersion version)
    {
        bool five = version == MqttProtocolVersion.V500;
        string? method = Maybe(five, Text);
        string? userName = Maybe(true, Text);
        bool hasWill = Coin();
        return new ConnectPacket
        {
            ProtocolVersion = version,
            Bridge = !five && Coin(),
            ClientId = Text(),
            CleanStart = Coin(),
            KeepAliveSeconds = (ushort)random.Next(65_536),
            UserName = userName,
            Password = Maybe(five || userName is not null, Bytes),
            Will = !hasWill ? null : Message(five),
            WillDelaySeconds = hasWill ? MaybeNumber(five) ?? 0 : 0,
            SessionExpirySeconds = MaybeNumber(five),
            ReceiveMaximum = (ushort?)MaybeNumber(five, 1, 65_535),
            MaximumPacketSize = MaybeNumber(five, 1),
            TopicAliasMaximum = (ushort?)MaybeNumber(five, 0, 65_535),
            RequestResponseInformation = five && Coin(),
            RequestProblemInformation = !five || Coin(),
            UserProperties = Users(five),
            AuthenticationMethod = method,
            AuthenticationData = Maybe(method is not null, Bytes),
        };
    }

    private ConnAckPacket ConnAck(MqttProtocolVersion version)
    {
        bool five = version == MqttProtocolVersion.V500;
        MqttReasonCode code = five ? Code(MqttPacketType.ConnAck) : Pick([0, 0x84, 0x85, 0x86, 0x87, 0x88]);
        return new ConnAckPacket
        {
            ReasonCode = code,
            SessionPresent = code == MqttReasonCode.Success && version != MqttProtocolVersion.V310 && Coin(),
            SessionExpirySeconds = MaybeNumber(five),
            ReceiveMaximum = (ushort?)MaybeNumber(five, 1, 65_535),
            MaximumQoS = (MqttQualityOfService?)MaybeNumber(five, 0, 1),
            RetainAvailable = MaybeFlag(five),
            MaximumPacketSize = MaybeNumber(five, 1),
            AssignedClientIdentifier = Maybe(five, Text),
            TopicAliasMaximum = (ushort?)MaybeNumber(five, 0, 65_535),
            ReasonString = Maybe(five, Text),
            UserProperties = Users(five),
            WildcardSubscriptionAvailable = MaybeFlag(five),
            SubscriptionIdentifiersAvailable = MaybeFlag(five),
            SharedSubscriptionAvailable = MaybeFlag(five),
            ServerKeepAlive = (ushort?)MaybeNumber(five, 0, 65_535),
            ResponseInformation = Maybe(five, Text),
            ServerReference = Maybe(five, Text),
            AuthenticationMethod = Maybe(five, Text),
            AuthenticationData = Maybe(five, Bytes),
        };
    }

    private ServerPublish Publish(bool five)
    {
        MqttMessage message = Message(five);
        ushort? alias = (ushort?)MaybeNumber(five, 1, 65_535);
        MqttMessageProperties? properties = !five || Coin()
            ? message.Properties
            : (message.Properties ?? MqttMessageProperties.None) with { SubscriptionIdentifiers = Many(0, () => random.Next(1, 268_435_456)) };
        return new ServerPublish(alias is not null && Coin() ? "" : message.Topic, message.Payload, message.QoS)
        {
            PacketIdentifier = message.QoS == MqttQualityOfService.AtMostOnce ? (ushort)0 : Identifier(),
            Retain = message.Retain,
            Duplicate = message.QoS != MqttQualityOfService.AtMostOnce && Coin(),
            TopicAlias = alias,
            Properties = properties,
        };
    }

    private AcknowledgementPacket Acknowledgement(bool five)
    {
        MqttPacketType type = s_acknowledgements[random.Next(4)];
        return five
            ? new AcknowledgementPacket(type, Identifier(), Code(type), Maybe(true, Text), Users(true))
            : new AcknowledgementPacket(type, Identifier());
    }

    private SubscribePacket Subscribe(bool five) => new()
    {
        PacketIdentifier = Identifier(),
        SubscriptionIdentifier = (int?)MaybeNumber(five, 1, 268_435_455),
        UserProperties = Users(five),
        Subscriptions = Many(1, () => new MqttTopicSubscription(Text(), (MqttQualityOfService)random.Next(3))
        {
            NoLocal = five && Coin(),
            RetainAsPublished = five && Coin(),
            RetainHandling = five ? (MqttRetainHandling)random.Next(3) : MqttRetainHandling.SendAtSubscribe,
        }),
    };

    private MqttMessage Message(bool five)
    {
        var message = new MqttMessage("t" + TopicText(), Bytes(), (MqttQualityOfService)random.Next(3), Coin());
        return !five || Coin()
            ? message
            : new MqttMessage(message)
            {
                PayloadFormat = (MqttPayloadFormat)random.Next(2),
                MessageExpiry = MaybeNumber(true) is { } seconds ? TimeSpan.FromSeconds(seconds) : null,
                ContentType = Maybe(true, Text),
                ResponseTopic = Maybe(true, () => "r" + TopicText()),
                CorrelationData = Maybe(true, Bytes),
                UserProperties = Users(true),
            };
    }

    private MqttUserProperty[] Users(bool has) =>
        has && Coin() ? Many(0, () => new MqttUserProperty(Text(), Text())) : [];

    private MqttReasonCode Code(MqttPacketType type) => Pick(MqttReasonCodeTable.CodesOf(type).ToArray());

    private MqttReasonCode Pick(byte[] codes) => (MqttReasonCode)codes[random.Next(codes.Length)];

    private ushort Identifier() => (ushort)random.Next(1, 65_536);

    private bool Coin() => random.Next(2) == 0;

    private T? Maybe<T>(bool possible, Func<T> make)
        where T : class => possible && Coin() ? make() : null;

    private bool? MaybeFlag(bool possible) => possible && Coin() ? Coin() : null;

    private uint? MaybeNumber(bool possible, uint smallest = 0, uint largest = uint.MaxValue)
    {
        if (!possible || Coin())
        {
            return null;
        }

        return random.Next(4) switch
        {
            0 => smallest,
            1 => largest,
            _ => (uint)random.NextInt64(smallest, (long)largest + 1),
        };
    }

    private T[] Many<T>(int least, Func<T> make)
    {
        var items = new T[least + random.Next(random.Next(8) == 0 ? 30 : 3)];
        for (int index = 0; index < items.Length; index++)
        {
            items[index] = make();
        }

        return items;
    }

    private byte[] Bytes()
    {
        var bytes = new byte[Length()];
        random.NextBytes(bytes);
        return bytes;
    }

    private string TopicText() => Text().Replace('+', 'p').Replace('#', 'h');

    private string Text()
    {
        var text = new StringBuilder();
        int length = Length();
        bool ascii = Coin();
        while (text.Length < length)
        {
            int value = ascii ? random.Next(1, 0x80) : random.Next(5) switch
            {
                0 => random.Next(1, 0x80),
                1 => random.Next(0x80, 0x800),
                2 => random.Next(0x800, 0xD800),
                3 => random.Next(0xE000, 0x10000),
                _ => random.Next(0x10000, 0x110000),
            };
            text.Append(char.ConvertFromUtf32(value));
        }

        // No Local on a shared subscription would not be valid.
        return text.Length > 0 && text[0] == '$' ? "s" + text : text.ToString();
    }

    private int Length() => random.Next(40) switch
    {
        0 => random.Next(300),
        1 => random.Next(3000),
        _ => random.Next(12),
    };
}
