using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Tests.Scripted;
using PSMqtt.Protocol.Transports;

namespace PSMqtt.Protocol.Tests.Connections;

/// <summary>A transport of somebody else's, which throws what no transport should.</summary>
public sealed class FailingTransportTests : ConnectionTest
{
    [Theory(DisplayName = "Whatever a transport throws when it sends, the connection is made again, and the message goes out on the next"), InlineData(false), InlineData(true)]
    public async Task Send(bool isLate)
    {
        var factory = new Factory { IsLate = isLate };
        (MqttClient client, ScriptedPeer first) = await ConnectAsync(Options() with { TransportFactory = factory });
        using ScriptedPeer gone = first;
        factory.Fails = true;

        Task<MqttPublishResult> publish = client.PublishAsync("t", "x"u8.ToArray(), MqttQualityOfService.AtLeastOnce).AsTask();

        MqttConnectionEventArgs step = await StepAsync(MqttConnectionState.Reconnecting);
        Assert.IsType<NotSupportedException>(step.Error);
        Assert.Contains("no more today", step.Explanation, StringComparison.Ordinal);
        using ScriptedPeer second = await Server.AcceptConnectedAsync(new ConnAckPacket { SessionPresent = true });
        ReceivedPublish message = await second.ExpectPublishAsync();
        await second.SendAcknowledgementAsync(MqttPacketType.PubAck, message.PacketIdentifier);
        await publish.WaitAsync(Limit);
    }

    private sealed class Factory : ITransportFactory
    {
        public bool IsLate { get; init; }

        /// <summary>Whether the first connection can send no more. Those after it can: the next is begun before the test hears of the end of this one.</summary>
        public bool Fails { get; set; }

        private bool HasMade { get; set; }

        public async ValueTask<ITransport> ConnectAsync(
            MqttEndpoint endpoint, MqttClientOptions options, MqttProtocolVersion protocolVersion, CancellationToken cancellationToken)
        {
            ITransport inner = await TransportFactory.Default.ConnectAsync(endpoint, options, protocolVersion, cancellationToken);
            if (HasMade)
            {
                return inner;
            }

            HasMade = true;
            return new Failing(this, inner);
        }
    }

    private sealed class Failing(Factory factory, ITransport inner) : ITransport
    {
        public string Description => inner.Description;

        public ValueTask<int> ReceiveAsync(Memory<byte> buffer, CancellationToken cancellationToken) => inner.ReceiveAsync(buffer, cancellationToken);

        public ValueTask SendAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken) =>
            !factory.Fails ? inner.SendAsync(buffer, cancellationToken)
            : factory.IsLate ? FailLateAsync()
            : throw new NotSupportedException("no more today");

        public ValueTask ShutdownAsync(CancellationToken cancellationToken) => inner.ShutdownAsync(cancellationToken);

        public void Abort() => inner.Abort();

        public ValueTask DisposeAsync() => inner.DisposeAsync();

        private static async ValueTask FailLateAsync()
        {
            await Task.Yield();
            throw new NotSupportedException("no more today");
        }
    }
}
