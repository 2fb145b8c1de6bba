using System.Net.Security;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace PSMqtt.Protocol.Tests.Transports;

/// <summary>A WebSocket server on loopback, done by hand so that it can answer anything.</summary>
internal sealed class WebSocketListener(X509Certificate2? certificate = null) : IDisposable
{
    private readonly Listener _listener = new();

    public int Port => _listener.Port;

    /// <summary>The request's head, as it came.</summary>
    public string Request { get; private set; } = string.Empty;

    /// <summary>Accepts a connection and reads the request.</summary>
    public async Task<Stream> AcceptAsync()
    {
        Stream stream = new NetworkStream(await _listener.AcceptAsync(), ownsSocket: true);
        if (certificate is not null)
        {
            var tls = new SslStream(stream);
            await tls.AuthenticateAsServerAsync(
                new SslServerAuthenticationOptions
                {
                    ServerCertificateContext = SslStreamCertificateContext.Create(certificate, [TestCertificates.Intermediate], offline: true),
                });
            stream = tls;
        }

        Request = await ReadHeadAsync(stream);
        return stream;
    }

    /// <summary>Accepts a connection and answers the request.</summary>
    public async Task<Stream> AnswerAsync(string answer)
    {
        Stream stream = await AcceptAsync();
        await stream.WriteAsync(Encoding.Latin1.GetBytes(answer));
        return stream;
    }

    /// <summary>Accepts a connection and agrees to the upgrade.</summary>
    public async Task<Stream> UpgradeAsync(string? subprotocol = "mqtt", string? accept = null)
    {
        Stream stream = await AcceptAsync();
        string key = Request.Split("Sec-WebSocket-Key: ")[1].Split('\r')[0];
#pragma warning disable CA5350 // RFC 6455 asks for SHA-1.
        accept ??= Convert.ToBase64String(SHA1.HashData(Encoding.ASCII.GetBytes(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
#pragma warning restore CA5350
        string answer = $"HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n"
            + (subprotocol is null ? string.Empty : $"Sec-WebSocket-Protocol: {subprotocol}\r\n") + "\r\n";
        await stream.WriteAsync(Encoding.Latin1.GetBytes(answer));
        return stream;
    }

    /// <summary>The same, as a WebSocket.</summary>
    public async Task<WebSocket> AcceptWebSocketAsync() =>
        WebSocket.CreateFromStream(await UpgradeAsync(), new WebSocketCreationOptions { IsServer = true, SubProtocol = "mqtt" });

    public static async Task<string> ReadHeadAsync(Stream stream)
    {
        var text = new StringBuilder();
        byte[] one = new byte[1];
        while (!text.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal) && await stream.ReadAsync(one) == 1)
        {
            text.Append((char)one[0]);
        }

        return text.ToString();
    }

    public void Dispose() => _listener.Dispose();
}
