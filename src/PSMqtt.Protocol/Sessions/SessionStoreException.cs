namespace PSMqtt.Protocol.Sessions;

/// <summary>Why a session store cannot be used.</summary>
public enum SessionStoreFailure
{
    /// <summary>Another process, or another store of this one, has it open.</summary>
    InUse,

    /// <summary>It belongs to another client identifier.</summary>
    ClientIdMismatch,

    /// <summary>There is none at this place.</summary>
    NotFound,

    /// <summary>The system does not allow us to read or write it.</summary>
    AccessDenied,

    /// <summary>What is there is no session log, or so damaged that nothing in it can be trusted.</summary>
    NotASessionLog,

    /// <summary>A newer version has written it, in a format that this one does not know.</summary>
    UnsupportedVersion,

    /// <summary>It has reached its limit of size.</summary>
    Full,

    /// <summary>The disk is full.</summary>
    DiskFull,

    /// <summary>It could not be written, or read, for another reason.</summary>
    InputOutput,
}

/// <summary>A session store cannot be opened, or cannot keep what it was given. What it had kept before is still there.</summary>
public sealed class SessionStoreException : IOException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="failure">Why.</param>
    /// <param name="path">The store's directory.</param>
    /// <param name="message">A sentence that names the directory and says what to do.</param>
    /// <param name="innerException">The cause, if there is one.</param>
    public SessionStoreException(SessionStoreFailure failure, string path, string message, Exception? innerException = null)
        : base(message, innerException)
    {
        Failure = failure;
        Path = path;
    }

    /// <summary>Why.</summary>
    public SessionStoreFailure Failure { get; }

    /// <summary>The store's directory.</summary>
    public string Path { get; }

    /// <summary>The process that has the store open, where it is in use and that is known.</summary>
    public int? ProcessId { get; init; }
}
