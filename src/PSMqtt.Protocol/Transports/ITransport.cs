namespace PSMqtt.Protocol.Transports;

/// <summary>
/// A connection that carries bytes both ways, in order. One reader and one writer may use it at the same time; neither may be used by two at once.
/// </summary>
public interface ITransport : IAsyncDisposable
{
    /// <summary>Where it leads to and how, for people: <c>tcp 127.0.0.1:1883</c>. Never anything secret.</summary>
    string Description { get; }

    /// <summary>Receives what has come.</summary>
    /// <param name="buffer">Where to put it; not empty.</param>
    /// <param name="cancellationToken">Ends the wait; the connection may not be usable afterwards.</param>
    /// <returns>How many bytes; 0 when the peer has closed its side.</returns>
    /// <exception cref="IOException">
    /// The connection is lost. Where the peer refuses only now what belonged to the opening (with TLS 1.3, our certificate), the inner exception is the
    /// <see cref="MqttConnectException"/> that says so.
    /// </exception>
    ValueTask<int> ReceiveAsync(Memory<byte> buffer, CancellationToken cancellationToken);

    /// <summary>Sends all of the bytes. Completes synchronously where the system takes them at once.</summary>
    /// <param name="buffer">The bytes; they must stay as they are until the task has ended.</param>
    /// <param name="cancellationToken">Ends the wait; the connection is not usable afterwards.</param>
    /// <returns>A task that ends when the system has taken all of them.</returns>
    /// <exception cref="IOException">The connection is lost.</exception>
    ValueTask SendAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken);

    /// <summary>
    /// Says to the peer that nothing more will be sent (TCP FIN, TLS close_notify, WebSocket close), so that what was sent last is not cut off.
    /// </summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>A task that ends when that was said. It never fails.</returns>
    ValueTask ShutdownAsync(CancellationToken cancellationToken);

    /// <summary>Closes at once, from any thread; pending calls end with an <see cref="IOException"/> or 0 bytes.</summary>
    void Abort();
}
