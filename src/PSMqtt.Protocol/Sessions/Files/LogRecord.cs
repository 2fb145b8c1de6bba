using System.Buffers.Binary;
using System.Text;

namespace PSMqtt.Protocol.Sessions.Files;

/// <summary>The records of a session log, to bytes and back: docs/session-log.md says what each means.</summary>
internal readonly struct LogRecord
{
    private enum Kind : byte
    {
        ClientIdentifier = 1,
        SequenceUsed = 2,
        MessageAccepted = 3,
        MessageSent = 4,
        MessageReceivedByServer = 5,
        MessageRestarted = 6,
        MessageEnded = 7,
        InboundReceived = 8,
        InboundReleased = 9,
        Subscribed = 10,
        Unsubscribed = 11,
        SessionLost = 12,
        Cleared = 13,
    }

    [Flags]
    private enum Parts : byte
    {
        None = 0,
        PayloadFormat = 1,
        MessageExpiry = 2,
        ContentType = 4,
        ResponseTopic = 8,
        CorrelationData = 16,
        UserProperties = 32,
    }

    /// <summary>The client identifier that the log belongs to; <see langword="null"/>: the record is another.</summary>
    public string? ClientId { get; private init; }

    /// <summary>A number that was given to a message; 0: the record is another.</summary>
    public long SequenceUsed { get; private init; }

    public SessionChange? Change { get; private init; }

    /// <summary>Whether a record can begin with this byte.</summary>
    public static bool IsKind(byte first) => first is >= (byte)Kind.ClientIdentifier and <= (byte)Kind.Cleared;

    public static void WriteClientId(LogBuffer buffer, uint salt, string clientId)
    {
        int start = Begin(buffer, Kind.ClientIdentifier);
        buffer.AddText(clientId);
        LogFormat.EndRecord(buffer, start, salt);
    }

    public static void WriteSequenceUsed(LogBuffer buffer, uint salt, long sequence) => WriteNumber(buffer, salt, Kind.SequenceUsed, sequence);

    public static void Write(LogBuffer buffer, uint salt, in SessionChange change)
    {
        switch (change.Kind)
        {
            case SessionChangeKind.MessageAccepted:
                WriteMessage(buffer, salt, change);
                break;
            case SessionChangeKind.MessageSent:
                int start = Begin(buffer, Kind.MessageSent);
                buffer.AddInt64(change.Sequence);
                buffer.AddUInt16(change.PacketIdentifier);
                LogFormat.EndRecord(buffer, start, salt);
                break;
            case SessionChangeKind.MessageReceivedByServer:
                WriteNumber(buffer, salt, Kind.MessageReceivedByServer, change.Sequence);
                break;
            case SessionChangeKind.MessageRestarted:
                WriteNumber(buffer, salt, Kind.MessageRestarted, change.Sequence);
                break;
            case SessionChangeKind.MessageEnded:
                WriteNumber(buffer, salt, Kind.MessageEnded, change.Sequence);
                break;
            case SessionChangeKind.InboundReceived:
                WriteNumber(buffer, salt, Kind.InboundReceived, change.PacketIdentifier);
                break;
            case SessionChangeKind.InboundReleased:
                WriteNumber(buffer, salt, Kind.InboundReleased, change.PacketIdentifier);
                break;
            case SessionChangeKind.Subscribed:
                WriteSubscription(buffer, salt, Kind.Subscribed, change.Subscription!);
                break;
            case SessionChangeKind.Unsubscribed:
                WriteSubscription(buffer, salt, Kind.Unsubscribed, change.Subscription!);
                break;
            case SessionChangeKind.SessionLost:
                LogFormat.EndRecord(buffer, Begin(buffer, Kind.SessionLost), salt);
                break;
            case SessionChangeKind.Cleared:
                LogFormat.EndRecord(buffer, Begin(buffer, Kind.Cleared), salt);
                break;
        }
    }

    /// <summary>Reads a record whose checksum was right.</summary>
    /// <param name="body">Its bytes.</param>
    /// <param name="record">The record.</param>
    /// <returns>False if it is none that this version writes.</returns>
    public static bool TryRead(ReadOnlySpan<byte> body, out LogRecord record)
    {
        record = default;
        var reader = new Reader(body);
        var kind = (Kind)reader.Byte();
        switch (kind)
        {
            case Kind.ClientIdentifier:
                record = new LogRecord { ClientId = reader.Text() };
                break;
            case Kind.SequenceUsed:
                record = new LogRecord { SequenceUsed = reader.Int64() };
                break;
            case Kind.MessageAccepted:
                record = Of(ReadMessage(ref reader));
                break;
            case Kind.MessageSent:
                record = Of(new SessionChange(SessionChangeKind.MessageSent, reader.Int64(), reader.UInt16()));
                break;
            case Kind.MessageReceivedByServer:
                record = Of(new SessionChange(SessionChangeKind.MessageReceivedByServer, reader.Int64()));
                break;
            case Kind.MessageRestarted:
                record = Of(new SessionChange(SessionChangeKind.MessageRestarted, reader.Int64()));
                break;
            case Kind.MessageEnded:
                record = Of(new SessionChange(SessionChangeKind.MessageEnded, reader.Int64()));
                break;
            case Kind.InboundReceived:
                record = Of(new SessionChange(SessionChangeKind.InboundReceived, PacketIdentifier: (ushort)reader.Int64()));
                break;
            case Kind.InboundReleased:
                record = Of(new SessionChange(SessionChangeKind.InboundReleased, PacketIdentifier: (ushort)reader.Int64()));
                break;
            case Kind.Subscribed:
                record = Of(new SessionChange(SessionChangeKind.Subscribed, Subscription: ReadSubscription(ref reader)));
                break;
            case Kind.Unsubscribed:
                record = Of(new SessionChange(SessionChangeKind.Unsubscribed, Subscription: ReadSubscription(ref reader)));
                break;
            case Kind.SessionLost:
                record = Of(new SessionChange(SessionChangeKind.SessionLost));
                break;
            case Kind.Cleared:
                record = Of(new SessionChange(SessionChangeKind.Cleared));
                break;
            default:
                return false;
        }

        return reader.IsAtEnd;
    }

    private static LogRecord Of(SessionChange change) => new() { Change = change };

    private static int Begin(LogBuffer buffer, Kind kind)
    {
        int start = LogFormat.BeginRecord(buffer);
        buffer.AddByte((int)kind);
        return start;
    }

    private static void WriteNumber(LogBuffer buffer, uint salt, Kind kind, long number)
    {
        int start = Begin(buffer, kind);
        buffer.AddInt64(number);
        LogFormat.EndRecord(buffer, start, salt);
    }

    private static void WriteMessage(LogBuffer buffer, uint salt, in SessionChange change)
    {
        MqttMessage message = change.Message!;
        MqttMessageProperties? properties = message.Properties;
        int start = Begin(buffer, Kind.MessageAccepted);
        buffer.AddInt64(change.Sequence);
        buffer.AddInt64(change.Time.UtcTicks);
        buffer.AddByte((int)message.QoS | (message.Retain ? 4 : 0));
        buffer.AddText(message.Topic);
        buffer.AddBlock(message.Payload);
        Parts parts = PartsOf(properties);
        buffer.AddByte((int)parts);
        if (parts != Parts.None)
        {
            WriteProperties(buffer, parts, properties!);
        }

        LogFormat.EndRecord(buffer, start, salt);
    }

    private static Parts PartsOf(MqttMessageProperties? properties) => properties is null ? Parts.None
        : (properties.PayloadFormat != MqttPayloadFormat.Unspecified ? Parts.PayloadFormat : 0)
        | (properties.MessageExpirySeconds is not null ? Parts.MessageExpiry : 0)
        | (properties.ContentType is not null ? Parts.ContentType : 0)
        | (properties.ResponseTopic is not null ? Parts.ResponseTopic : 0)
        | (properties.CorrelationData is not null ? Parts.CorrelationData : 0)
        | (properties.UserProperties.Count > 0 ? Parts.UserProperties : 0);

    private static void WriteProperties(LogBuffer buffer, Parts parts, MqttMessageProperties properties)
    {
        if (parts.HasFlag(Parts.PayloadFormat))
        {
            buffer.AddByte((int)properties.PayloadFormat);
        }

        if (parts.HasFlag(Parts.MessageExpiry))
        {
            buffer.AddUInt32(properties.MessageExpirySeconds!.Value);
        }

        if (parts.HasFlag(Parts.ContentType))
        {
            buffer.AddText(properties.ContentType!);
        }

        if (parts.HasFlag(Parts.ResponseTopic))
        {
            buffer.AddText(properties.ResponseTopic!);
        }

        if (parts.HasFlag(Parts.CorrelationData))
        {
            buffer.AddBlock(properties.CorrelationData);
        }

        if (parts.HasFlag(Parts.UserProperties))
        {
            buffer.AddUInt32((uint)properties.UserProperties.Count);
            foreach (MqttUserProperty property in properties.UserProperties)
            {
                buffer.AddText(property.Name);
                buffer.AddText(property.Value);
            }
        }
    }

    private static SessionChange ReadMessage(ref Reader reader)
    {
        long sequence = reader.Int64();
        long ticks = reader.Int64();
        int flags = reader.Byte();
        string topic = reader.Text();
        byte[] payload = reader.Block();
        var parts = (Parts)reader.Byte();
        var message = new MqttMessage(
            topic, payload, (MqttQualityOfService)(flags & 3), (flags & 4) != 0, false, ReadProperties(ref reader, parts), 0);
        DateTimeOffset time = ticks >= 0 && ticks <= DateTime.MaxValue.Ticks ? new DateTimeOffset(ticks, TimeSpan.Zero) : default;
        return new SessionChange(SessionChangeKind.MessageAccepted, sequence, Message: message) { Time = time };
    }

    private static MqttMessageProperties? ReadProperties(ref Reader reader, Parts parts)
    {
        if (parts == Parts.None)
        {
            return null;
        }

        // In the order in which they stand: an initialiser's parts are evaluated in theirs.
        var properties = new MqttMessageProperties
        {
            PayloadFormat = parts.HasFlag(Parts.PayloadFormat) ? (MqttPayloadFormat)reader.Byte() : MqttPayloadFormat.Unspecified,
            MessageExpirySeconds = parts.HasFlag(Parts.MessageExpiry) ? reader.UInt32() : null,
            ContentType = parts.HasFlag(Parts.ContentType) ? reader.Text() : null,
            ResponseTopic = parts.HasFlag(Parts.ResponseTopic) ? reader.Text() : null,
            CorrelationData = parts.HasFlag(Parts.CorrelationData) ? reader.Block() : null,
        };
        if (!parts.HasFlag(Parts.UserProperties))
        {
            return properties;
        }

        uint count = reader.UInt32();
        List<MqttUserProperty> user = [];
        for (uint i = 0; i < count && !reader.IsBroken; i++)
        {
            string name = reader.Text();
            user.Add(new MqttUserProperty(name, reader.Text()));
        }

        return properties with { UserProperties = user };
    }

    private static void WriteSubscription(LogBuffer buffer, uint salt, Kind kind, MqttTopicSubscription subscription)
    {
        int start = Begin(buffer, kind);
        buffer.AddText(subscription.Filter);
        buffer.AddByte((int)subscription.QoS | (subscription.NoLocal ? 4 : 0) | (subscription.RetainAsPublished ? 8 : 0));
        buffer.AddByte((int)subscription.RetainHandling);
        LogFormat.EndRecord(buffer, start, salt);
    }

    private static MqttTopicSubscription ReadSubscription(ref Reader reader)
    {
        string filter = reader.Text();
        int flags = reader.Byte();
        return new MqttTopicSubscription(filter, (MqttQualityOfService)(flags & 3))
        {
            NoLocal = (flags & 4) != 0,
            RetainAsPublished = (flags & 8) != 0,
            RetainHandling = (MqttRetainHandling)reader.Byte(),
        };
    }

    /// <summary>Reads the fields of a record; past its end everything is empty, and it is broken.</summary>
    private ref struct Reader(ReadOnlySpan<byte> bytes)
    {
        private ReadOnlySpan<byte> _rest = bytes;

        public bool IsBroken { get; private set; }

        public readonly bool IsAtEnd => !IsBroken && _rest.IsEmpty;

        public int Byte() => Take(1) is { IsEmpty: false } bytes ? bytes[0] : 0;

        public int UInt16() => Take(2) is { IsEmpty: false } bytes ? BinaryPrimitives.ReadUInt16LittleEndian(bytes) : 0;

        public uint UInt32() => Take(4) is { IsEmpty: false } bytes ? BinaryPrimitives.ReadUInt32LittleEndian(bytes) : 0;

        public long Int64() => Take(8) is { IsEmpty: false } bytes ? BinaryPrimitives.ReadInt64LittleEndian(bytes) : 0;

        public byte[] Block() => Take(UInt32()).ToArray();

        public string Text() => Encoding.UTF8.GetString(Take(UInt32()));

        private ReadOnlySpan<byte> Take(long count)
        {
            if (count > _rest.Length)
            {
                IsBroken = true;
                _rest = default;
                return default;
            }

            ReadOnlySpan<byte> taken = _rest[..(int)count];
            _rest = _rest[(int)count..];
            return taken;
        }
    }
}
