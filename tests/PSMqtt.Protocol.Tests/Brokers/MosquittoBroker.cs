using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace PSMqtt.Protocol.Tests.Brokers;

/// <summary>A mosquitto of the test's own: a process on a free loopback port, with a configuration that drops nothing.</summary>
internal sealed class MosquittoBroker : IRealBroker
{
    private static readonly TimeSpan s_startLimit = TimeSpan.FromSeconds(30);

    private readonly Process _process;
    private readonly DirectoryInfo _folder;
    private readonly StringBuilder _log = new();
    private readonly TaskCompletionSource<bool> _running = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private MosquittoBroker(int port, IEnumerable<string> configuration)
    {
        Port = port;
        _folder = Directory.CreateTempSubdirectory("psmqtt-mosquitto-");
        string file = Path.Combine(_folder.FullName, "mosquitto.conf");
        File.WriteAllLines(
            file,
            [
                $"listener {port} 127.0.0.1",
                "allow_anonymous true",
                "persistence false",
                "max_queued_messages 0",
                "max_queued_bytes 0",
                "max_inflight_messages 0",
                "log_dest stderr", // Not stdout: that is buffered, and the line that it runs would not come.
                "log_type all",
                .. configuration,
            ]);

        _process = new Process
        {
            StartInfo = new ProcessStartInfo(Program!, ["-c", file]) { RedirectStandardOutput = true, RedirectStandardError = true },
            EnableRaisingEvents = true,
        };
        _process.OutputDataReceived += (_, e) => Read(e.Data);
        _process.ErrorDataReceived += (_, e) => Read(e.Data);
        _process.Exited += (_, _) => _running.TrySetResult(false);
    }

    /// <summary>Whether there is a mosquitto on this machine.</summary>
    public static bool IsInstalled => Program is not null;

    public int Port { get; }

    public string Uri => $"mqtt://127.0.0.1:{Port}";

    /// <summary>What it has logged.</summary>
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

    private static string? Program { get; } = FindProgram();

    /// <summary>Starts a broker, and returns when it accepts connections.</summary>
    /// <param name="configuration">Lines for mosquitto.conf, after those that every test gets.</param>
    public static async Task<MosquittoBroker> StartAsync(params string[] configuration)
    {
        // It cannot choose a port by itself, and somebody else may take the one that was free a moment ago: then try another.
        for (int attempt = 1; ; attempt++)
        {
            var broker = new MosquittoBroker(FindFreePort(), configuration);
            broker._process.Start();
            broker._process.BeginOutputReadLine();
            broker._process.BeginErrorReadLine();
            try
            {
                if (await broker._running.Task.WaitAsync(s_startLimit))
                {
                    return broker;
                }
            }
            catch (TimeoutException)
            {
                // It is ended and its log shown below.
            }

            string log = broker.Log;
            await broker.DisposeAsync();
            if (attempt == 3 || !log.Contains("Address already in use", StringComparison.Ordinal))
            {
                throw new InvalidOperationException($"mosquitto did not start:\n{log}");
            }
        }
    }

    /// <summary>Ends it, at once and without a word to its clients.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        await _process.WaitForExitAsync();
        _process.Dispose();
        _folder.Delete(recursive: true);
    }

    private static string? FindProgram()
    {
        string name = OperatingSystem.IsWindows() ? "mosquitto.exe" : "mosquitto";
        string[] folders =
        [
            .. (Environment.GetEnvironmentVariable("PATH") ?? string.Empty).Split(Path.PathSeparator),
            "/usr/sbin",
            "/usr/local/sbin",
            "/opt/homebrew/sbin",
            @"C:\Program Files\mosquitto",
        ];
        return folders.Where(folder => folder.Length > 0).Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);
    }

    private static int FindFreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
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

        if (line.EndsWith(" running", StringComparison.Ordinal))
        {
            _running.TrySetResult(true);
        }
    }
}
