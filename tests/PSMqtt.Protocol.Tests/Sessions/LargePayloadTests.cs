using PSMqtt.Protocol.Tests.Scripted;

namespace PSMqtt.Protocol.Tests.Sessions;

/// <summary>Large payloads are sent from where they are, between small packets that are encoded together.</summary>
public sealed class LargePayloadTests : SessionTest
{
    [Theory(DisplayName = "large payloads and small ones arrive in the order they were handed over, byte for byte")]
    [InlineData(MqttQualityOfService.AtMostOnce)]
    [InlineData(MqttQualityOfService.AtLeastOnce)]
    public async Task Order(MqttQualityOfService qos)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(MqttProtocolVersion.V500);
        await using MqttPublisher publisher = client.CreatePublisher();
        MqttMessage[] messages = [.. Enumerable.Range(0, 40).Select(i => new MqttMessage("t", Payload(i), qos))];
        Task sending = Task.Run(async () =>
        {
            foreach (MqttMessage message in messages)
            {
                await publisher.PostAsync(message);
            }

            await publisher.FlushAsync();
        });

        foreach (MqttMessage message in messages)
        {
            ReceivedPublish received = await peer.ExpectPublishAsync();
            Assert.Equal(message.Payload, received.Payload);
            if (qos != MqttQualityOfService.AtMostOnce)
            {
                await peer.SendAcknowledgementAsync(Protocol.Packets.MqttPacketType.PubAck, received.PacketIdentifier);
            }
        }

        await Soon(sending);
        Assert.Equal(0, publisher.Outstanding);
    }

    [Fact(DisplayName = "a large QoS 0 message is outstanding until its last byte has left; a connection that is lost before leaves its outcome unknown")]
    public async Task Lost()
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(MqttProtocolVersion.V500);
        await using MqttPublisher publisher = client.CreatePublisher();

        // More than the system's buffers hold, and a peer that reads nothing.
        var message = new MqttMessage("large", new byte[64 * 1024 * 1024]);
        await Soon(publisher.PostAsync(message).AsTask());
        Assert.Equal(1, publisher.Outstanding);

        peer.Abort();
        await Soon(publisher.FlushAsync());
        Assert.True(publisher.TryTakeOutcome(out MqttPublishOutcome outcome));
        Assert.Same(message, outcome.Message);
        Assert.Equal(MqttOperationFailure.OutcomeUnknown, Assert.IsType<MqttOperationException>(outcome.Error).Failure);
    }

    private static byte[] Payload(int number)
    {
        byte[] payload = new byte[number % 3 == 0 ? 5 : 16 * 1024 * (1 + (number % 7))];
        new Random(number).NextBytes(payload);
        return payload;
    }
}
