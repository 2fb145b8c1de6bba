using PSMqtt.Protocol.Transports;

namespace PSMqtt.Protocol.Tests.Hostile;

/// <summary>Takes everything at once; nothing ever comes from it.</summary>
/// <param name="taken">Where it puts what it takes; the lock of it is its own.</param>
internal sealed class SinkTransport(List<byte> taken) : ITransport
{
    public string Description => "a sink";

    public ValueTask<int> ReceiveAsync(Memory<byte> buffer, CancellationToken cancellationToken) =>
        throw new InvalidOperationException("The session does not read.");

    public ValueTask SendAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken)
    {
        lock (taken)
        {
            taken.AddRange(buffer.Span);
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask ShutdownAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public void Abort()
    {
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
