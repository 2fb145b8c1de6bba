using System.Diagnostics;
using System.Management.Automation;
using PSMqtt.Completion;
using PSMqtt.Connections;
using PSMqtt.Errors;
using PSMqtt.Payloads;
using PSMqtt.Protocol;
using PSMqtt.Protocol.Topics;

namespace PSMqtt.Commands;

/// <summary>
/// Receive-MqttMessage: writes messages as they come. With -Topic it subscribes for as long as it runs; otherwise it takes what registered
/// subscriptions have queued.
/// </summary>
[Cmdlet(VerbsCommunications.Receive, "MqttMessage", DefaultParameterSetName = "Topic")]
[OutputType(typeof(MqttMessage), typeof(string), typeof(byte[]), typeof(PSObject))]
public sealed class ReceiveMqttMessageCommand : SubscriptionCommand, IDynamicParameters
{
    private readonly List<MqttSubscription> _given = [];
    private OneShotParameters? _oneShot;
    private MqttConnection? _connection;
    private MqttSubscription? _own;
    private MessageSources? _sources;
    private TopicFilter[] _excluded = [];
    private bool _dropsRetained;
    private bool _hasTimeLimit;
    private bool _hasIdleLimit;
    private long _written;

    /// <summary>The topic filters to subscribe to while the cmdlet runs.</summary>
    [Parameter(Position = 0, ParameterSetName = "Topic")]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(TopicFilterCompleter))]
    public string[]? Topic { get; set; }

    /// <summary>The subscriptions to read. Default: those that Register-MqttSubscription has made on the connection.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true, ParameterSetName = "Subscription")]
    [ValidateNotNull]
    [ArgumentCompleter(typeof(SubscriptionCompleter))]
    public MqttSubscription[]? Subscription { get; set; }

    /// <summary>
    /// Connects to these servers for this command alone, as Connect-Mqtt does, and disconnects at its end. Most parameters of Connect-Mqtt can be given
    /// too. Needs -Topic.
    /// </summary>
    [Parameter(ParameterSetName = "Topic")]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(ServerCompleter))]
    public string[]? Server { get; set; }

    /// <summary>Stays when there is no message left, and waits for more.</summary>
    [Parameter]
    public SwitchParameter Wait { get; set; }

    /// <summary>How many messages to write; fewer, in the time that the other parameters give, are an error.</summary>
    [Parameter]
    [ValidateRange(1, long.MaxValue)]
    public long Count { get; set; }

    /// <summary>How long to receive. Default: no limit.</summary>
    [Parameter]
    [ValidateRange(0, 31_536_000)]
    public double TimeoutSeconds { get; set; }

    /// <summary>How long no message may come before the cmdlet ends. Default: no limit.</summary>
    [Parameter]
    [ValidateRange(0.001, 31_536_000)]
    public double IdleSeconds { get; set; }

    /// <summary>Ends the cmdlet with the message, in $_, for which it is true. That message is written.</summary>
    [Parameter]
    [ValidateNotNull]
    public ScriptBlock? Until { get; set; }

    /// <summary>Leaves out the messages that the broker had kept.</summary>
    [Parameter]
    public SwitchParameter SkipRetained { get; set; }

    /// <summary>Writes only messages that the broker had kept.</summary>
    [Parameter]
    public SwitchParameter RetainedOnly { get; set; }

    /// <summary>Leaves out the messages whose topic matches one of these filters.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(TopicFilterCompleter))]
    public string[] ExcludeTopic { get; set; } = [];

    /// <summary>What to write for a message: the message, or its payload as text, as objects read from JSON, or as bytes.</summary>
    [Parameter]
    public ReceivedForm As { get; set; }

    // A limit of time, or of messages, is there to be waited for.
    private bool Stays => Wait || Topic is not null || Count > 0 || Until is not null || IsGiven(nameof(TimeoutSeconds)) || IsGiven(nameof(IdleSeconds));

    /// <summary>The parameters of Connect-Mqtt that a command with -Server takes.</summary>
    /// <returns>An object with the parameters; <see langword="null"/> without -Server.</returns>
    public object? GetDynamicParameters() => Server is null ? null : _oneShot ??= new OneShotParameters();

    /// <inheritdoc />
    protected override void ProcessRecord()
    {
        if (Subscription is not null)
        {
            _given.AddRange(Subscription);
        }
    }

    /// <inheritdoc />
    protected override void EndProcessing()
    {
        if (IsStopped || (ParameterSetName == "Subscription" && _given.Count == 0))
        {
            return;
        }

        _excluded = Array.ConvertAll(ExcludeTopic, ParseFilter);
        if (Server is not null && Topic is null)
        {
            Fail(MqttErrors.InvalidOption.ToRecord("-Server needs -Topic: a connection that is made for this command alone has no subscriptions to read.", nameof(Server)));
        }

        _sources = OpenSources();
        if (_sources is not null)
        {
            Receive(_sources);
        }
    }

    /// <inheritdoc />
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _sources?.Dispose();
            if (_own is not null)
            {
                End(_own);
            }
        }

        base.Dispose(disposing);
    }

    private bool IsGiven(string parameter) => MyInvocation.BoundParameters.ContainsKey(parameter);

    private TopicFilter ParseFilter(string text)
    {
        if (!TopicFilter.TryParse(text, out TopicFilter? filter, out string? problem))
        {
            Fail(MqttErrors.InvalidTopicFilter.ToRecord(problem, text));
        }

        return filter;
    }

    // None when there is no connection or no subscription, which has been reported.
    private MessageSources? OpenSources()
    {
        _dropsRetained = SkipRetained;
        if (_given.Count > 0)
        {
            MqttConnection.OfClient.TryGet(_given[0].Client, out MqttConnection? owner);
            if (owner is not null)
            {
                Follow(owner);
            }

            bool areOfOne = _given.TrueForAll(subscription => ReferenceEquals(subscription.Client, _given[0].Client));
            _connection = areOfOne ? owner : null;
            return new MessageSources(() => _given, _connection, StopToken);
        }

        if (GetConnection(Server, _oneShot, Connection, TimeoutSeconds) is not { } connection)
        {
            return null;
        }

        _connection = connection;
        if (Topic is not null)
        {
            _own = SubscribeWhileRunning(connection, Topic);
            return _own is null ? null : new MessageSources(() => [_own], connection, StopToken);
        }

        if (!Wait && connection is { Queues.Count: 0, SessionPresent: false, Client.Unclaimed.QueuedCount: 0 })
        {
            WriteError(MqttErrors.NoSubscription.ToRecord($"The connection '{connection.Name}' has no registered subscription to receive from.", connection));
            return null;
        }

        return new MessageSources(() => [.. connection.Queues, connection.Client.Unclaimed], connection, StopToken);
    }

    private MqttSubscription? SubscribeWhileRunning(MqttConnection connection, string[] filters)
    {
        MqttRetainHandling retainHandling = RetainHandling;
        if (SkipRetained && connection.Client.ConnectResult is { ProtocolVersion: MqttProtocolVersion.V500 } && !IsGiven(nameof(RetainHandling)))
        {
            // The broker need not send them at all, and a Retain flag that is left as published says nothing about this.
            retainHandling = MqttRetainHandling.DoNotSend;
            _dropsRetained = !RetainAsPublished;
        }

        // A broker that does not answer is not waited for much longer than messages would be; one that is slow to answer has five seconds.
        TimeSpan? timeout = IsGiven(nameof(TimeoutSeconds)) ? TimeSpan.FromSeconds(Math.Clamp(TimeoutSeconds, 5, 30)) : null;
        return Subscribe(connection, GetRequest(connection, filters, retainHandling), connection.SubscriptionDefaults, timeout);
    }

    private void Receive(MessageSources sources)
    {
        _hasTimeLimit = IsGiven(nameof(TimeoutSeconds));
        _hasIdleLimit = IsGiven(nameof(IdleSeconds));
        long started = Stopwatch.GetTimestamp();
        long lastMessage = started;
        while (!IsStopped)
        {
            while (sources.TryTake(out MqttMessage message, out MessageReader reader, out long ticket))
            {
                if (!IsWanted(message))
                {
                    reader.Complete(ticket);
                    continue;
                }

                Write(message, reader, ticket);
                _written++;
                if (_written == Count || (Until is not null && IsLast(message)))
                {
                    return;
                }

                // Nobody who gave no limit pays for the clock.
                lastMessage = _hasIdleLimit ? Stopwatch.GetTimestamp() : lastMessage;
                if (IsStopped || ((_hasTimeLimit || _hasIdleLimit) && IsOver(started, lastMessage, out _)))
                {
                    break;
                }
            }

            if (!Stays)
            {
                return;
            }

            if (sources.HaveEnded)
            {
                ReportEnd();
                return;
            }

            if (IsOver(started, lastMessage, out TimeSpan? remaining))
            {
                ReportIfTooFew(MqttErrors.ReceiveTimeout, "the time was up", BlockageWatch.ExplainTimeout(_connection));
                return;
            }

            WaitFor(sources.WaitAsync(remaining));
        }
    }

    private bool IsWanted(MqttMessage message)
    {
        if ((_dropsRetained && message.Retain) || (RetainedOnly && !message.Retain))
        {
            return false;
        }

        foreach (TopicFilter filter in _excluded)
        {
            if (filter.Matches(message.Topic))
            {
                return false;
            }
        }

        return true;
    }

    private void Write(MqttMessage message, MessageReader reader, long ticket)
    {
        object? output;
        try
        {
            output = As switch
            {
                ReceivedForm.Text => message.Text,
                ReceivedForm.Json => PayloadJsonReader.Read(message),
                ReceivedForm.Bytes => message.Payload,
                _ => message,
            };
        }
        catch (PSArgumentException exception)
        {
            reader.Complete(ticket);
            WriteError(MqttErrors.PayloadNotJson.ToRecord(exception, message));
            return;
        }

        try
        {
            WriteObject(output);
        }
        catch (Exception exception)
        {
            if (PipelineEnd.IsSatisfied(CommandRuntime, exception))
            {
                // The message has been used, and was the last one wanted.
                reader.Complete(ticket);
            }
            else
            {
                // Ctrl+C, or an error of a command after this one: nobody can say that the message has been used. It stays, for the next to read.
                reader.Return(ticket);
            }

            throw;
        }

        reader.Complete(ticket);
    }

    private bool IsLast(MqttMessage message) =>
        LanguagePrimitives.IsTrue(Until!.InvokeWithContext(null, [new PSVariable("_", message)], message));

    private bool IsOver(long started, long lastMessage, out TimeSpan? remaining)
    {
        TimeSpan left = TimeSpan.MaxValue;
        if (_hasTimeLimit)
        {
            left = TimeSpan.FromSeconds(TimeoutSeconds) - Stopwatch.GetElapsedTime(started);
        }

        if (_hasIdleLimit)
        {
            TimeSpan idle = TimeSpan.FromSeconds(IdleSeconds) - Stopwatch.GetElapsedTime(lastMessage);
            left = idle < left ? idle : left;
        }

        remaining = left == TimeSpan.MaxValue ? null : left;
        return left <= TimeSpan.Zero;
    }

    // No message can come any more.
    private void ReportEnd()
    {
        MqttClient client = _connection?.Client ?? _given[0].Client;
        bool isConnectionGone = client.State is MqttConnectionState.Disconnected or MqttConnectionState.Disposed;
        MqttErrorKind kind = isConnectionGone ? MqttErrors.ConnectionLost : MqttErrors.SubscriptionEnded;
        string why = isConnectionGone && client.LastError is { } error ? $" {error.Message}" : string.Empty;
        if (!ReportIfTooFew(kind, isConnectionGone ? "the connection ended" : "the subscription ended", why)
            && client is { State: MqttConnectionState.Disconnected, LastError: { } lost })
        {
            // The owner's own Disconnect-Mqtt is no error.
            WriteError(kind.ToRecord(lost, Target));
        }
    }

    private object Target => (object?)Topic ?? (_given.Count > 0 ? _given.ToArray() : _connection!);

    private bool ReportIfTooFew(MqttErrorKind kind, string cause, string more)
    {
        string? problem =
            Count > 0 ? $"{_written} of {Count} messages had come when {cause}."
            : Until is not null ? $"None of the {_written} messages that had come when {cause} was the one waited for."
            : null;
        if (problem is not null)
        {
            WriteError(kind.ToRecord(new TimeoutException(problem + more), Target));
        }

        return problem is not null;
    }
}
