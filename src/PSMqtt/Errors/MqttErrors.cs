using System.Management.Automation;

namespace PSMqtt.Errors;

/// <summary>Every kind of error that the module reports.</summary>
internal static class MqttErrors
{
    // Connecting: one for every MqttConnectFailure.
    public static readonly MqttErrorKind ConnectFailed = new(
        "MqttConnectFailed", ErrorCategory.ConnectionError, "Connect with -Verbose to see every step.");

    public static readonly MqttErrorKind HostNotFound = new(
        "MqttHostNotFound", ErrorCategory.ObjectNotFound, "Check the spelling of the server's name, and the machine's DNS settings.");

    public static readonly MqttErrorKind ConnectionRefused = new(
        "MqttConnectionRefused", ErrorCategory.ConnectionError,
        "Give the port that the broker listens on: 1883 is usual for MQTT, 8883 for MQTT over TLS.");

    public static readonly MqttErrorKind HostUnreachable = new(
        "MqttHostUnreachable", ErrorCategory.ConnectionError, "Check the network, the VPN and the routes from this machine to the server.");

    public static readonly MqttErrorKind ConnectTimeout = new(
        "MqttConnectTimeout", ErrorCategory.OperationTimeout,
        "Check the address and the firewalls in between; give a slow network more time with -TimeoutSeconds.");

    public static readonly MqttErrorKind NoResponse = new(
        "MqttNoResponse", ErrorCategory.OperationTimeout,
        "Check that the port is that of an MQTT broker, and whether it expects TLS (mqtts://).");

    public static readonly MqttErrorKind NotMqtt = new(
        "MqttNotMqtt", ErrorCategory.ProtocolError, "Check the port. For MQTT over WebSocket use ws:// or wss://.");

    public static readonly MqttErrorKind ClosedByPeer = new(
        "MqttClosedByPeer", ErrorCategory.ConnectionError,
        "Look into the broker's log; a port that expects TLS (mqtts://) hangs up like that, too.");

    public static readonly MqttErrorKind ConnectRefused = new(
        "MqttConnectRefused", ErrorCategory.ConnectionError, "Look into the broker's log, which often says more, and check what it allows this client.");

    public static readonly MqttErrorKind UnsupportedVersion = new(
        "MqttUnsupportedVersion", ErrorCategory.ConnectionError, "Leave -ProtocolVersion out, so that a version which the broker speaks is found.");

    public static readonly MqttErrorKind BadCredentials = new(
        "MqttBadCredentials", ErrorCategory.AuthenticationError, "Check user name and password (-Credential) and what the broker allows this user.");

    public static readonly MqttErrorKind ClientIdRefused = new(
        "MqttClientIdRefused", ErrorCategory.InvalidArgument, "Choose another -ClientId, or leave it out.");

    public static readonly MqttErrorKind AuthenticationFailed = new(
        "MqttAuthenticationFailed", ErrorCategory.AuthenticationError, "Check the authentication method, and the script block that answers for it.");

    public static readonly MqttErrorKind CredentialScriptFailed = new(
        "MqttCredentialScriptFailed", ErrorCategory.AuthenticationError,
        "Run the script block of -CredentialScript by itself in a new session, where it has to work without this one's variables.");

    public static readonly MqttErrorKind AuthenticationScriptFailed = new(
        "MqttAuthenticationScriptFailed", ErrorCategory.AuthenticationError,
        "Run the script block of -AuthenticationScript by itself in a new session: & { ... } Begin. It does not see this one's variables.");

    public static readonly MqttErrorKind ProxyRefused = new(
        "MqttProxyRefused", ErrorCategory.ConnectionError, "Check the address of the proxy, and whether it allows tunnels to this server and port.");

    public static readonly MqttErrorKind ProxyAuthenticationRequired = new(
        "MqttProxyAuthenticationRequired", ErrorCategory.AuthenticationError, "Give -ProxyCredential to New-MqttConnectionOption.");

    public static readonly MqttErrorKind PeerSpeaksNoTls = new(
        "MqttPeerSpeaksNoTls", ErrorCategory.ProtocolError, "Connect without TLS (mqtt://), or to the broker's TLS port, usually 8883.");

    public static readonly MqttErrorKind PeerSpeaksTls = new(
        "MqttPeerSpeaksTls", ErrorCategory.ProtocolError, "Connect with TLS: mqtts://, wss:// or -Tls.");

    public static readonly MqttErrorKind CertificateExpired = new(
        "MqttCertificateExpired", ErrorCategory.SecurityError, "Have the server's certificate renewed, or set this machine's clock.");

    public static readonly MqttErrorKind CertificateNameMismatch = new(
        "MqttCertificateNameMismatch", ErrorCategory.SecurityError,
        "Connect by a name that is in the certificate; -SkipHostNameCheck accepts any name of a trusted certificate.");

    public static readonly MqttErrorKind CertificateUntrusted = new(
        "MqttCertificateUntrusted", ErrorCategory.SecurityError, "Give the root certificate of the server's certificate with -CACertificate.");

    public static readonly MqttErrorKind CertificateRevoked = new(
        "MqttCertificateRevoked", ErrorCategory.SecurityError, "Ask whoever runs the server for a certificate that has not been revoked.");

    public static readonly MqttErrorKind ClientCertificateRequired = new(
        "MqttClientCertificateRequired", ErrorCategory.AuthenticationError, "Give the client's certificate with -Certificate and -CertificateKey.");

    public static readonly MqttErrorKind TlsFailed = new(
        "MqttTlsFailed", ErrorCategory.SecurityError, "Check which versions and ciphers of TLS the server allows; its log says why it refused.");

    public static readonly MqttErrorKind WebSocketRefused = new(
        "MqttWebSocketRefused", ErrorCategory.ConnectionError, "Check the path of the URI (often /mqtt) and the port of the broker's WebSocket listener.");

    public static readonly MqttErrorKind WebSocketUnauthorized = new(
        "MqttWebSocketUnauthorized", ErrorCategory.AuthenticationError,
        "Give the header that the endpoint wants, such as Authorization, with New-MqttConnectionOption -WebSocketHeader.");

    public static readonly MqttErrorKind WebSocketNotFound = new(
        "MqttWebSocketNotFound", ErrorCategory.ObjectNotFound, "Check the path of the URI: often /mqtt, /ws or /.");

    public static readonly MqttErrorKind WebSocketSubprotocol = new(
        "MqttWebSocketSubprotocol", ErrorCategory.ProtocolError, "Check that the URI's path leads to an MQTT broker and not to another WebSocket service.");

    public static readonly MqttErrorKind NoServiceRecord = new(
        "MqttNoServiceRecord", ErrorCategory.ObjectNotFound, "Ask whoever runs the domain for the server's name, and connect to that.");

    // Operations: one for every MqttOperationFailure, and one for every timeout.
    public static readonly MqttErrorKind PublishRejected = new(
        "MqttPublishRejected", ErrorCategory.PermissionDenied, "Check the topic, and what the broker allows this client to publish.");

    public static readonly MqttErrorKind SubscribeRejected = new(
        "MqttSubscribeRejected", ErrorCategory.PermissionDenied, "Check the topic filter, and what the broker allows this client to subscribe to.");

    public static readonly MqttErrorKind UnsubscribeRejected = new(
        "MqttUnsubscribeRejected", ErrorCategory.InvalidOperation, "See the broker's log for why it keeps the subscription.");

    public static readonly MqttErrorKind NotSupportedByServer = new(
        "MqttNotSupportedByServer", ErrorCategory.NotImplemented, "Get-MqttConnection shows what the broker announced; stay within it.");

    public static readonly MqttErrorKind NotConnected = new(
        "MqttNotConnected", ErrorCategory.ConnectionError,
        "Get-MqttConnection shows how it stands. While it is made again, QoS 1 and 2 wait for it; one that has ended does not come back: Connect-Mqtt.");

    public static readonly MqttErrorKind PublishQueueFull = new(
        "MqttPublishQueueFull", ErrorCategory.LimitsExceeded,
        "Send more slowly while the connection is down, or raise -PublishQueueLimit of New-MqttConnectionOption.");

    public static readonly MqttErrorKind PacketTooLarge = new(
        "MqttPacketTooLarge", ErrorCategory.LimitsExceeded,
        "Send a smaller payload, or raise the broker's limit; Get-MqttConnection shows it as MaximumPacketSize.");

    public static readonly MqttErrorKind SubscriptionConflict = new(
        "MqttSubscriptionConflict", ErrorCategory.ResourceExists,
        "End the other subscription with Unregister-MqttSubscription, use the same options, or another connection.");

    public static readonly MqttErrorKind OutcomeUnknown = new(
        "MqttOutcomeUnknown", ErrorCategory.ConnectionError,
        "Send it again if a duplicate does no harm.");

    public static readonly MqttErrorKind Disconnected = new(
        "MqttDisconnected", ErrorCategory.ConnectionError, "Connect again with Connect-Mqtt, and repeat the command.");

    public static readonly MqttErrorKind MessageExpired = new(
        "MqttMessageExpired", ErrorCategory.OperationTimeout, "Give the message a longer -MessageExpiry.");

    public static readonly MqttErrorKind SendTimeout = new(
        "MqttSendTimeout", ErrorCategory.OperationTimeout,
        "Check the connection (Get-MqttConnection), or allow more time: -TimeoutSeconds Infinite waits as long as it takes.");

    public static readonly MqttErrorKind SubscribeTimeout = new(
        "MqttSubscribeTimeout", ErrorCategory.OperationTimeout, "Check the connection (Get-MqttConnection), or raise -TimeoutSeconds.");

    public static readonly MqttErrorKind UnsubscribeTimeout = new(
        "MqttUnsubscribeTimeout", ErrorCategory.OperationTimeout, "Check the connection (Get-MqttConnection), or raise -TimeoutSeconds.");

    public static readonly MqttErrorKind DisconnectTimeout = new(
        "MqttDisconnectTimeout", ErrorCategory.OperationTimeout,
        "Raise -TimeoutSeconds to wait longer.");

    public static readonly MqttErrorKind ConfirmTimeout = new(
        "MqttConfirmTimeout", ErrorCategory.OperationTimeout, "Check the connection (Get-MqttConnection), or raise -TimeoutSeconds.");

    public static readonly MqttErrorKind ReceiveTimeout = new(
        "MqttReceiveTimeout", ErrorCategory.OperationTimeout, "Check that messages are sent to this topic (Receive-MqttMessage '#' shows all), or allow more time.");

    public static readonly MqttErrorKind RequestTimeout = new(
        "MqttRequestTimeout", ErrorCategory.OperationTimeout,
        "Check that somebody answers requests on this topic and sends the correlation data back, or raise -TimeoutSeconds.");

    public static readonly MqttErrorKind ReceiveMaximumExceeded = new(
        "MqttReceiveMaximumExceeded", ErrorCategory.ProtocolError,
        "Raise -ReceiveMaximum of New-MqttConnectionOption for a broker that does not keep to it, and report it to whoever makes the broker.");

    public static readonly MqttErrorKind ProtocolError = new(
        "MqttProtocolError", ErrorCategory.ProtocolError, "Report it to whoever makes the broker; -TracePath of New-MqttConnectionOption records the packets that led to it.");

    public static readonly MqttErrorKind ConnectionLost = new(
        "MqttConnectionLost", ErrorCategory.ConnectionError, "Connect again with Connect-Mqtt, and without -NoReconnect for a connection that is made again by itself.");

    // Misuse.
    public static readonly MqttErrorKind InvalidServer = new(
        "MqttInvalidServer", ErrorCategory.InvalidArgument, "Write a host name, host:port, or a URI such as mqtts://broker.example.com:8883.");

    public static readonly MqttErrorKind InvalidOption = new(
        "MqttInvalidOption", ErrorCategory.InvalidArgument, "Correct the parameter that the message names.");

    public static readonly MqttErrorKind ClientIdRequired = new(
        "MqttClientIdRequired", ErrorCategory.InvalidArgument, "Give -ClientId, the same each time.");

    // Sessions on disk: one for every SessionStoreFailure.
    public static readonly MqttErrorKind SessionInUse = new(
        "MqttSessionInUse", ErrorCategory.ResourceBusy, "Wait until the other process has ended, disconnect its connection, or use another -SessionPath.");

    public static readonly MqttErrorKind SessionClientIdMismatch = new(
        "MqttSessionClientIdMismatch", ErrorCategory.InvalidArgument, "Leave -ClientId out: the session's own is used then. Or use another -SessionPath.");

    public static readonly MqttErrorKind SessionNotFound = new(
        "MqttSessionNotFound", ErrorCategory.ObjectNotFound, "Check the path: it is that of a directory that was given to Connect-Mqtt -SessionPath.");

    public static readonly MqttErrorKind SessionAccessDenied = new(
        "MqttSessionAccessDenied", ErrorCategory.PermissionDenied, "Change the permissions of the directory, or use another -SessionPath.");

    public static readonly MqttErrorKind SessionInvalid = new(
        "MqttSessionInvalid", ErrorCategory.InvalidData, "Move the file session.log away to begin a new session, or use another -SessionPath.");

    public static readonly MqttErrorKind SessionVersionUnsupported = new(
        "MqttSessionVersionUnsupported", ErrorCategory.InvalidData, "Use the version of PSMqtt that has made the session, or another -SessionPath.");

    public static readonly MqttErrorKind SessionFull = new(
        "MqttSessionFull", ErrorCategory.LimitsExceeded,
        "Let the broker take what waits, remove it with Clear-MqttOutbox, or raise -SessionSizeLimit of New-MqttConnectionOption.");

    public static readonly MqttErrorKind SessionDiskFull = new(
        "MqttSessionDiskFull", ErrorCategory.WriteError, "Make room on the disk of the session's directory: what was accepted before is safe.");

    public static readonly MqttErrorKind SessionUnusable = new(
        "MqttSessionUnusable", ErrorCategory.WriteError, "Check the disk of the session's directory: the message says what the system reported.");

    public static readonly MqttErrorKind ConnectionNameInUse = new(
        "MqttConnectionNameInUse", ErrorCategory.ResourceExists, "Choose another -Name, or end the other connection with Disconnect-Mqtt.");

    public static readonly MqttErrorKind NoCurrentConnection = new(
        "MqttNoCurrentConnection", ErrorCategory.ConnectionError, "Connect with Connect-Mqtt, or choose a connection with -Connection. If Connect-Mqtt is in the script, see whether it has failed.");

    public static readonly MqttErrorKind ConnectionNotFound = new(
        "MqttConnectionNotFound", ErrorCategory.ObjectNotFound, "Get-MqttConnection lists the connections of this runspace.");

    public static readonly MqttErrorKind InvalidTopic = new(
        "MqttInvalidTopic", ErrorCategory.InvalidArgument, "A topic name has 1 to 65,535 bytes and none of the characters + # and null.");

    public static readonly MqttErrorKind InvalidTopicFilter = new(
        "MqttInvalidTopicFilter", ErrorCategory.InvalidArgument,
        "In a topic filter + stands for one whole level and # for all that follow, as the last level: plant/+/temperature, plant/#.");

    public static readonly MqttErrorKind TopicRequired = new(
        "MqttTopicRequired", ErrorCategory.InvalidArgument,
        "Give -Topic, or pipe in MqttMessage objects or objects with the properties Topic and Payload.");

    public static readonly MqttErrorKind ResponseTopicRequired = new(
        "MqttResponseTopicRequired", ErrorCategory.InvalidArgument,
        "Give -ResponseTopic: the topic on which the other side answers. On MQTT 5.0 the request carries it along.");

    public static readonly MqttErrorKind InvalidMessage = new(
        "MqttInvalidMessage", ErrorCategory.InvalidArgument, "Correct the part of the message that the error names.");

    public static readonly MqttErrorKind InvalidPayload = new(
        "MqttInvalidPayload", ErrorCategory.InvalidData, "Convert the object to a string or to bytes before it is sent.");

    public static readonly MqttErrorKind PayloadNotJson = new(
        "MqttPayloadNotJson", ErrorCategory.InvalidData, "Use the message's Text or Payload instead.");

    public static readonly MqttErrorKind FileNotFound = new(
        "MqttFileNotFound", ErrorCategory.ObjectNotFound, "Check the path; -LiteralPath takes it without wildcards.");

    public static readonly MqttErrorKind FileUnreadable = new(
        "MqttFileUnreadable", ErrorCategory.ReadError, "Check the permissions of the file and whether another program has it open.");

    // Certificates: one for every MqttCertificateProblem, and one for the stores.
    public static readonly MqttErrorKind CertificateFileNotFound = new(
        "MqttCertificateFileNotFound", ErrorCategory.ObjectNotFound, "Check the path of -CACertificate, -Certificate or -CertificateKey.");

    public static readonly MqttErrorKind CertificateUnreadable = new(
        "MqttCertificateUnreadable", ErrorCategory.ReadError, "Check that the path is that of a file, and that you may read it.");

    public static readonly MqttErrorKind NotACertificate = new(
        "MqttNotACertificate", ErrorCategory.InvalidData, "Give a PEM, DER, PKCS#7 or PFX file that holds a certificate.");

    public static readonly MqttErrorKind CertificateKeyMissing = new(
        "MqttCertificateKeyMissing", ErrorCategory.InvalidData, "Give the certificate's private key with -CertificateKey, or a PFX file that has both.");

    public static readonly MqttErrorKind CertificateKeyUnusable = new(
        "MqttCertificateKeyUnusable", ErrorCategory.InvalidData, "Give a PEM file with an RSA or ECDSA private key as -CertificateKey, and none with a PFX file.");

    public static readonly MqttErrorKind CertificateKeyMismatch = new(
        "MqttCertificateKeyMismatch", ErrorCategory.InvalidData, "Give the key that the certificate was requested with.");

    public static readonly MqttErrorKind CertificatePasswordRequired = new(
        "MqttCertificatePasswordRequired", ErrorCategory.AuthenticationError, "Give the file's password with -CertificatePassword.");

    public static readonly MqttErrorKind CertificateWrongPassword = new(
        "MqttCertificateWrongPassword", ErrorCategory.AuthenticationError, "Give the password that the file was made with as -CertificatePassword.");

    public static readonly MqttErrorKind CertificateNotFound = new(
        "MqttCertificateNotFound", ErrorCategory.ObjectNotFound, "Get-ChildItem Cert:\\CurrentUser\\My lists the certificates of this user, with their thumbprints.");

    public static readonly MqttErrorKind CertificateStoreUnsupported = new(
        "MqttCertificateStoreUnsupported", ErrorCategory.NotImplemented, "Give a file (PEM or PFX), or a certificate object.");

    public static readonly MqttErrorKind RequiresTls = new(
        "MqttRequiresTls", ErrorCategory.InvalidArgument, "Write mqtts:// or wss://, or add -Tls; or leave the parameter out.");

    public static readonly MqttErrorKind RequiresMqtt5 = new(
        "MqttRequiresMqtt5", ErrorCategory.InvalidOperation, "Leave the parameter out, or connect to a broker that speaks MQTT 5.0.");

    public static readonly MqttErrorKind NoSubscription = new(
        "MqttNoSubscription", ErrorCategory.InvalidOperation, "Register one with Register-MqttSubscription, or receive from a topic with -Topic.");

    public static readonly MqttErrorKind SubscriptionNotFound = new(
        "MqttSubscriptionNotFound", ErrorCategory.ObjectNotFound, "Get-MqttSubscription lists the subscriptions of the connection.");

    public static readonly MqttErrorKind SubscriptionEnded = new(
        "MqttSubscriptionEnded", ErrorCategory.InvalidOperation, "Register it again with Register-MqttSubscription.");

    public static readonly MqttErrorKind ActionInterrupted = new(
        "MqttActionInterrupted", ErrorCategory.OperationStopped,
        "Look at what the action had done before Ctrl+C: it does not run again for this message, and later messages still come.");

    public static readonly MqttErrorKind SourceIdentifierInUse = new(
        "MqttSourceIdentifierInUse", ErrorCategory.ResourceExists, "Choose another -SourceIdentifier, or end the other one with Unregister-Event.");

    public static readonly MqttErrorKind NoBroker = new(
        "MqttNoBroker", ErrorCategory.ObjectNotFound, "Start-MqttBroker starts one.");

    public static readonly MqttErrorKind BrokerAmbiguous = new(
        "MqttBrokerAmbiguous", ErrorCategory.InvalidArgument, "Name it: Stop-MqttBroker -Name Broker1. For all of them: Get-MqttBroker | Stop-MqttBroker.");

    public static readonly MqttErrorKind MessageOfOtherConnection = new(
        "MqttMessageOfOtherConnection", ErrorCategory.InvalidArgument,
        "Name the connection that has received the message: Confirm-MqttMessage -Connection.");

    public static readonly MqttErrorKind InvalidReasonCode = new(
        "MqttInvalidReasonCode", ErrorCategory.InvalidArgument,
        "Leave -ReasonCode out, or give one that refuses a message: QuotaExceeded, NotAuthorized, PayloadFormatInvalid, ImplementationSpecificError.");

    public static readonly MqttErrorKind Unexpected = new(
        "MqttUnexpectedError", ErrorCategory.OperationStopped, "This is likely a fault of the module: report it with the message and $Error[0].Exception.");
}
