using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Tests.Scripted;
using static PSMqtt.Protocol.Tests.Packets.PacketBytes;

namespace PSMqtt.Protocol.Tests.Packets;

/// <summary>
/// Random packets and random damage. How long, and how to repeat a failure: see <see cref="FuzzRun"/>.
/// </summary>
public sealed class FuzzTests(ITestOutputHelper output)
{
    private static readonly MqttProtocolVersion[] s_versions = Enum.GetValues<MqttProtocolVersion>();
    private static readonly byte[] s_interesting = [0x00, 0x01, 0x02, 0x03, 0x0B, 0x1F, 0x23, 0x26, 0x7F, 0x80, 0x81, 0xC0, 0xED, 0xFE, 0xFF];

    [Fact]
    public void What_is_written_is_read_back_as_it_was()
    {
        FuzzRun.Run(output, (random, cases) =>
        {
            MqttProtocolVersion version = s_versions[cases % 3];
            IMqttPacket packet = new PacketGenerator(random).Next(version);
            byte[] bytes = Encode(packet, version);
            Assert.Equal(Dump(AsReceived(packet)), Dump(Decode(bytes, version)));
            if (packet is ServerPublish publish && publish.Properties is not { SubscriptionIdentifiers.Count: > 0 })
            {
                Assert.Equal(bytes, PublishTests.Write(publish, version));
            }
        });
    }

    [Fact]
    public void A_damaged_packet_is_read_or_refused_and_what_is_read_can_be_written_again()
    {
        (MqttProtocolVersion Version, byte[] Bytes)[] corpus = [.. PacketExamples.Corpus];
        int accepted = 0;
        FuzzRun.Run(output, (random, cases) =>
        {
            (MqttProtocolVersion version, byte[] bytes) = corpus[random.Next(corpus.Length)];
            if (random.Next(3) == 0)
            {
                version = s_versions[random.Next(3)];
                bytes = Encode(new PacketGenerator(random).Next(version), version);
            }

            if (random.Next(10) == 0)
            {
                version = s_versions[random.Next(3)];
            }

            byte first = random.Next(30) == 0 ? (byte)random.Next(256) : bytes[0];
            byte[] damaged = Frame(first, Damage(random, Body(bytes), Body(corpus[random.Next(corpus.Length)].Bytes)));
            object decoded;
            try
            {
                Assert.True(MqttPacketReader.TryReadFrame(damaged, int.MaxValue, out MqttFrame frame, out _));
                Assert.NotEmpty(PacketDescription.Describe(frame, version, sent: false));
                decoded = Decode(frame, version);
            }
            catch (MqttProtocolException exception)
            {
                Assert.StartsWith("MQTT-", exception.Statement, StringComparison.Ordinal);
                Assert.True(exception.ReasonCode.IsFailure());
                return;
            }
            catch (Exception exception) when (exception is not Xunit.Sdk.XunitException)
            {
                throw new InvalidOperationException($"{version}: {Convert.ToHexString(damaged)}", exception);
            }

            accepted++;
            if (decoded is IMqttPacket packet)
            {
                MqttProtocolVersion written = packet is ConnectPacket connect ? connect.ProtocolVersion : version;
                Assert.Equal(Dump(decoded), Dump(Decode(Encode(packet, written), written)));
            }
        });
        output.WriteLine($"{accepted} of them were still packets.");
        Assert.NotEqual(0, accepted);
    }

    [Fact]
    public void A_stream_of_noise_is_cut_into_packets_or_refused()
    {
        int frames = 0;
        int refused = 0;
        var noise = new byte[512];
        var cache = new TopicCache();
        FuzzRun.Run(output, (random, cases) =>
        {
            random.NextBytes(noise);
            if (cases % 2 == 0)
            {
                // A plausible header, so that more than the first byte is looked at.
                noise[0] = (byte)(random.Next(16) << 4 | (random.Next(2) * 2));
                noise[1] = (byte)random.Next(128);
            }

            MqttProtocolVersion version = s_versions[random.Next(3)];
            int start = 0;
            try
            {
                while (MqttPacketReader.TryReadFrame(noise.AsSpan(start), 100_000, out MqttFrame frame, out int needed))
                {
                    Assert.InRange(needed, 2, noise.Length - start);
                    frames++;
                    start += frame.TotalLength;
                    if (frame.Type == MqttPacketType.Publish)
                    {
                        cache.GetTopic(PublishPacket.Read(frame, version).Topic);
                    }
                    else
                    {
                        Decode(frame, version);
                    }
                }
            }
            catch (MqttProtocolException)
            {
                refused++;
            }
        });
        output.WriteLine($"{frames} frames, {refused} refusals.");
        Assert.NotEqual(0, frames);
        Assert.NotEqual(0, refused);
    }

    /// <summary>Does to a packet's body what noise and malice do.</summary>
    internal static byte[] Damage(Random random, byte[] body, byte[] other)
    {
        List<byte> bytes = [.. body];
        for (int time = random.Next(1, 5); time > 0; time--)
        {
            int place = random.Next(bytes.Count + 1);
            int length = Math.Min(random.Next(1, 9), bytes.Count - place);
            switch (random.Next(9))
            {
                case 0 when length > 0:
                    bytes[place] ^= (byte)(1 << random.Next(8));
                    break;
                case 1 when length > 0:
                    bytes[place] = s_interesting[random.Next(s_interesting.Length)];
                    break;
                case 2 when length > 0:
                    bytes[place] += (byte)(random.Next(2) == 0 ? 1 : -1);
                    break;
                case 3:
                    bytes.Insert(place, (byte)random.Next(256));
                    break;
                case 4 when length > 0:
                    bytes.RemoveRange(place, length);
                    break;
                case 5 when length > 0:
                    bytes.InsertRange(random.Next(bytes.Count + 1), bytes.GetRange(place, length));
                    break;
                case 6:
                    bytes.RemoveRange(place, bytes.Count - place);
                    break;
                case 7 when other.Length > 0:
                    int from = random.Next(other.Length);
                    bytes.InsertRange(place, other.Skip(from).Take(random.Next(1, 16)));
                    break;
                default:
                    bytes.Insert(place, s_interesting[random.Next(s_interesting.Length)]);
                    break;
            }
        }

        return [.. bytes];
    }
}
