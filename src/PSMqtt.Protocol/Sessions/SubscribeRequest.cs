namespace PSMqtt.Protocol.Sessions;

/// <summary>Somebody waits until the server has answered a number of filters. Guarded by the session's lock.</summary>
internal abstract class FilterRequest
{
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _open;

    public Task Task => _completion.Task;

    public void Expect() => _open++;

    public void Answered()
    {
        _open--;
        if (_open == 0)
        {
            _completion.TrySetResult();
        }
    }

    /// <summary>All filters have been seen to; if none needed the server, the wait is over.</summary>
    public void EndOfFilters()
    {
        if (_open == 0)
        {
            _completion.TrySetResult();
        }
    }

    public void Fail(Exception error) => _completion.TrySetException(error);
}

/// <summary>The wait of a subscribe.</summary>
internal sealed class SubscribeRequest(MqttSubscription subscription) : FilterRequest
{
    public MqttSubscription Subscription { get; } = subscription;
}

/// <summary>The wait of an unsubscribe.</summary>
internal sealed class UnsubscribeRequest : FilterRequest;
