using System.Management.Automation;
using PSMqtt.Completion;
using PSMqtt.Errors;
using PSMqtt.Protocol.Topics;

namespace PSMqtt.Commands;

/// <summary>Test-MqttTopic: whether a topic matches a filter; with only one of them, whether it is valid.</summary>
[Cmdlet(VerbsDiagnostic.Test, "MqttTopic")]
[OutputType(typeof(bool))]
public sealed class TestMqttTopicCommand : PSCmdlet
{
    private TopicFilter[]? _filters;

    /// <summary>The topic names; from the pipeline also messages, whose topic is meant.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [AllowEmptyString]
    [ArgumentCompleter(typeof(TopicCompleter))]
    public string[]? Topic { get; set; }

    /// <summary>The topic filters; a topic need match only one of them.</summary>
    [Parameter(Position = 1)]
    [AllowEmptyString]
    [ArgumentCompleter(typeof(TopicFilterCompleter))]
    public string[]? Filter { get; set; }

    /// <inheritdoc />
    protected override void BeginProcessing()
    {
        bool hasTopics = Topic is not null || MyInvocation.ExpectingInput;
        if (!hasTopics && Filter is null)
        {
            ThrowTerminatingError(MqttErrors.TopicRequired.ToRecord("Give a topic, a filter, or both.", nameof(Topic)));
        }

        if (hasTopics && Filter is not null)
        {
            _filters = Array.ConvertAll(Filter, Parse);
        }
    }

    /// <inheritdoc />
    protected override void ProcessRecord()
    {
        if (_filters is null && Filter is not null)
        {
            foreach (string filter in Filter)
            {
                WriteObject(TopicFilter.IsValid(filter));
            }

            return;
        }

        foreach (string topic in Topic ?? [])
        {
            bool isValid = TopicName.IsValid(topic, out string? problem);
            if (_filters is null)
            {
                WriteObject(isValid);
            }
            else if (isValid)
            {
                WriteObject(Array.Exists(_filters, filter => filter.Matches(topic)));
            }
            else
            {
                WriteError(MqttErrors.InvalidTopic.ToRecord(problem!, topic));
            }
        }
    }

    private TopicFilter Parse(string text)
    {
        if (!TopicFilter.TryParse(text, out TopicFilter? filter, out string? problem))
        {
            ThrowTerminatingError(MqttErrors.InvalidTopicFilter.ToRecord(problem, text));
        }

        return filter!;
    }
}
