namespace PSMqtt.Protocol;

/// <summary>
/// Every reason code of MQTT 5.0 (section 2.4). Values below 0x80 are success, others failure. Each value has one name, so that it always shows
/// as the same one; zero, which the specification also calls Normal Disconnection and Granted QoS 0, is <see cref="Success"/>.
/// MQTT 3.1 and 3.1.1 return codes are translated to these values when they are read.
/// </summary>
public enum MqttReasonCode : byte
{
    /// <summary>
    /// CONNACK, PUBACK, PUBREC, PUBREL, PUBCOMP, UNSUBACK, AUTH: success. DISCONNECT: normal disconnection, the server does not send the will.
    /// SUBACK: granted QoS 0.
    /// </summary>
    Success = 0x00,

    /// <summary>SUBACK: granted, the maximum QoS sent will be 1.</summary>
    GrantedQoS1 = 0x01,

    /// <summary>SUBACK: granted, the maximum QoS sent will be 2.</summary>
    GrantedQoS2 = 0x02,

    /// <summary>DISCONNECT: the client wishes to disconnect but requires that the server also publishes its will.</summary>
    DisconnectWithWillMessage = 0x04,

    /// <summary>PUBACK, PUBREC: the message was accepted but nobody is subscribed to it.</summary>
    NoMatchingSubscribers = 0x10,

    /// <summary>UNSUBACK: no matching filter is being used by the client.</summary>
    NoSubscriptionExisted = 0x11,

    /// <summary>AUTH: continue the authentication with another step.</summary>
    ContinueAuthentication = 0x18,

    /// <summary>AUTH: start a re-authentication.</summary>
    ReAuthenticate = 0x19,

    /// <summary>The server does not wish to reveal the reason, or none of the other codes applies.</summary>
    UnspecifiedError = 0x80,

    /// <summary>Data within the packet could not be correctly parsed.</summary>
    MalformedPacket = 0x81,

    /// <summary>The packet contained unexpected or invalid content.</summary>
    ProtocolError = 0x82,

    /// <summary>The packet is valid but not accepted by this receiver.</summary>
    ImplementationSpecificError = 0x83,

    /// <summary>CONNACK: the server does not support the version of MQTT that was asked for.</summary>
    UnsupportedProtocolVersion = 0x84,

    /// <summary>CONNACK: the client identifier is valid but not allowed by the server.</summary>
    ClientIdentifierNotValid = 0x85,

    /// <summary>CONNACK: the server does not accept the user name or password.</summary>
    BadUserNameOrPassword = 0x86,

    /// <summary>The client is not authorised to do this.</summary>
    NotAuthorized = 0x87,

    /// <summary>CONNACK: the MQTT server is not available.</summary>
    ServerUnavailable = 0x88,

    /// <summary>The server is busy; try again later.</summary>
    ServerBusy = 0x89,

    /// <summary>CONNACK: this client has been banned by administrative action.</summary>
    Banned = 0x8A,

    /// <summary>DISCONNECT: the server is shutting down.</summary>
    ServerShuttingDown = 0x8B,

    /// <summary>CONNACK, DISCONNECT: the authentication method is not supported, or is not the one in use.</summary>
    BadAuthenticationMethod = 0x8C,

    /// <summary>DISCONNECT: no packet was received for 1.5 times the keep-alive time.</summary>
    KeepAliveTimeout = 0x8D,

    /// <summary>DISCONNECT: another connection with the same client identifier has connected.</summary>
    SessionTakenOver = 0x8E,

    /// <summary>SUBACK, UNSUBACK, DISCONNECT: the topic filter is correctly formed but not accepted by the server.</summary>
    TopicFilterInvalid = 0x8F,

    /// <summary>CONNACK, PUBACK, PUBREC, DISCONNECT: the topic name is correctly formed but not accepted.</summary>
    TopicNameInvalid = 0x90,

    /// <summary>PUBACK, PUBREC, SUBACK, UNSUBACK: the packet identifier is already in use.</summary>
    PacketIdentifierInUse = 0x91,

    /// <summary>PUBREL, PUBCOMP: the packet identifier is not known.</summary>
    PacketIdentifierNotFound = 0x92,

    /// <summary>DISCONNECT: more publications than Receive Maximum were sent without an acknowledgement.</summary>
    ReceiveMaximumExceeded = 0x93,

    /// <summary>DISCONNECT: a topic alias is zero or greater than Topic Alias Maximum.</summary>
    TopicAliasInvalid = 0x94,

    /// <summary>CONNACK, DISCONNECT: the packet is greater than Maximum Packet Size.</summary>
    PacketTooLarge = 0x95,

    /// <summary>DISCONNECT: the rate of received data is too high.</summary>
    MessageRateTooHigh = 0x96,

    /// <summary>An implementation or administrative limit has been exceeded.</summary>
    QuotaExceeded = 0x97,

    /// <summary>DISCONNECT: the connection is closed due to an administrative action.</summary>
    AdministrativeAction = 0x98,

    /// <summary>CONNACK, PUBACK, PUBREC, DISCONNECT: the payload does not match its Payload Format Indicator.</summary>
    PayloadFormatInvalid = 0x99,

    /// <summary>CONNACK, DISCONNECT: the server does not support retained messages.</summary>
    RetainNotSupported = 0x9A,

    /// <summary>CONNACK, DISCONNECT: the QoS is greater than Maximum QoS.</summary>
    QoSNotSupported = 0x9B,

    /// <summary>CONNACK, DISCONNECT: the client should temporarily use another server.</summary>
    UseAnotherServer = 0x9C,

    /// <summary>CONNACK, DISCONNECT: the client should permanently use another server.</summary>
    ServerMoved = 0x9D,

    /// <summary>SUBACK, DISCONNECT: the server does not support shared subscriptions.</summary>
    SharedSubscriptionsNotSupported = 0x9E,

    /// <summary>CONNACK, DISCONNECT: the rate of connections is too high.</summary>
    ConnectionRateExceeded = 0x9F,

    /// <summary>DISCONNECT: the maximum connection time authorised for this connection has been exceeded.</summary>
    MaximumConnectTime = 0xA0,

    /// <summary>SUBACK, DISCONNECT: the server does not support subscription identifiers.</summary>
    SubscriptionIdentifiersNotSupported = 0xA1,

    /// <summary>SUBACK, DISCONNECT: the server does not support wildcard subscriptions.</summary>
    WildcardSubscriptionsNotSupported = 0xA2,
}
