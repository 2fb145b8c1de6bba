namespace PSMqtt.Protocol.Sessions.Files;

/// <summary>Turns what the file system throws into what the store's users are told.</summary>
internal static class LogErrors
{
    /// <summary>Whether an exception is the file system's.</summary>
    public static bool IsInputOutput(Exception e) => e is IOException or UnauthorizedAccessException or NotSupportedException;

    /// <summary>Makes the exception for a failure of the file system.</summary>
    /// <param name="e">The failure.</param>
    /// <param name="directory">The store's directory.</param>
    /// <param name="what">What cannot be done with it: opened, read, written.</param>
    public static SessionStoreException Translate(Exception e, string directory, string what)
    {
        if (e is SessionStoreException known)
        {
            return known;
        }

        (SessionStoreFailure failure, string why) = Explain(e);
        return new SessionStoreException(failure, directory, $"The session directory '{directory}' cannot be {what}{why}", e);
    }

    private static (SessionStoreFailure Failure, string Why) Explain(Exception e)
    {
        // The system's own numbers: of Unix, and of Windows.
        int code = e is IOException ? e.HResult & 0xFFFF : 0;
        return (e, OperatingSystem.IsWindows(), code) switch
        {
            (UnauthorizedAccessException, _, _) => (
                SessionStoreFailure.AccessDenied,
                $", because this user may not: {e.Message} Change its permissions, or use another directory."),
            (_, false, 30) or (_, true, 19) => (
                SessionStoreFailure.AccessDenied,
                ", because its file system is read-only. Use another directory."),
            (_, false, 28) or (_, true, 112 or 39) => (
                SessionStoreFailure.DiskFull,
                ", because the disk is full. Make room: what was accepted before is safe."),
            _ => (SessionStoreFailure.InputOutput, $": {e.Message}"),
        };
    }
}
