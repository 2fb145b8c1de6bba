using System.Diagnostics;

namespace PSMqtt.Benchmarks;

/// <summary>mosquitto_pub and mosquitto_sub, where they are installed: a process each, whose start is part of what is measured.</summary>
internal sealed class MosquittoToolsBenchClient : IBenchClient
{
    public static bool AreInstalled => File.Exists("/usr/bin/mosquitto_pub") && File.Exists("/usr/bin/mosquitto_sub");

    public string Name => "mosquitto_pub/sub";

    /// <summary>
    /// mosquitto_pub ends with the acknowledgement of the last packet identifier it has used. Were there more messages than identifiers, that would be the
    /// acknowledgement of an earlier message, and the rest never sent.
    /// </summary>
    public int MostMessages(int qos) => qos == 0 ? int.MaxValue : 60_000;

    public async Task PublishAsync(int port, int count, int payloadSize, int qos, Action waitUntilTaken)
    {
        using Process process = Start("mosquitto_pub", $"-h 127.0.0.1 -p {port} -t t -q {qos} -l", input: true);

        // A line a message; many lines a write.
        string line = new string('x', payloadSize) + "\n";
        int each = Math.Max(1, 65_536 / line.Length);
        string block = string.Concat(Enumerable.Repeat(line, each));
        for (int sent = 0; sent < count; sent += each)
        {
            await process.StandardInput.WriteAsync(block.AsMemory(0, Math.Min(each, count - sent) * line.Length));
        }

        process.StandardInput.Close();
        await process.WaitForExitAsync();
        waitUntilTaken();
    }

    public async Task ReceiveAsync(int port, int count, int qos)
    {
        using Process process = Start("mosquitto_sub", $"-h 127.0.0.1 -p {port} -t t -q {qos} -C {count}", input: false);
        await process.StandardOutput.BaseStream.CopyToAsync(Stream.Null);
        await process.WaitForExitAsync();
    }

    public Task<Latency> PublishOneByOneAsync(int port, int count, int payloadSize, int qos) => throw new NotSupportedException();

    public Task<Latency> RoundTripAsync(int port, int count, int qos) => throw new NotSupportedException();

    public Task ConnectAsync(int port, int count) => throw new NotSupportedException();

    public Task<IReadOnlyList<IAsyncDisposable>> HoldAsync(int port, int count) => throw new NotSupportedException();

    private static Process Start(string tool, string arguments, bool input) => Process.Start(new ProcessStartInfo(tool, arguments)
    {
        RedirectStandardInput = input,
        RedirectStandardOutput = !input,
    })!;
}
