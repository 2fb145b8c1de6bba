namespace PSMqtt.Protocol.Packets;

/// <summary>
/// Takes the properties of a packet, one after the other. What may stand there, whether it may stand there again, how it is written and which
/// values it may have is decided here for every packet, from <see cref="MqttPropertyTable"/>.
/// </summary>
internal ref struct MqttPropertyReader
{
    private readonly ulong _allowed;
    private readonly ulong _repeatable;
    private MqttBufferReader _reader;
    private ulong _seen;

    /// <summary>Begins with properties whose length has been read.</summary>
    /// <param name="owner">The packet that they belong to.</param>
    /// <param name="properties">Their bytes, without the length.</param>
    public MqttPropertyReader(MqttPacketType owner, ReadOnlySpan<byte> properties)
    {
        _allowed = MqttPropertyTable.Allowed(owner);
        _repeatable = MqttPropertyTable.Repeatable(owner);
        _reader = new MqttBufferReader(owner, properties, isProperties: true);
    }

    /// <summary>Begins with the property length, and takes it and the properties out of a packet.</summary>
    /// <param name="packet">Where the packet stands at its property length; left after the properties.</param>
    /// <param name="owner">The packet, or <see cref="MqttPropertyTable.Will"/>.</param>
    public MqttPropertyReader(scoped ref MqttBufferReader packet, MqttPacketType owner)
        : this(owner, TakeProperties(ref packet, owner))
    {
    }

    /// <summary>The property that was read last.</summary>
    public MqttPropertyIdentifier Identifier { get; private set; }

    /// <summary>The value of one that is a number.</summary>
    public uint Number { get; private set; }

    /// <summary>The value of one that is text (checked) or bytes; the name of a User Property.</summary>
    public ReadOnlySpan<byte> Bytes { get; private set; }

    /// <summary>The value of a User Property.</summary>
    public ReadOnlySpan<byte> PairValue { get; private set; }

    public readonly bool Flag => Number != 0;

    public readonly string Text => MqttText.Read(Bytes);

    public readonly MqttUserProperty UserProperty => new(MqttText.Read(Bytes), MqttText.Read(PairValue));

    /// <summary>Reads the next property.</summary>
    /// <returns>Whether there was one.</returns>
    /// <exception cref="MqttProtocolException">It breaks the specification.</exception>
    public bool Read()
    {
        if (_reader.IsAtEnd)
        {
            return false;
        }

        Take();
        return true;
    }

    /// <summary>Takes the length and the bytes of the properties out of a packet.</summary>
    public static ReadOnlySpan<byte> TakeProperties(scoped ref MqttBufferReader packet, MqttPacketType owner)
    {
        int length = packet.ReadVariableByteInteger("property length");
        if (length > packet.Remaining)
        {
            ProtocolViolation.ThrowMalformed(
                MqttPropertyTable.Section(owner),
                $"The property length of {MqttPropertyTable.OwnerName(owner)} is {length}, but only {packet.Remaining} bytes follow.");
        }

        return packet.ReadBytes(length, "properties");
    }

    private void Take()
    {
        int identifier = _reader.ReadVariableByteInteger("property identifier");
        ulong bit = identifier < 64 ? 1UL << identifier : 0;
        if ((_allowed & bit) == 0)
        {
            ThrowNotAllowed((MqttPropertyIdentifier)identifier);
        }

        Identifier = (MqttPropertyIdentifier)identifier;
        if ((_seen & bit & ~_repeatable) != 0)
        {
            ProtocolViolation.ThrowError(
                MqttPropertyTable.Section(_reader.Owner, Identifier),
                $"{MqttPropertyTable.OwnerName(_reader.Owner, isFirst: true)} has the property {Identifier.Name()} more than once.");
        }

        _seen |= bit;
        switch (MqttPropertyTable.KindOf(Identifier))
        {
            case MqttPropertyKind.Flag:
                Number = _reader.ReadByte(Identifier.Name());
                if (Number > 1)
                {
                    ThrowValue("it must be 0 or 1");
                }

                break;
            case MqttPropertyKind.TwoByteInteger:
                Number = _reader.ReadUInt16(Identifier.Name());
                break;
            case MqttPropertyKind.TwoByteIntegerNotZero:
                Number = _reader.ReadUInt16(Identifier.Name());
                RefuseZero();
                break;
            case MqttPropertyKind.FourByteInteger:
                Number = _reader.ReadUInt32(Identifier.Name());
                break;
            case MqttPropertyKind.FourByteIntegerNotZero:
                Number = _reader.ReadUInt32(Identifier.Name());
                RefuseZero();
                break;
            case MqttPropertyKind.VariableByteIntegerNotZero:
                Number = (uint)_reader.ReadVariableByteInteger(Identifier.Name());
                RefuseZero();
                break;
            case MqttPropertyKind.Text:
                Bytes = _reader.ReadTextBytes(Identifier.Name());
                if (Identifier == MqttPropertyIdentifier.ResponseTopic && Bytes.IsEmpty)
                {
                    ProtocolViolation.ThrowError(
                        "MQTT-4.7.3-1", $"The Response Topic of {MqttPropertyTable.OwnerName(_reader.Owner)} is empty.");
                }

                if (Identifier == MqttPropertyIdentifier.ResponseTopic && Bytes.ContainsAny((byte)'+', (byte)'#'))
                {
                    ProtocolViolation.ThrowError(
                        "MQTT-3.3.2-14", $"The Response Topic of {MqttPropertyTable.OwnerName(_reader.Owner)} contains a wildcard.");
                }

                break;
            case MqttPropertyKind.BinaryData:
                Bytes = _reader.ReadBinary(Identifier.Name());
                break;
            default:
                Bytes = _reader.ReadTextBytes("User Property name");
                PairValue = _reader.ReadTextBytes("User Property value");
                break;
        }
    }

    private readonly void RefuseZero()
    {
        if (Number == 0)
        {
            if (Identifier == MqttPropertyIdentifier.TopicAlias)
            {
                throw new MqttProtocolException(MqttReasonCode.TopicAliasInvalid, "MQTT-3.3.2-8", "A PUBLISH has the topic alias 0.");
            }

            ThrowValue("it must not be 0");
        }
    }

    private readonly void ThrowValue(string rule) =>
        ProtocolViolation.ThrowError(
            MqttPropertyTable.Section(_reader.Owner, Identifier),
            $"The property {Identifier.Name()} of {MqttPropertyTable.OwnerName(_reader.Owner)} is {Number}; {rule}.");

    private readonly void ThrowNotAllowed(MqttPropertyIdentifier identifier) =>
        ProtocolViolation.ThrowMalformed(
            "MQTT-2.2.2.2",
            MqttPropertyTable.KindOf(identifier) == MqttPropertyKind.None
                ? $"{MqttPropertyTable.OwnerName(_reader.Owner, isFirst: true)} has the unknown property 0x{(int)identifier:X2}."
                : $"{MqttPropertyTable.OwnerName(_reader.Owner, isFirst: true)} has the property {identifier.Name()}, which it may not carry.");
}
