namespace PSMqtt.Protocol;

/// <content>Events. They are raised one after the other, in order, on the thread pool.</content>
public sealed partial class MqttClient
{
    private EventHandler<MqttPublishedEventArgs>? _published;
    private EventHandler<MqttSubscriptionAnsweredEventArgs>? _subscribed;
    private EventHandler<MqttSubscriptionAnsweredEventArgs>? _unsubscribed;

    /// <summary>An attempt to connect begins.</summary>
    public event EventHandler<MqttConnectionEventArgs>? Connecting;

    /// <summary>A connection is made, and the session in order.</summary>
    public event EventHandler<MqttConnectionEventArgs>? Connected;

    /// <summary>An attempt to connect has failed.</summary>
    public event EventHandler<MqttConnectionEventArgs>? ConnectFailed;

    /// <summary>A connection has ended, whoever ended it.</summary>
    public event EventHandler<MqttConnectionEventArgs>? Disconnected;

    /// <summary>Any of the steps above, in one ordered sequence.</summary>
    public event EventHandler<MqttConnectionEventArgs>? StateChanged;

    /// <summary>A full queue has dropped messages. Reported once for a subscription until the handlers have run.</summary>
    public event EventHandler<MqttMessageDroppedEventArgs>? MessageDropped;

    /// <summary>
    /// A message of ours of QoS 1 or 2 could not be delivered, and nobody waits for its outcome any more: an earlier process has left it in the session
    /// store, or it was stored without a connection, or its sender has stopped waiting.
    /// </summary>
    public event EventHandler<MqttMessageUndeliveredEventArgs>? MessageUndelivered;

    /// <summary>A message of ours has had its last acknowledgement, or a rejection.</summary>
    public event EventHandler<MqttPublishedEventArgs>? Published
    {
        add
        {
            lock (_session.Gate)
            {
                _published += value;
                _session.Outbound.Outcomes.Ended = (result, error) =>
                {
                    var args = new MqttPublishedEventArgs(result, error);
                    _events.Post(() => Invoke(_published, args));
                };
            }
        }

        remove
        {
            lock (_session.Gate)
            {
                _published -= value;
                _session.Outbound.Outcomes.Ended = _published is null ? null : _session.Outbound.Outcomes.Ended;
            }
        }
    }

    /// <summary>The server has answered a SUBSCRIBE.</summary>
    public event EventHandler<MqttSubscriptionAnsweredEventArgs>? Subscribed
    {
        add => SetAnswered(() => _subscribed += value);
        remove => SetAnswered(() => _subscribed -= value);
    }

    /// <summary>The server has answered an UNSUBSCRIBE.</summary>
    public event EventHandler<MqttSubscriptionAnsweredEventArgs>? Unsubscribed
    {
        add => SetAnswered(() => _unsubscribed += value);
        remove => SetAnswered(() => _unsubscribed -= value);
    }

    private void SetAnswered(Action change)
    {
        lock (_session.Gate)
        {
            change();
            _session.Subscriptions.Answered = _subscribed is null && _unsubscribed is null ? null : (isSubscribe, filter, code) =>
            {
                var args = new MqttSubscriptionAnsweredEventArgs(filter, code);
                _events.Post(() => Invoke(isSubscribe ? _subscribed : _unsubscribed, args));
            };
        }
    }

    private void Raise(ConnectionStep step, MqttConnectionEventArgs args)
    {
        if ((HandlerOf(step) ?? StateChanged) is not null)
        {
            _events.Post(() =>
            {
                Invoke(HandlerOf(step), args);
                Invoke(StateChanged, args);
            });
        }
    }

    private EventHandler<MqttConnectionEventArgs>? HandlerOf(ConnectionStep step) => step switch
    {
        ConnectionStep.Connecting => Connecting,
        ConnectionStep.Connected => Connected,
        ConnectionStep.ConnectFailed => ConnectFailed,
        _ => Disconnected,
    };

    /// <summary>Calls every handler: one that throws does not keep the others from being called.</summary>
    private void Invoke<T>(EventHandler<T>? handlers, T args)
        where T : EventArgs
    {
        foreach (EventHandler<T> handler in handlers?.GetInvocationList() ?? [])
        {
            try
            {
                handler(this, args);
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                // A handler's failure is its own: there is nobody to tell.
            }
        }
    }

    private void RaiseUndelivered(MqttMessage message, MqttOperationException error)
    {
        _trace.Step(() => $"A message that nobody waits for any more was not delivered. {error.Message}");
        if (MessageUndelivered is not null)
        {
            _events.Post(() => Invoke(MessageUndelivered, new MqttMessageUndeliveredEventArgs(message, error)));
        }
    }

    private void RaiseDropped(MqttSubscription subscription, MqttMessage message)
    {
        if (MessageDropped is not null && subscription.TryBeginDropReport())
        {
            _events.Post(() =>
            {
                subscription.EndDropReport();
                Invoke(MessageDropped, new MqttMessageDroppedEventArgs(subscription, message));
            });
        }
    }
}
