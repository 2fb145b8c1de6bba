using System.Management.Automation;
using PSMqtt.Errors;
using PSMqtt.Protocol;

namespace PSMqtt.Commands;

/// <summary>Confirm-MqttMessage: acknowledges messages of a subscription registered with -ManualAcknowledge.</summary>
[Cmdlet(VerbsLifecycle.Confirm, "MqttMessage")]
[OutputType(typeof(void))]
public sealed class ConfirmMqttMessageCommand : ConnectionCommand
{
    /// <summary>The messages.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public MqttMessage[] Message { get; set; } = [];

    /// <summary>The reason code of the acknowledgement (MQTT 5.0): 128 and above refuse the message. Default: success.</summary>
    [Parameter]
    public MqttReasonCode ReasonCode { get; set; }

    /// <inheritdoc />
    protected override void ProcessRecord()
    {
        MqttConnection connection = GetConnection();
        RequireMqtt5(connection, nameof(ReasonCode));
        foreach (MqttMessage message in Message)
        {
            try
            {
                WaitFor(connection.Client.AcknowledgeAsync(message, ReasonCode).AsTask());
            }
            catch (Exception exception) when (exception is not PipelineStoppedException)
            {
                WriteError(EngineErrors.ToRecord(exception, message, argument: MqttErrors.InvalidReasonCode));
            }
        }
    }
}
