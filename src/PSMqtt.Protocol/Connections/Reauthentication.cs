using System.Buffers;
using System.Threading.Channels;
using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Sessions;

namespace PSMqtt.Protocol.Connections;

/// <summary>Authenticates again on an open connection [MQTT-4.12.1-1].</summary>
internal sealed class Reauthentication
{
    private readonly MqttClientOptions _options;
    private readonly Session _session;

    public Reauthentication(MqttClientOptions options, Session session)
    {
        _options = options;
        _session = session;
    }

    /// <summary>Ends when the server is content, and has proved itself.</summary>
    /// <param name="connection">The connection, which is closed when the server cannot prove itself.</param>
    /// <param name="timeout">How long it may take.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="InvalidOperationException">It is not possible on this connection, or under way already.</exception>
    /// <exception cref="MqttConnectException">The connection ended instead.</exception>
    /// <exception cref="TimeoutException">The server did not answer in time.</exception>
    public async Task RunAsync(Connection connection, TimeSpan timeout, CancellationToken cancellationToken)
    {
        if (_options.Authentication is not { } authentication || connection.Limits.ProtocolVersion != MqttProtocolVersion.V500)
        {
            throw new InvalidOperationException("Authenticating again needs MQTT 5.0 and an authentication method in the options [MQTT-4.12.1-1].");
        }

        var steps = Channel.CreateBounded<AuthPacket>(new BoundedChannelOptions(1) { SingleReader = true });
        if (!connection.TryBeginAuthentication(steps.Writer))
        {
            throw new InvalidOperationException("An authentication is under way already.");
        }

        using var time = new CancellationTokenSource(timeout, _options.TimeProvider);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(time.Token, cancellationToken);
        try
        {
            await ExchangeAsync(connection, authentication, steps.Reader, both.Token).ConfigureAwait(false);
            connection.EndAuthentication();
        }
        catch (ChannelClosedException e)
        {
            ConnectionEnd? end = connection.End;
            throw new MqttConnectException(
                MqttConnectPhase.Handshake,
                MqttConnectFailure.AuthenticationFailed,
                $"The connection ended instead of being authenticated again. {end?.Explanation}",
                end?.Error ?? e)
            { ReasonCode = end?.ReasonCode, Server = connection.Limits.Server };
        }
        catch (OperationCanceledException)
        {
            connection.AbandonAuthentication();
            cancellationToken.ThrowIfCancellationRequested();
            throw new TimeoutException($"The server did not answer the authentication within {timeout.TotalSeconds:0.#} s.");
        }
        catch (Exception e)
        {
            // A server that cannot prove itself is not to be talked to any longer.
            var end = new ConnectionEnd { Error = e, Explanation = $"The connection was closed, because authenticating again failed. {e.Message}" };
            MqttReasonCode code = (e as MqttProtocolException)?.ReasonCode ?? MqttReasonCode.UnspecifiedError;
            await connection.CloseAsync(end, new DisconnectPacket { ReasonCode = code }).ConfigureAwait(false);
            throw;
        }
    }

    private async Task ExchangeAsync(
        Connection connection, IEnhancedAuthentication authentication, ChannelReader<AuthPacket> steps, CancellationToken cancellationToken)
    {
        ReadOnlyMemory<byte>? data = await ConnectRequest.AskAsync(authentication.BeginAsync, cancellationToken).ConfigureAwait(false);
        SendAuth(connection, MqttReasonCode.ReAuthenticate, authentication.Method, data);
        while (true)
        {
            AuthPacket step = await steps.ReadAsync(cancellationToken).ConfigureAwait(false);
            if (step.Method != authentication.Method)
            {
                throw new MqttProtocolException(
                    MqttReasonCode.ProtocolError, "MQTT-4.12.0-5", "The server answered with another authentication method.");
            }

            switch (step.ReasonCode)
            {
                case MqttReasonCode.Success:
                    await authentication.CompleteAsync(step.Data, cancellationToken).ConfigureAwait(false);
                    return;
                case MqttReasonCode.ContinueAuthentication:
                    data = await ConnectRequest.AskAsync(token => authentication.ContinueAsync(step.Data, token), cancellationToken).ConfigureAwait(false);
                    SendAuth(connection, MqttReasonCode.ContinueAuthentication, authentication.Method, data);
                    break;
                default:
                    throw new MqttProtocolException(
                        MqttReasonCode.ProtocolError,
                        "MQTT-4.12.0-2",
                        $"The server answered an authentication with {step.ReasonCode}, which only a client may send.");
            }
        }
    }

    private void SendAuth(Connection connection, MqttReasonCode code, string method, ReadOnlyMemory<byte>? data)
    {
        var output = new OutgoingBytes();
        new AuthPacket { ReasonCode = code, Method = method, Data = data?.ToArray() }.Write(output, MqttProtocolVersion.V500);
        if (output.Count > connection.Limits.MaximumPacketSize)
        {
            throw new MqttConnectException(
                MqttConnectPhase.Handshake,
                MqttConnectFailure.AuthenticationFailed,
                $"The data of the authentication '{method}' makes an AUTH of {output.Count:N0} bytes, and the server takes "
                + $"{connection.Limits.MaximumPacketSize:N0} at most [MQTT-3.2.2-15]. Raise the server's limit.")
            { Server = connection.Limits.Server };
        }

        lock (_session.Gate)
        {
            connection.Writer.Output.Write(output.Written.Span);
        }

        _session.Flush();

        // A reader that waits for a slow consumer must read the answer.
        _session.RoomMade();
    }
}
