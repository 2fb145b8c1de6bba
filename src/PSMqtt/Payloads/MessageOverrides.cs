using PSMqtt.Commands;
using PSMqtt.Protocol;

namespace PSMqtt.Payloads;

/// <summary>What a user has said explicitly, and so replaces what a whole message brings along.</summary>
internal sealed class MessageOverrides
{
    private readonly List<Func<MqttMessage, MqttMessage>> _changes = [];

    private MessageOverrides()
    {
    }

    public static MessageOverrides From(SendMqttMessageCommand command)
    {
        MessageOverrides overrides = new();
        void Add(string parameter, Func<MqttMessage, MqttMessage> change)
        {
            if (command.MyInvocation.BoundParameters.ContainsKey(parameter))
            {
                overrides._changes.Add(change);
            }
        }

        Add(nameof(command.Topic), message => new MqttMessage(message) { Topic = command.Topic! });
        Add(nameof(command.QoS), message => new MqttMessage(message) { QoS = command.QoS });
        Add(nameof(command.Retain), message => new MqttMessage(message) { Retain = command.Retain });
        Add(nameof(command.ContentType), message => new MqttMessage(message) { ContentType = command.ContentType });
        Add(nameof(command.ResponseTopic), message => new MqttMessage(message) { ResponseTopic = command.ResponseTopic });
        Add(nameof(command.CorrelationData), message => new MqttMessage(message) { CorrelationData = command.CorrelationData });
        Add(nameof(command.MessageExpiry), message => new MqttMessage(message) { MessageExpiry = command.MessageExpiry });
        Add(nameof(command.UserProperty), message => new MqttMessage(message) { UserProperties = command.UserProperty });
        Add(nameof(command.PayloadFormat), message => new MqttMessage(message) { PayloadFormat = command.PayloadFormat });
        return overrides;
    }

    /// <summary>Makes the changes.</summary>
    /// <returns>A changed copy; the message itself where there is nothing to change.</returns>
    public MqttMessage Apply(MqttMessage message)
    {
        foreach (Func<MqttMessage, MqttMessage> change in _changes)
        {
            message = change(message);
        }

        return message;
    }
}
