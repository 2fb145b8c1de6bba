using System.Globalization;

namespace PSMqtt.Protocol;

/// <summary>How a subscription keeps messages until they are taken.</summary>
public sealed record MqttSubscriptionOptions
{
    /// <summary>How many messages may wait. Default: 10,000.</summary>
    public int QueueLimit { get; init; } = 10_000;

    /// <summary>How many payload bytes may wait. Default: 64 MiB.</summary>
    public long QueueByteLimit { get; init; } = 64L * 1024 * 1024;

    /// <summary>What happens when the queue is full.</summary>
    public MqttQueueOverflow Overflow { get; init; } = MqttQueueOverflow.Wait;

    /// <summary>
    /// Whether messages of QoS 1 and 2 are acknowledged by <see cref="MqttClient.AcknowledgeAsync"/> rather than when they are taken.
    /// Default: false.
    /// </summary>
    public bool ManualAcknowledge { get; init; }

    /// <summary>A label of the user's. Default: the filters.</summary>
    public string? Name { get; init; }

    /// <summary>User properties of the SUBSCRIBE (5.0). Default: none.</summary>
    public IReadOnlyList<MqttUserProperty> UserProperties { get; init; } = [];

    /// <summary>How much may wait, and what happens when it is more: <c>10,000 messages or 65,536 KiB, then Wait</c>.</summary>
    /// <returns>A line for people.</returns>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{QueueLimit:N0} messages or {QueueByteLimit / 1024:N0} KiB, then {Overflow}{(ManualAcknowledge ? ", acknowledged by hand" : string.Empty)}");
}
