using System.Management.Automation;
using PSMqtt.Errors;
using PSMqtt.Protocol;

namespace PSMqtt.Commands;

/// <content>Subscriptions that a cmdlet makes.</content>
public abstract partial class MqttCommand
{
    /// <summary>Subscribes, and waits for SUBACK.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="request">The filters.</param>
    /// <param name="options">How messages are kept.</param>
    /// <param name="timeout">How long to wait; <see langword="null"/>: as long as the connection's other operations.</param>
    /// <returns>
    /// The subscription; <see langword="null"/> when the broker does not make it, which has been reported. When the cmdlet is stopped meanwhile there is none,
    /// here or at the broker.
    /// </returns>
    private protected MqttSubscription? Subscribe(
        MqttConnection connection, MqttTopicSubscription[] request, MqttSubscriptionOptions options, TimeSpan? timeout)
    {
        Task<MqttSubscription>? subscribing = null;
        try
        {
            subscribing = connection.Client.SubscribeAsync(request, options, timeout, StopToken);
            return WaitFor(subscribing);
        }
        catch (PipelineStoppedException)
        {
            if (subscribing is { IsCompletedSuccessfully: true })
            {
                End(subscribing.Result);
            }

            throw;
        }
        catch (Exception exception)
        {
            string filters = string.Join(", ", request.Select(static filter => filter.Filter));
            ErrorRecord record = Explain(exception, filters, MqttErrors.SubscribeTimeout, MqttErrors.InvalidTopicFilter);
            if (exception is ArgumentException)
            {
                Fail(record);
            }

            GiveUp(record);
            return null;
        }
    }

    /// <summary>Ends a subscription while the cmdlet is ending: what can be done in a moment is waited for.</summary>
    /// <param name="subscription">The subscription.</param>
    private protected void End(MqttSubscription subscription)
    {
        // After Ctrl+C nobody wants to wait; the UNSUBSCRIBE has been sent, and its answer changes nothing.
        TimeSpan limit = IsStopped ? TimeSpan.FromMilliseconds(100) : TimeSpan.FromSeconds(5);
        WaitForCleanup(subscription.DisposeAsync().AsTask(), limit);
    }
}
