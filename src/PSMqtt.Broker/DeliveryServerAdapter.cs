using MQTTnet.Adapter;
using MQTTnet.Diagnostics.Logger;
using MQTTnet.Server;
using MQTTnet.Server.Internal.Adapter;

namespace PSMqtt.Broker;

/// <summary>The library's TCP listener, with a <see cref="DeliveryChannel"/> between each client and the server.</summary>
internal sealed class DeliveryServerAdapter : IMqttServerAdapter
{
    private readonly MqttTcpServerAdapter _listener = new();
    private readonly ExactlyOnceLedger _ledger = new();

    public Func<IMqttChannelAdapter, Task>? ClientHandler { get; set; }

    public Task StartAsync(MqttServerOptions options, IMqttNetLogger logger)
    {
        _listener.ClientHandler = async channel =>
        {
            if (ClientHandler is not { } handle)
            {
                return;
            }

            // Closed with the channel beneath it, which is the listener's.
            await handle(new DeliveryChannel(channel, _ledger)).ConfigureAwait(false);
        };
        return _listener.StartAsync(options, logger);
    }

    public Task StopAsync() => _listener.StopAsync();

    public void Dispose() => _listener.Dispose();
}
