using System.Net.Sockets;

namespace PSMqtt.Protocol.Transports;

/// <summary>
/// A TCP or Unix domain socket. The calls go straight to <see cref="NetworkStream"/>, whose asynchronous operations are reused and allocate
/// nothing, send until everything is taken, and turn socket errors into <see cref="IOException"/>; nothing is awaited here.
/// </summary>
internal sealed class SocketTransport : ITransport
{
    private readonly Socket _socket;
    private readonly NetworkStream _stream;

    /// <summary>Takes over a connected socket.</summary>
    public SocketTransport(Socket socket, string description)
    {
        _socket = socket;
        _stream = new NetworkStream(socket, ownsSocket: true);
        Description = description;
    }

    public string Description { get; }

    public ValueTask<int> ReceiveAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        try
        {
            return _stream.ReadAsync(buffer, cancellationToken);
        }
        catch (InvalidOperationException e)
        {
            throw TransportClosed.Exception(e);
        }
    }

    public ValueTask SendAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken)
    {
        try
        {
            return _stream.WriteAsync(buffer, cancellationToken);
        }
        catch (InvalidOperationException e)
        {
            throw TransportClosed.Exception(e);
        }
    }

    public ValueTask ShutdownAsync(CancellationToken cancellationToken)
    {
        try
        {
            _socket.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Already closed: there is nobody left to say it to.
        }

        return ValueTask.CompletedTask;
    }

    public void Abort() => _stream.Dispose();

    public ValueTask DisposeAsync()
    {
        _stream.Dispose();
        return ValueTask.CompletedTask;
    }
}
