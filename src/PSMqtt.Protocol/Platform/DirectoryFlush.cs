using System.Runtime.InteropServices;

namespace PSMqtt.Protocol.Platform;

/// <summary>
/// Makes the names in a directory as durable as the contents of its files: on Unix a file that was renamed can be under its old name again after a power
/// failure, until its directory was flushed too. Windows has no such call, and needs none.
/// </summary>
internal static class DirectoryFlush
{
    private const int ReadOnly = 0;

    /// <summary>Flushes a directory.</summary>
    /// <param name="path">The directory.</param>
    /// <exception cref="IOException">The system could not.</exception>
    public static void Flush(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        int handle = Open(path, ReadOnly);
        if (handle < 0)
        {
            throw new IOException($"The directory '{path}' cannot be opened to be flushed (error {Marshal.GetLastPInvokeError()}).");
        }

        try
        {
            // A file system that cannot flush a directory (error 22, invalid argument) keeps its names in another way.
            if (Flush(handle) < 0 && Marshal.GetLastPInvokeError() is var error and not 22)
            {
                throw new IOException($"The directory '{path}' cannot be flushed (error {error}).");
            }
        }
        finally
        {
            _ = Close(handle);
        }
    }

    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Open([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);

    [DllImport("libc", EntryPoint = "fsync", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Flush(int handle);

    [DllImport("libc", EntryPoint = "close", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Close(int handle);
}
