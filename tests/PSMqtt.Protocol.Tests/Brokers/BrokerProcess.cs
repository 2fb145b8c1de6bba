using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace PSMqtt.Protocol.Tests.Brokers;

/// <summary>A process of the test's own, which writes a line when it is ready. It ends with the test, and all that it has started with it.</summary>
internal sealed class BrokerProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly Func<string, bool> _isReady;
    private readonly StringBuilder _log = new();
    private readonly TaskCompletionSource<string?> _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <param name="start">What to start.</param>
    /// <param name="isReady">Whether a line that it writes says that it is ready.</param>
    public BrokerProcess(ProcessStartInfo start, Func<string, bool> isReady)
    {
        _isReady = isReady;
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        _process = new Process { StartInfo = start, EnableRaisingEvents = true };
        _process.OutputDataReceived += (_, e) => Read(e.Data);
        _process.ErrorDataReceived += (_, e) => Read(e.Data);
        _process.Exited += (_, _) => _ready.TrySetResult(null);
    }

    /// <summary>What it has written.</summary>
    public string Log
    {
        get
        {
            lock (_log)
            {
                return _log.ToString();
            }
        }
    }

    /// <summary>The program in the path or in one of these folders; <see langword="null"/> where it is in none.</summary>
    public static string? Find(string name, params string[] folders) =>
        (Environment.GetEnvironmentVariable("PATH") ?? string.Empty).Split(Path.PathSeparator)
            .Concat(folders)
            .Where(static folder => folder.Length > 0)
            .SelectMany(folder => OperatingSystem.IsWindows()
                ? [Path.Combine(folder, $"{name}.exe"), Path.Combine(folder, $"{name}.cmd")]
                : (string[])[Path.Combine(folder, name)])
            .FirstOrDefault(File.Exists);

    /// <summary>A port that was free a moment ago.</summary>
    public static int FindFreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>Starts it.</summary>
    /// <returns>The line that says that it is ready; <see langword="null"/>: it has ended, or said nothing in time.</returns>
    public async Task<string?> StartAsync(TimeSpan limit)
    {
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        try
        {
            return await _ready.Task.WaitAsync(limit);
        }
        catch (TimeoutException)
        {
            return null;
        }
    }

    /// <summary>Ends it, at once and without a word to its clients.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
        }

        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private void Read(string? line)
    {
        if (line is null)
        {
            return;
        }

        lock (_log)
        {
            _log.AppendLine(line);
        }

        if (_isReady(line))
        {
            _ready.TrySetResult(line);
        }
    }
}
