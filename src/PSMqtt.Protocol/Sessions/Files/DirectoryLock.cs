using System.Globalization;

namespace PSMqtt.Protocol.Sessions.Files;

/// <summary>
/// A directory that belongs to one store at a time. A file in it is held open, locked, which ends with the process, however that ends: a lock that
/// somebody has left behind holds nobody up. Another file, which everybody can read, tells who it is.
/// </summary>
internal sealed class DirectoryLock : IDisposable
{
    public const string LockName = "session.lock";
    public const string OwnerName = "session.owner";

    private readonly string _owner;
    private readonly FileStream _lock;

    /// <param name="directory">The directory.</param>
    /// <exception cref="SessionStoreException">Somebody else has it.</exception>
    public DirectoryLock(string directory)
    {
        _owner = Path.Combine(directory, OwnerName);
        try
        {
            _lock = new FileStream(Path.Combine(directory, LockName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (IsSharingViolation(e))
        {
            int? processId = ReadOwner(directory);
            throw new SessionStoreException(
                SessionStoreFailure.InUse,
                directory,
                processId == Environment.ProcessId ? $"The session directory '{directory}' is in use by another connection of this process ({processId}): "
                    + "disconnect that one first, or use another directory."
                    : $"The session directory '{directory}' is in use by {(processId is { } id ? $"process {id}" : "another process")}: wait until it has "
                    + "ended, or use another directory.",
                e)
            { ProcessId = processId };
        }

        try
        {
            File.WriteAllText(_owner, Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
        }
        catch
        {
            _lock.Dispose();
            throw;
        }
    }

    /// <summary>The process that the directory belongs to, as it says; <see langword="null"/>: none, or not known.</summary>
    public static int? ReadOwner(string directory)
    {
        try
        {
            string text = File.ReadAllText(Path.Combine(directory, OwnerName));
            return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int processId) ? processId : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    public void Dispose()
    {
        try
        {
            File.Delete(_owner);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Only the lock counts.
        }

        _lock.Dispose();
    }

    /// <summary>Whether it is the lock that stands in the way: a missing directory and the like are something else.</summary>
    private static bool IsSharingViolation(IOException e) => OperatingSystem.IsWindows()
        ? (e.HResult & 0xFFFF) is 32 or 33
        : e.HResult is 11 or 35;
}
