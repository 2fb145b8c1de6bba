namespace PSMqtt.Protocol.Sessions.Files;

/// <summary>The few things that a session log needs of a file system, so that tests can take them away.</summary>
internal abstract class LogStorage
{
    /// <summary>Makes the place ready, if it is not there.</summary>
    public abstract void Create();

    /// <summary>Claims the place for this process.</summary>
    /// <returns>Gives it back when disposed.</returns>
    /// <exception cref="SessionStoreException">Somebody else has it.</exception>
    public abstract IDisposable Lock();

    /// <summary>Opens a file to be read and written.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="isNew">Whether to make it, or to empty it if it is there; otherwise it must be there.</param>
    public abstract LogFile Open(string name, bool isNew);

    public abstract bool Exists(string name);

    /// <summary>Gives a file another name, in one step; a file that has that name already is gone.</summary>
    public abstract void Rename(string from, string to);

    public abstract void Delete(string name);

    public abstract void Copy(string from, string to);

    /// <summary>Makes the names of the files durable.</summary>
    public abstract void FlushNames();
}

/// <summary>A file of a <see cref="LogStorage"/>.</summary>
internal abstract class LogFile : IDisposable
{
    public abstract long Length { get; }

    /// <summary>Reads as many bytes as there are, up to the size of the buffer.</summary>
    public abstract int Read(long offset, Span<byte> buffer);

    /// <summary>Hands bytes to the system.</summary>
    public abstract void Write(long offset, ReadOnlySpan<byte> bytes);

    public abstract void Truncate(long length);

    /// <summary>Makes what was written durable.</summary>
    public abstract void Flush();

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected abstract void Dispose(bool disposing);
}
