using System.Net.Sockets;
using System.Net.WebSockets;
using System.Runtime.CompilerServices;

namespace PSMqtt.Protocol.Transports;

/// <summary>
/// MQTT in binary WebSocket frames [MQTT-6.0.0-1]. Packets and frames need not align [MQTT-6.0.0-2]: this is a stream of bytes like any other. Pings
/// are answered by the framework while something is received.
/// </summary>
internal sealed class WebSocketTransport : ISecureTransport
{
    // A frame is masked in a buffer of its size; more than this in one brings nothing.
    private const int LargestFrame = 256 * 1024;

    private readonly Socket _socket;
    private readonly WebSocket _webSocket;
    private readonly TimeProvider _timeProvider;
    private bool _ended;
    private volatile bool _aborted;

    public WebSocketTransport(Carrier carrier, WebSocket webSocket, TimeProvider timeProvider)
    {
        _timeProvider = timeProvider;
        _socket = carrier.Socket;
        _webSocket = webSocket;
        Tls = carrier.Secure?.Details;
        Description = $"{(Tls is null ? "ws" : "wss")} {carrier.Route}";
    }

    public string Description { get; }

    public MqttTlsDetails? Tls { get; }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<int> ReceiveAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        while (!_ended)
        {
            ValueWebSocketReceiveResult result;
            try
            {
                result = await _webSocket.ReceiveAsync(buffer, cancellationToken).ConfigureAwait(false);
            }
            catch (WebSocketException e) when (e.WebSocketErrorCode == WebSocketError.ConnectionClosedPrematurely)
            {
                _ended = true;
                break;
            }
            catch (Exception e) when (IsLoss(e, cancellationToken))
            {
                throw Lost(e);
            }

            switch (result.MessageType)
            {
                case WebSocketMessageType.Binary when result.Count > 0:
                    return result.Count;
                case WebSocketMessageType.Text:
                    await RefuseTextAsync().ConfigureAwait(false);
                    throw new IOException(
                        "The server sent a text frame, and MQTT is in binary ones only [MQTT-6.0.0-1]. The connection was closed.",
                        new WebSocketException(WebSocketError.InvalidMessageType));
                case WebSocketMessageType.Close:
                    _ended = true;
                    if (DescribeClose() is { } reason)
                    {
                        // The close itself went as it should: that is what the inner exception says.
                        throw new IOException(reason, new WebSocketException(WebSocketError.Success));
                    }

                    break;
                default:
                    // An empty frame: it is not the end.
                    break;
            }
        }

        return _aborted ? throw TransportClosed.Exception(null) : 0;
    }

    public ValueTask SendAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken)
    {
        if (buffer.Length > LargestFrame)
        {
            return SendFramesAsync(buffer, cancellationToken);
        }

        ValueTask send;
        try
        {
            send = _webSocket.SendAsync(buffer, WebSocketMessageType.Binary, endOfMessage: true, cancellationToken);
        }
        catch (Exception e) when (IsLoss(e, cancellationToken))
        {
            throw Lost(e);
        }

        return send.IsCompletedSuccessfully ? send : AwaitSendAsync(send, cancellationToken);
    }

    public async ValueTask ShutdownAsync(CancellationToken cancellationToken)
    {
        try
        {
            // Not a FIN: the server answers with a close frame of its own and then ends the connection (RFC 6455, section 7.1.1).
            await _webSocket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException || IsLoss(e, cancellationToken))
        {
            // There is nobody left to say it to, or no time.
        }
    }

    public void Abort()
    {
        _aborted = true;

        // The socket first: it is what frees calls that wait inside TLS.
        _socket.Dispose();
        _webSocket.Abort();
        _webSocket.Dispose();
    }

    public ValueTask DisposeAsync()
    {
        Abort();
        return ValueTask.CompletedTask;
    }

    /// <summary>Whether the server broke the rules of WebSocket, and we closed the connection for it.</summary>
    public static bool IsViolation(Exception? error) =>
        error?.InnerException is WebSocketException { WebSocketErrorCode: WebSocketError.Faulted or WebSocketError.InvalidMessageType };

    /// <summary>Whether the server closed the connection with a code that says why.</summary>
    public static bool IsExplainedClose(Exception? error) => error?.InnerException is WebSocketException { WebSocketErrorCode: WebSocketError.Success };

    private static bool IsLoss(Exception error, CancellationToken cancellationToken) => error switch
    {
        // The framework says "cancelled" where a WebSocket was aborted.
        OperationCanceledException => !cancellationToken.IsCancellationRequested,
        _ => error is WebSocketException or IOException or SocketException or InvalidOperationException,
    };

    private static IOException Lost(Exception error) => error switch
    {
        IOException io => io,
        WebSocketException { InnerException: IOException io } => io,
        WebSocketException { WebSocketErrorCode: not WebSocketError.InvalidState } => new IOException($"The WebSocket connection was lost: {error.Message}", error),
        _ => TransportClosed.Exception(error),
    };

    private async ValueTask RefuseTextAsync()
    {
        _ended = true;
        try
        {
            await _webSocket.CloseOutputAsync(WebSocketCloseStatus.InvalidMessageType, "MQTT is binary", CancellationToken.None)
                .WaitAsync(TimeSpan.FromSeconds(1), _timeProvider).ConfigureAwait(false);
        }
        catch (Exception e) when (e is TimeoutException || IsLoss(e, CancellationToken.None))
        {
            // It is closed below, told or not.
        }

        Abort();
    }

    private string? DescribeClose()
    {
        string? meaning = (int?)_webSocket.CloseStatus switch
        {
            null or 1000 or 1005 => null,
            1001 => "it is going away (shutting down)",
            1002 => "it saw a violation of the WebSocket protocol",
            1003 => "it does not accept this type of data",
            1007 => "it saw data that do not fit their type",
            1008 => "its policy does not allow this",
            1009 => "a message was too big for it",
            1010 => "it wants an extension that was not offered",
            1011 => "it met an unexpected condition",
            1012 => "it restarts",
            1013 => "it is too busy; try again later",
            1014 => "it got an invalid answer as a gateway",
            _ => "a reason of its own",
        };
        if (meaning is null)
        {
            return null;
        }

        string words = string.IsNullOrEmpty(_webSocket.CloseStatusDescription) ? string.Empty : $": '{_webSocket.CloseStatusDescription}'";
        return $"The server closed the WebSocket: {meaning} (code {(int)_webSocket.CloseStatus!}){words}.";
    }

    private async ValueTask SendFramesAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken)
    {
        for (ReadOnlyMemory<byte> rest = buffer; !rest.IsEmpty;)
        {
            ReadOnlyMemory<byte> frame = rest[..Math.Min(rest.Length, LargestFrame)];
            await SendAsync(frame, cancellationToken).ConfigureAwait(false);
            rest = rest[frame.Length..];
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private static async ValueTask AwaitSendAsync(ValueTask send, CancellationToken cancellationToken)
    {
        try
        {
            await send.ConfigureAwait(false);
        }
        catch (Exception e) when (IsLoss(e, cancellationToken))
        {
            throw Lost(e);
        }
    }
}
