using static PSMqtt.Protocol.Packets.MqttPropertyIdentifier;

namespace PSMqtt.Protocol.Packets;

/// <summary>How the value of a property is written, and which values it may have.</summary>
internal enum MqttPropertyKind : byte
{
    None,

    /// <summary>A byte that is 0 or 1.</summary>
    Flag,
    TwoByteInteger,
    TwoByteIntegerNotZero,
    FourByteInteger,
    FourByteIntegerNotZero,
    VariableByteIntegerNotZero,
    Text,
    BinaryData,
    TextPair,
}

/// <summary>
/// Which property may stand where, how often, and how it is written: table 2-4 of the specification, as sets of bits. The properties of a will are
/// a set of their own, under <see cref="Will"/>.
/// </summary>
internal static class MqttPropertyTable
{
    /// <summary>Stands in the place of a packet type for the properties of the will in a CONNECT.</summary>
    public const MqttPacketType Will = 0;

    private const ulong Message =
        1UL << (int)PayloadFormatIndicator | 1UL << (int)MessageExpiryInterval | 1UL << (int)ContentType | 1UL << (int)ResponseTopic
        | 1UL << (int)CorrelationData | 1UL << (int)UserProperty;

    private const ulong Reason = 1UL << (int)ReasonString | 1UL << (int)UserProperty;

    private const ulong Authentication = 1UL << (int)AuthenticationMethod | 1UL << (int)AuthenticationData;

    private const ulong Limits =
        1UL << (int)SessionExpiryInterval | 1UL << (int)ReceiveMaximum | 1UL << (int)MaximumPacketSize | 1UL << (int)TopicAliasMaximum;

    private static ReadOnlySpan<MqttPropertyKind> Kinds =>
    [
        MqttPropertyKind.None,
        MqttPropertyKind.Flag, // 0x01 Payload Format Indicator
        MqttPropertyKind.FourByteInteger, // 0x02 Message Expiry Interval
        MqttPropertyKind.Text, // 0x03 Content Type
        MqttPropertyKind.None,
        MqttPropertyKind.None,
        MqttPropertyKind.None,
        MqttPropertyKind.None,
        MqttPropertyKind.Text, // 0x08 Response Topic
        MqttPropertyKind.BinaryData, // 0x09 Correlation Data
        MqttPropertyKind.None,
        MqttPropertyKind.VariableByteIntegerNotZero, // 0x0B Subscription Identifier
        MqttPropertyKind.None,
        MqttPropertyKind.None,
        MqttPropertyKind.None,
        MqttPropertyKind.None,
        MqttPropertyKind.None,
        MqttPropertyKind.FourByteInteger, // 0x11 Session Expiry Interval
        MqttPropertyKind.Text, // 0x12 Assigned Client Identifier
        MqttPropertyKind.TwoByteInteger, // 0x13 Server Keep Alive
        MqttPropertyKind.None,
        MqttPropertyKind.Text, // 0x15 Authentication Method
        MqttPropertyKind.BinaryData, // 0x16 Authentication Data
        MqttPropertyKind.Flag, // 0x17 Request Problem Information
        MqttPropertyKind.FourByteInteger, // 0x18 Will Delay Interval
        MqttPropertyKind.Flag, // 0x19 Request Response Information
        MqttPropertyKind.Text, // 0x1A Response Information
        MqttPropertyKind.None,
        MqttPropertyKind.Text, // 0x1C Server Reference
        MqttPropertyKind.None,
        MqttPropertyKind.None,
        MqttPropertyKind.Text, // 0x1F Reason String
        MqttPropertyKind.None,
        MqttPropertyKind.TwoByteIntegerNotZero, // 0x21 Receive Maximum
        MqttPropertyKind.TwoByteInteger, // 0x22 Topic Alias Maximum
        MqttPropertyKind.TwoByteIntegerNotZero, // 0x23 Topic Alias
        MqttPropertyKind.Flag, // 0x24 Maximum QoS
        MqttPropertyKind.Flag, // 0x25 Retain Available
        MqttPropertyKind.TextPair, // 0x26 User Property
        MqttPropertyKind.FourByteIntegerNotZero, // 0x27 Maximum Packet Size
        MqttPropertyKind.Flag, // 0x28 Wildcard Subscription Available
        MqttPropertyKind.Flag, // 0x29 Subscription Identifier Available
        MqttPropertyKind.Flag, // 0x2A Shared Subscription Available
    ];

    /// <summary>The properties that a packet may carry: bit n stands for identifier n.</summary>
    public static ulong Allowed(MqttPacketType owner) => owner switch
    {
        Will => Message | 1UL << (int)WillDelayInterval,
        MqttPacketType.Connect => Limits | Authentication | 1UL << (int)RequestResponseInformation | 1UL << (int)RequestProblemInformation
            | 1UL << (int)UserProperty,
        MqttPacketType.ConnAck => Limits | Authentication | Reason | 1UL << (int)MaximumQoS | 1UL << (int)RetainAvailable
            | 1UL << (int)AssignedClientIdentifier | 1UL << (int)WildcardSubscriptionAvailable | 1UL << (int)SubscriptionIdentifierAvailable
            | 1UL << (int)SharedSubscriptionAvailable | 1UL << (int)ServerKeepAlive | 1UL << (int)ResponseInformation
            | 1UL << (int)ServerReference,
        MqttPacketType.Publish => Message | 1UL << (int)TopicAlias | 1UL << (int)SubscriptionIdentifier,
        MqttPacketType.PubAck or MqttPacketType.PubRec or MqttPacketType.PubRel or MqttPacketType.PubComp => Reason,
        MqttPacketType.SubAck or MqttPacketType.UnsubAck => Reason,
        MqttPacketType.Subscribe => 1UL << (int)SubscriptionIdentifier | 1UL << (int)UserProperty,
        MqttPacketType.Unsubscribe => 1UL << (int)UserProperty,
        MqttPacketType.Disconnect => Reason | 1UL << (int)SessionExpiryInterval | 1UL << (int)ServerReference,
        MqttPacketType.Auth => Authentication | Reason,
        _ => 0,
    };

    /// <summary>The properties that a packet may carry more than once.</summary>
    public static ulong Repeatable(MqttPacketType owner) => owner == MqttPacketType.Publish
        ? 1UL << (int)UserProperty | 1UL << (int)SubscriptionIdentifier
        : 1UL << (int)UserProperty;

    public static MqttPropertyKind KindOf(MqttPropertyIdentifier identifier) =>
        (uint)identifier < (uint)Kinds.Length ? Kinds[(int)identifier] : MqttPropertyKind.None;

    /// <summary>The section of the specification about a property of a packet, or about that packet's property length.</summary>
    public static string Section(MqttPacketType owner, MqttPropertyIdentifier? identifier = null)
    {
        (string section, MqttPropertyIdentifier[] order) = owner switch
        {
            MqttPacketType.Connect => ("3.1.2.11", new[]
            {
                SessionExpiryInterval, ReceiveMaximum, MaximumPacketSize, TopicAliasMaximum, RequestResponseInformation,
                RequestProblemInformation, UserProperty, AuthenticationMethod, AuthenticationData,
            }),
            Will => ("3.1.3.2", new[]
            {
                WillDelayInterval, PayloadFormatIndicator, MessageExpiryInterval, ContentType, ResponseTopic, CorrelationData, UserProperty,
            }),
            MqttPacketType.ConnAck => ("3.2.2.3", new[]
            {
                SessionExpiryInterval, ReceiveMaximum, MaximumQoS, RetainAvailable, MaximumPacketSize, AssignedClientIdentifier,
                TopicAliasMaximum, ReasonString, UserProperty, WildcardSubscriptionAvailable, SubscriptionIdentifierAvailable,
                SharedSubscriptionAvailable, ServerKeepAlive, ResponseInformation, ServerReference, AuthenticationMethod, AuthenticationData,
            }),
            MqttPacketType.Publish => ("3.3.2.3", new[]
            {
                PayloadFormatIndicator, MessageExpiryInterval, TopicAlias, ResponseTopic, CorrelationData, UserProperty,
                SubscriptionIdentifier, ContentType,
            }),
            MqttPacketType.PubAck => ("3.4.2.2", new[] { ReasonString, UserProperty }),
            MqttPacketType.PubRec => ("3.5.2.2", new[] { ReasonString, UserProperty }),
            MqttPacketType.PubRel => ("3.6.2.2", new[] { ReasonString, UserProperty }),
            MqttPacketType.PubComp => ("3.7.2.2", new[] { ReasonString, UserProperty }),
            MqttPacketType.Subscribe => ("3.8.2.1", new[] { SubscriptionIdentifier, UserProperty }),
            MqttPacketType.SubAck => ("3.9.2.1", new[] { ReasonString, UserProperty }),
            MqttPacketType.Unsubscribe => ("3.10.2.1", new[] { UserProperty }),
            MqttPacketType.UnsubAck => ("3.11.2.1", new[] { ReasonString, UserProperty }),
            MqttPacketType.Disconnect => ("3.14.2.2", new[] { SessionExpiryInterval, ReasonString, UserProperty, ServerReference }),
            MqttPacketType.Auth => ("3.15.2.2", new[] { AuthenticationMethod, AuthenticationData, ReasonString, UserProperty }),
            _ => ("2.2.2", []),
        };

        // The first subsection is about the property length, the others follow in the specification's order.
        int place = identifier is { } wanted ? Array.IndexOf(order, wanted) + 2 : 1;
        return $"MQTT-{section}.{place}";
    }

    /// <summary>The name of what carries the properties with its article, for messages: a CONNACK, an AUTH, a will.</summary>
    /// <param name="owner">The packet, or <see cref="Will"/>.</param>
    /// <param name="isFirst">Whether it begins the sentence.</param>
    public static string OwnerName(MqttPacketType owner, bool isFirst = false)
    {
        string name = owner == Will ? "will" : owner.Name();
        string article = isFirst ? "A" : "a";
        return $"{article}{(name[0] is 'A' or 'U' ? "n" : string.Empty)} {name}";
    }

    /// <summary>The name of a property as the specification writes it.</summary>
    public static string Name(this MqttPropertyIdentifier identifier) => identifier switch
    {
        PayloadFormatIndicator => "Payload Format Indicator",
        MessageExpiryInterval => "Message Expiry Interval",
        ContentType => "Content Type",
        ResponseTopic => "Response Topic",
        CorrelationData => "Correlation Data",
        SubscriptionIdentifier => "Subscription Identifier",
        SessionExpiryInterval => "Session Expiry Interval",
        AssignedClientIdentifier => "Assigned Client Identifier",
        ServerKeepAlive => "Server Keep Alive",
        AuthenticationMethod => "Authentication Method",
        AuthenticationData => "Authentication Data",
        RequestProblemInformation => "Request Problem Information",
        WillDelayInterval => "Will Delay Interval",
        RequestResponseInformation => "Request Response Information",
        ResponseInformation => "Response Information",
        ServerReference => "Server Reference",
        ReasonString => "Reason String",
        ReceiveMaximum => "Receive Maximum",
        TopicAliasMaximum => "Topic Alias Maximum",
        TopicAlias => "Topic Alias",
        MaximumQoS => "Maximum QoS",
        RetainAvailable => "Retain Available",
        UserProperty => "User Property",
        MaximumPacketSize => "Maximum Packet Size",
        WildcardSubscriptionAvailable => "Wildcard Subscription Available",
        SubscriptionIdentifierAvailable => "Subscription Identifier Available",
        SharedSubscriptionAvailable => "Shared Subscription Available",
        _ => $"property 0x{(int)identifier:X2}",
    };
}
