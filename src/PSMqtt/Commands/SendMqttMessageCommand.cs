using System.Collections.ObjectModel;
using System.Management.Automation;
using PSMqtt.Completion;
using PSMqtt.Errors;
using PSMqtt.Parameters;
using PSMqtt.Payloads;
using PSMqtt.Protocol;
using PSMqtt.Protocol.Sessions;
using PSMqtt.Protocol.Topics;

namespace PSMqtt.Commands;

/// <summary>
/// Send-MqttMessage: publishes. In a pipeline many messages are in flight at a time; a message that fails is an error that carries it, and does not
/// stop the others.
/// </summary>
[Cmdlet(VerbsCommunications.Send, "MqttMessage", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Low, DefaultParameterSetName = "Payload")]
[Alias("Publish-MqttMessage")]
[OutputType(typeof(MqttPublishResult))]
public sealed class SendMqttMessageCommand : MessageCommand, IDynamicParameters
{
    private MqttConnection _connection = null!;
    private OneShotParameters? _oneShot;
    private MqttPublisher? _publisher;
    private MessageOverrides? _overrides;
    private Action _drain = null!;
    private TimeSpan _timeout;
    private TimeSpan _timeoutOfReceived;
    private bool _asks;

    /// <summary>The topic name. Messages from the pipeline have their own, which this one replaces.</summary>
    [Parameter(Position = 0)]
    [AllowEmptyString]
    [ArgumentCompleter(typeof(TopicCompleter))]
    public string? Topic { get; set; }

    /// <summary>The payload; from the pipeline also whole messages, and objects that have a Topic and a Payload.</summary>
    [Parameter(Position = 1, ValueFromPipeline = true, ParameterSetName = "Payload")]
    public object? Payload { get; set; }

    /// <summary>Files, with wildcards, whose bytes are the payloads: a message each.</summary>
    [Parameter(Mandatory = true, ParameterSetName = "Path")]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? Path { get; set; }

    /// <summary>Files whose bytes are the payloads: a message each.</summary>
    [Parameter(Mandatory = true, ParameterSetName = "LiteralPath")]
    [Alias("PSPath", "LP")]
    [ValidateNotNullOrEmpty]
    public string[]? LiteralPath { get; set; }

    /// <summary>Whole messages.</summary>
    [Parameter(Mandatory = true, ParameterSetName = "Message")]
    [ValidateNotNull]
    [AllowEmptyCollection]
    public MqttMessage[]? Message { get; set; }

    /// <summary>The connection, or its name. Default: the runspace's current connection.</summary>
    [Parameter]
    [ValidateNotNull]
    [ArgumentCompleter(typeof(ConnectionNameCompleter))]
    public MqttConnectionReference? Connection { get; set; }

    /// <summary>
    /// Connects to these servers for this command alone, as Connect-Mqtt does, and disconnects at its end. Most parameters of Connect-Mqtt can be given
    /// too.
    /// </summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(ServerCompleter))]
    public string[]? Server { get; set; }

    /// <summary>Writes an MqttPublishResult for each message that was accepted.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <summary>Does not wait for acknowledgements; Disconnect-Mqtt still does.</summary>
    [Parameter]
    public SwitchParameter NoWait { get; set; }

    /// <summary>
    /// How long a message may wait for its acknowledgement; Infinite (or -1): as long as it takes. Default: 30; Infinite for messages that were received, as
    /// those of a bridge.
    /// </summary>
    [Parameter]
    [TimeLimit(0.001, 86_400)]
    public double TimeoutSeconds { get; set; } = 30;

    /// <summary>The parameters of Connect-Mqtt that a command with -Server takes.</summary>
    /// <returns>An object with the parameters; <see langword="null"/> without -Server.</returns>
    public object? GetDynamicParameters() => Server is null ? null : _oneShot ??= new OneShotParameters();

    /// <inheritdoc />
    protected override void BeginProcessing()
    {
        if (GetConnection(Server, _oneShot, Connection, TimeoutSeconds) is not { } connection)
        {
            return;
        }

        _connection = connection;
        RequireMqtt5(_connection, Mqtt5Parameters);
        if (Topic is not null && !TopicName.IsValid(Topic, out string? problem))
        {
            Fail(MqttErrors.InvalidTopic.ToRecord(problem, Topic));
        }

        if (Topic is not null)
        {
            _connection.SentTopics.Add(Topic);
        }

        _asks = MayAsk();
        _drain = Drain;

        // Nobody hears of a message that ran out of time with -NoWait: so none does. It is sent, or Disconnect-Mqtt says that it was not. And a message that
        // was received may be with us alone by now.
        _timeout = NoWait ? Timeout.InfiniteTimeSpan : TimeLimitAttribute.ToTimeSpan(TimeoutSeconds);
        _timeoutOfReceived = IsGiven(nameof(TimeoutSeconds)) ? _timeout : Timeout.InfiniteTimeSpan;
        try
        {
            _publisher = _connection.Client.CreatePublisher(PassThru, _timeout);
        }
        catch (ObjectDisposedException)
        {
            GiveUp(MqttErrors.NotConnected.ToRecord($"The connection '{_connection.Name}' has been ended.", _connection));
        }
    }

    /// <inheritdoc />
    protected override void ProcessRecord()
    {
        if (_publisher is null)
        {
            // There is no connection, which has been said.
            return;
        }

        if (Message is not null)
        {
            foreach (MqttMessage message in Message)
            {
                SendWhole(message);
            }
        }
        else if (Path is not null || LiteralPath is not null)
        {
            foreach (string file in GetFiles())
            {
                SendFile(file);
            }
        }
        else
        {
            SendPayload(Payload);
        }
    }

    /// <inheritdoc />
    protected override void EndProcessing()
    {
        if (IsStopped || _publisher is null)
        {
            return;
        }

        // With -NoWait too, what is kept on disk is accepted when it is there.
        WaitFor(NoWait ? _publisher.CommitAsync(StopToken) : _publisher.FlushAsync(StopToken), _drain);

        Drain();
        CloseOwnConnection(TimeoutSeconds);
        if (WasTruncated)
        {
            WriteWarning($"An object was nested deeper than {Depth} levels; what lay deeper was sent as text. Raise -Depth to send it all.");
        }
    }

    /// <inheritdoc />
    protected override void Dispose(bool disposing)
    {
        if (disposing && _publisher is not null)
        {
            WaitForCleanup(_publisher.DisposeAsync().AsTask(), TimeSpan.FromSeconds(1));
        }

        base.Dispose(disposing);
    }

    private void SendPayload(object? payload)
    {
        object? plain = PayloadConversion.Unwrap(payload);
        if (plain is MqttMessage message)
        {
            SendWhole(message);
        }
        else if (plain is PSObject custom && MessageRecord.TryRead(custom, out MessageRecord? record))
        {
            SendRecord(record);
        }
        else if (Topic is null)
        {
            WriteError(MqttErrors.TopicRequired.ToRecord("The message has no topic.", payload ?? nameof(Topic)));
        }
        else
        {
            Send(Create(Topic, payload), _timeout);
        }
    }

    private void SendWhole(MqttMessage message)
    {
        _overrides ??= MessageOverrides.From(this);
        Send(_overrides.Apply(message), message.Timestamp > DateTimeOffset.MinValue ? _timeoutOfReceived : _timeout);
    }

    private void SendRecord(MessageRecord record)
    {
        MqttMessage message;
        try
        {
            message = record.ToMessage(ToBytes(record.Payload));
        }
        catch (Exception exception) when (exception is PSInvalidCastException or ArgumentException or MetadataException)
        {
            WriteError(MqttErrors.InvalidMessage.ToRecord(exception, record.Source));
            return;
        }

        SendWhole(message);
    }

    private void SendFile(string file)
    {
        if (Topic is null)
        {
            Fail(MqttErrors.TopicRequired.ToRecord("Files have no topic of their own.", file));
        }

        byte[] payload;
        try
        {
            payload = WaitFor(File.ReadAllBytesAsync(file, StopToken));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            MqttErrorKind kind = exception is FileNotFoundException or DirectoryNotFoundException ? MqttErrors.FileNotFound : MqttErrors.FileUnreadable;
            WriteError(kind.ToRecord(exception, file));
            return;
        }

        Send(CreateFromBytes(Topic, payload), _timeout);
    }

    private IEnumerable<string> GetFiles()
    {
        foreach (string path in LiteralPath ?? [])
        {
            yield return GetUnresolvedProviderPathFromPSPath(path);
        }

        foreach (string path in Path ?? [])
        {
            foreach (string file in Resolve(path))
            {
                yield return file;
            }
        }
    }

    private Collection<string> Resolve(string path)
    {
        try
        {
            return GetResolvedProviderPathFromPSPath(path, out _);
        }
        catch (Exception exception) when (exception is ItemNotFoundException or System.Management.Automation.DriveNotFoundException or ProviderNotFoundException)
        {
            WriteError(MqttErrors.FileNotFound.ToRecord(exception, path));
            return [];
        }
    }

    // The path of every message: it allocates nothing, and on success it makes no call that it could do without.
    private void Send(MqttMessage message, TimeSpan timeout)
    {
        if (_asks && !ShouldProcess(message.Topic, $"Send a message of {message.Payload.Length} bytes with QoS {(int)message.QoS}"))
        {
            return;
        }

        try
        {
            ValueTask posted = _publisher!.PostAsync(message, timeout, StopToken);
            if (posted.IsCompletedSuccessfully)
            {
                posted.GetAwaiter().GetResult();
            }
            else
            {
                WaitFor(posted.AsTask(), _drain);
            }
        }
        catch (Exception exception) when (exception is ArgumentException or MqttOperationException or TimeoutException or OperationCanceledException
            or ObjectDisposedException or SessionStoreException)
        {
            Report(exception, message);
        }

        Drain();
    }

    private void Drain()
    {
        while (_publisher!.TryTakeOutcome(out MqttPublishOutcome outcome))
        {
            if (outcome.Error is not null)
            {
                Report(outcome.Error, outcome.Message);
            }
            else if (PassThru)
            {
                WriteObject(outcome.Result);
            }
        }
    }

    private void Report(Exception exception, MqttMessage message)
    {
        MqttErrorKind argument = TopicName.IsValid(message.Topic, out _) ? MqttErrors.InvalidMessage : MqttErrors.InvalidTopic;
        ErrorRecord record = Explain(exception, message, MqttErrors.SendTimeout, argument);
        if (_connection.State is MqttConnectionState.Disposed or MqttConnectionState.Disconnected)
        {
            // It will not come back: the messages that follow would all fail in the same way.
            GiveUp(record);
        }
        else
        {
            WriteError(record);
        }
    }

    // ShouldProcess costs as much as the rest: it is called only where it may have something to say.
    private bool MayAsk() =>
        IsGiven("WhatIf") || IsGiven("Confirm") || IsGiven("Verbose")
        || LanguagePrimitives.IsTrue(GetVariableValue("WhatIfPreference"))
        || ValueOf("ConfirmPreference", ConfirmImpact.High) is ConfirmImpact.Low
        || ValueOf("VerbosePreference", ActionPreference.SilentlyContinue) is not (ActionPreference.SilentlyContinue or ActionPreference.Ignore);

    // What stands in the variable is nearly always of the type already: converting is slow.
    private T ValueOf<T>(string variable, T other) =>
        GetVariableValue(variable) switch
        {
            T value => value,
            { } value when LanguagePrimitives.TryConvertTo(value, out T converted) => converted,
            _ => other,
        };
}
