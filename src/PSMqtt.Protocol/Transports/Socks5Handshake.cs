using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace PSMqtt.Protocol.Transports;

/// <summary>SOCKS5 (RFC 1928) with user name and password (RFC 1929).</summary>
internal static class Socks5Handshake
{
    private const byte Version = 5;
    private const byte PasswordVersion = 1;
    private const byte NoAuthentication = 0;
    private const byte PasswordAuthentication = 2;
    private const byte NothingAcceptable = 0xFF;
    private const byte ConnectCommand = 1;
    private const byte IPv4Address = 1;
    private const byte DomainName = 3;
    private const byte IPv6Address = 4;

    public static async ValueTask RunAsync(Stream stream, ProxyOptions proxy, ConnectTarget target, CancellationToken cancellationToken)
    {
        MqttCredential? credential = proxy.EffectiveCredential;
        byte[] greeting = credential is null ? [Version, 1, NoAuthentication] : [Version, 2, NoAuthentication, PasswordAuthentication];
        await stream.WriteAsync(greeting, cancellationToken).ConfigureAwait(false);
        byte[] choice = await ReadAsync(stream, 1, cancellationToken).ConfigureAwait(false);
        if (choice[0] != Version)
        {
            throw ProxyTunnel.Refused(proxy, target, "answered with something that is not SOCKS5. Check that it is a SOCKS5 proxy; an HTTP proxy is written http://.");
        }

        byte method = (await ReadAsync(stream, 1, cancellationToken).ConfigureAwait(false))[0];
        switch (method)
        {
            case NoAuthentication:
                break;
            case PasswordAuthentication when credential is not null:
                await AuthenticateAsync(stream, proxy, target, credential, cancellationToken).ConfigureAwait(false);
                break;
            case NothingAcceptable:
                throw ProxyTunnel.Unauthenticated(proxy, target);
            default:
                throw ProxyTunnel.Refused(
                    proxy, target, string.Create(CultureInfo.InvariantCulture, $"chose the authentication method {method}, which was not offered. Use another proxy."));
        }

        await stream.WriteAsync(ConnectRequest(proxy, target), cancellationToken).ConfigureAwait(false);
        byte[] reply = await ReadAsync(stream, 4, cancellationToken).ConfigureAwait(false);
        if (reply[1] != 0)
        {
            throw ProxyTunnel.Refused(proxy, target, $"refused: {Describe(reply[1])}.");
        }

        // The address it connected from is of no use, and must be read.
        int length = reply[3] switch
        {
            IPv4Address => 4,
            IPv6Address => 16,
            _ => (await ReadAsync(stream, 1, cancellationToken).ConfigureAwait(false))[0],
        };
        await ReadAsync(stream, length + 2, cancellationToken).ConfigureAwait(false);
    }

    private static async ValueTask AuthenticateAsync(
        Stream stream, ProxyOptions proxy, ConnectTarget target, MqttCredential credential, CancellationToken cancellationToken)
    {
        byte[] user = Encoding.UTF8.GetBytes(credential.UserName ?? string.Empty);
        byte[] password = credential.PasswordBytes ?? [];
        if (user.Length is 0 or > 255 || password.Length is 0 or > 255)
        {
            throw new MqttConnectException(
                MqttConnectPhase.Proxy,
                MqttConnectFailure.ProxyAuthenticationRequired,
                $"The proxy {proxy} cannot be given this credential: SOCKS5 allows 1 to 255 bytes each for the user name and the password.")
            {
                Server = target.ToString(),
            };
        }

        await stream.WriteAsync(
            (byte[])[PasswordVersion, (byte)user.Length, .. user, (byte)password.Length, .. password], cancellationToken).ConfigureAwait(false);
        byte[] verdict = await ReadAsync(stream, 2, cancellationToken).ConfigureAwait(false);
        if (verdict[1] != 0)
        {
            throw ProxyTunnel.Unauthenticated(proxy, target);
        }
    }

    private static byte[] ConnectRequest(ProxyOptions proxy, ConnectTarget target)
    {
        byte[] port = new byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(port, (ushort)target.Port);
        if (IPAddress.TryParse(target.Host, out IPAddress? address))
        {
            return [Version, ConnectCommand, 0, address.AddressFamily == AddressFamily.InterNetwork ? IPv4Address : IPv6Address, .. address.GetAddressBytes(), .. port];
        }

        byte[] name = Encoding.ASCII.GetBytes(target.Host);
        return name.Length <= 255
            ? [Version, ConnectCommand, 0, DomainName, (byte)name.Length, .. name, .. port]
            : throw ProxyTunnel.Refused(proxy, target, "cannot be asked for this host: SOCKS5 allows names of 255 bytes.");
    }

    private static string Describe(byte reply) => reply switch
    {
        1 => "it failed for a reason it does not tell (general failure)",
        2 => "its rules do not allow this connection",
        3 => "it has no route to the network",
        4 => "it cannot reach the host, or does not know its name",
        5 => "the host refused the connection; check the port, and that the server is running",
        6 => "the time to live expired on the way",
        7 => "it does not support CONNECT",
        8 => "it does not support addresses of this kind",
        _ => string.Create(CultureInfo.InvariantCulture, $"code {reply}"),
    };

    private static async ValueTask<byte[]> ReadAsync(Stream stream, int count, CancellationToken cancellationToken)
    {
        byte[] bytes = new byte[count];
        await stream.ReadExactlyAsync(bytes, cancellationToken).ConfigureAwait(false);
        return bytes;
    }
}
