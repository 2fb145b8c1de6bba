using System.Diagnostics;

namespace PSMqtt.Protocol.Tests.Brokers;

/// <summary>
/// A RabbitMQ of the test's own, with its MQTT and Web MQTT plugins: a process with folders of its own that listens on loopback only, and no service.
/// Its port mapper is one of its own too: the usual one would stay behind, on every interface.
/// </summary>
internal sealed class RabbitBroker : IRealBroker
{
    private static readonly TimeSpan s_startLimit = TimeSpan.FromMinutes(3);

    // The script in the path of a Debian package changes the user.
    private static readonly string? s_server = File.Exists("/usr/lib/rabbitmq/bin/rabbitmq-server")
        ? "/usr/lib/rabbitmq/bin/rabbitmq-server"
        : BrokerProcess.Find("rabbitmq-server", "/usr/local/sbin", "/opt/homebrew/sbin");

    private static readonly string? s_portMapper = BrokerProcess.Find("epmd", "/usr/local/bin", "/opt/homebrew/bin");

    private readonly DirectoryInfo _folder;
    private readonly BrokerProcess _mapper;
    private readonly BrokerProcess _server;
    private readonly int _webPort;

    private RabbitBroker()
    {
        Port = BrokerProcess.FindFreePort();
        _webPort = BrokerProcess.FindFreePort();
        int mapperPort = BrokerProcess.FindFreePort();
        _folder = Directory.CreateTempSubdirectory("psmqtt-rabbitmq-");
        string configuration = Write(
            "rabbitmq.conf",
            "listeners.tcp = none",
            $"mqtt.listeners.tcp.1 = 127.0.0.1:{Port}",
            "mqtt.allow_anonymous = true",
            "mqtt.tcp_listen_options.nodelay = true",
            "mqtt.retained_message_store = rabbit_mqtt_retained_msg_store_ets",
            "web_mqtt.tcp.ip = 127.0.0.1",
            $"web_mqtt.tcp.port = {_webPort}",
            "log.console = true",
            "log.file = false");
        string plugins = Write("enabled_plugins", "[rabbitmq_mqtt,rabbitmq_web_mqtt].");
        Dictionary<string, string> environment = new()
        {
            ["HOME"] = _folder.FullName,
            ["ERL_EPMD_ADDRESS"] = "127.0.0.1",
            ["ERL_EPMD_PORT"] = $"{mapperPort}",
            ["RABBITMQ_NODENAME"] = "psmqtt@localhost",
            ["RABBITMQ_DIST_PORT"] = $"{BrokerProcess.FindFreePort()}",
            ["RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"] = "-kernel inet_dist_use_interface {127,0,0,1}",
            ["RABBITMQ_MNESIA_BASE"] = Path.Combine(_folder.FullName, "data"),
            ["RABBITMQ_LOG_BASE"] = Path.Combine(_folder.FullName, "log"),
            ["RABBITMQ_CONFIG_FILE"] = configuration,
            ["RABBITMQ_ENABLED_PLUGINS_FILE"] = plugins,
            ["RABBITMQ_CONF_ENV_FILE"] = Path.Combine(_folder.FullName, "none"),
        };
        _mapper = new BrokerProcess(
            Start(s_portMapper!, environment, "-debug"), static line => line.Contains("running", StringComparison.OrdinalIgnoreCase));
        _server = new BrokerProcess(Start(s_server!, environment), static line => line.Contains("completed with", StringComparison.Ordinal));
    }

    /// <summary>Why there is none to start; <see langword="null"/>: there is.</summary>
    public static string? Missing =>
        s_server is null || s_portMapper is null ? "RabbitMQ is not installed (on Debian and Ubuntu: apt-get install rabbitmq-server)." : null;

    public int Port { get; }

    public string Uri => $"mqtt://127.0.0.1:{Port}";

    public string WebSocketUri => $"ws://127.0.0.1:{_webPort}/ws";

    public static async Task<RabbitBroker> StartAsync()
    {
        var broker = new RabbitBroker();
        if (await broker._mapper.StartAsync(TimeSpan.FromSeconds(60)) is not null && await broker._server.StartAsync(s_startLimit) is not null)
        {
            return broker;
        }

        await broker.DisposeAsync();
        throw new InvalidOperationException($"RabbitMQ did not start:\n{broker._mapper.Log}\n{broker._server.Log}");
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await _mapper.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    private static ProcessStartInfo Start(string program, Dictionary<string, string> environment, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments);
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        return start;
    }

    private string Write(string name, params string[] lines)
    {
        string path = Path.Combine(_folder.FullName, name);
        File.WriteAllLines(path, lines);
        return path;
    }
}
