using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace PSMqtt.Protocol.Tests.Transports;

/// <summary>
/// An HTTP CONNECT and SOCKS5 proxy on loopback. Every name leads to loopback, so a name that does not exist shows where it was resolved.
/// </summary>
internal sealed class ProxyServer : IDisposable
{
    private readonly Listener _listener = new();
    private readonly string? _user;
    private readonly string? _password;

    public ProxyServer(string? user = null, string? password = null)
    {
        _user = user;
        _password = password;
        Served = ServeAllAsync();
    }

    public int Port => _listener.Port;

    /// <summary>What an HTTP proxy answers instead of making the tunnel.</summary>
    public string? HttpAnswer { get; init; }

    /// <summary>What a SOCKS5 proxy replies instead of success.</summary>
    public byte SocksReply { get; init; }

    /// <summary>The hosts that were asked for, as they came.</summary>
    public List<string> Asked { get; } = [];

    private Task Served { get; }

    public void Dispose() => _listener.Dispose();

    private async Task ServeAllAsync()
    {
        while (true)
        {
            try
            {
                _ = ServeAsync(await _listener.AcceptAsync());
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private async Task ServeAsync(Socket client)
    {
        try
        {
            await using var stream = new NetworkStream(client, ownsSocket: true);
            byte[] first = new byte[1];
            await stream.ReadExactlyAsync(first);
            int? port = first[0] == 5 ? await SocksAsync(stream) : await HttpAsync(stream, (char)first[0]);
            if (port is not { } target)
            {
                return;
            }

            using var server = new TcpClient();
            await server.ConnectAsync(IPAddress.Loopback, target);
            await using NetworkStream other = server.GetStream();
            await Task.WhenAny(stream.CopyToAsync(other), other.CopyToAsync(stream));
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            // The test has ended.
        }
    }

    private async Task<int?> HttpAsync(NetworkStream stream, char first)
    {
        string head = first + await WebSocketListener.ReadHeadAsync(stream);
        string expected = $"Proxy-Authorization: Basic {Convert.ToBase64String(Encoding.UTF8.GetBytes($"{_user}:{_password}"))}\r\n";
        string target = head.Split(' ')[1];
        Note(target);
        string answer = HttpAnswer
            ?? (_user is not null && !head.Contains(expected, StringComparison.Ordinal)
                ? "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"a, b\"\r\n\r\n"
                : "HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n");
        await stream.WriteAsync(Encoding.ASCII.GetBytes(answer));
        return answer.Contains(" 200 ", StringComparison.Ordinal)
            ? int.Parse(target.AsSpan(target.LastIndexOf(':') + 1), CultureInfo.InvariantCulture)
            : null;
    }

    private async Task<int?> SocksAsync(NetworkStream stream)
    {
        byte[] methods = await ReadAsync(stream, (await ReadAsync(stream, 1))[0]);
        byte method = _user is null ? (byte)0 : (byte)2;
        if (!methods.Contains(method))
        {
            await stream.WriteAsync(new byte[] { 5, 0xFF });
            return null;
        }

        await stream.WriteAsync(new byte[] { 5, method });
        if (method == 2)
        {
            Assert.Equal(1, (await ReadAsync(stream, 1))[0]);
            string user = Encoding.UTF8.GetString(await ReadAsync(stream, (await ReadAsync(stream, 1))[0]));
            string password = Encoding.UTF8.GetString(await ReadAsync(stream, (await ReadAsync(stream, 1))[0]));
            bool good = user == _user && password == _password;
            await stream.WriteAsync(new byte[] { 1, good ? (byte)0 : (byte)1 });
            if (!good)
            {
                return null;
            }
        }

        byte[] request = await ReadAsync(stream, 4);
        Assert.Equal([5, 1, 0], request[..3]);
        string host = request[3] switch
        {
            1 => new IPAddress(await ReadAsync(stream, 4)).ToString(),
            4 => new IPAddress(await ReadAsync(stream, 16)).ToString(),
            _ => Encoding.ASCII.GetString(await ReadAsync(stream, (await ReadAsync(stream, 1))[0])),
        };
        byte[] port = await ReadAsync(stream, 2);
        Note(host);

        // The address it is bound to as a name, to see that it is skipped by its own length.
        await stream.WriteAsync(new byte[] { 5, SocksReply, 0, 3, 2, (byte)'h', (byte)'i', 0, 1 });
        return SocksReply == 0 ? (port[0] << 8) | port[1] : null;
    }

    private void Note(string target)
    {
        lock (Asked)
        {
            Asked.Add(target);
        }
    }

    private static async Task<byte[]> ReadAsync(NetworkStream stream, int count)
    {
        byte[] bytes = new byte[count];
        await stream.ReadExactlyAsync(bytes);
        return bytes;
    }
}
