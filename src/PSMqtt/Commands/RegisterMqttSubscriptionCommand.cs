using System.Management.Automation;
using PSMqtt.Parameters;
using PSMqtt.Protocol;

namespace PSMqtt.Commands;

/// <summary>
/// Register-MqttSubscription: subscribes, waits for SUBACK, and writes a subscription, whose messages queue until Receive-MqttMessage takes them.
/// </summary>
[Cmdlet(VerbsLifecycle.Register, "MqttSubscription")]
[OutputType(typeof(MqttSubscription))]
public sealed class RegisterMqttSubscriptionCommand : SubscriptionCommand
{
    /// <summary>The topic filters. A shared subscription is <c>$share/group/filter</c>.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    [ValidateNotNullOrEmpty]
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

    /// <inheritdoc />
    protected override void ProcessRecord()
    {
        MqttConnection connection = GetConnection();
        RequireMqtt5(connection, nameof(UserProperty));
        MqttTopicSubscription[] request = GetRequest(connection, Topic, RetainHandling);
        MqttSubscription subscription = Subscribe(connection, request, GetOptions(connection), TimeSpan.FromSeconds(TimeoutSeconds));
        connection.Add(subscription);
        WriteObject(subscription);
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
