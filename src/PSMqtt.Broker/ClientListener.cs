using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using MQTTnet.Adapter;
using MQTTnet.Diagnostics.Logger;
using MQTTnet.Server;
using PSMqtt.Protocol.Transports;

namespace PSMqtt.Broker;

/// <summary>
/// Listens on the loopback interface, and puts each client's connection together: the bytes (<see cref="ClientChannel"/>), the faults to test
/// against (<see cref="FaultChannel"/>), the rules that the library leaves out (<see cref="DeliveryChannel"/>), and then the server.
/// </summary>
internal sealed class ClientListener(int port, MqttClientCertificate? certificate, BrokerFaults faults, Func<FaultChannel, DeliveryChannel> deliver)
    : IMqttServerAdapter
{
    private const int Backlog = 512;

    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly SslStreamCertificateContext? _certificate = certificate is null
        ? null
        : SslStreamCertificateContext.Create(certificate.Certificate, certificate.Chain, offline: true);

    private readonly ConcurrentDictionary<FaultChannel, bool> _channels = new();

    public Func<IMqttChannelAdapter, Task>? ClientHandler { get; set; }

    /// <summary>The port it listens on. Known once it has started.</summary>
    public int Port { get; private set; } = port;

    /// <summary>The connections that clients have now, or that are still held open towards them.</summary>
    public IEnumerable<FaultChannel> Channels => _channels.Keys;

    public Task StartAsync(MqttServerOptions options, IMqttNetLogger logger)
    {
        _socket.Bind(new IPEndPoint(IPAddress.Loopback, Port));
        _socket.Listen(Backlog);
        Port = ((IPEndPoint)_socket.LocalEndPoint!).Port;
        _ = AcceptAsync();
        return Task.CompletedTask;
    }

    public Task StopAsync()
    {
        Dispose();
        return Task.CompletedTask;
    }

    public void Dispose()
    {
        _socket.Dispose();
        foreach (FaultChannel channel in Channels)
        {
            channel.Abort();
        }
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            Socket client;
            try
            {
                client = await _socket.AcceptAsync().ConfigureAwait(false);
            }
            catch (Exception e) when (e is ObjectDisposedException || e is SocketException { SocketErrorCode: SocketError.OperationAborted or SocketError.Interrupted })
            {
                return;
            }
            catch (SocketException)
            {
                // One that was gone before it was accepted, or too many at a time: the next may do better.
                await Task.Delay(TimeSpan.FromMilliseconds(10)).ConfigureAwait(false);
                continue;
            }

            _ = Task.Run(() => ServeAsync(client));
        }
    }

    private async Task ServeAsync(Socket client)
    {
        try
        {
            client.NoDelay = true;
            using Stream stream = await OpenAsync(client).ConfigureAwait(false);
            using var bytes = new ClientChannel(stream, client.LocalEndPoint!, client.RemoteEndPoint!);
            var channel = new FaultChannel(bytes, faults);
            DeliveryChannel delivery = deliver(channel);
            _channels[channel] = true;
            try
            {
                await ClientHandler!(delivery).ConfigureAwait(false);
                await channel.WhenNotSilentAsync().ConfigureAwait(false);
            }
            finally
            {
                delivery.OnClosed();
                _channels.TryRemove(channel, out _);
            }
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException or AuthenticationException)
        {
            // The client has gone, or what it says is not TLS. There is nobody to tell.
        }
        finally
        {
            client.Dispose();
        }
    }

    private async Task<Stream> OpenAsync(Socket client)
    {
        var stream = new NetworkStream(client, ownsSocket: true);
        if (_certificate is null)
        {
            return stream;
        }

        var tls = new SslStream(stream, leaveInnerStreamOpen: false);
        try
        {
            await tls.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificateContext = _certificate }).ConfigureAwait(false);
            return tls;
        }
        catch
        {
            await tls.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }
}
