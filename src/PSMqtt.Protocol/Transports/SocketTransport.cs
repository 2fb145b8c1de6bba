using System.Net.Sockets;

namespace PSMqtt.Protocol.Transports;

/// <summary>
/// A TCP or Unix domain socket. The calls go straight to <see cref="NetworkStream"/>, whose asynchronous operations are reused and allocate
/// nothing, send until everything is taken, and turn socket errors into <see cref="IOException"/>; nothing is awaited here.
/// </summary>
internal sealed class SocketTransport : IGatheringTransport
{
    private readonly Socket _socket;
    private readonly NetworkStream _stream;
    private GatheringSend? _gathering;

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

    public ValueTask SendAsync(IList<ArraySegment<byte>> segments)
    {
        _gathering ??= new GatheringSend();
        try
        {
            return _gathering.SendAsync(_socket, segments);
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

        // A send that is under way keeps it: the system still reads from what it holds.
        _gathering?.Dispose();
        return ValueTask.CompletedTask;
    }
}
