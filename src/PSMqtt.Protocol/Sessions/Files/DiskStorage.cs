using PSMqtt.Protocol.Platform;

namespace PSMqtt.Protocol.Sessions.Files;

/// <summary>A directory on a disk.</summary>
internal sealed class DiskStorage(string directory) : LogStorage
{
    public override void Create() => Directory.CreateDirectory(directory);

    public override IDisposable Lock() => new DirectoryLock(directory);

    public override LogFile Open(string name, bool isNew) =>
        new DiskFile(new FileStream(
            PathOf(name), isNew ? FileMode.Create : FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0));

    /// <summary>Opens a file to be read, whoever writes it.</summary>
    public LogFile OpenToRead(string name) =>
        new DiskFile(new FileStream(PathOf(name), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0));

    public override bool Exists(string name) => File.Exists(PathOf(name));

    public override void Rename(string from, string to) => File.Move(PathOf(from), PathOf(to), overwrite: true);

    public override void Delete(string name) => File.Delete(PathOf(name));

    public override void Copy(string from, string to) => File.Copy(PathOf(from), PathOf(to), overwrite: true);

    public override void FlushNames() => DirectoryFlush.Flush(directory);

    private string PathOf(string name) => Path.Combine(directory, name);

    private sealed class DiskFile(FileStream stream) : LogFile
    {
        public override long Length => stream.Length;

        public override int Read(long offset, Span<byte> buffer)
        {
            stream.Position = offset;
            return stream.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
        }

        public override void Write(long offset, ReadOnlySpan<byte> bytes)
        {
            stream.Position = offset;
            stream.Write(bytes);
        }

        public override void Truncate(long length) => stream.SetLength(length);

        public override void Flush() => stream.Flush(flushToDisk: true);

        protected override void Dispose(bool disposing) => stream.Dispose();
    }
}
