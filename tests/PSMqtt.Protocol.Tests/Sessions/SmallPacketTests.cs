using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Tests.Scripted;

namespace PSMqtt.Protocol.Tests.Sessions;

/// <summary>Servers that take next to nothing: what is sent without being asked for keeps to their Maximum Packet Size too.</summary>
public sealed class SmallPacketTests : SessionTest
{
    [Theory(DisplayName = "[MQTT-3.2.2-15] DISCONNECT keeps to the server's Maximum Packet Size: without its session expiry, then not at all")]
    [InlineData(9, "E007 00 05 11 00000000", false)]
    [InlineData(8, "E000", false)]
    [InlineData(2, "E000", true)]
    [InlineData(1, null, false)]
    [InlineData(1, null, true)]
    public async Task Disconnect_that_fits(int maximum, string? expected, bool isDisposed)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(
            Options(MqttProtocolVersion.V500) with { PersistentSession = false }, new ConnAckPacket { MaximumPacketSize = (uint)maximum });
        Task end = isDisposed ? client.DisposeAsync().AsTask() : client.DisconnectAsync();
        if (expected is not null)
        {
            DisconnectPacket packet = await peer.ExpectAsync<DisconnectPacket>();
            Assert.Equal(expected.Length > 4 ? 0u : null, packet.SessionExpirySeconds);
        }

        await peer.ExpectClosedAsync();
        peer.Dispose();
        await Soon(end);
    }

    [Theory(DisplayName = "[MQTT-3.2.2-15] a server that takes no acknowledgement is not sent one: the connection ends, and says why")]
    [InlineData("32 06 0001 61 0007 00")]
    [InlineData("34 06 0001 61 0007 00")]
    [InlineData("62 02 0007")]
    public async Task No_room_for_an_answer(string bytes)
    {
        MqttClient client = NewClient(Options(MqttProtocolVersion.V500) with
        {
            Reconnect = new ReconnectPolicy { Enabled = false },
        });
        var ended = new TaskCompletionSource<MqttConnectionEventArgs>(TaskCreationOptions.RunContinuationsAsynchronously);
        client.Disconnected += (_, step) => ended.TrySetResult(step);
        ScriptedPeer peer = await ConnectAsync(client, new ConnAckPacket { MaximumPacketSize = 3 });
        await peer.SendRawAsync("31 04 0001 61 00");
        await peer.SendRawAsync(bytes);
        await peer.ExpectDisconnectAsync(MqttReasonCode.ImplementationSpecificError);
        peer.Dispose();
        var error = Assert.IsType<MqttProtocolException>((await Soon(ended.Task)).Error);
        Assert.Equal("MQTT-3.2.2-15", error.Statement);
        Assert.Contains("3 bytes at most", error.Message, StringComparison.Ordinal);
    }

    [Fact(DisplayName = "[MQTT-3.2.2-15] an UNSUBSCRIBE that the server does not take any more is not sent: it fails, and messages for it are acknowledged")]
    public async Task Unsubscribe_that_does_not_fit()
    {
        string filter = new('f', 100);
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(MqttProtocolVersion.V500);
        MqttSubscription subscription = await SubscribeAsync(client, peer, filter);
        MqttSubscription unwanted = await SubscribeAsync(client, peer, filter + "2");
        peer.Abort();
        await UntilAsync(() => client.State != MqttConnectionState.Connected);
        await Soon(client.UnsubscribeAsync(unwanted));
        ScriptedPeer second = await Server.AcceptConnectedAsync(new ConnAckPacket { SessionPresent = true, MaximumPacketSize = 50 });
        await UntilAsync(() => client.State == MqttConnectionState.Connected);
        var error = await FailsAsync<MqttOperationException>(client.UnsubscribeAsync(subscription));
        Assert.Equal((MqttOperation.Unsubscribe, MqttOperationFailure.PacketTooLarge, filter), (error.Operation, error.Failure, error.Topic));
        await second.SendPublishAsync(filter, "late", MqttQualityOfService.AtLeastOnce, 5);
        await ExpectAcknowledgementAsync(second, MqttPacketType.PubAck, 5);
        Assert.Empty(client.Subscriptions);
    }

    [Fact(DisplayName = "a message that stays in the session says so when its client disconnects; one of a client that is disposed does not")]
    public async Task What_stays()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(MqttProtocolVersion.V500);
        Task<MqttPublishResult> publish = Publish(client, "x");
        await peer.ExpectPublishAsync();
        Task disconnect = client.DisconnectAsync(TimeSpan.Zero);
        await peer.ExpectDisconnectAsync(MqttReasonCode.Success);
        peer.Dispose();
        await Soon(disconnect);
        Assert.Contains("stays in the session", (await FailsAsync<MqttOperationException>(publish)).Message, StringComparison.Ordinal);

        ScriptedPeer next = await ConnectAsync(client, new ConnAckPacket { SessionPresent = true });
        await ExpectPublishAsync(next, "x", duplicate: true);
        Task<MqttPublishResult> last = Publish(client, "y");
        await ExpectPublishAsync(next, "y");
        Task disposal = client.DisposeAsync().AsTask();
        await next.ExpectDisconnectAsync(MqttReasonCode.Success);
        next.Dispose();
        await Soon(disposal);
        Assert.DoesNotContain("stays in the session", (await FailsAsync<MqttOperationException>(last)).Message, StringComparison.Ordinal);
    }
}
