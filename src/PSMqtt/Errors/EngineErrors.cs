using System.Management.Automation;
using PSMqtt.Protocol;
using PSMqtt.Protocol.Sessions;
using PSMqtt.Protocol.Transports;

namespace PSMqtt.Errors;

/// <summary>Turns what the engine throws into error records.</summary>
internal static class EngineErrors
{
    /// <summary>Makes the error record for an exception of the engine.</summary>
    /// <param name="exception">The exception.</param>
    /// <param name="target">The object that the error is about.</param>
    /// <param name="timeout">The kind of error that a <see cref="TimeoutException"/> is here.</param>
    /// <param name="argument">The kind of error that an <see cref="ArgumentException"/> is here.</param>
    /// <returns>The error record.</returns>
    public static ErrorRecord ToRecord(Exception exception, object target, MqttErrorKind? timeout = null, MqttErrorKind? argument = null) =>
        KindOf(exception, timeout ?? MqttErrors.ConnectTimeout, argument ?? MqttErrors.InvalidOption).ToRecord(exception, target);

    private static MqttErrorKind KindOf(Exception exception, MqttErrorKind timeout, MqttErrorKind argument) => exception switch
    {
        MqttScriptException script => script.Kind,
        MqttConnectException connect => KindOf(connect.Failure),
        MqttOperationException operation => KindOf(operation.Operation, operation.Failure),
        MqttProtocolException { ReasonCode: MqttReasonCode.ReceiveMaximumExceeded } => MqttErrors.ReceiveMaximumExceeded,
        MqttProtocolException => MqttErrors.ProtocolError,
        MqttCertificateException certificate => KindOf(certificate.Problem),
        SessionStoreException store => KindOf(store.Failure),
        TimeoutException => timeout,
        ArgumentException => argument,
        ObjectDisposedException => MqttErrors.NotConnected,
        _ => MqttErrors.Unexpected,
    };

    internal static MqttErrorKind KindOf(MqttCertificateProblem problem) => problem switch
    {
        MqttCertificateProblem.FileNotFound => MqttErrors.CertificateFileNotFound,
        MqttCertificateProblem.Unreadable => MqttErrors.CertificateUnreadable,
        MqttCertificateProblem.NotACertificate => MqttErrors.NotACertificate,
        MqttCertificateProblem.KeyMissing => MqttErrors.CertificateKeyMissing,
        MqttCertificateProblem.NotAKey => MqttErrors.CertificateKeyUnusable,
        MqttCertificateProblem.KeyMismatch => MqttErrors.CertificateKeyMismatch,
        MqttCertificateProblem.PasswordMissing => MqttErrors.CertificatePasswordRequired,
        MqttCertificateProblem.WrongPassword => MqttErrors.CertificateWrongPassword,
        _ => MqttErrors.Unexpected,
    };

    internal static MqttErrorKind KindOf(SessionStoreFailure failure) => failure switch
    {
        SessionStoreFailure.InUse => MqttErrors.SessionInUse,
        SessionStoreFailure.ClientIdMismatch => MqttErrors.SessionClientIdMismatch,
        SessionStoreFailure.NotFound => MqttErrors.SessionNotFound,
        SessionStoreFailure.AccessDenied => MqttErrors.SessionAccessDenied,
        SessionStoreFailure.NotASessionLog => MqttErrors.SessionInvalid,
        SessionStoreFailure.UnsupportedVersion => MqttErrors.SessionVersionUnsupported,
        SessionStoreFailure.Full => MqttErrors.SessionFull,
        SessionStoreFailure.DiskFull => MqttErrors.SessionDiskFull,
        SessionStoreFailure.InputOutput => MqttErrors.SessionUnusable,
        _ => MqttErrors.Unexpected,
    };

    internal static MqttErrorKind KindOf(MqttConnectFailure failure) => failure switch
    {
        MqttConnectFailure.HostNotFound => MqttErrors.HostNotFound,
        MqttConnectFailure.ConnectionRefused => MqttErrors.ConnectionRefused,
        MqttConnectFailure.Unreachable => MqttErrors.HostUnreachable,
        MqttConnectFailure.ConnectTimeout => MqttErrors.ConnectTimeout,
        MqttConnectFailure.NoResponse => MqttErrors.NoResponse,
        MqttConnectFailure.NotMqtt => MqttErrors.NotMqtt,
        MqttConnectFailure.ProtocolError => MqttErrors.ProtocolError,
        MqttConnectFailure.ClosedByPeer => MqttErrors.ClosedByPeer,
        MqttConnectFailure.Refused => MqttErrors.ConnectRefused,
        MqttConnectFailure.UnsupportedVersion => MqttErrors.UnsupportedVersion,
        MqttConnectFailure.BadCredentials => MqttErrors.BadCredentials,
        MqttConnectFailure.ClientIdentifierRefused => MqttErrors.ClientIdRefused,
        MqttConnectFailure.AuthenticationFailed => MqttErrors.AuthenticationFailed,
        MqttConnectFailure.ProxyRefused => MqttErrors.ProxyRefused,
        MqttConnectFailure.ProxyAuthenticationRequired => MqttErrors.ProxyAuthenticationRequired,
        MqttConnectFailure.PeerSpeaksNoTls => MqttErrors.PeerSpeaksNoTls,
        MqttConnectFailure.PeerSpeaksTls => MqttErrors.PeerSpeaksTls,
        MqttConnectFailure.CertificateExpired => MqttErrors.CertificateExpired,
        MqttConnectFailure.CertificateNameMismatch => MqttErrors.CertificateNameMismatch,
        MqttConnectFailure.CertificateUntrusted => MqttErrors.CertificateUntrusted,
        MqttConnectFailure.CertificateRevoked => MqttErrors.CertificateRevoked,
        MqttConnectFailure.ClientCertificateRequired => MqttErrors.ClientCertificateRequired,
        MqttConnectFailure.TlsFailed => MqttErrors.TlsFailed,
        MqttConnectFailure.WebSocketRefused => MqttErrors.WebSocketRefused,
        MqttConnectFailure.WebSocketSubprotocol => MqttErrors.WebSocketSubprotocol,
        MqttConnectFailure.WebSocketUnauthorized => MqttErrors.WebSocketUnauthorized,
        MqttConnectFailure.WebSocketNotFound => MqttErrors.WebSocketNotFound,
        MqttConnectFailure.NoServiceRecord => MqttErrors.NoServiceRecord,
        _ => MqttErrors.ConnectFailed,
    };

    internal static MqttErrorKind KindOf(MqttOperation operation, MqttOperationFailure failure) => failure switch
    {
        MqttOperationFailure.Rejected => operation switch
        {
            MqttOperation.Publish => MqttErrors.PublishRejected,
            MqttOperation.Subscribe => MqttErrors.SubscribeRejected,
            _ => MqttErrors.UnsubscribeRejected,
        },
        MqttOperationFailure.NotSupportedByServer => MqttErrors.NotSupportedByServer,
        MqttOperationFailure.NotConnected => MqttErrors.NotConnected,
        MqttOperationFailure.QueueFull => MqttErrors.PublishQueueFull,
        MqttOperationFailure.PacketTooLarge => MqttErrors.PacketTooLarge,
        MqttOperationFailure.SubscriptionConflict => MqttErrors.SubscriptionConflict,
        MqttOperationFailure.OutcomeUnknown => MqttErrors.OutcomeUnknown,
        MqttOperationFailure.Disconnected => MqttErrors.Disconnected,
        MqttOperationFailure.Expired => MqttErrors.MessageExpired,
        _ => MqttErrors.Unexpected,
    };
}
