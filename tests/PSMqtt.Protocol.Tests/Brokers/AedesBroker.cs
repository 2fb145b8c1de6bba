using System.Diagnostics;
using System.Globalization;

namespace PSMqtt.Protocol.Tests.Brokers;

/// <summary>An aedes of the test's own, in node, by TCP and by WebSocket. PSMQTT_AEDES is the folder whose node_modules have it, and ws.</summary>
internal sealed class AedesBroker : IRealBroker
{
    private const string Script =
        """
        import { createServer as createTcpServer } from 'node:net';
        import { createServer as createHttpServer } from 'node:http';
        import { Aedes } from 'aedes';
        import { WebSocketServer, createWebSocketStream } from 'ws';

        const broker = await Aedes.createBroker();
        const tcp = createTcpServer({ noDelay: true }, broker.handle);
        const http = createHttpServer();
        const handleProtocols = offered => ['mqtt', 'mqttv3.1'].find(known => offered.has(known)) ?? false;
        new WebSocketServer({ server: http, handleProtocols }).on('connection', (socket, request) => broker.handle(createWebSocketStream(socket), request));
        tcp.listen(0, '127.0.0.1', () => http.listen(0, '127.0.0.1', () => console.log(`ready ${tcp.address().port} ${http.address().port}`)));

        // Whoever has started this is gone.
        process.stdin.on('end', () => process.exit()).resume();
        """;

    private static readonly string? s_node = BrokerProcess.Find("node", "/usr/local/bin", "/opt/homebrew/bin");
    private static readonly string? s_folder = Environment.GetEnvironmentVariable("PSMQTT_AEDES");

    private readonly BrokerProcess _process = new(
        new ProcessStartInfo(s_node!, ["--input-type=module", "--eval", Script]) { WorkingDirectory = s_folder, RedirectStandardInput = true },
        static line => line.StartsWith("ready ", StringComparison.Ordinal));

    private int _webPort;

    /// <summary>Why there is none to start; <see langword="null"/>: there is.</summary>
    public static string? Missing =>
        s_node is null ? "aedes needs node (on Debian and Ubuntu: apt-get install nodejs npm)."
        : s_folder is null || !Directory.Exists(Path.Combine(s_folder, "node_modules", "aedes"))
            ? "aedes is not installed: './build.sh interop' does that."
            : null;

    public int Port { get; private set; }

    public string Uri => $"mqtt://127.0.0.1:{Port}";

    public string WebSocketUri => $"ws://127.0.0.1:{_webPort}/mqtt";

    public static async Task<AedesBroker> StartAsync()
    {
        var broker = new AedesBroker();
        if (await broker._process.StartAsync(TimeSpan.FromSeconds(60)) is { } ready)
        {
            string[] words = ready.Split(' ');
            broker.Port = int.Parse(words[1], CultureInfo.InvariantCulture);
            broker._webPort = int.Parse(words[2], CultureInfo.InvariantCulture);
            return broker;
        }

        await broker.DisposeAsync();
        throw new InvalidOperationException($"aedes did not start:\n{broker._process.Log}");
    }

    public ValueTask DisposeAsync() => _process.DisposeAsync();
}
