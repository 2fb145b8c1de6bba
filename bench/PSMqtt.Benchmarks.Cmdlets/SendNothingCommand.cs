using System.Collections;
using System.Management.Automation;
using System.Text;
using PSMqtt.Protocol;

namespace PSMqtt.Benchmarks.Cmdlets;

/// <summary>Send-MqttMessage without what it does: the same parameters, so that what it takes is what PowerShell takes.</summary>
[Cmdlet(VerbsCommunications.Send, "Nothing", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Low, DefaultParameterSetName = "Payload")]
public sealed class SendNothingCommand : PSCmdlet
{
    [Parameter(Position = 0)]
    [AllowEmptyString]
    public string? Topic { get; set; }

    [Parameter(Position = 1, ValueFromPipeline = true, ParameterSetName = "Payload")]
    public object? Payload { get; set; }

    [Parameter(Mandatory = true, ParameterSetName = "Path")]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? Path { get; set; }

    [Parameter(Mandatory = true, ParameterSetName = "LiteralPath")]
    [Alias("PSPath", "LP")]
    [ValidateNotNullOrEmpty]
    public string[]? LiteralPath { get; set; }

    [Parameter(Mandatory = true, ParameterSetName = "Message")]
    [ValidateNotNull]
    [AllowEmptyCollection]
    public MqttMessage[]? Message { get; set; }

    [Parameter]
    [ValidateNotNull]
    public object? Connection { get; set; }

    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? Server { get; set; }

    [Parameter]
    public SwitchParameter PassThru { get; set; }

    [Parameter]
    public SwitchParameter NoWait { get; set; }

    [Parameter]
    [ValidateRange(0.001, 86_400)]
    public double TimeoutSeconds { get; set; } = 30;

    [Parameter]
    [ValidateNotNull]
    public Encoding Encoding { get; set; } = Encoding.UTF8;

    [Parameter]
    [ValidateRange(0, 100)]
    public int Depth { get; set; } = 10;

    [Parameter]
    public MqttQualityOfService QoS { get; set; }

    [Parameter]
    public SwitchParameter Retain { get; set; }

    [Parameter]
    public string? ContentType { get; set; }

    [Parameter]
    public string? ResponseTopic { get; set; }

    [Parameter]
    public byte[]? CorrelationData { get; set; }

    [Parameter]
    public TimeSpan? MessageExpiry { get; set; }

    [Parameter]
    [Alias("UserProperties")]
    public IDictionary? UserProperty { get; set; }

    [Parameter]
    public MqttPayloadFormat PayloadFormat { get; set; }

    protected override void ProcessRecord()
    {
    }
}
