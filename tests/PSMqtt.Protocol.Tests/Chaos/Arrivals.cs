using System.Buffers.Binary;

namespace PSMqtt.Protocol.Tests.Chaos;

/// <summary>Watches the numbered messages of one topic come in: each after the one before it, repetitions counted.</summary>
internal sealed class Arrivals(string topic, int expected)
{
    private readonly TaskCompletionSource _complete = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _next;
    private int _repeated;

    /// <summary>
    /// How many may be on their way. mosquitto up to 2.0.11 counts wrongly once messages wait behind a full window (it then sends more than the Receive
    /// Maximum, and new ones before those that wait), so what is on its way stays within one.
    /// </summary>
    public SemaphoreSlim Window { get; } = new(50);

    /// <summary>Ends when all have come; fails when one comes before the one it follows, or none come any more.</summary>
    public Task Complete => _complete.Task;

    /// <summary>How many came that had come before.</summary>
    public int Repeated => Volatile.Read(ref _repeated);

    /// <summary>Takes messages to the end of the subscription, repetitions of the last ones too: unread they would hold back other acknowledgements.</summary>
    public async Task TakeAsync(MqttSubscription subscription)
    {
        await foreach (MqttMessage message in subscription.ReadAllAsync())
        {
            int number = BinaryPrimitives.ReadInt32BigEndian(message.Payload);
            if (number > _next)
            {
                _complete.TrySetException(new InvalidOperationException($"{topic}: {number} came, and {_next} has not."));
            }
            else if (number < _next)
            {
                Interlocked.Increment(ref _repeated);
            }
            else
            {
                Window.Release();
                if (++_next == expected)
                {
                    _complete.TrySetResult();
                }
            }
        }

        _complete.TrySetException(new InvalidOperationException($"{topic}: the subscription ended after {_next} messages. {subscription.EndReason}"));
    }
}
