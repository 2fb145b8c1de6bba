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
/// Invoke-MqttRequest: sends a request and writes its reply. It subscribes to a response topic first, and ends that subscription with itself. On MQTT 5.0
/// the request carries the response topic and correlation data, by which its reply is known. On MQTT 3.1.1 and 3.1 the first message that comes on the
/// response topic after the request has been sent is the reply.
/// </summary>
[Cmdlet(VerbsLifecycle.Invoke, "MqttRequest", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Low)]
[OutputType(typeof(MqttMessage))]
public sealed class InvokeMqttRequestCommand : MessageCommand
{
    private const int CorrelationLength = 16;

    private static readonly string[] s_mqtt5Parameters =
        [.. Mqtt5Parameters.Where(static parameter => parameter != nameof(ResponseTopic))];

    private MqttConnection _connection = null!;
    private MqttSubscription? _replies;
    private string _responseTopic = string.Empty;

    /// <summary>The topic of the request.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    [AllowEmptyString]
    [ArgumentCompleter(typeof(TopicCompleter))]
    public string Topic { get; set; } = string.Empty;

    /// <summary>The payload of the request; from the pipeline one request each, one after the other.</summary>
    [Parameter(Position = 1, ValueFromPipeline = true)]
    public object? Payload { get; set; }

    /// <summary>The connection, or its name. Default: the runspace's current connection.</summary>
    [Parameter]
    [ValidateNotNull]
    [ArgumentCompleter(typeof(ConnectionNameCompleter))]
    public MqttConnectionReference? Connection { get; set; }

    /// <summary>Writes all replies up to the one, in $_, for which it is true. Default: the first reply is the only one.</summary>
    [Parameter]
    [ValidateNotNull]
    public ScriptBlock? Until { get; set; }

    /// <summary>How long to wait for the reply; with -Until for the last one. Default: 30.</summary>
    [Parameter]
    [ValidateRange(0.001, 86_400)]
    public double TimeoutSeconds { get; set; } = 30;

    private bool HasCorrelation => _connection.Client.ConnectResult is { ProtocolVersion: MqttProtocolVersion.V500 };

    /// <inheritdoc />
    protected override void BeginProcessing()
    {
        if (GetConnection(Connection) is not { } connection)
        {
            return;
        }

        _connection = connection;
        if (!TopicName.IsValid(Topic, out string? problem))
        {
            Fail(MqttErrors.InvalidTopic.ToRecord(problem, Topic));
        }

        RequireMqtt5(_connection, s_mqtt5Parameters);
        _connection.SentTopics.Add(Topic);
    }

    /// <inheritdoc />
    protected override void ProcessRecord()
    {
        if (_connection is null || !ShouldProcess(Topic, "Send a request"))
        {
            return;
        }

        _replies ??= SubscribeToReplies();
        if (_replies is null)
        {
            return;
        }

        byte[] correlation = CorrelationData ?? NewCorrelation();
        MqttMessage request = new(Create(Topic, Payload))
        {
            ResponseTopic = HasCorrelation ? _responseTopic : null,
            CorrelationData = HasCorrelation ? correlation : null,
        };

        Request(_replies, request);
        Payload = null;
    }

    /// <inheritdoc />
    protected override void EndProcessing()
    {
        if (WasTruncated)
        {
            WriteWarning($"An object was nested deeper than {Depth} levels; what lay deeper was sent as text. Raise -Depth to send it all.");
        }
    }

    /// <inheritdoc />
    protected override void Dispose(bool disposing)
    {
        if (disposing && _replies is not null)
        {
            End(_replies);
        }

        base.Dispose(disposing);
    }

    private static byte[] NewCorrelation()
    {
        byte[] correlation = new byte[CorrelationLength];
        System.Security.Cryptography.RandomNumberGenerator.Fill(correlation);
        return correlation;
    }

    private MqttSubscription? SubscribeToReplies()
    {
        // The version is known once there is a connection: one that is still being made is waited for with the request's own time.
        if (!WaitUntilConnected())
        {
            return null;
        }

        _responseTopic = GetResponseTopic();
        MqttTopicSubscription filter = new(_responseTopic, QoS > MqttQualityOfService.AtLeastOnce ? QoS : MqttQualityOfService.AtLeastOnce);
        return Subscribe(_connection, [filter], new MqttSubscriptionOptions(), TimeSpan.FromSeconds(TimeoutSeconds));
    }

    private bool WaitUntilConnected()
    {
        if (_connection.Client.ConnectResult is not null)
        {
            return true;
        }

        TaskCompletionSource changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        void OnStep(object? sender, MqttConnectionEventArgs step)
        {
            if (step.Result is not null || step.RetryIn is null)
            {
                changed.TrySetResult();
            }
        }

        _connection.Client.Connected += OnStep;
        _connection.Client.ConnectFailed += OnStep;
        try
        {
            if (_connection is { Client.ConnectResult: null, State: MqttConnectionState.Connecting or MqttConnectionState.Reconnecting })
            {
                WaitFor(changed.Task.WaitAsync(TimeSpan.FromSeconds(TimeoutSeconds), StopToken));
            }
        }
        catch (TimeoutException)
        {
            // Said below, with what has kept the connection from being made.
        }
        finally
        {
            _connection.Client.Connected -= OnStep;
            _connection.Client.ConnectFailed -= OnStep;
        }

        if (_connection.Client.ConnectResult is null)
        {
            GiveUp(MqttErrors.NotConnected.ToRecord(
                $"The connection '{_connection.Name}' has not been made. {_connection.LastError?.Message}".TrimEnd(), _connection));
            return false;
        }

        return true;
    }

    private string GetResponseTopic()
    {
        if (ResponseTopic is not null)
        {
            if (!TopicName.IsValid(ResponseTopic, out string? problem))
            {
                Fail(MqttErrors.InvalidTopic.ToRecord(problem, ResponseTopic));
            }

            if (string.Equals(ResponseTopic, Topic, StringComparison.Ordinal))
            {
                Fail(MqttErrors.InvalidOption.ToRecord("-ResponseTopic is the topic of the request: the request would be its own reply. Give another one.", Topic));
            }

            return ResponseTopic;
        }

        if (!HasCorrelation)
        {
            Fail(MqttErrors.ResponseTopicRequired.ToRecord(
                $"The connection '{_connection.Name}' speaks MQTT {_connection.ProtocolVersion}, in which a request cannot say where its reply shall go.", Topic));
        }

        // What the server suggests, where it does; else the client's own corner. Either way a topic that nobody else uses.
        string unique = Guid.NewGuid().ToString("N");
        if (_connection.ResponseInformation is { Length: > 0 } suggested && TopicName.IsValid(suggested, out _))
        {
            return $"{suggested.TrimEnd('/')}/{unique}";
        }

        string corner = $"response/{_connection.ClientId}/{unique}";
        return TopicName.IsValid(corner, out _) ? corner : $"response/{unique}";
    }

    private void Request(MqttSubscription replies, MqttMessage request)
    {
        // On older versions whatever is there before the request cannot be its reply; on 5.0 it is another one's.
        while (replies.TryRead(out _))
        {
        }

        long started = Stopwatch.GetTimestamp();
        MqttPublishResult? published = null;
        try
        {
            Task<MqttPublishResult> publishing = _connection.Client.PublishAsync(request, TimeSpan.FromSeconds(TimeoutSeconds), StopToken).AsTask();
            Task<bool>? arrival = null;

            // A reply may come before the acknowledgement of the request: either ends the wait.
            while (!publishing.IsCompleted && replies.QueuedCount == 0)
            {
                arrival ??= replies.WaitToReadAsync(StopToken).AsTask();
                WaitFor(Task.WhenAny(publishing, arrival));
                arrival = null;
            }

            if (publishing.IsCompleted)
            {
                published = WaitFor(publishing);
            }
            else
            {
                // Nobody waits for it any more; a failure of it has no meaning once there is a reply.
                _ = publishing.ContinueWith(static ended => _ = ended.Exception, TaskScheduler.Default);
            }
        }
        catch (Exception exception) when (exception is ArgumentException or MqttOperationException or TimeoutException or ObjectDisposedException)
        {
            WriteError(Explain(exception, request, MqttErrors.SendTimeout, MqttErrors.InvalidMessage));
            return;
        }

        WriteReplies(replies, request, published, started);
    }

    private void WriteReplies(MqttSubscription replies, MqttMessage request, MqttPublishResult? published, long started)
    {
        TimeSpan time = TimeSpan.FromSeconds(TimeoutSeconds);
        long written = 0;
        long others = 0;
        while (true)
        {
            while (replies.TryRead(out MqttMessage? reply))
            {
                if (!IsReply(reply, request))
                {
                    others += reply.Retain ? 0 : 1;
                    continue;
                }

                WriteObject(reply);
                written++;
                if (Until is null || IsLast(reply))
                {
                    return;
                }
            }

            TimeSpan remaining = time - Stopwatch.GetElapsedTime(started);
            if (remaining <= TimeSpan.Zero)
            {
                WriteError(MqttErrors.RequestTimeout.ToRecord(new TimeoutException(Explain(written, published) + ExplainOthers(others) + BlockageWatch.ExplainTimeout(_connection)), request));
                return;
            }

            if (!replies.IsActive)
            {
                Exception reason = replies.EndReason ?? _connection.LastError ?? new InvalidOperationException("The connection was ended while the reply was waited for.");
                GiveUp(MqttErrors.ConnectionLost.ToRecord(reason, request));
                return;
            }

            using CancellationTokenSource timer = CancellationTokenSource.CreateLinkedTokenSource(StopToken);
            timer.CancelAfter(remaining);
            try
            {
                WaitFor(replies.WaitToReadAsync(timer.Token).AsTask());
            }
            catch (OperationCanceledException) when (!IsStopped)
            {
                // The time is up: said above, unless the reply came in its last moment.
            }
        }
    }

    // A message that the server had kept was there before the request.
    private bool IsReply(MqttMessage message, MqttMessage request) =>
        !message.Retain && (!HasCorrelation || (message.CorrelationData ?? []).AsSpan().SequenceEqual(request.CorrelationData));

    private bool IsLast(MqttMessage reply) => LanguagePrimitives.IsTrue(Until!.InvokeWithContext(null, [new PSVariable("_", reply)], reply));

    private string Explain(long written, MqttPublishResult? published) =>
        written > 0
            ? $"{written} replies to the request on '{Topic}' came within {TimeoutSeconds} s, and none was the one waited for."
            : published?.ReasonCode == MqttReasonCode.NoMatchingSubscribers
                ? $"No reply to the request on '{Topic}' came within {TimeoutSeconds} s: nobody is subscribed to that topic."
                : $"No reply to the request on '{Topic}' came on '{_responseTopic}' within {TimeoutSeconds} s.";

    // Most likely they are the replies: of somebody who does not send the correlation data back.
    private static string ExplainOthers(long others) => others switch
    {
        0 => string.Empty,
        1 => " 1 message came on the response topic, without the request's correlation data.",
        _ => $" {others} messages came on the response topic, without the request's correlation data.",
    };
}
