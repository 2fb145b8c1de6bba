using System.Net.Sockets;
using System.Threading.Tasks.Sources;

namespace PSMqtt.Protocol.Transports;

/// <summary>Sends several segments with one call, again and again, and allocates nothing for it. One send at a time.</summary>
internal sealed class GatheringSend : SocketAsyncEventArgs, IValueTaskSource
{
    private ManualResetValueTaskSourceCore<bool> _core;

    public GatheringSend()
        : base(true)
    {
    }

    /// <summary>Sends all of the bytes.</summary>
    /// <param name="socket">The socket.</param>
    /// <param name="segments">The bytes.</param>
    /// <returns>A task that ends when the system has taken all of them.</returns>
    /// <exception cref="IOException">The connection is lost.</exception>
    public ValueTask SendAsync(Socket socket, IList<ArraySegment<byte>> segments)
    {
        _core.Reset();
        BufferList = segments;
        if (socket.SendAsync(this))
        {
            return new ValueTask(this, _core.Version);
        }

        return SocketError == SocketError.Success ? ValueTask.CompletedTask : throw Lost();
    }

    void IValueTaskSource.GetResult(short token) => _core.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);

    /// <inheritdoc />
    protected override void OnCompleted(SocketAsyncEventArgs e)
    {
        if (SocketError == SocketError.Success)
        {
            _core.SetResult(true);
        }
        else
        {
            _core.SetException(Lost());
        }
    }

    private IOException Lost()
    {
        var error = new SocketException((int)SocketError);
        return new IOException(error.Message, error);
    }
}
