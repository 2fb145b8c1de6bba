using System.Net.Sockets;

namespace PSMqtt.Protocol.Transports;

/// <summary>Opens Unix domain sockets.</summary>
internal static class UnixConnector
{
    /// <summary>Opens a socket.</summary>
    /// <exception cref="MqttConnectException">It could not be opened.</exception>
    public static async ValueTask<Socket> ConnectAsync(string path, CancellationToken cancellationToken)
    {
        if (!Socket.OSSupportsUnixDomainSockets)
        {
            throw Failed(MqttConnectFailure.Unspecified, path, "this system has no Unix domain sockets; connect by mqtt:// or mqtts://", null);
        }

        UnixDomainSocketEndPoint endPoint;
        try
        {
            endPoint = new UnixDomainSocketEndPoint(path);
        }
        catch (ArgumentException e)
        {
            throw Failed(MqttConnectFailure.HostNotFound, path, "the path is longer than this system allows for sockets (about 100 bytes); use a shorter one", e);
        }

        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(endPoint, cancellationToken).ConfigureAwait(false);
            return socket;
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw e.SocketErrorCode switch
            {
                SocketError.AccessDenied => Failed(
                    MqttConnectFailure.Unreachable, path, "access is denied; check the permissions of the socket and of the directories above it", e),
                _ when !Path.Exists(path) => Failed(MqttConnectFailure.HostNotFound, path, "there is no such socket; check the path, and that the server is running", e),
                SocketError.ConnectionRefused => Failed(
                    MqttConnectFailure.ConnectionRefused, path, "nothing listens on it; check that the server is running, and that this is its socket", e),
                _ => Failed(MqttConnectFailure.Unspecified, path, e.Message, e),
            };
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static MqttConnectException Failed(MqttConnectFailure failure, string path, string reason, Exception? inner) =>
        new(MqttConnectPhase.Connect, failure, $"The Unix domain socket '{path}' cannot be connected to: {reason}.", inner) { Server = path };
}
