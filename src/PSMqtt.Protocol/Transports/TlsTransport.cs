using System.Net.Security;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Security.Authentication;
using System.Security.Cryptography;

namespace PSMqtt.Protocol.Transports;

/// <summary>TLS over a socket.</summary>
internal sealed class TlsTransport : ISecureTransport
{
    private readonly Socket _socket;
    private readonly SslStream _stream;
    private readonly TlsHandshake _handshake;
    private bool _hasReceived;
    private volatile bool _aborted;

    public TlsTransport(Socket socket, SecureLayer secure, string description)
    {
        _socket = socket;
        _stream = secure.Stream;
        _handshake = secure.Handshake;
        Tls = secure.Details;
        Description = description;
    }

    public string Description { get; }

    public MqttTlsDetails? Tls { get; }

    public ValueTask<int> ReceiveAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        ValueTask<int> receive;
        try
        {
            receive = _stream.ReadAsync(buffer, cancellationToken);
        }
        catch (InvalidOperationException e)
        {
            throw TransportClosed.Exception(e);
        }

        return receive.IsCompletedSuccessfully ? new ValueTask<int>(Checked(receive.Result)) : AwaitReceiveAsync(receive);
    }

    public ValueTask SendAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken)
    {
        ValueTask send;
        try
        {
            send = _stream.WriteAsync(buffer, cancellationToken);
        }
        catch (InvalidOperationException e)
        {
            throw TransportClosed.Exception(e);
        }

        return send.IsCompletedSuccessfully ? send : AwaitSendAsync(send);
    }

    public async ValueTask ShutdownAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _stream.ShutdownAsync().WaitAsync(cancellationToken).ConfigureAwait(false);
            _socket.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is IOException or SocketException or InvalidOperationException or OperationCanceledException
            or AuthenticationException or CryptographicException)
        {
            // There is nobody left to say it to, or no time.
        }
    }

    public void Abort()
    {
        _aborted = true;

        // The socket first: it is what frees calls that wait inside TLS.
        _socket.Dispose();
        _stream.Dispose();
    }

    public ValueTask DisposeAsync()
    {
        Abort();
        return ValueTask.CompletedTask;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> AwaitReceiveAsync(ValueTask<int> receive)
    {
        try
        {
            return Checked(await receive.ConfigureAwait(false));
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            throw Lost(e);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask AwaitSendAsync(ValueTask send)
    {
        try
        {
            await send.ConfigureAwait(false);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // Until something was received nobody else is reading: the caller sends first.
            if (!_hasReceived && !_aborted && await _handshake.ExplainFailedSendAsync(_stream, e).ConfigureAwait(false) is { } refusal)
            {
                throw new IOException(refusal.Message, refusal);
            }

            throw Lost(e);
        }
    }

    private int Checked(int count)
    {
        if (count == 0 && _aborted)
        {
            throw TransportClosed.Exception(null);
        }

        if (count == 0 && !_hasReceived && _handshake.ExplainLateRefusal(null) is { } refusal)
        {
            throw new IOException(refusal.Message, refusal);
        }

        _hasReceived = true;
        return count;
    }

    private IOException Lost(Exception error)
    {
        if (error is IOException { InnerException: MqttConnectException } explained)
        {
            return explained;
        }

        if (!_hasReceived && !_aborted && _handshake.ExplainLateRefusal(error) is { } refusal)
        {
            return new IOException(refusal.Message, refusal);
        }

        return error switch
        {
            IOException io => io,
            InvalidOperationException => TransportClosed.Exception(error),
            _ => new IOException(error.Message, error),
        };
    }
}
