namespace PSMqtt.Protocol.Transports;

/// <summary>
/// Lies between TLS and the socket and keeps, during the handshake, what the peer's first byte was and whether its last record was an alert: the
/// exceptions of the TLS libraries do not say the same thing on every system. Afterwards it only hands calls on.
/// </summary>
internal sealed class HandshakeStream(Stream inner) : Stream
{
    private const byte AlertRecord = 0x15;
    private const byte HandshakeRecord = 0x16;
    private const int AlertLength = 7;

    private readonly byte[] _last = new byte[AlertLength];
    private bool _watching = true;

    /// <summary>How many bytes the peer sent during the handshake.</summary>
    public long Received { get; private set; }

    /// <summary>Whether the peer's first byte was not one of TLS.</summary>
    public bool PeerSpeaksSomethingElse { get; private set; }

    /// <summary>The unencrypted alert that the peer's bytes ended with, or <see langword="null"/>.</summary>
    public int? Alert =>
        Received >= AlertLength && _last is [AlertRecord, 3, _, 0, 2, _, var alert] ? alert : null;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>The handshake is over.</summary>
    public void StopWatching() => _watching = false;

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        _watching ? ReadWatchedAsync(buffer, cancellationToken) : inner.ReadAsync(buffer, cancellationToken);

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => inner.Read(buffer, offset, count);

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
        inner.WriteAsync(buffer, cancellationToken);

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        inner.WriteAsync(buffer, offset, count, cancellationToken);

    public override void Write(byte[] buffer, int offset, int count) => inner.Write(buffer, offset, count);

    public override void Flush() => inner.Flush();

    public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            inner.Dispose();
        }

        base.Dispose(disposing);
    }

    private async ValueTask<int> ReadWatchedAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        int count = await inner.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
        foreach (byte value in buffer.Span[..count])
        {
            if (Received++ == 0)
            {
                PeerSpeaksSomethingElse = value is not (HandshakeRecord or AlertRecord);
            }

            _last.AsSpan(1).CopyTo(_last);
            _last[^1] = value;
        }

        // TLS would wait for a whole record header, which such a peer may never send.
        return PeerSpeaksSomethingElse ? throw new IOException("The peer does not speak TLS.") : count;
    }
}
