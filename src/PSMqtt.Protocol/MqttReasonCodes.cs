namespace PSMqtt.Protocol;

/// <summary>What reason codes mean.</summary>
public static class MqttReasonCodes
{
    /// <summary>Whether a code says that something failed: 0x80 and above.</summary>
    /// <param name="code">The code.</param>
    /// <returns>Whether it is a failure.</returns>
    public static bool IsFailure(this MqttReasonCode code) => (byte)code >= 0x80;

    /// <summary>Says what a code means, in a sentence.</summary>
    /// <param name="code">The code.</param>
    /// <returns>The sentence; for a value that the specification does not have, one that says so.</returns>
    public static string Describe(this MqttReasonCode code) => code switch
    {
        MqttReasonCode.Success => "Success.",
        MqttReasonCode.GrantedQoS1 => "The subscription is granted; the maximum QoS sent is 1.",
        MqttReasonCode.GrantedQoS2 => "The subscription is granted; the maximum QoS sent is 2.",
        MqttReasonCode.DisconnectWithWillMessage => "The client disconnects and wants the server to publish its will message.",
        MqttReasonCode.NoMatchingSubscribers => "The message is accepted, but there are no matching subscribers.",
        MqttReasonCode.NoSubscriptionExisted => "No matching topic filter is in use by the client.",
        MqttReasonCode.ContinueAuthentication => "Continue the authentication with another step.",
        MqttReasonCode.ReAuthenticate => "Start a re-authentication.",
        MqttReasonCode.UnspecifiedError => "Unspecified error: the other side does not wish to reveal the reason, or no other reason code applies.",
        MqttReasonCode.MalformedPacket => "Malformed packet: data within a packet could not be correctly parsed.",
        MqttReasonCode.ProtocolError => "Protocol error: an unexpected or out of order packet was received, or one that breaks the specification.",
        MqttReasonCode.ImplementationSpecificError => "Implementation specific error: the packet is valid but cannot be processed by the other side.",
        MqttReasonCode.UnsupportedProtocolVersion => "Unsupported protocol version: the server does not support this version of MQTT.",
        MqttReasonCode.ClientIdentifierNotValid => "Client identifier not valid: the server does not allow this client identifier.",
        MqttReasonCode.BadUserNameOrPassword => "Bad user name or password: the server does not accept them.",
        MqttReasonCode.NotAuthorized => "Not authorized: the client is not allowed to do this.",
        MqttReasonCode.ServerUnavailable => "Server unavailable: the MQTT server is not available.",
        MqttReasonCode.ServerBusy => "Server busy: try again later.",
        MqttReasonCode.Banned => "Banned: this client has been banned by administrative action.",
        MqttReasonCode.ServerShuttingDown => "Server shutting down.",
        MqttReasonCode.BadAuthenticationMethod => "Bad authentication method: it is not supported, or is not the one in use.",
        MqttReasonCode.KeepAliveTimeout => "Keep alive timeout: no packet was received for 1.5 times the keep alive time.",
        MqttReasonCode.SessionTakenOver => "Session taken over: another connection uses the same client identifier.",
        MqttReasonCode.TopicFilterInvalid => "Topic filter invalid: it is correctly formed, but the server does not accept it.",
        MqttReasonCode.TopicNameInvalid => "Topic name invalid: it is correctly formed, but not accepted.",
        MqttReasonCode.PacketIdentifierInUse => "Packet identifier in use.",
        MqttReasonCode.PacketIdentifierNotFound => "Packet identifier not found.",
        MqttReasonCode.ReceiveMaximumExceeded => "Receive maximum exceeded: more messages were sent than may wait for an acknowledgement.",
        MqttReasonCode.TopicAliasInvalid => "Topic alias invalid: it is zero, greater than the maximum, or stands for no topic.",
        MqttReasonCode.PacketTooLarge => "Packet too large: it exceeds the maximum packet size.",
        MqttReasonCode.MessageRateTooHigh => "Message rate too high.",
        MqttReasonCode.QuotaExceeded => "Quota exceeded: a limit set by the implementation or by its administrator has been reached.",
        MqttReasonCode.AdministrativeAction => "Administrative action: the connection is closed by an administrator.",
        MqttReasonCode.PayloadFormatInvalid => "Payload format invalid: the payload does not match its payload format indicator.",
        MqttReasonCode.RetainNotSupported => "Retain not supported: the server does not keep retained messages.",
        MqttReasonCode.QoSNotSupported => "QoS not supported: it is greater than the server's maximum QoS.",
        MqttReasonCode.UseAnotherServer => "Use another server for the time being.",
        MqttReasonCode.ServerMoved => "Server moved: use another server from now on.",
        MqttReasonCode.SharedSubscriptionsNotSupported => "Shared subscriptions not supported by the server.",
        MqttReasonCode.ConnectionRateExceeded => "Connection rate exceeded: too many connections are made in too short a time.",
        MqttReasonCode.MaximumConnectTime => "Maximum connect time: the time authorized for this connection is over.",
        MqttReasonCode.SubscriptionIdentifiersNotSupported => "Subscription identifiers not supported by the server.",
        MqttReasonCode.WildcardSubscriptionsNotSupported => "Wildcard subscriptions not supported by the server.",
        _ => $"Reason code 0x{(byte)code:X2}, which the specification does not have.",
    };
}
