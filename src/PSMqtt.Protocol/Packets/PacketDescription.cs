using System.Globalization;
using System.Text;
using System.Text.Unicode;

namespace PSMqtt.Protocol.Packets;

/// <summary>A packet in one line, for the trace. Passwords and authentication data are never in it.</summary>
internal static class PacketDescription
{
    private const int LongestText = 64;
    private const int MostListed = 16;

    /// <summary>Describes a packet. One that cannot be decoded is described as such; nothing is ever thrown.</summary>
    /// <param name="frame">The packet.</param>
    /// <param name="version">The version of the connection.</param>
    /// <param name="sent">
    /// Whether it was sent or received. Both sides number their messages from 1, so that <c>id 7</c> is one of ours and <c>id 7 (theirs)</c> the peer's.
    /// </param>
    /// <returns>The line.</returns>
    public static string Describe(in MqttFrame frame, MqttProtocolVersion version, bool sent)
    {
        var line = new StringBuilder(frame.Type.Name());
        try
        {
            switch (frame.Type)
            {
                case MqttPacketType.Connect:
                    Describe(line, ConnectPacket.Read(frame, version));
                    break;
                case MqttPacketType.ConnAck:
                    Describe(line, ConnAckPacket.Read(frame, version));
                    break;
                case MqttPacketType.Publish:
                    Describe(line, PublishPacket.Read(frame, version), ours: sent);
                    break;
                case MqttPacketType.PubAck or MqttPacketType.PubRec or MqttPacketType.PubRel or MqttPacketType.PubComp:
                    AcknowledgementPacket acknowledgement = AcknowledgementPacket.Read(frame, version);
                    Identifier(line, acknowledgement.PacketIdentifier, ours: sent == (frame.Type == MqttPacketType.PubRel));
                    Reason(line, acknowledgement.ReasonCode, acknowledgement.ReasonString, acknowledgement.UserProperties);
                    break;
                case MqttPacketType.Subscribe:
                    Describe(line, SubscribePacket.Read(frame, version));
                    break;
                case MqttPacketType.SubAck:
                    SubAckPacket subAck = SubAckPacket.Read(frame, version);
                    Identifier(line, subAck.PacketIdentifier, ours: true);
                    Codes(line, subAck.ReasonCodes);
                    Reason(line, MqttReasonCode.Success, subAck.ReasonString, subAck.UserProperties);
                    break;
                case MqttPacketType.Unsubscribe:
                    UnsubscribePacket unsubscribe = UnsubscribePacket.Read(frame, version);
                    Identifier(line, unsubscribe.PacketIdentifier, ours: true);
                    Listed(line, unsubscribe.Filters, Quoted);
                    Users(line, unsubscribe.UserProperties);
                    break;
                case MqttPacketType.UnsubAck:
                    UnsubAckPacket unsubAck = UnsubAckPacket.Read(frame, version);
                    Identifier(line, unsubAck.PacketIdentifier, ours: true);
                    Codes(line, unsubAck.ReasonCodes);
                    Reason(line, MqttReasonCode.Success, unsubAck.ReasonString, unsubAck.UserProperties);
                    break;
                case MqttPacketType.Disconnect:
                    DisconnectPacket disconnect = DisconnectPacket.Read(frame, version);
                    Number(line, "session expiry", disconnect.SessionExpirySeconds, " s");
                    Text(line, "server reference", disconnect.ServerReference);
                    Reason(line, disconnect.ReasonCode, disconnect.ReasonString, disconnect.UserProperties);
                    break;
                case MqttPacketType.Auth:
                    AuthPacket auth = AuthPacket.Read(frame, version);
                    Text(line, "method", auth.Method);
                    line.Append(auth.Data is null ? "" : ", with data");
                    Reason(line, auth.ReasonCode, auth.ReasonString, auth.UserProperties);
                    break;
                default:
                    break;
            }
        }
        catch (MqttProtocolException exception)
        {
            exception.NameStatementIn(version);
            line.Clear().Append(CultureInfo.InvariantCulture, $"{frame.Type.Name()}, {frame.TotalLength} bytes, malformed: {exception.Message}");
        }

        return line.ToString();
    }

    private static void Describe(StringBuilder line, ConnectPacket packet)
    {
        line.Append(packet.ProtocolVersion switch
        {
            MqttProtocolVersion.V310 => " 3.1",
            MqttProtocolVersion.V311 => " 3.1.1",
            _ => " 5.0",
        });
        line.Append(CultureInfo.InvariantCulture, $", client {Quoted(packet.ClientId)}, keep alive {packet.KeepAliveSeconds} s");
        line.Append(packet.CleanStart ? ", clean start" : "").Append(packet.Bridge ? ", bridge" : "");
        Text(line, "user", packet.UserName);
        line.Append(packet.Password is null ? "" : ", with password");
        if (packet.Will is { } will)
        {
            line.Append(
                CultureInfo.InvariantCulture,
                $", will {Quoted(will.Topic)} QoS {(int)will.QoS}{(will.Retain ? ", retain" : "")}, {will.Payload.Length} bytes");
            Number(line, "will delay", packet.WillDelaySeconds == 0 ? null : packet.WillDelaySeconds, " s");
        }

        Number(line, "session expiry", packet.SessionExpirySeconds, " s");
        Number(line, "receive maximum", packet.ReceiveMaximum);
        Number(line, "maximum packet size", packet.MaximumPacketSize);
        Number(line, "topic alias maximum", packet.TopicAliasMaximum);
        line.Append(packet.RequestResponseInformation ? ", response information wanted" : "");
        line.Append(packet.RequestProblemInformation ? "" : ", problem information not wanted");
        Text(line, "authentication method", packet.AuthenticationMethod);
        Users(line, packet.UserProperties);
    }

    private static void Describe(StringBuilder line, ConnAckPacket packet)
    {
        line.Append(packet.SessionPresent ? ", session present" : "");
        Text(line, "assigned client", packet.AssignedClientIdentifier);
        Number(line, "session expiry", packet.SessionExpirySeconds, " s");
        Number(line, "server keep alive", packet.ServerKeepAlive, " s");
        Number(line, "receive maximum", packet.ReceiveMaximum);
        Number(line, "maximum QoS", (uint?)packet.MaximumQoS);
        Number(line, "maximum packet size", packet.MaximumPacketSize);
        Number(line, "topic alias maximum", packet.TopicAliasMaximum);
        line.Append(packet.RetainAvailable == false ? ", no retain" : "");
        line.Append(packet.WildcardSubscriptionAvailable == false ? ", no wildcards" : "");
        line.Append(packet.SubscriptionIdentifiersAvailable == false ? ", no subscription identifiers" : "");
        line.Append(packet.SharedSubscriptionAvailable == false ? ", no shared subscriptions" : "");
        Text(line, "response information", packet.ResponseInformation);
        Text(line, "server reference", packet.ServerReference);
        Text(line, "authentication method", packet.AuthenticationMethod);
        Reason(line, packet.ReasonCode, packet.ReasonString, packet.UserProperties);
    }

    private static void Describe(StringBuilder line, in PublishPacket packet, bool ours)
    {
        line.Append(' ').Append(packet.Topic.IsEmpty ? "(topic by alias)" : Quoted(Encoding.UTF8.GetString(packet.Topic)));
        line.Append(CultureInfo.InvariantCulture, $" QoS {(int)packet.QoS}");
        if (packet.QoS != MqttQualityOfService.AtMostOnce)
        {
            Identifier(line, packet.PacketIdentifier, ours);
        }

        line.Append(packet.Retain ? ", retain" : "").Append(packet.Duplicate ? ", duplicate" : "");
        Number(line, "alias", packet.HasTopicAlias ? packet.TopicAlias : null);
        if (packet.ReadMessageProperties() is { } properties)
        {
            line.Append(properties.PayloadFormat == MqttPayloadFormat.Utf8 ? ", text" : "");
            Number(line, "expiry", properties.MessageExpirySeconds, " s");
            Text(line, "content type", properties.ContentType);
            Text(line, "response topic", properties.ResponseTopic);
            Number(line, "correlation data", (uint?)properties.CorrelationData?.Length, " bytes");
            if (properties.SubscriptionIdentifiers.Count > 0)
            {
                line.Append(", subscription identifiers ");
                line.AppendJoin(' ', properties.SubscriptionIdentifiers.Take(MostListed));
            }

            Users(line, properties.UserProperties);
        }

        line.Append(CultureInfo.InvariantCulture, $", {packet.Payload.Length} bytes");
        ReadOnlySpan<byte> payload = packet.Payload;

        // Four bytes a character at most: more would not be shown, and the cut must not split a character.
        ReadOnlySpan<byte> start = payload.Length <= 4 * LongestText ? payload : payload[..(4 * LongestText)];
        while (start.Length < payload.Length && start.Length > 0 && (payload[start.Length] & 0xC0) == 0x80)
        {
            start = start[..^1];
        }

        if (!start.IsEmpty && Utf8.IsValid(start))
        {
            line.Append(": ").Append(Quoted(Encoding.UTF8.GetString(start)));
        }
    }

    private static void Describe(StringBuilder line, SubscribePacket packet)
    {
        Identifier(line, packet.PacketIdentifier, ours: true);
        Number(line, "subscription identifier", (uint?)packet.SubscriptionIdentifier);
        Listed(line, packet.Subscriptions, subscription =>
            $"{Quoted(subscription.Filter)} QoS {(int)subscription.QoS}{(subscription.NoLocal ? " no local" : "")}"
            + (subscription.RetainAsPublished ? " retain as published" : "")
            + (subscription.RetainHandling == MqttRetainHandling.SendAtSubscribe ? "" : $" retain handling {(int)subscription.RetainHandling}"));
        Users(line, packet.UserProperties);
    }

    private static void Identifier(StringBuilder line, ushort identifier, bool ours) =>
        line.Append(CultureInfo.InvariantCulture, $", id {identifier}{(ours ? "" : " (theirs)")}");

    private static void Reason(StringBuilder line, MqttReasonCode code, string? reason, IReadOnlyList<MqttUserProperty> users)
    {
        if (code != MqttReasonCode.Success)
        {
            line.Append(CultureInfo.InvariantCulture, $", {code} (0x{(byte)code:X2})");
        }

        Text(line, "reason", reason);
        Users(line, users);
    }

    private static void Codes(StringBuilder line, IReadOnlyList<MqttReasonCode> codes) =>
        Listed(line, codes, code => $"{code} (0x{(byte)code:X2})");

    private static void Users(StringBuilder line, IReadOnlyList<MqttUserProperty> users) =>
        Listed(line, users, user => $"{Quoted(user.Name)}={Quoted(user.Value)}");

    private static void Listed<T>(StringBuilder line, IReadOnlyList<T> items, Func<T, string> describe)
    {
        foreach (T item in items.Take(MostListed))
        {
            line.Append(", ").Append(describe(item));
        }

        if (items.Count > MostListed)
        {
            line.Append(CultureInfo.InvariantCulture, $", and {items.Count - MostListed} more");
        }
    }

    private static void Text(StringBuilder line, string name, string? value)
    {
        if (value is not null)
        {
            line.Append(CultureInfo.InvariantCulture, $", {name} {Quoted(value)}");
        }
    }

    private static void Number(StringBuilder line, string name, uint? value, string unit = "")
    {
        if (value is not null)
        {
            line.Append(CultureInfo.InvariantCulture, $", {name} {value}{unit}");
        }
    }

    /// <summary>Cuts a text, and takes out what would break the line.</summary>
    private static string Quoted(string text)
    {
        var quoted = new StringBuilder("'");
        int shown = Math.Min(text.Length, LongestText);
        if (shown < text.Length && char.IsHighSurrogate(text[shown - 1]))
        {
            shown--;
        }

        foreach (char character in text.AsSpan(0, shown))
        {
            quoted.Append(char.IsControl(character) || character is '\u2028' or '\u2029' ? '\uFFFD' : character);
        }

        return quoted.Append(shown < text.Length ? "...'" : "'").ToString();
    }
}
