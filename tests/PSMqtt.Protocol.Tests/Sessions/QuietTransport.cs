using System.Threading.Channels;
using PSMqtt.Protocol.Transports;

namespace PSMqtt.Protocol.Tests.Sessions;

/// <summary>A connection in memory that takes everything at once and allocates nothing for it; what is received is given by the test.</summary>
internal sealed class QuietTransport : ITransport, ITransportFactory
{
    private readonly Channel<byte[]> _incoming = Channel.CreateUnbounded<byte[]>();
    private readonly byte[] _sent = new byte[4 * 1024 * 1024];
    private int _sentCount;

    public string Description => "memory";

    /// <summary>What has been sent since this was last asked for.</summary>
    public byte[] TakeSent()
    {
        lock (_sent)
        {
            byte[] taken = _sent[.._sentCount];
            _sentCount = 0;
            return taken;
        }
    }

    public void Give(byte[] bytes)
    {
        foreach (byte[] piece in bytes.Chunk(512))
        {
            _incoming.Writer.TryWrite(piece);
        }
    }

    public ValueTask<ITransport> ConnectAsync(
        MqttEndpoint endpoint, MqttClientOptions options, MqttProtocolVersion protocolVersion, CancellationToken cancellationToken) => new(this);

    public async ValueTask<int> ReceiveAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        if (!await _incoming.Reader.WaitToReadAsync(cancellationToken) || !_incoming.Reader.TryRead(out byte[]? bytes))
        {
            return 0;
        }

        bytes.CopyTo(buffer);
        return bytes.Length;
    }

    public ValueTask SendAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken)
    {
        lock (_sent)
        {
            buffer.CopyTo(_sent.AsMemory(_sentCount));
            _sentCount += buffer.Length;
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask ShutdownAsync(CancellationToken cancellationToken)
    {
        Abort();
        return ValueTask.CompletedTask;
    }

    public void Abort() => _incoming.Writer.TryComplete();

    public ValueTask DisposeAsync()
    {
        Abort();
        return ValueTask.CompletedTask;
    }
}
