using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using PSMqtt.Protocol.Transports;

namespace PSMqtt.Protocol.Tests.Transports;

/// <summary>A TLS server on loopback for one test.</summary>
internal sealed class TlsListener : IDisposable
{
    private readonly Listener _listener = new();
    private readonly SslServerAuthenticationOptions _options;

    public TlsListener(X509Certificate2 certificate, X509Certificate2[]? sentAlong = null, Action<SslServerAuthenticationOptions>? configure = null)
    {
        _options = new SslServerAuthenticationOptions
        {
            ServerCertificateContext = SslStreamCertificateContext.Create(certificate, new X509Certificate2Collection(sentAlong ?? []), offline: true),
        };
        configure?.Invoke(_options);
    }

    public int Port => _listener.Port;

    public string? NameAskedFor { get; private set; }

    public MqttEndpoint Endpoint => MqttEndpoint.Parse($"mqtts://localhost:{Port}");

    /// <summary>Accepts one connection; a handshake that fails closes it.</summary>
    public async Task<SslStream?> AcceptAsync()
    {
        Socket socket = await _listener.AcceptAsync();
        var stream = new SslStream(new NetworkStream(socket, ownsSocket: true));
        try
        {
            await stream.AuthenticateAsServerAsync(_options);
            NameAskedFor = stream.TargetHostName;
            return stream;
        }
        catch (Exception e) when (e is IOException or System.Security.Authentication.AuthenticationException)
        {
            await stream.DisposeAsync();
            return null;
        }
    }

    public void Dispose() => _listener.Dispose();
}
