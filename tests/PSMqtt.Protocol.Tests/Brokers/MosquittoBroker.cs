using System.Diagnostics;

namespace PSMqtt.Protocol.Tests.Brokers;

/// <summary>A mosquitto of the test's own: a process on a free loopback port, with a configuration that drops nothing.</summary>
internal sealed class MosquittoBroker : IRealBroker
{
    private static readonly TimeSpan s_startLimit = TimeSpan.FromSeconds(60);

    private static readonly string? s_program =
        BrokerProcess.Find("mosquitto", "/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin", @"C:\Program Files\mosquitto");

    private readonly BrokerProcess _process;
    private readonly DirectoryInfo _folder;

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

        _process = new BrokerProcess(
            new ProcessStartInfo(s_program!, ["-c", file]), static line => line.EndsWith(" running", StringComparison.Ordinal));
    }

    /// <summary>Whether there is a mosquitto on this machine.</summary>
    public static bool IsInstalled => s_program is not null;

    /// <summary>Why there is none to start; <see langword="null"/>: there is.</summary>
    public static string? Missing => IsInstalled ? null : "mosquitto is not installed (on Debian and Ubuntu: apt-get install mosquitto).";

    public int Port { get; }

    public string Uri => $"mqtt://127.0.0.1:{Port}";

    /// <summary>What it has logged.</summary>
    public string Log => _process.Log;

    /// <summary>Starts a broker, and returns when it accepts connections.</summary>
    /// <param name="configuration">Lines for mosquitto.conf, after those that every test gets.</param>
    public static async Task<MosquittoBroker> StartAsync(params string[] configuration)
    {
        // It cannot choose a port by itself, and somebody else may take the one that was free a moment ago: then try another.
        for (int attempt = 1; ; attempt++)
        {
            var broker = new MosquittoBroker(BrokerProcess.FindFreePort(), configuration);
            if (await broker._process.StartAsync(s_startLimit) is not null)
            {
                return broker;
            }

            await broker.DisposeAsync();
            if (attempt == 3 || !broker.Log.Contains("Address already in use", StringComparison.Ordinal))
            {
                throw new InvalidOperationException($"mosquitto did not start:\n{broker.Log}");
            }
        }
    }

    /// <summary>Ends it, at once and without a word to its clients.</summary>
    public async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        _folder.Delete(recursive: true);
    }
}
