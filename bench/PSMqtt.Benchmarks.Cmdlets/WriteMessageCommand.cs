using System.Management.Automation;
using PSMqtt.Protocol;

namespace PSMqtt.Benchmarks.Cmdlets;

/// <summary>Receive-MqttMessage without what it does: it only makes messages and writes them.</summary>
[Cmdlet(VerbsCommunications.Write, "Message")]
[OutputType(typeof(MqttMessage))]
public sealed class WriteMessageCommand : PSCmdlet
{
    [Parameter(Position = 0)]
    public string[]? Topic { get; set; }

    [Parameter]
    public long Count { get; set; }

    protected override void EndProcessing()
    {
        for (long i = 0; i < Count; i++)
        {
            WriteObject(new MqttMessage("t", new byte[16]));
        }
    }
}
