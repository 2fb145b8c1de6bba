using System.Management.Automation;

namespace PSMqtt.Benchmarks.Cmdlets;

/// <summary>Starts the peer that takes, or sends, messages with as little work as the protocol allows.</summary>
[Cmdlet(VerbsLifecycle.Start, "BenchServer")]
[OutputType(typeof(BenchPeer))]
public sealed class StartBenchServerCommand : PSCmdlet
{
    /// <summary>How many messages to send to a subscriber. Without it the server takes messages.</summary>
    [Parameter]
    public int Count { get; set; }

    [Parameter]
    public int PayloadSize { get; set; } = 16;

    [Parameter]
    public int QoS { get; set; }

    protected override void EndProcessing() =>
        WriteObject(new BenchPeer(new BenchServer(Count > 0 ? BenchServerMode.Blast : BenchServerMode.Sink, Count, PayloadSize, QoS)));
}

/// <summary>A server that runs.</summary>
public sealed class BenchPeer : IDisposable
{
    private readonly BenchServer _server;

    internal BenchPeer(BenchServer server) => _server = server;

    public int Port => _server.Port;

    public long Received => _server.Received;

    public void WaitForReceived(long count) => _server.WaitForReceived(count);

    public void Dispose() => _server.Dispose();
}
