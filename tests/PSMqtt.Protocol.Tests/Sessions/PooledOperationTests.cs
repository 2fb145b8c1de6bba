using System.Collections.Concurrent;
using System.Text;
using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Tests.Scripted;

namespace PSMqtt.Protocol.Tests.Sessions;

/// <summary>Operations are pooled: whatever is cancelled when, each caller gets the answer to its own message.</summary>
public sealed class PooledOperationTests : SessionTest
{
    private const int Publishers = 24;
    private const int MessagesEach = 150;

    [Theory(DisplayName = "many publishers at once, cancelled at random: every outcome is that of the caller's own message, and each message was sent once, or never if it was withdrawn")]
    [InlineData(1, 1000)]
    [InlineData(2, 3)]
    [InlineData(3, 20)]
    public async Task Outcomes_are_exact(int seed, int inFlight)
    {
        (MqttClient client, ScriptedPeer peer) = await ConnectAsync(Options(MqttProtocolVersion.V500) with { InFlightMaximum = inFlight });
        var server = new AnsweringServer(peer);
        var acknowledged = new ConcurrentDictionary<string, int>(StringComparer.Ordinal);
        var withdrawnOrSent = new ConcurrentBag<string>();
        var others = new ConcurrentBag<string>();
        await Soon(Task.WhenAll(Enumerable.Range(0, Publishers).Select(number => Task.Run(async () =>
        {
            var random = new Random((seed * 1000) + number);
            for (int i = 0; i < MessagesEach; i++)
            {
                var qos = (MqttQualityOfService)random.Next(3);
                string text = $"{(random.Next(6) == 0 ? "reject" : "accept")} {number} {i}";
                string topic = $"t/{number}/{i % 3}";
                using var cancellation = new CancellationTokenSource();
                ValueTask<MqttPublishResult> publish = client.PublishAsync(topic, Encoding.UTF8.GetBytes(text), qos, false, cancellation.Token);
                int fate = random.Next(6);
                if (fate == 0)
                {
                    await cancellation.CancelAsync();
                }
                else if (fate == 1)
                {
                    _ = Task.Run(cancellation.Cancel);
                }

                bool isRejected = qos != MqttQualityOfService.AtMostOnce && text.StartsWith("reject", StringComparison.Ordinal);
                try
                {
                    MqttPublishResult result = await publish;
                    Assert.False(isRejected);
                    Assert.Equal((topic, qos), (result.Topic, result.QoS));
                    if (qos != MqttQualityOfService.AtMostOnce)
                    {
                        Assert.Equal((text, MqttReasonCode.Success), (result.ReasonString, result.ReasonCode));
                        acknowledged[text] = result.PacketIdentifier;
                    }

                    others.Add(text);
                }
                catch (MqttOperationException error)
                {
                    Assert.True(isRejected);
                    Assert.Equal((text, topic, MqttReasonCode.QuotaExceeded), (error.ReasonString, error.Topic, error.ReasonCode));
                    others.Add(text);
                }
                catch (OperationCanceledException error)
                {
                    Assert.InRange(fate, 0, 1);
                    Assert.Equal(cancellation.Token, error.CancellationToken);
                    withdrawnOrSent.Add(text);
                }
            }
        }))));
        await UntilAsync(() => client.Counters.InFlight + client.Counters.Queued == 0);

        // The marker comes after all of them, and its answer after theirs.
        await Soon(Publish(client, "marker"));
        peer.ShutdownSend();
        await Soon(client.DisposeAsync().AsTask());
        await Soon(server.Ended);
        Assert.Equal(Publishers * MessagesEach, others.Count + withdrawnOrSent.Count);
        foreach (string text in others)
        {
            ReceivedPublish received = Assert.Single(server.Received[text]);
            Assert.False(received.Duplicate);
            if (acknowledged.TryGetValue(text, out int identifier))
            {
                Assert.Equal(identifier, received.PacketIdentifier);
            }
        }

        foreach (string text in withdrawnOrSent)
        {
            Assert.InRange(server.Received.TryGetValue(text, out List<ReceivedPublish>? copies) ? copies.Count : 0, 0, 1);
        }

        Assert.Equal(0, client.Counters.StrayAcknowledgements);
    }
}
