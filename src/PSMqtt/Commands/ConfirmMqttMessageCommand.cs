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

    /// <summary>How long to wait until the acknowledgement is on its way. Default: 30.</summary>
    [Parameter]
    [ValidateRange(0.001, 86_400)]
    public double TimeoutSeconds { get; set; } = 30;

    /// <inheritdoc />
    protected override void ProcessRecord()
    {
        if (GetConnection() is not { } connection)
        {
            return;
        }

        RequireMqtt5(connection, nameof(ReasonCode));
        foreach (MqttMessage message in Message)
        {
            try
            {
                ValueTask acknowledged = connection.Client.AcknowledgeAsync(message, ReasonCode);
                if (!acknowledged.IsCompletedSuccessfully)
                {
                    WaitFor(acknowledged.AsTask().WaitAsync(TimeSpan.FromSeconds(TimeoutSeconds), StopToken));
                }
            }
            catch (ArgumentException exception) when (exception.ParamName == "message")
            {
                WriteError(Explain(exception, message, argument: MqttErrors.MessageOfOtherConnection));
            }
            catch (Exception exception) when (exception is not PipelineStoppedException)
            {
                WriteError(Explain(exception, message, MqttErrors.ConfirmTimeout, MqttErrors.InvalidReasonCode));
            }
        }
    }
}
