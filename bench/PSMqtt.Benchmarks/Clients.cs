using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using MQTTnet;
using PSMqtt.Protocol;
using PSMqtt.Protocol.Transports;
using MqttClient = PSMqtt.Protocol.MqttClient;
using MqttClientOptions = PSMqtt.Protocol.MqttClientOptions;

namespace PSMqtt.Benchmarks;

/// <summary>A client under test: the same work, done as each library's users would.</summary>
internal interface IBenchClient
{
    string Name { get; }

    /// <summary>How many messages it can send or receive in one go.</summary>
    int MostMessages(int qos) => int.MaxValue;

    /// <summary>Publishes; disconnects only when the peer has taken everything, for a hasty end can lose what is under way.</summary>
    Task PublishAsync(int port, int count, int payloadSize, int qos, Action waitUntilTaken);

    /// <summary>One at a time; returns what each took.</summary>
    Task<Latency> PublishOneByOneAsync(int port, int count, int payloadSize, int qos);

    Task ReceiveAsync(int port, int count, int qos);

    Task<Latency> RoundTripAsync(int port, int count, int qos);

    /// <summary>Connects and disconnects, one after the other.</summary>
    Task ConnectAsync(int port, int count);

    /// <summary>Connects and stays so. Dispose what is returned.</summary>
    Task<IReadOnlyList<IAsyncDisposable>> HoldAsync(int port, int count);
}

/// <summary>How long one of many took, in microseconds.</summary>
internal readonly record struct Latency(double P50, double P99)
{
    public static Latency Of(long[] ticks)
    {
        Array.Sort(ticks);
        return new Latency(At(0.5), At(0.99));

        double At(double share) => Stopwatch.GetElapsedTime(0, ticks[(int)(ticks.Length * share)]).TotalMicroseconds;
    }
}

/// <summary>A connection that is held.</summary>
internal sealed class Held(IDisposable connection) : IAsyncDisposable
{
    public ValueTask DisposeAsync()
    {
        connection.Dispose();
        return ValueTask.CompletedTask;
    }
}

internal sealed class PsMqttBenchClient : IBenchClient
{
    public string Name => "PSMqtt";

    public async Task PublishAsync(int port, int count, int payloadSize, int qos, Action waitUntilTaken)
    {
        await using MqttClient client = await ConnectAsync(port);
        byte[] payload = new byte[payloadSize];
        if (qos == 0 && payloadSize < 1024)
        {
            for (int i = 0; i < count; i++)
            {
                await client.PublishAsync("t", payload);
            }
        }
        else
        {
            var message = new MqttMessage("t", payload, (MqttQualityOfService)qos);
            await using MqttPublisher publisher = client.CreatePublisher();
            for (int i = 0; i < count; i++)
            {
                await publisher.PostAsync(message);
            }

            await publisher.FlushAsync();
        }

        waitUntilTaken();
        await client.DisconnectAsync();
    }

    public async Task<Latency> PublishOneByOneAsync(int port, int count, int payloadSize, int qos)
    {
        await using MqttClient client = await ConnectAsync(port);
        byte[] payload = new byte[payloadSize];
        long[] ticks = new long[count];
        for (int i = 0; i < count; i++)
        {
            long start = Stopwatch.GetTimestamp();
            await client.PublishAsync("t", payload, (MqttQualityOfService)qos);
            ticks[i] = Stopwatch.GetTimestamp() - start;
        }

        return Latency.Of(ticks);
    }

    public async Task ReceiveAsync(int port, int count, int qos)
    {
        await using MqttClient client = await ConnectAsync(port);
        MqttSubscription subscription = await client.SubscribeAsync("t", (MqttQualityOfService)qos);
        int received = 0;
        while (received < count && await subscription.WaitToReadAsync())
        {
            while (subscription.TryRead(out MqttMessage? message))
            {
                received += message.Payload.Length >= 0 ? 1 : 0;
            }
        }
    }

    public async Task<Latency> RoundTripAsync(int port, int count, int qos)
    {
        await using MqttClient client = await ConnectAsync(port);
        MqttSubscription subscription = await client.SubscribeAsync("t", (MqttQualityOfService)qos);
        byte[] payload = new byte[16];
        long[] ticks = new long[count];
        for (int i = 0; i < count; i++)
        {
            long start = Stopwatch.GetTimestamp();
            ValueTask<MqttPublishResult> publish = client.PublishAsync("t", payload, (MqttQualityOfService)qos);
            await subscription.WaitToReadAsync();
            subscription.TryRead(out _);
            await publish;
            ticks[i] = Stopwatch.GetTimestamp() - start;
        }

        return Latency.Of(ticks);
    }

    public async Task ConnectAsync(int port, int count)
    {
        for (int i = 0; i < count; i++)
        {
            await using MqttClient client = await ConnectAsync(port);
            await client.DisconnectAsync();
        }
    }

    public async Task<IReadOnlyList<IAsyncDisposable>> HoldAsync(int port, int count)
    {
        var held = new List<IAsyncDisposable>(count);
        for (int i = 0; i < count; i++)
        {
            held.Add(await ConnectAsync(port));
        }

        return held;
    }

    private static async Task<MqttClient> ConnectAsync(int port)
    {
        var client = new MqttClient(new MqttClientOptions
        {
            Servers = [MqttEndpoint.Parse($"127.0.0.1:{port}")],
            ProtocolVersion = MqttProtocolVersion.V500,
        });
        await client.ConnectAsync();
        return client;
    }
}

internal sealed class MqttNetBenchClient(bool isTuned) : IBenchClient
{
    public string Name => isTuned ? "MQTTnet tuned" : "MQTTnet";

    public async Task PublishAsync(int port, int count, int payloadSize, int qos, Action waitUntilTaken)
    {
        using IMqttClient client = await ConnectAsync(port, noDelay: qos > 0);
        MqttApplicationMessage message = Message(payloadSize, qos);
        if (qos == 0)
        {
            for (int i = 0; i < count; i++)
            {
                await client.PublishAsync(message);
            }
        }
        else
        {
            using var window = new SemaphoreSlim(1000);
            for (int i = 0; i < count; i++)
            {
                await window.WaitAsync();
                _ = client.PublishAsync(message).ContinueWith(
                    static (_, state) => ((SemaphoreSlim)state!).Release(), window, TaskContinuationOptions.ExecuteSynchronously);
            }

            for (int i = 0; i < 1000; i++)
            {
                await window.WaitAsync();
            }
        }

        waitUntilTaken();
        await client.DisconnectAsync();
    }

    public async Task<Latency> PublishOneByOneAsync(int port, int count, int payloadSize, int qos)
    {
        using IMqttClient client = await ConnectAsync(port, noDelay: true);
        MqttApplicationMessage message = Message(payloadSize, qos);
        long[] ticks = new long[count];
        for (int i = 0; i < count; i++)
        {
            long start = Stopwatch.GetTimestamp();
            await client.PublishAsync(message);
            ticks[i] = Stopwatch.GetTimestamp() - start;
        }

        return Latency.Of(ticks);
    }

    public async Task ReceiveAsync(int port, int count, int qos)
    {
        using IMqttClient client = new MqttClientFactory().CreateMqttClient();
        int received = 0;
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        client.ApplicationMessageReceivedAsync += _ =>
        {
            if (++received == count)
            {
                done.SetResult();
            }

            return Task.CompletedTask;
        };
        await client.ConnectAsync(Options(port, noDelay: true));
        await client.SubscribeAsync("t", (MQTTnet.Protocol.MqttQualityOfServiceLevel)qos);
        await done.Task;
    }

    public async Task<Latency> RoundTripAsync(int port, int count, int qos)
    {
        using IMqttClient client = new MqttClientFactory().CreateMqttClient();
        using var arrived = new SemaphoreSlim(0);
        client.ApplicationMessageReceivedAsync += _ =>
        {
            arrived.Release();
            return Task.CompletedTask;
        };
        await client.ConnectAsync(Options(port, noDelay: true));
        await client.SubscribeAsync("t", (MQTTnet.Protocol.MqttQualityOfServiceLevel)qos);
        MqttApplicationMessage message = Message(16, qos);
        long[] ticks = new long[count];
        for (int i = 0; i < count; i++)
        {
            long start = Stopwatch.GetTimestamp();
            Task publish = client.PublishAsync(message);
            await arrived.WaitAsync();
            await publish;
            ticks[i] = Stopwatch.GetTimestamp() - start;
        }

        return Latency.Of(ticks);
    }

    public async Task ConnectAsync(int port, int count)
    {
        for (int i = 0; i < count; i++)
        {
            using IMqttClient client = await ConnectAsync(port, noDelay: true);
            await client.DisconnectAsync();
        }
    }

    public async Task<IReadOnlyList<IAsyncDisposable>> HoldAsync(int port, int count)
    {
        var held = new List<IAsyncDisposable>(count);
        for (int i = 0; i < count; i++)
        {
            held.Add(new Held(await ConnectAsync(port, noDelay: true)));
        }

        return held;
    }

    private static MqttApplicationMessage Message(int payloadSize, int qos) => new MqttApplicationMessageBuilder()
        .WithTopic("t")
        .WithPayload(new byte[payloadSize])
        .WithQualityOfServiceLevel((MQTTnet.Protocol.MqttQualityOfServiceLevel)qos)
        .Build();

    private MQTTnet.MqttClientOptions Options(int port, bool noDelay) => new MqttClientOptionsBuilder()
        .WithEndPoint(new IPEndPoint(IPAddress.Loopback, port))
        .WithTcpServer(o =>
        {
            o.RemoteEndpoint = new IPEndPoint(IPAddress.Loopback, port);
            if (isTuned)
            {
                o.BufferSize = 256 * 1024;
                o.NoDelay = noDelay;
            }
        })
        .WithProtocolVersion(MQTTnet.Formatter.MqttProtocolVersion.V500)
        .Build();

    private async Task<IMqttClient> ConnectAsync(int port, bool noDelay)
    {
        IMqttClient client = new MqttClientFactory().CreateMqttClient();
        await client.ConnectAsync(Options(port, noDelay));
        return client;
    }
}

/// <summary>The limit: ready-made frames written or read in blocks of 64 KiB, without looking at them, on blocking sockets.</summary>
internal sealed class RawSocketBenchClient : IBenchClient
{
    private const int BlockSize = 64 * 1024;

    private static readonly byte[] s_connect = [0x10, 14, 0, 4, (byte)'M', (byte)'Q', (byte)'T', (byte)'T', 5, 2, 0, 0, 0, 0, 1, (byte)'r'];

    /// <summary>The bench server's SUBACK on 5.0.</summary>
    private const int SubAckSize = 6;

    public string Name => "raw socket";

    public async Task PublishAsync(int port, int count, int payloadSize, int qos, Action waitUntilTaken)
    {
        using Socket socket = Connect(port);
        byte[] frame = Frame(payloadSize, qos);
        int each = Math.Max(1, BlockSize / frame.Length);
        byte[] block = new byte[each * frame.Length];
        for (int i = 0; i < each; i++)
        {
            frame.CopyTo(block, i * frame.Length);
        }

        int acknowledgements = qos == 0 ? 0 : count * 4 * qos;
        var reader = Task.Run(() =>
        {
            byte[] buffer = new byte[BlockSize];
            for (int read = 0; read < acknowledgements;)
            {
                read += socket.Receive(buffer);
            }
        });
        for (int sent = 0; sent < count; sent += each)
        {
            int number = Math.Min(each, count - sent);
            SendAll(socket, block.AsSpan(0, number * frame.Length));
            if (qos == 2)
            {
                SendAll(socket, Releases(number));
            }
        }

        await reader;
        waitUntilTaken();
    }

    public async Task<Latency> PublishOneByOneAsync(int port, int count, int payloadSize, int qos)
    {
        // With one thread-pool hop a message, as an asynchronous client needs it.
        using Socket socket = Connect(port);
        byte[] frame = Frame(payloadSize, qos);
        byte[] buffer = new byte[64];
        long[] ticks = new long[count];
        for (int i = 0; i < count; i++)
        {
            long start = Stopwatch.GetTimestamp();
            await socket.SendAsync(frame, SocketFlags.None);
            await socket.ReceiveAsync(buffer, SocketFlags.None);
            await Task.Yield();
            ticks[i] = Stopwatch.GetTimestamp() - start;
        }

        return Latency.Of(ticks);
    }

    public Task ReceiveAsync(int port, int count, int qos)
    {
        using Socket socket = Connect(port);
        SendAll(socket, [0x82, 7, 0, 1, 0, 0, 1, (byte)'t', (byte)qos]);
        byte[] buffer = new byte[BlockSize];
        int held = 0;
        while (held < SubAckSize + 5)
        {
            held += socket.Receive(buffer, held, buffer.Length - held, SocketFlags.None);
        }

        // The frames are all alike: the first one tells how many bytes to expect.
        int remaining = 0;
        int header = 1;
        for (int shift = 0; ; shift += 7)
        {
            byte next = buffer[SubAckSize + header++];
            remaining |= (next & 0x7F) << shift;
            if (next < 0x80)
            {
                break;
            }
        }

        long size = header + remaining;
        long acknowledged = 0;
        for (long read = held - SubAckSize; read < size * count; read += socket.Receive(buffer))
        {
            if (qos > 0 && read / size > acknowledged)
            {
                SendAll(socket, Acknowledgements((int)((read / size) - acknowledged)));
                acknowledged = read / size;
            }
        }

        return Task.CompletedTask;
    }

    public async Task<Latency> RoundTripAsync(int port, int count, int qos)
    {
        using Socket socket = Connect(port);
        byte[] frame = Frame(16, qos);
        byte[] acknowledgement = [0x40, 2, 0, 1];
        byte[] buffer = new byte[256];
        int expected = frame.Length + (qos > 0 ? 4 : 0);
        long[] ticks = new long[count];
        for (int i = 0; i < count; i++)
        {
            long start = Stopwatch.GetTimestamp();
            await socket.SendAsync(frame, SocketFlags.None);
            for (int read = 0; read < expected;)
            {
                read += await socket.ReceiveAsync(buffer, SocketFlags.None);
            }

            if (qos > 0)
            {
                await socket.SendAsync(acknowledgement, SocketFlags.None);
            }

            await Task.Yield();
            ticks[i] = Stopwatch.GetTimestamp() - start;
        }

        return Latency.Of(ticks);
    }

    public async Task ConnectAsync(int port, int count)
    {
        for (int i = 0; i < count; i++)
        {
            using Socket socket = await ConnectAsync(port);
            await socket.SendAsync(new byte[] { 0xE0, 0 }, SocketFlags.None);
            socket.Shutdown(SocketShutdown.Send);
            while (await socket.ReceiveAsync(new byte[16], SocketFlags.None) > 0)
            {
                // To the end, as a client does that does not want its last words lost.
            }
        }
    }

    public async Task<IReadOnlyList<IAsyncDisposable>> HoldAsync(int port, int count)
    {
        var held = new List<IAsyncDisposable>(count);
        for (int i = 0; i < count; i++)
        {
            held.Add(new Held(await ConnectAsync(port)));
        }

        return held;
    }

    private static async Task<Socket> ConnectAsync(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(IPAddress.Loopback, port);
        await socket.SendAsync(s_connect, SocketFlags.None);
        await socket.ReceiveAsync(new byte[16], SocketFlags.None);
        return socket;
    }

    private static byte[] Frame(int payloadSize, int qos)
    {
        var bytes = new List<byte> { (byte)(0x30 | (qos << 1)) };
        for (int rest = 3 + (qos > 0 ? 2 : 0) + 1 + payloadSize; ; rest >>= 7)
        {
            if (rest < 128)
            {
                bytes.Add((byte)rest);
                break;
            }

            bytes.Add((byte)((rest & 0x7F) | 0x80));
        }

        bytes.AddRange([0, 1, (byte)'t']);
        if (qos > 0)
        {
            bytes.AddRange([0, 1]);
        }

        bytes.Add(0);
        bytes.AddRange(new byte[payloadSize]);
        return [.. bytes];
    }

    private static byte[] Releases(int count) => Repeat([0x62, 2, 0, 1], count);

    private static byte[] Acknowledgements(int count) => Repeat([0x40, 2, 0, 1], count);

    private static byte[] Repeat(byte[] frame, int count)
    {
        byte[] bytes = new byte[frame.Length * count];
        for (int i = 0; i < count; i++)
        {
            frame.CopyTo(bytes, i * frame.Length);
        }

        return bytes;
    }

    private static void SendAll(Socket socket, ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            bytes = bytes[socket.Send(bytes)..];
        }
    }

    private static Socket Connect(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Connect(IPAddress.Loopback, port);
        SendAll(socket, s_connect);
        byte[] buffer = new byte[5];
        for (int read = 0; read < 5;)
        {
            read += socket.Receive(buffer, read, 5 - read, SocketFlags.None);
        }

        return socket;
    }
}
