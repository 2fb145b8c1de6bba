using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using PSMqtt.Protocol;

namespace PSMqtt.Connections;

/// <summary>
/// Takes messages from a subscription in two steps, so that a message whose writing was interrupted is not lost: it is taken when it has been written.
/// There is one a subscription, however many cmdlets read it. A cmdlet that asks for the next message while another one is still writing
/// (a <c>Receive-MqttMessage</c> inside of the pipeline of another) gets the one after it: the first has reached the pipeline, and so is taken.
/// </summary>
internal sealed class MessageReader
{
    private static readonly ConditionalWeakTable<MqttSubscription, MessageReader> s_readers = [];

    private readonly object _lock = new();
    private long _ticket;
    private bool _isBeingWritten;

    private MessageReader(MqttSubscription subscription) => Subscription = subscription;

    public MqttSubscription Subscription { get; }

    public static MessageReader For(MqttSubscription subscription) => s_readers.GetValue(subscription, static key => new MessageReader(key));

    /// <summary>Looks at the next message. Follow with <see cref="Complete"/> or <see cref="Return"/>.</summary>
    /// <param name="message">The message.</param>
    /// <param name="ticket">What to give back to the other two.</param>
    /// <returns>Whether there is one.</returns>
    public bool TryTake([NotNullWhen(true)] out MqttMessage? message, out long ticket)
    {
        lock (_lock)
        {
            if (_isBeingWritten)
            {
                _isBeingWritten = false;
                Subscription.Advance();
            }

            _isBeingWritten = Subscription.TryPeek(out message);
            ticket = _isBeingWritten ? ++_ticket : 0;
            return message is not null;
        }
    }

    /// <summary>The message has been written: it is taken.</summary>
    public void Complete(long ticket)
    {
        lock (_lock)
        {
            if (_isBeingWritten && ticket == _ticket)
            {
                _isBeingWritten = false;
                Subscription.Advance();
            }
        }
    }

    /// <summary>The message has not been written: it is the next one again.</summary>
    public void Return(long ticket)
    {
        lock (_lock)
        {
            if (_isBeingWritten && ticket == _ticket)
            {
                _isBeingWritten = false;
            }
        }
    }
}
