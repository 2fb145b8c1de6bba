namespace PSMqtt.Protocol.Transports;

/// <summary>What is wrong with a file of certificates or keys.</summary>
public enum MqttCertificateProblem
{
    /// <summary>There is no such file.</summary>
    FileNotFound,

    /// <summary>The file is there and cannot be read.</summary>
    Unreadable,

    /// <summary>The file holds no certificate.</summary>
    NotACertificate,

    /// <summary>There is a certificate, but no private key for it.</summary>
    KeyMissing,

    /// <summary>The file that was given as the key holds none, or one of a kind that cannot be used.</summary>
    NotAKey,

    /// <summary>The private key belongs to another certificate.</summary>
    KeyMismatch,

    /// <summary>The file is encrypted, and no password was given.</summary>
    PasswordMissing,

    /// <summary>The password does not open the file.</summary>
    WrongPassword,
}

/// <summary>A file of certificates or keys could not be used. Says which one, why, and what to do; never its contents or password.</summary>
public sealed class MqttCertificateException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="problem">What is wrong.</param>
    /// <param name="path">The file.</param>
    /// <param name="message">A sentence that names the file and says what to do.</param>
    /// <param name="innerException">The cause, if there is one.</param>
    public MqttCertificateException(MqttCertificateProblem problem, string path, string message, Exception? innerException = null)
        : base(message, innerException)
    {
        Problem = problem;
        Path = path;
    }

    /// <summary>What is wrong.</summary>
    public MqttCertificateProblem Problem { get; }

    /// <summary>The file.</summary>
    public string Path { get; }
}
