using System.Buffers;
using BenchmarkDotNet.Attributes;
using PSMqtt.Protocol;
using PSMqtt.Protocol.Packets;

namespace PSMqtt.Benchmarks;

/// <summary>The wire format alone: a packet written or read, its time and its bytes allocated.</summary>
[MemoryDiagnoser]
[ShortRunJob]
public class CodecBenchmarks
{
    private readonly byte[] _output = new byte[1024 * 1024];
    private readonly TopicCache _topics = new();
    private byte[] _payload = [];
    private byte[] _publish = [];
    private byte[] _pubAck = [];

    [Params(16, 256, 65_536)]
    public int PayloadSize { get; set; }

    [GlobalSetup]
    public void SetUp()
    {
        _payload = new byte[PayloadSize];
        _publish = _output.AsSpan(0, WritePublish()).ToArray();
        var output = new ArrayBufferWriter<byte>();
        new AcknowledgementPacket(MqttPacketType.PubAck, 7).Write(output, MqttProtocolVersion.V500);
        _pubAck = output.WrittenSpan.ToArray();
    }

    [Benchmark(Description = "write PUBLISH, QoS 1")]
    public int WritePublish()
    {
        int size = PublishWriter.GetHeaderSize(
            "plant/line1/temperature", 0, MqttQualityOfService.AtLeastOnce, null, _payload.Length, MqttProtocolVersion.V500, out int topic, out int properties);
        int written = PublishWriter.WriteHeader(
            _output, "plant/line1/temperature", topic, 0, 7, MqttQualityOfService.AtLeastOnce, false, false, null, properties, _payload.Length,
            MqttProtocolVersion.V500);
        _payload.CopyTo(_output, written);
        return size + _payload.Length;
    }

    [Benchmark(Description = "read PUBLISH, QoS 1: topic and view of the payload")]
    public int ReadPublish()
    {
        MqttPacketReader.TryReadFrame(_publish, int.MaxValue, out MqttFrame frame, out _);
        PublishPacket packet = PublishPacket.Read(frame, MqttProtocolVersion.V500);
        return _topics.GetTopic(packet.Topic).Length + packet.Payload.Length;
    }

    [Benchmark(Description = "read PUBACK")]
    public int ReadPubAck()
    {
        MqttPacketReader.TryReadFrame(_pubAck, int.MaxValue, out MqttFrame frame, out _);
        return AcknowledgementPacket.Read(frame, MqttProtocolVersion.V500).PacketIdentifier;
    }
}
