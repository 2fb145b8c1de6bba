using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using MQTTnet.Adapter;
using MQTTnet.Exceptions;
using MQTTnet.Formatter;
using MQTTnet.Packets;
using MQTTnet.Protocol;

namespace PSMqtt.Broker;

/// <summary>
/// A client's connection, with two rules of the specification that the library does not keep:
/// no more QoS 1 and 2 messages are under way to the client than its Receive Maximum allows [MQTT-3.3.4-9], the others wait here;
/// and a QoS 2 message that the client repeats is handed on once [MQTT-4.3.3-10].
/// </summary>
internal sealed class DeliveryChannel(IMqttChannelAdapter inner, ExactlyOnceLedger ledger) : IMqttChannelAdapter
{
    private readonly object _lock = new();
    private readonly Queue<MqttPublishPacket> _waiting = new();
    private readonly HashSet<ushort> _underWay = [];
    private ConcurrentDictionary<ushort, bool> _received = new();
    private string _clientId = string.Empty;
    private int _window = ushort.MaxValue;
    private bool _isSending;

    public long BytesReceived => inner.BytesReceived;

    public long BytesSent => inner.BytesSent;

    public X509Certificate2? ClientCertificate => inner.ClientCertificate;

    public EndPoint? RemoteEndPoint => inner.RemoteEndPoint;

    public EndPoint? LocalEndPoint => inner.LocalEndPoint;

    public bool IsSecureConnection => inner.IsSecureConnection;

    public MqttPacketFormatterAdapter PacketFormatterAdapter => inner.PacketFormatterAdapter;

    public Task ConnectAsync(CancellationToken cancellationToken) => inner.ConnectAsync(cancellationToken);

    public Task DisconnectAsync(CancellationToken cancellationToken) => inner.DisconnectAsync(cancellationToken);

    public void ResetStatistics() => inner.ResetStatistics();

    public void Dispose() => inner.Dispose();

    public async Task<MqttPacket?> ReceivePacketAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            MqttPacket? packet = await inner.ReceivePacketAsync(cancellationToken).ConfigureAwait(false);
            switch (packet)
            {
                case MqttConnectPacket connect:
                    _clientId = connect.ClientId ?? string.Empty;
                    bool isLimited = PacketFormatterAdapter.ProtocolVersion == MqttProtocolVersion.V500 && connect.ReceiveMaximum > 0;
                    _window = isLimited ? connect.ReceiveMaximum : ushort.MaxValue;
                    return packet;

                case MqttPublishPacket { QualityOfServiceLevel: MqttQualityOfServiceLevel.ExactlyOnce } publish:
                    if (_received.TryAdd(publish.PacketIdentifier, true))
                    {
                        return packet;
                    }

                    await inner.SendPacketAsync(new MqttPubRecPacket { PacketIdentifier = publish.PacketIdentifier }, cancellationToken).ConfigureAwait(false);
                    continue;

                case MqttPubRelPacket release:
                    _received.TryRemove(release.PacketIdentifier, out _);
                    return packet;

                case MqttPubRecPacket { ReasonCode: >= MqttPubRecReasonCode.UnspecifiedError } refused:
                    // The client will not have it: the exchange is over, as the server sees it when it is complete.
                    EndOf(refused.PacketIdentifier);
                    return new MqttPubCompPacket { PacketIdentifier = refused.PacketIdentifier };

                case MqttPubAckPacket or MqttPubCompPacket:
                    EndOf(((MqttPacketWithIdentifier)packet).PacketIdentifier);
                    return packet;

                default:
                    return packet;
            }
        }
    }

    public Task SendPacketAsync(MqttPacket packet, CancellationToken cancellationToken)
    {
        switch (packet)
        {
            case MqttConnAckPacket connAck:
                string assigned = connAck.AssignedClientIdentifier is { Length: > 0 } identifier ? identifier : _clientId;
                _received = ledger.Open(assigned, connAck.IsSessionPresent);
                break;

            case MqttPubRecPacket { ReasonCode: >= MqttPubRecReasonCode.UnspecifiedError } refused:
                _received.TryRemove(refused.PacketIdentifier, out _);
                break;

            case MqttPublishPacket { QualityOfServiceLevel: > MqttQualityOfServiceLevel.AtMostOnce } publish:
                lock (_lock)
                {
                    _waiting.Enqueue(publish);
                }

                return SendWaitingAsync(cancellationToken);
        }

        return inner.SendPacketAsync(packet, cancellationToken);
    }

    private void EndOf(ushort packetIdentifier)
    {
        lock (_lock)
        {
            _underWay.Remove(packetIdentifier);
            if (_waiting.Count == 0)
            {
                return;
            }
        }

        // Not on this path: the client's next packets must be read even while it does not read ours.
        _ = Task.Run(async () =>
        {
            try
            {
                await SendWaitingAsync(CancellationToken.None).ConfigureAwait(false);
            }
            catch (Exception e) when (e is MqttCommunicationException or ObjectDisposedException or OperationCanceledException)
            {
                // The connection is lost, which its reader sees too. The messages stay with the session.
            }
        });
    }

    /// <summary>Sends what waits, in its order, as far as the window allows. One caller at a time does it for all.</summary>
    private async Task SendWaitingAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (_isSending)
            {
                return;
            }

            _isSending = true;
        }

        while (true)
        {
            MqttPublishPacket? next;
            lock (_lock)
            {
                // The library's identifiers come round again: one that is still under way must not be used twice.
                if (!_waiting.TryPeek(out next) || _underWay.Count >= _window || !_underWay.Add(next.PacketIdentifier))
                {
                    _isSending = false;
                    return;
                }

                _waiting.Dequeue();
            }

            try
            {
                await inner.SendPacketAsync(next, cancellationToken).ConfigureAwait(false);
            }
            catch
            {
                lock (_lock)
                {
                    _isSending = false;
                }

                throw;
            }
        }
    }
}
