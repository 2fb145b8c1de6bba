using PSMqtt.Protocol;

namespace PSMqtt;

/// <summary>What <c>Register-MqttSubscription -Action</c> subscribes its action to: the sender of the events.</summary>
public sealed class MqttMessageSource
{
    private EventHandler<MqttMessageReceivedEventArgs>? _handlers;

    internal MqttMessageSource(MqttConnection connection) => Connection = connection;

    /// <summary>
    /// The event that the action is subscribed to. It is not raised the way other events of .NET are: a pump hands messages to PowerShell's event queue,
    /// a few at a time and in order, where raising the event would fill that queue without bound.
    /// </summary>
    public event EventHandler<MqttMessageReceivedEventArgs>? MessageReceived
    {
        add => _handlers += value;
        remove => _handlers -= value;
    }

    /// <summary>The connection.</summary>
    public MqttConnection Connection { get; }

    /// <summary>The subscription; <see langword="null"/> until the broker has accepted it.</summary>
    public MqttSubscription? Subscription { get; internal set; }

    /// <summary>The subscription's name.</summary>
    /// <returns>The name.</returns>
    public override string ToString() => Subscription?.Name ?? Connection.Name;
}

/// <summary>Messages for an action: <c>$EventArgs</c>, and <c>$Event.SourceEventArgs</c>.</summary>
public sealed class MqttMessageReceivedEventArgs : EventArgs
{
    internal MqttMessageReceivedEventArgs(MqttMessage[] messages) => Messages = messages;

    /// <summary>The message; with -BatchSize the first one.</summary>
    public MqttMessage Message => Messages[0];

    /// <summary>The messages: one, or with -BatchSize as many as had come, up to that number.</summary>
    public MqttMessage[] Messages { get; }
}
