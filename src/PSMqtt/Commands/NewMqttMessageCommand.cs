using System.Management.Automation;
using PSMqtt.Completion;
using PSMqtt.Errors;
using PSMqtt.Protocol;
using PSMqtt.Protocol.Topics;

namespace PSMqtt.Commands;

/// <summary>New-MqttMessage: makes a message object, for a will, as a template, or as a test's input.</summary>
[Cmdlet(VerbsCommon.New, "MqttMessage")]
[OutputType(typeof(MqttMessage))]
public sealed class NewMqttMessageCommand : MessageCommand
{
    /// <summary>The topic name.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    [AllowEmptyString]
    [ArgumentCompleter(typeof(TopicCompleter))]
    public string Topic { get; set; } = string.Empty;

    /// <summary>The payload.</summary>
    [Parameter(Position = 1, ValueFromPipeline = true)]
    public object? Payload { get; set; }

    /// <inheritdoc />
    protected override void ProcessRecord()
    {
        if (!TopicName.IsValid(Topic, out string? problem))
        {
            Fail(MqttErrors.InvalidTopic.ToRecord(problem, Topic));
        }

        WriteObject(Create(Topic, Payload));
        Payload = null;
    }

    /// <inheritdoc />
    protected override void EndProcessing()
    {
        if (WasTruncated)
        {
            WriteWarning($"An object was nested deeper than {Depth} levels; what lay deeper is in the payload as text. Raise -Depth to have it all.");
        }
    }
}
