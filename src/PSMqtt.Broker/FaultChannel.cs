using System.Net;
using System.Security.Cryptography.X509Certificates;
using MQTTnet.Adapter;
using MQTTnet.Exceptions;
using MQTTnet.Formatter;
using MQTTnet.Packets;

namespace PSMqtt.Broker;

/// <summary>
/// A relay between a client and the server that knows packets: it drops, delays and duplicates acknowledgements, goes silent, and cuts off, as the
/// broker's <see cref="BrokerFaults"/> say.
/// </summary>
internal sealed class FaultChannel(ClientChannel inner, BrokerFaults faults) : IMqttChannelAdapter
{
    private readonly TaskCompletionSource _aborted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly object _lock = new();
    private Task _late = Task.CompletedTask;

    public long BytesReceived => inner.BytesReceived;

    public long BytesSent => inner.BytesSent;

    public X509Certificate2? ClientCertificate => inner.ClientCertificate;

    public EndPoint RemoteEndPoint => inner.RemoteEndPoint;

    public EndPoint LocalEndPoint => inner.LocalEndPoint;

    public bool IsSecureConnection => inner.IsSecureConnection;

    public MqttPacketFormatterAdapter PacketFormatterAdapter => inner.PacketFormatterAdapter;

    /// <summary>The client identifier; before CONNECT, and where the client leaves it to the server until CONNACK, it is empty.</summary>
    public string ClientId { get; private set; } = string.Empty;

    /// <summary>The Session Expiry Interval of the DISCONNECT that was received; <see langword="null"/>: it has none.</summary>
    public uint? DisconnectSessionExpiry => inner.DisconnectSessionExpiry;

    public Task ConnectAsync(CancellationToken cancellationToken) => inner.ConnectAsync(cancellationToken);

    /// <summary>Closes the connection, unless it is silent: then it is closed when that has ended.</summary>
    public Task DisconnectAsync(CancellationToken cancellationToken) => IsSilent ? Task.CompletedTask : inner.DisconnectAsync(cancellationToken);

    public void ResetStatistics() => inner.ResetStatistics();

    public void Dispose()
    {
        if (!IsSilent)
        {
            inner.Dispose();
        }
    }

    /// <summary>Ends the connection without a word, and with it a silence.</summary>
    public void Abort()
    {
        _aborted.TrySetResult();
        inner.Dispose();
    }

    /// <summary>Waits until nothing more is held back.</summary>
    public async Task WhenNotSilentAsync()
    {
        while (!_aborted.Task.IsCompleted && faults.SilenceOf(ClientId) is { } silence)
        {
            await Task.WhenAny(silence.Ended, _aborted.Task).ConfigureAwait(false);
        }
    }

    public async Task<MqttPacket?> ReceivePacketAsync(CancellationToken cancellationToken)
    {
        MqttPacket? packet = await inner.ReceivePacketAsync(cancellationToken).ConfigureAwait(false);
        if (packet is MqttConnectPacket connect)
        {
            ClientId = connect.ClientId ?? string.Empty;
        }

        // What comes during a silence, the end of the connection too, is not seen until it is over.
        return await WaitWhileSilentAsync(packet is not null, cancellationToken).ConfigureAwait(false) ? packet : null;
    }

    public async Task SendPacketAsync(MqttPacket packet, CancellationToken cancellationToken)
    {
        if (packet is MqttConnAckPacket { AssignedClientIdentifier: { Length: > 0 } assigned })
        {
            ClientId = assigned;
        }

        if (packet is MqttDisconnectPacket && IsSilent)
        {
            return;
        }

        if (!await WaitWhileSilentAsync(isPacket: true, cancellationToken).ConfigureAwait(false))
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw new MqttCommunicationException("The connection was cut off.");
        }

        MqttBrokerFault? fault = KindOf(packet) is { } kind ? faults.StrikeAcknowledgement(ClientId, kind) : null;
        switch (fault?.Kind)
        {
            case MqttBrokerFaultKind.DropAcknowledgement:
                return;

            case MqttBrokerFaultKind.DelayAcknowledgement:
                SendLate(packet, fault.Delay!.Value);
                return;

            case MqttBrokerFaultKind.DuplicateAcknowledgement:
                await inner.SendPacketAsync(packet, cancellationToken).ConfigureAwait(false);
                await inner.SendPacketAsync(packet, cancellationToken).ConfigureAwait(false);
                return;

            default:
                await inner.SendPacketAsync(packet, cancellationToken).ConfigureAwait(false);
                return;
        }
    }

    private static MqttAcknowledgement? KindOf(MqttPacket packet) => packet switch
    {
        MqttConnAckPacket => MqttAcknowledgement.ConnAck,
        MqttPubAckPacket => MqttAcknowledgement.PubAck,
        MqttPubRecPacket => MqttAcknowledgement.PubRec,
        MqttPubRelPacket => MqttAcknowledgement.PubRel,
        MqttPubCompPacket => MqttAcknowledgement.PubComp,
        MqttSubAckPacket => MqttAcknowledgement.SubAck,
        MqttUnsubAckPacket => MqttAcknowledgement.UnsubAck,
        MqttPingRespPacket => MqttAcknowledgement.PingResp,
        _ => null,
    };

    private bool IsSilent => !_aborted.Task.IsCompleted && faults.SilenceOf(ClientId) is not null;

    /// <summary>Waits for the end of a silence.</summary>
    /// <returns>Whether the connection goes on.</returns>
    private async Task<bool> WaitWhileSilentAsync(bool isPacket, CancellationToken cancellationToken)
    {
        MqttBrokerFault? counted = null;
        while (!_aborted.Task.IsCompleted && faults.SilenceOf(ClientId) is { } silence)
        {
            if (isPacket && counted != silence)
            {
                silence.TryStrike();
                counted = silence;
            }

            var canceled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            using CancellationTokenRegistration registration = cancellationToken.Register(canceled.SetResult);
            await Task.WhenAny(silence.Ended, _aborted.Task, canceled.Task).ConfigureAwait(false);
            if (cancellationToken.IsCancellationRequested)
            {
                return false;
            }
        }

        return !_aborted.Task.IsCompleted;
    }

    /// <summary>Sends a packet later, after those that are late already.</summary>
    private void SendLate(MqttPacket packet, TimeSpan delay)
    {
        var due = Task.Delay(delay);
        lock (_lock)
        {
            _late = SendAsync(_late);
        }

        async Task SendAsync(Task earlier)
        {
            await Task.WhenAny(Task.WhenAll(earlier, due), _aborted.Task).ConfigureAwait(false);
            try
            {
                if (await WaitWhileSilentAsync(isPacket: false, CancellationToken.None).ConfigureAwait(false))
                {
                    await inner.SendPacketAsync(packet, CancellationToken.None).ConfigureAwait(false);
                }
            }
            catch (MqttCommunicationException)
            {
                // The client has gone meanwhile.
            }
        }
    }
}
