using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Threading.Channels;
using MQTTnet.Adapter;
using MQTTnet.Exceptions;
using MQTTnet.Formatter;
using MQTTnet.Packets;
using MQTTnet.Protocol;

namespace PSMqtt.Broker;

/// <summary>
/// A client's connection, with rules of the specification that the library does not keep:
/// no more QoS 1 and 2 messages are under way to the client than its Receive Maximum allows [MQTT-3.3.4-9], the others wait here;
/// a QoS 2 message that the client repeats is handed on once [MQTT-4.3.3-10];
/// a message that is sent again on a new connection has its identifier, and DUP, and is not sent again once the client has said that it has it
/// [MQTT-4.4.0-1], [MQTT-3.3.1-1];
/// a SUBACK answers the filters in the order of the SUBSCRIBE [MQTT-3.8.4-6];
/// a message that is larger than the client takes is not sent to it [MQTT-3.1.2-24], as if it had been delivered [MQTT-3.1.2-25];
/// a will is published when its delay is over, and when another connection takes over from this one (section 3.1.4);
/// and a DISCONNECT with reason code 0x04 has the will published [MQTT-3.14.4-3], as a lost connection has.
/// </summary>
internal sealed class DeliveryChannel(FaultChannel inner, SessionLedgers ledgers, SharedSubscriptions shared, Wills wills, Action dropped) : IMqttChannelAdapter
{
    /// <summary>Acknowledgements in the client's place, of messages that it was not sent.</summary>
    private readonly Channel<MqttPacket> _ownAnswers = Channel.CreateUnbounded<MqttPacket>();
    private readonly MqttPacketFormatterAdapter _measure = new(MqttProtocolVersion.V500, new MqttBufferWriter(4096, 65535));
    private readonly ConcurrentDictionary<ushort, MqttQualityOfServiceLevel[]> _subscribes = new();
    private readonly object _lock = new();
    private readonly Dictionary<ushort, string> _aliases = [];
    private readonly Queue<MqttPublishPacket> _waiting = new();
    private readonly HashSet<ushort> _underWay = [];
    private readonly ConcurrentDictionary<ushort, bool> _sharedOnly = new();
    private SessionLedger _ledger = new();
    private MQTTnet.MqttApplicationMessage? _will;
    private ushort _current;
    private bool _isOpen;
    private string _clientId = string.Empty;
    private MqttConnectPacket? _connect;
    private int _window = ushort.MaxValue;
    private uint _largestPacket = uint.MaxValue;
    private Task<MqttPacket?>? _reading;
    private Task? _answering;
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
            MqttPacket? packet = await ReadAsync(cancellationToken).ConfigureAwait(false);
            switch (packet)
            {
                case MqttConnectPacket connect:
                    _clientId = connect.ClientId ?? string.Empty;
                    _connect = connect;
                    _will = Wills.TakeFrom(connect);
                    bool hasLimits = PacketFormatterAdapter.ProtocolVersion == MqttProtocolVersion.V500;
                    _window = hasLimits && connect.ReceiveMaximum > 0 ? connect.ReceiveMaximum : ushort.MaxValue;
                    _largestPacket = hasLimits && connect.MaximumPacketSize > 0 ? connect.MaximumPacketSize : uint.MaxValue;
                    return packet;

                case MqttPublishPacket publish:
                    ResolveAlias(publish);
                    if (publish.QualityOfServiceLevel != MqttQualityOfServiceLevel.ExactlyOnce || _ledger.Received.TryAdd(publish.PacketIdentifier, true))
                    {
                        _current = publish.PacketIdentifier;
                        _sharedOnly.TryRemove(_current, out _);
                        return packet;
                    }

                    await inner.SendPacketAsync(new MqttPubRecPacket { PacketIdentifier = publish.PacketIdentifier }, cancellationToken).ConfigureAwait(false);
                    continue;

                case MqttPubRelPacket release:
                    _ledger.Received.TryRemove(release.PacketIdentifier, out _);
                    return packet;

                case MqttPubRecPacket { ReasonCode: >= MqttPubRecReasonCode.UnspecifiedError } refused:
                    // The client will not have it: the exchange is over, as the server sees it when it is complete.
                    EndOf(refused.PacketIdentifier);
                    return new MqttPubCompPacket { PacketIdentifier = refused.PacketIdentifier };

                case MqttPubRecPacket received:
                    if (_ledger.SentById.TryGetValue(received.PacketIdentifier, out SentMessage? sent))
                    {
                        sent.IsReceived = true;
                    }

                    return packet;

                case MqttUnsubscribePacket unsubscribe:
                    SharedSubscriptions.Rename(unsubscribe);
                    return packet;

                case MqttSubscribePacket subscribe:
                    SharedSubscriptions.Rename(subscribe);
                    _subscribes[subscribe.PacketIdentifier] = [.. subscribe.TopicFilters.Select(static filter => filter.QualityOfServiceLevel)];
                    return packet;

                case MqttDisconnectPacket disconnect:
                    // The library takes 0 for "not given", and then looks at its CONNECT.
                    if (_connect is not null && inner.DisconnectSessionExpiry is { } expiry)
                    {
                        _connect.SessionExpiryInterval = expiry;
                        _ledger.Expiry = expiry;
                    }

                    if (disconnect.ReasonCode == MqttDisconnectReasonCode.DisconnectWithWillMessage)
                    {
                        return null;
                    }

                    _will = null;
                    return packet;

                case MqttPubAckPacket or MqttPubCompPacket:
                    EndOf(((MqttPacketWithIdentifier)packet).PacketIdentifier);
                    return packet;

                default:
                    return packet;
            }
        }
    }

    /// <summary>A shared subscription has taken the message that is being handed on: its sender is not to be told that nobody wanted it.</summary>
    public void MarkShared()
    {
        if (_current != 0)
        {
            _sharedOnly[_current] = true;
        }
    }

    /// <summary>The connection has ended, however it did.</summary>
    public void OnClosed()
    {
        if (_isOpen && ledgers.Close(_clientId, this) && Interlocked.Exchange(ref _will, null) is { } will)
        {
            wills.Schedule(_clientId, will, TimeSpan.FromSeconds(WillDelay));
        }
    }

    /// <summary>
    /// Another connection of the client has taken this one's place: its will is due, unless it was to wait and the session goes on [MQTT-3.1.3-9].
    /// </summary>
    private Task TakenOverAsync(bool isSessionPresent) =>
        Interlocked.Exchange(ref _will, null) is { } will && (WillDelay == 0 || !isSessionPresent)
            ? wills.PublishAsync(_clientId, will)
            : Task.CompletedTask;

    /// <summary>In seconds. The end of the session ends the wait.</summary>
    private uint WillDelay => Math.Min(_connect!.WillDelayInterval, _ledger.Expiry);

    public async Task SendPacketAsync(MqttPacket packet, CancellationToken cancellationToken)
    {
        switch (packet)
        {
            case MqttConnAckPacket connAck when connAck.ReturnCode == MqttConnectReturnCode.ConnectionAccepted:
                if (connAck.AssignedClientIdentifier is { Length: > 0 } assigned)
                {
                    _clientId = assigned;
                }

                if (!connAck.IsSessionPresent)
                {
                    shared.Forget(_clientId);
                }

                DeliveryChannel? former = ledgers.ConnectionOf(_clientId);
                _ledger = ledgers.Open(_clientId, connAck.IsSessionPresent, this);
                await (former?.TakenOverAsync(connAck.IsSessionPresent) ?? Task.CompletedTask).ConfigureAwait(false);
                // Before MQTT 5.0 a session that is kept is kept for good.
                _ledger.Expiry = PacketFormatterAdapter.ProtocolVersion == MqttProtocolVersion.V500 ? _connect!.SessionExpiryInterval : uint.MaxValue;
                _isOpen = true;
                await wills.ReturnedAsync(_clientId, connAck.IsSessionPresent).ConfigureAwait(false);
                connAck.SharedSubscriptionAvailable = true;
                break;

            case MqttPubAckPacket { ReasonCode: MqttPubAckReasonCode.NoMatchingSubscribers } pubAck when _sharedOnly.TryRemove(pubAck.PacketIdentifier, out _):
                pubAck.ReasonCode = MqttPubAckReasonCode.Success;
                break;

            case MqttPubRecPacket { ReasonCode: MqttPubRecReasonCode.NoMatchingSubscribers } pubRec when _sharedOnly.TryRemove(pubRec.PacketIdentifier, out _):
                pubRec.ReasonCode = MqttPubRecReasonCode.Success;
                break;

            case MqttSubAckPacket subAck when _subscribes.TryRemove(subAck.PacketIdentifier, out MqttQualityOfServiceLevel[]? asked):
                // The library answers the filters of a higher QoS first.
                int[] order = [.. Enumerable.Range(0, asked.Length).OrderByDescending(i => asked[i])];
                MqttSubscribeReasonCode[] codes = [.. subAck.ReasonCodes];
                for (int i = 0; i < codes.Length; i++)
                {
                    subAck.ReasonCodes[order[i]] = codes[i];
                }

                break;

            case MqttPubRecPacket { ReasonCode: >= MqttPubRecReasonCode.UnspecifiedError } refused:
                _ledger.Received.TryRemove(refused.PacketIdentifier, out _);
                break;

            case MqttPublishPacket tooLarge when IsTooLarge(tooLarge):
                Discard(tooLarge);
                return;

            case MqttPublishPacket { QualityOfServiceLevel: > MqttQualityOfServiceLevel.AtMostOnce } publish:
                lock (_lock)
                {
                    _waiting.Enqueue(publish);
                }

                await SendWaitingAsync(cancellationToken).ConfigureAwait(false);
                return;
        }

        await inner.SendPacketAsync(packet, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>What the client sends next, or what is said in its place.</summary>
    private async Task<MqttPacket?> ReadAsync(CancellationToken cancellationToken)
    {
        if (_largestPacket == uint.MaxValue)
        {
            return await inner.ReceivePacketAsync(cancellationToken).ConfigureAwait(false);
        }

        // A read that has begun is not given up for an answer of our own: the next call goes on with it.
        _reading ??= inner.ReceivePacketAsync(cancellationToken);
        while (true)
        {
            if (_ownAnswers.Reader.TryRead(out MqttPacket? own))
            {
                return own;
            }

            if (_reading.IsCompleted)
            {
                Task<MqttPacket?> read = _reading;
                _reading = null;
                return await read.ConfigureAwait(false);
            }

            if (_answering is null or { IsCompleted: true })
            {
                _answering = _ownAnswers.Reader.WaitToReadAsync(CancellationToken.None).AsTask();
            }

            await Task.WhenAny(_reading, _answering).ConfigureAwait(false);
        }
    }

    /// <summary>Whether a message is larger than the client takes. One that it has said it has (PUBREC) is not sent again, only its release is.</summary>
    private bool IsTooLarge(MqttPublishPacket publish)
    {
        if (_largestPacket == uint.MaxValue || (_ledger.Sent.TryGetValue(publish, out SentMessage? sent) && sent.IsReceived))
        {
            return false;
        }

        lock (_measure)
        {
            int length = _measure.Encode(publish).Length;
            _measure.Cleanup();
            return length > _largestPacket;
        }
    }

    /// <summary>For the library the message has been delivered.</summary>
    private void Discard(MqttPublishPacket publish)
    {
        dropped();
        if (publish.QualityOfServiceLevel == MqttQualityOfServiceLevel.AtMostOnce)
        {
            return;
        }

        // An earlier connection may have taken larger packets, and have seen it.
        publish.PacketIdentifier = IdentifierOf(publish);
        _ = _ownAnswers.Writer.TryWrite(publish.QualityOfServiceLevel == MqttQualityOfServiceLevel.AtLeastOnce
            ? new MqttPubAckPacket { PacketIdentifier = publish.PacketIdentifier }
            : new MqttPubCompPacket { PacketIdentifier = publish.PacketIdentifier });
    }

    /// <summary>Gives a message its topic: also one that is not handed on may be the one that says what an alias stands for.</summary>
    private void ResolveAlias(MqttPublishPacket publish)
    {
        if (publish.TopicAlias == 0)
        {
            return;
        }

        if (!string.IsNullOrEmpty(publish.Topic))
        {
            _aliases[publish.TopicAlias] = publish.Topic;
        }
        else if (_aliases.TryGetValue(publish.TopicAlias, out string? topic))
        {
            publish.Topic = topic;
        }

        publish.TopicAlias = 0;
    }

    private void EndOf(ushort packetIdentifier)
    {
        _ledger.SentById.TryRemove(packetIdentifier, out _);
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
                if (!_waiting.TryPeek(out next) || _underWay.Count >= _window || !_underWay.Add(IdentifierOf(next)))
                {
                    _isSending = false;
                    return;
                }

                _waiting.Dequeue();
            }

            try
            {
                await SendAsync(next, cancellationToken).ConfigureAwait(false);
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

    private ushort IdentifierOf(MqttPublishPacket publish) => _ledger.Sent.TryGetValue(publish, out SentMessage? sent) ? sent.PacketIdentifier : publish.PacketIdentifier;

    /// <summary>Sends a message, or again what is still owed of one that an earlier connection has seen.</summary>
    private Task SendAsync(MqttPublishPacket publish, CancellationToken cancellationToken)
    {
        if (!_ledger.Sent.TryGetValue(publish, out SentMessage? sent))
        {
            sent = new SentMessage(publish.PacketIdentifier);
            _ledger.Sent.Add(publish, sent);
            _ledger.SentById[sent.PacketIdentifier] = sent;
            return inner.SendPacketAsync(publish, cancellationToken);
        }

        // The library gives it a new identifier, by which it would also look for the acknowledgement.
        publish.PacketIdentifier = sent.PacketIdentifier;
        publish.Dup = true;
        return sent.IsReceived
            ? inner.SendPacketAsync(new MqttPubRelPacket { PacketIdentifier = sent.PacketIdentifier }, cancellationToken)
            : inner.SendPacketAsync(publish, cancellationToken);
    }
}
