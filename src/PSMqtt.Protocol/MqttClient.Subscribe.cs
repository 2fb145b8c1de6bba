using PSMqtt.Protocol.Sessions;
using PSMqtt.Protocol.Topics;

namespace PSMqtt.Protocol;

/// <content>Subscribing.</content>
public sealed partial class MqttClient
{
    /// <summary>Subscribes to filters and waits for the server's answer. Messages queue from the first one on.</summary>
    /// <param name="filters">The filters, at least one.</param>
    /// <param name="options">How messages are kept; default: the defaults.</param>
    /// <param name="timeout">How long to wait; default: <see cref="MqttClientOptions.OperationTimeout"/>.</param>
    /// <param name="cancellationToken">Ends the wait; the subscription is then ended too.</param>
    /// <returns>The subscription.</returns>
    /// <exception cref="ArgumentException">A filter is not valid, or an option does not go with it.</exception>
    /// <exception cref="MqttOperationException">The server refused a filter, or does not support it: nothing stays subscribed.</exception>
    /// <exception cref="TimeoutException">No answer came in time: nothing stays subscribed.</exception>
    public async Task<MqttSubscription> SubscribeAsync(
        IReadOnlyList<MqttTopicSubscription> filters,
        MqttSubscriptionOptions? options = null,
        TimeSpan? timeout = null,
        CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        ArgumentNullException.ThrowIfNull(filters);
        OperationTimeouts.CheckWait(timeout ?? Options.OperationTimeout);
        options ??= new MqttSubscriptionOptions();
        MqttTopicSubscription[] wanted = Check(filters, options);
        var subscription = new MqttSubscription(
            this, _session, wanted, options, options.Name ?? string.Join(", ", wanted.Select(static f => f.Filter)));
        SubscribeRequest request;
        lock (_session.Gate)
        {
            if (_supervisor.State is MqttConnectionState.Disconnected or MqttConnectionState.Disconnecting)
            {
                throw new MqttOperationException(
                    MqttOperation.Subscribe,
                    MqttOperationFailure.NotConnected,
                    $"The subscription to '{wanted[0].Filter}' was not made: there is no connection to the server. Connect first.")
                { Topic = wanted[0].Filter };
            }

            request = _session.Subscriptions.Add(subscription);
            _subscriptions.Add(subscription);
            _session.Claim(subscription);
        }

        _session.Flush();
        _session.RoomMade();
        try
        {
            await WaitAsync(request.Task, timeout, $"answer the subscription to '{subscription.Name}'", cancellationToken).ConfigureAwait(false);
            return subscription;
        }
        catch (Exception e)
        {
            _ = End(subscription, e, wasMade: false);
            throw;
        }
    }

    /// <summary>Subscribes to a filter: see the other overload.</summary>
    /// <param name="filter">The filter.</param>
    /// <param name="qos">The largest QoS that messages are sent with. Default: 1.</param>
    /// <param name="cancellationToken">Ends the wait, which is <see cref="MqttClientOptions.OperationTimeout"/> at most.</param>
    /// <returns>The subscription.</returns>
    public Task<MqttSubscription> SubscribeAsync(
        string filter, MqttQualityOfService qos = MqttQualityOfService.AtLeastOnce, CancellationToken cancellationToken = default) =>
        SubscribeAsync([new MqttTopicSubscription(filter, qos)], null, null, cancellationToken);

    /// <summary>
    /// Ends a subscription and waits for the server's answer. Here it ends at once: what it has queued is acknowledged, and counted as dropped. Without a
    /// connection the server is told when there is one again.
    /// </summary>
    /// <param name="subscription">The subscription. One that has ended already is left as it is.</param>
    /// <param name="timeout">How long to wait; default: <see cref="MqttClientOptions.OperationTimeout"/>.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>A task that ends when the server has answered.</returns>
    /// <exception cref="MqttOperationException">The server refused.</exception>
    /// <exception cref="TimeoutException">No answer came in time.</exception>
    public Task UnsubscribeAsync(MqttSubscription subscription, TimeSpan? timeout = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(subscription);
        OperationTimeouts.CheckWait(timeout ?? Options.OperationTimeout);
        return !ReferenceEquals(subscription.Client, this)
            ? throw new ArgumentException($"The subscription '{subscription.Name}' belongs to another client.", nameof(subscription))
            : WaitAsync(End(subscription, null), timeout, $"answer the end of the subscription to '{subscription.Name}'", cancellationToken);
    }

    private static MqttTopicSubscription[] Check(IReadOnlyList<MqttTopicSubscription> filters, MqttSubscriptionOptions options)
    {
        if (filters.Count == 0)
        {
            throw new ArgumentException("A subscription needs at least one topic filter [MQTT-3.8.3-2].", nameof(filters));
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(options.QueueLimit, 1, nameof(options));
        ArgumentOutOfRangeException.ThrowIfLessThan(options.QueueByteLimit, 1, nameof(options));
        foreach (MqttTopicSubscription wanted in filters)
        {
            TopicFilter.Validate(wanted.Filter, nameof(filters));
            if (wanted.QoS > MqttQualityOfService.ExactlyOnce || wanted.RetainHandling > MqttRetainHandling.DoNotSend)
            {
                throw new ArgumentException($"The subscription to '{wanted.Filter}' has a QoS or Retain Handling that does not exist.", nameof(filters));
            }

            if (wanted.NoLocal && TopicFilter.Parse(wanted.Filter).IsShared)
            {
                throw new ArgumentException(
                    $"A shared subscription cannot have No Local [MQTT-3.8.3-4]: leave it out for '{wanted.Filter}'.", nameof(filters));
            }
        }

        // The same filter twice is one subscription; its highest QoS counts.
        return [.. filters.GroupBy(static f => f.Filter, StringComparer.Ordinal).Select(static g => g.MaxBy(static f => f.QoS)!)];
    }

    /// <summary>Ends a subscription here, and asks the server to.</summary>
    /// <param name="subscription">The subscription.</param>
    /// <param name="reason">Why, when its owner did not ask for it.</param>
    /// <param name="wasMade">Whether it ever was one: what a failed attempt has claimed of an inherited session waits on, unclaimed.</param>
    private Task End(MqttSubscription subscription, Exception? reason, bool wasMade = true)
    {
        Task answered;
        List<MqttMessage> left;
        lock (_session.Gate)
        {
            _subscriptions.Remove(subscription);
            answered = _session.Subscriptions.Remove(subscription).Task;
            left = subscription.End(reason, discard: true);
            if (!wasMade)
            {
                left.RemoveAll(_session.TryUnclaim);
            }
        }

        foreach (MqttMessage message in left)
        {
            _session.Acknowledge(message, MqttReasonCode.Success);
        }

        _session.Flush();
        _session.RoomMade();
        return answered;
    }

    private void LoseSubscription(MqttSubscription subscription, Exception reason)
    {
        // The caller holds the lock; and no handler of the user's may keep this from happening.
        _ = Task.Run(() => End(subscription, reason));
    }

    private async Task WaitAsync(Task task, TimeSpan? timeout, string what, CancellationToken cancellationToken)
    {
        TimeSpan time = timeout ?? Options.OperationTimeout;
        try
        {
            await task.WaitAsync(time, Options.TimeProvider, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException(
                $"The server did not {what} within {time.TotalSeconds:0.#} s."
                + (State == MqttConnectionState.Connected ? string.Empty : " There is no connection to it."));
        }
    }
}
