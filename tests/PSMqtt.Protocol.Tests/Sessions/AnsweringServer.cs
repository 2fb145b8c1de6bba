using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Tests.Scripted;

namespace PSMqtt.Protocol.Tests.Sessions;

/// <summary>
/// A server's end that acknowledges what it is sent, each message with its own text as the Reason String, so that it can be told whose answer it was.
/// A text that begins with "reject" is rejected.
/// </summary>
internal sealed class AnsweringServer
{
    private readonly ScriptedPeer _peer;

    public AnsweringServer(ScriptedPeer peer)
    {
        _peer = peer;
        Ended = RunAsync();
    }

    /// <summary>Ends when the client has closed the connection.</summary>
    public Task Ended { get; }

    /// <summary>What was received, by text. To be read once nothing is in flight any more.</summary>
    public Dictionary<string, List<ReceivedPublish>> Received { get; } = new(StringComparer.Ordinal);

    private async Task RunAsync()
    {
        await Task.Yield();
        while (await _peer.NextOrClosedAsync() is { } packet)
        {
            switch (packet)
            {
                case ReceivedPublish publish:
                    await AnswerAsync(publish);
                    break;
                case AcknowledgementPacket { Type: MqttPacketType.PubRel } release:
                    await _peer.SendAcknowledgementAsync(MqttPacketType.PubComp, release.PacketIdentifier);
                    break;
            }
        }
    }

    private async Task AnswerAsync(ReceivedPublish publish)
    {
        if (!Received.TryGetValue(publish.Text, out List<ReceivedPublish>? copies))
        {
            Received.Add(publish.Text, copies = []);
        }

        copies.Add(publish);
        if (publish.QoS == MqttQualityOfService.AtMostOnce)
        {
            return;
        }

        await _peer.SendAsync(new AcknowledgementPacket(
            publish.QoS == MqttQualityOfService.AtLeastOnce ? MqttPacketType.PubAck : MqttPacketType.PubRec,
            publish.PacketIdentifier,
            publish.Text.StartsWith("reject", StringComparison.Ordinal) ? MqttReasonCode.QuotaExceeded : MqttReasonCode.Success,
            publish.Text));
    }
}
