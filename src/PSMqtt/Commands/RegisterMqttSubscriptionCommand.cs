using System.Management.Automation;
using PSMqtt.Completion;
using PSMqtt.Connections;
using PSMqtt.Errors;
using PSMqtt.Parameters;
using PSMqtt.Protocol;

namespace PSMqtt.Commands;

/// <summary>
/// Register-MqttSubscription: subscribes, waits for SUBACK, and writes a subscription, whose messages queue until Receive-MqttMessage takes them; with
/// -Action it writes a job instead, and runs the action for each message.
/// </summary>
[Cmdlet(VerbsLifecycle.Register, "MqttSubscription", DefaultParameterSetName = "Queue")]
[OutputType(typeof(MqttSubscription), ParameterSetName = ["Queue"])]
[OutputType(typeof(PSEventJob), ParameterSetName = ["Action"])]
public sealed class RegisterMqttSubscriptionCommand : SubscriptionCommand
{
    /// <summary>The topic filters. A shared subscription is <c>$share/group/filter</c>.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(TopicFilterCompleter))]
    public string[] Topic { get; set; } = [];

    /// <summary>A label. Default: the filters.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Name { get; set; }

    /// <summary>Acknowledges messages of QoS 1 and 2 when Confirm-MqttMessage says so, not when they are taken.</summary>
    [Parameter]
    public SwitchParameter ManualAcknowledge { get; set; }

    /// <summary>How many messages may wait to be taken. Default: 10,000.</summary>
    [Parameter]
    [ValidateRange(1, int.MaxValue)]
    public int QueueLimit { get; set; }

    /// <summary>How many payload bytes may wait to be taken. Default: 64 MiB.</summary>
    [Parameter]
    [ValidateRange(1, long.MaxValue)]
    public long QueueByteLimit { get; set; }

    /// <summary>What happens to a message that comes when the queue is full. Default: the broker is made to wait.</summary>
    [Parameter]
    public MqttQueueOverflow Overflow { get; set; }

    /// <summary>User properties of the SUBSCRIBE (MQTT 5.0).</summary>
    [Parameter]
    [UserProperty]
    [Alias("UserProperties")]
    public MqttUserProperty[] UserProperty { get; set; } = [];

    /// <summary>How long to wait for SUBACK. Default: 30.</summary>
    [Parameter]
    [ValidateRange(0.001, 86_400)]
    public double TimeoutSeconds { get; set; } = 30;

    /// <summary>Runs for each message, which it finds in <c>$Event.SourceEventArgs.Message</c>, while the runspace is idle or waits.</summary>
    [Parameter(Mandatory = true, ParameterSetName = "Action")]
    [ValidateNotNull]
    public ScriptBlock? Action { get; set; }

    /// <summary>What the action finds in <c>$Event.MessageData</c>.</summary>
    [Parameter(ParameterSetName = "Action")]
    public PSObject? MessageData { get; set; }

    /// <summary>After how many events the subscription ends by itself. Default: never.</summary>
    [Parameter(ParameterSetName = "Action")]
    [ValidateRange(1, int.MaxValue)]
    public int MaxTriggerCount { get; set; }

    /// <summary>The name by which Unregister-Event and Get-EventSubscriber know the subscription. Default: a new identifier.</summary>
    [Parameter(ParameterSetName = "Action")]
    [ValidateNotNullOrEmpty]
    public string SourceIdentifier { get; set; } = Guid.NewGuid().ToString();

    /// <summary>How many messages an event may have, in <c>$Event.SourceEventArgs.Messages</c>. Default: 1.</summary>
    [Parameter(ParameterSetName = "Action")]
    [ValidateRange(1, 100_000)]
    public int BatchSize { get; set; } = 1;

    /// <inheritdoc />
    protected override void ProcessRecord()
    {
        if (GetConnection() is not { } connection)
        {
            return;
        }

        RequireMqtt5(connection, nameof(UserProperty));
        MqttTopicSubscription[] request = GetRequest(connection, Topic, RetainHandling);
        if (Action is null)
        {
            if (Subscribe(connection, request, GetOptions(connection), TimeSpan.FromSeconds(TimeoutSeconds)) is { } subscription)
            {
                connection.Add(subscription, isQueue: true);
                WriteObject(subscription);
            }
        }
        else
        {
            StartAction(connection, request, Action);
        }
    }

    private void StartAction(MqttConnection connection, MqttTopicSubscription[] request, ScriptBlock action)
    {
        if (Events.GetEventSubscribers(SourceIdentifier).Any())
        {
            Fail(MqttErrors.SourceIdentifierInUse.ToRecord($"There is an event subscription '{SourceIdentifier}' already.", SourceIdentifier));
        }

        // The action first: no message can come before there is somebody to handle it.
        MessagePump pump = new(
            Events,
            new MqttMessageSource(connection),
            new MessagePump.Settings(action, SourceIdentifier, MessageData, MaxTriggerCount, BatchSize));
        MqttSubscription? subscription;
        try
        {
            subscription = Subscribe(connection, request, GetOptions(connection), TimeSpan.FromSeconds(TimeoutSeconds));
        }
        catch
        {
            pump.Dispose();
            throw;
        }

        if (subscription is null)
        {
            pump.Dispose();
            return;
        }

        connection.Add(subscription, isQueue: false);
        pump.Start(subscription);
        WriteObject(pump.Job);
    }

    private MqttSubscriptionOptions GetOptions(MqttConnection connection)
    {
        MqttSubscriptionOptions options = connection.SubscriptionDefaults with
        {
            Name = Name,
            ManualAcknowledge = ManualAcknowledge,
            UserProperties = UserProperty,
        };

        return options with
        {
            QueueLimit = IsGiven(nameof(QueueLimit)) ? QueueLimit : options.QueueLimit,
            QueueByteLimit = IsGiven(nameof(QueueByteLimit)) ? QueueByteLimit : options.QueueByteLimit,
            Overflow = IsGiven(nameof(Overflow)) ? Overflow : options.Overflow,
        };
    }

    private bool IsGiven(string parameter) => MyInvocation.BoundParameters.ContainsKey(parameter);
}
