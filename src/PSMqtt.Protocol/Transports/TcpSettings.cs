using System.Net.Sockets;

namespace PSMqtt.Protocol.Transports;

/// <summary>
/// What is set on every TCP socket. A dead peer is noticed by MQTT's own pings; the system's keep-alive and user timeout notice it where those
/// cannot: with a keep-alive of zero, or while nothing is read.
/// </summary>
internal static class TcpSettings
{
    private const int IdleSeconds = 60;
    private const int ProbeSeconds = 10;
    private const int ProbeCount = 6;
    private const int MinimumUserTimeoutMilliseconds = 10_000;

    // Linux: IPPROTO_TCP and TCP_USER_TIMEOUT.
    private const int LinuxTcpLevel = 6;
    private const int LinuxTcpUserTimeout = 18;

    public static void Apply(Socket socket, MqttClientOptions options)
    {
        // Batching is the writer's, not Nagle's.
        socket.NoDelay = true;
        TrySet(socket, SocketOptionLevel.Socket, SocketOptionName.KeepAlive, 1);
        TrySet(socket, SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, IdleSeconds);
        TrySet(socket, SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, ProbeSeconds);
        TrySet(socket, SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, ProbeCount);
        if (OperatingSystem.IsLinux() && options.KeepAlive > TimeSpan.Zero)
        {
            TrySetUserTimeout(socket, Math.Max(MinimumUserTimeoutMilliseconds, (int)(options.KeepAlive.TotalMilliseconds * 1.5)));
        }
    }

    private static void TrySet(Socket socket, SocketOptionLevel level, SocketOptionName name, int value)
    {
        try
        {
            socket.SetSocketOption(level, name, value);
        }
        catch (SocketException)
        {
            // Not every system has every setting; the connection works without.
        }
    }

    private static void TrySetUserTimeout(Socket socket, int milliseconds)
    {
        try
        {
            socket.SetRawSocketOption(LinuxTcpLevel, LinuxTcpUserTimeout, BitConverter.GetBytes(milliseconds));
        }
        catch (SocketException)
        {
            // As above.
        }
    }
}
