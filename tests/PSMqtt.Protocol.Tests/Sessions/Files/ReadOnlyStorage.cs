using PSMqtt.Protocol.Sessions.Files;

namespace PSMqtt.Protocol.Tests.Sessions.Files;

/// <summary>What a session log does to a directory when it opens it, in the order of doing.</summary>
public enum WriteStep
{
    CreateDirectory,
    Lock,
    DeleteNewLog,
    OpenLog,
    MakeLog,
}

/// <summary>
/// A directory on the disk of which one step may not be taken: permissions do not stop every user (root), and work differently on each system; this does not.
/// </summary>
/// <param name="directory">The directory.</param>
/// <param name="refused">What is refused.</param>
/// <param name="isFileSystem">Whether because the file system is read-only; else because this user may not.</param>
internal sealed class ReadOnlyStorage(string directory, WriteStep refused, bool isFileSystem) : LogStorage
{
    private readonly DiskStorage _disk = new(directory);

    /// <summary>Whether it came to that.</summary>
    public bool HasRefused { get; private set; }

    public override void Create()
    {
        Refuse(WriteStep.CreateDirectory);
        _disk.Create();
    }

    public override IDisposable Lock()
    {
        Refuse(WriteStep.Lock);
        return _disk.Lock();
    }

    public override LogFile Open(string name, bool isNew)
    {
        Refuse(isNew ? WriteStep.MakeLog : WriteStep.OpenLog);
        return _disk.Open(name, isNew);
    }

    public override bool Exists(string name) => _disk.Exists(name);

    public override void Rename(string from, string to) => _disk.Rename(from, to);

    public override void Delete(string name)
    {
        Refuse(WriteStep.DeleteNewLog);
        _disk.Delete(name);
    }

    public override void Copy(string from, string to) => _disk.Copy(from, to);

    public override void FlushNames() => _disk.FlushNames();

    private void Refuse(WriteStep step)
    {
        if (step == refused)
        {
            HasRefused = true;
            throw isFileSystem ? new IOException("Read-only file system", OperatingSystem.IsWindows() ? unchecked((int)0x80070013) : 30)
                : new UnauthorizedAccessException($"Access to the path '{directory}' is denied.");
        }
    }
}
