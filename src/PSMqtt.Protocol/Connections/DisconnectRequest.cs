using PSMqtt.Protocol.Packets;

namespace PSMqtt.Protocol.Connections;

/// <summary>Makes DISCONNECT from what its owner asked for.</summary>
internal static class DisconnectRequest
{
    /// <summary>The codes of section 3.14.2.1 that a client may send.</summary>
    private static ReadOnlySpan<byte> ClientCodes =>
        [0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99];

    /// <summary>Refuses what cannot be sent, before anything has been ended.</summary>
    /// <param name="wanted">What was asked for.</param>
    /// <param name="options">The client's options.</param>
    /// <param name="limits">What CONNACK said; <see langword="null"/>: there was no connection yet.</param>
    /// <exception cref="ArgumentException">DISCONNECT cannot carry it.</exception>
    public static void Check(MqttDisconnectOptions wanted, MqttClientOptions options, MqttConnectResult? limits)
    {
        if (!ClientCodes.Contains((byte)wanted.ReasonCode))
        {
            throw new ArgumentException($"A client may not disconnect with the reason code {wanted.ReasonCode} [MQTT-3.14.2-1].", nameof(wanted));
        }

        if (wanted.SessionExpiry is { } wantedExpiry && wantedExpiry != Timeout.InfiniteTimeSpan)
        {
            MqttSeconds.FromTimeSpan(wantedExpiry, nameof(wanted.SessionExpiry));
        }

        if (limits is null)
        {
            return;
        }

        if (limits.ProtocolVersion != MqttProtocolVersion.V500)
        {
            string? only5 = wanted.SessionExpiry is not null ? "a session expiry"
                : wanted.ReasonString is not null ? "a reason string"
                : wanted.UserProperties.Count > 0 ? "user properties"
                : wanted.ReasonCode is not (MqttReasonCode.Success or MqttReasonCode.DisconnectWithWillMessage) ? "a reason code" : null;
            if (only5 is not null)
            {
                throw new ArgumentException($"Only MQTT 5.0 can disconnect with {only5}, and this connection speaks an older version.", nameof(wanted));
            }

            return;
        }

        if (wanted.SessionExpiry is { } expiry && expiry != TimeSpan.Zero && options.SessionExpiry == TimeSpan.Zero)
        {
            throw new ArgumentException(
                "A session that was begun with a session expiry of zero cannot get another one when it is disconnected (section 3.14.2.2.2): "
                + "set it in the client's options.",
                nameof(wanted));
        }

        int size = Size(Make(wanted, options, limits)!);
        if ((wanted.ReasonString is not null || wanted.UserProperties.Count > 0) && size > limits.MaximumPacketSize)
        {
            throw new ArgumentException(
                $"The reason string and user properties make a DISCONNECT of {size} bytes, and the server takes {limits.MaximumPacketSize}: "
                + "shorten them.",
                nameof(wanted));
        }
    }

    /// <summary>Makes the packet.</summary>
    /// <returns>The packet; <see langword="null"/>: only closing without one makes the server publish the will, before 5.0.</returns>
    public static DisconnectPacket? Make(MqttDisconnectOptions wanted, MqttClientOptions options, MqttConnectResult limits)
    {
        if (limits.ProtocolVersion != MqttProtocolVersion.V500)
        {
            return wanted.ReasonCode == MqttReasonCode.DisconnectWithWillMessage ? null : new DisconnectPacket();
        }

        uint? expiry = wanted.SessionExpiry is { } time ? ConnectRequest.Expiry(time)
            : wanted.Discard || !options.PersistentSession ? 0u : null;
        bool isAsAgreed = expiry == 0 && limits.SessionExpiry == TimeSpan.Zero;
        return new DisconnectPacket
        {
            ReasonCode = wanted.ReasonCode,
            SessionExpirySeconds = isAsAgreed ? null : expiry,
            ReasonString = wanted.ReasonString,
            UserProperties = wanted.UserProperties,
        };
    }

    /// <summary>
    /// What of a DISCONNECT goes to a server that takes packets of so many bytes [MQTT-3.2.2-15]: all of it, or its reason code alone, for a connection
    /// must end whatever the server takes.
    /// </summary>
    /// <param name="packet">The packet; <see langword="null"/>: none is wanted.</param>
    /// <param name="version">The version of the connection: before 5.0 there is no limit.</param>
    /// <param name="maximum">The server's Maximum Packet Size.</param>
    /// <returns>The packet; <see langword="null"/>: the server does not take even that, and the end of the connection must do.</returns>
    public static DisconnectPacket? Fit(DisconnectPacket? packet, MqttProtocolVersion version, long maximum)
    {
        if (packet is null || version != MqttProtocolVersion.V500 || Size(packet) <= maximum)
        {
            return packet;
        }

        var least = new DisconnectPacket { ReasonCode = packet.ReasonCode };
        return Size(least) <= maximum ? least : null;
    }

    private static int Size(DisconnectPacket packet)
    {
        var output = new OutgoingBytes();
        packet.Write(output, MqttProtocolVersion.V500);
        return output.Count;
    }
}
