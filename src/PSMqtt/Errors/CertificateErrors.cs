using System.Management.Automation;
using PSMqtt.Connections;
using PSMqtt.Protocol.Transports;

namespace PSMqtt.Errors;

/// <summary>What can be wrong with a certificate that a parameter names.</summary>
internal static class CertificateErrors
{
    /// <summary>Makes the error of an exception.</summary>
    /// <param name="exception">What <see cref="Certificates"/> has thrown.</param>
    /// <returns>The error; <see langword="null"/>: the exception is about something else.</returns>
    public static ErrorRecord? ToRecord(Exception exception) => exception switch
    {
        MqttCertificateException problem => EngineErrors.ToRecord(problem, problem.Path),
        // What a path into a store or a thumbprint names, or the drive of a path.
        ItemNotFoundException missing => MqttErrors.CertificateNotFound.ToRecord(missing, missing.ItemName),
        SessionStateException drive => MqttErrors.CertificateFileNotFound.ToRecord(drive, drive.ItemName),
        CertificateStoreUnsupportedException elsewhere => MqttErrors.CertificateStoreUnsupported.ToRecord(elsewhere, elsewhere.Name),
        _ => null,
    };
}
