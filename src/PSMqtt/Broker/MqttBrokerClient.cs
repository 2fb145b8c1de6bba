namespace PSMqtt;

/// <summary>A client that was connected to an embedded broker when it was looked at.</summary>
/// <param name="ClientId">Its client identifier.</param>
/// <param name="Address">The address and port it comes from.</param>
/// <param name="ProtocolVersion">The version of MQTT it speaks: 5.0, 3.1.1 or 3.1.</param>
/// <param name="ConnectedSince">When it connected.</param>
/// <param name="PublishedCount">How many messages it has published.</param>
/// <param name="DeliveredCount">How many messages were sent to it.</param>
/// <param name="QueuedCount">How many messages wait to be sent to it.</param>
public sealed record MqttBrokerClient(
    string ClientId,
    string Address,
    string ProtocolVersion,
    DateTimeOffset ConnectedSince,
    long PublishedCount,
    long DeliveredCount,
    long QueuedCount);
