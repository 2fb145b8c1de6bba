using System.Diagnostics;

namespace PSMqtt.Protocol.Sessions.Files;

/// <summary>What is in a session directory, at the moment it was looked into.</summary>
public sealed class SessionLog
{
    internal SessionLog(string directory, LogScan scan)
    {
        Directory = directory;
        ClientId = scan.ClientId ?? string.Empty;
        Contents = scan.State.Copy();
        Length = scan.End;
        Records = scan.Records;
        Damage = scan.Damage;
        ProcessId = DirectoryLock.ReadOwner(directory) is { } owner && IsRunning(owner) ? owner : null;
    }

    /// <summary>The directory, as a full path.</summary>
    public string Directory { get; }

    /// <summary>The client identifier that the session belongs to.</summary>
    public string ClientId { get; }

    /// <summary>The session.</summary>
    public SessionContents Contents { get; }

    /// <summary>How many bytes the log has, up to the end of its last whole record.</summary>
    public long Length { get; }

    /// <summary>How many records it has, those of the past too.</summary>
    public long Records { get; }

    /// <summary>What could not be read. The end of a log that is in use may look torn: it is being written.</summary>
    public IReadOnlyList<SessionLogDamage> Damage { get; }

    /// <summary>The process that has the directory open; <see langword="null"/>: none.</summary>
    public int? ProcessId { get; }

    private static bool IsRunning(int processId)
    {
        try
        {
            using var process = Process.GetProcessById(processId);
            return true;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }
}
