using System.Management.Automation;
using PSMqtt.Errors;
using PSMqtt.Protocol;

namespace PSMqtt.Connections;

/// <summary>
/// Hands the messages of a subscription to an action, as events of PowerShell: in order, and one event at a time, so that the subscription's queue,
/// and the broker behind it, feel it when the action is slow. To wake an idle runspace costs far more than to run an action, and PowerShell handles two
/// waiting events at once and leaves the rest for a tenth of a second later: so the end of an action queues the next event, every other time.
/// </summary>
internal sealed class MessagePump : IDisposable
{
    private const string EventName = nameof(MqttMessageSource.MessageReceived);

    // Of a job that nobody looks at.
    private const int ErrorsKept = 1000;

    private static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(250);

    private readonly PSEventManager _events;
    private readonly EventActions _actions;
    private readonly MqttMessageSource _source;
    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationToken _stopped;
    private readonly PSEventSubscriber _subscriber;
    private readonly PSObject? _messageData;
    private readonly int _batchSize;
    private readonly List<ErrorRecord> _earlierErrors = [];
    private volatile Turn? _turn;
    private volatile Task _mark = Task.CompletedTask;
    private long _triggersLeft;
    private int _isStopped;
    private int _isDisposed;

    /// <summary>Subscribes the action. Nothing happens before <see cref="Start"/>. On the pipeline thread.</summary>
    /// <param name="events">The runspace's events.</param>
    /// <param name="source">The sender of the events.</param>
    /// <param name="settings">How the action is to be called.</param>
    public MessagePump(PSEventManager events, MqttMessageSource source, Settings settings)
    {
        _events = events;
        _actions = EventActions.Of(events);
        _stopped = _stop.Token;
        _source = source;
        _messageData = settings.MessageData;
        _batchSize = settings.BatchSize;
        _triggersLeft = settings.MaxTriggerCount > 0 ? settings.MaxTriggerCount : long.MaxValue;
        _subscriber = events.SubscribeEvent(
            source,
            EventName,
            settings.SourceIdentifier,
            settings.MessageData,
            ActionFrame.Around(settings.Action),
            supportEvent: false,
            forwardEvent: false,
            settings.MaxTriggerCount);
        _actions.AddUser();

        // Unregister-Event, Stop-Job, Remove-Job, a reached MaxTriggerCount, and the end of the runspace.
        _subscriber.Unsubscribed += (_, _) => Stop();
    }

    /// <summary>The job that stands for the action.</summary>
    public PSEventJob Job => _subscriber.Action;

    /// <summary>Begins to hand messages over.</summary>
    public void Start(MqttSubscription subscription)
    {
        _source.Subscription = subscription;
        _ = Task.Run(() => RunAsync(subscription));
    }

    /// <summary>Takes the action back. Not while one of its events waits for its turn.</summary>
    public void Dispose()
    {
        Stop();
        _events.UnsubscribeEvent(_subscriber);
        if (Interlocked.Exchange(ref _isDisposed, 1) == 0)
        {
            _actions.RemoveUser();
        }

        _stop.Dispose();
    }

    private void Stop()
    {
        if (Interlocked.Exchange(ref _isStopped, 1) == 0)
        {
            _stop.Cancel();
        }
    }

    private async Task RunAsync(MqttSubscription subscription)
    {
        try
        {
            while (_triggersLeft > 0 && await subscription.WaitToReadAsync(_stopped).ConfigureAwait(false))
            {
                await HandOverAsync(subscription).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // The action was taken back.
        }
        finally
        {
            _source.Connection.Remove(subscription);
            Task unsubscribing = subscription.DisposeAsync().AsTask();

            // The actions have run, so this does not run one here.
            Dispose();
            await unsubscribing.ConfigureAwait(false);
        }
    }

    private async ValueTask HandOverAsync(MqttSubscription subscription)
    {
        await _actions.BeginTurnAsync(_stopped).ConfigureAwait(false);
        try
        {
            if (TryTake(subscription, out MqttMessage[] messages))
            {
                Turn turn = new(messages) { MayBeFollowed = true };
                Begin(turn);
                await TurnsHaveEndedAsync(turn.Ended).ConfigureAwait(false);
            }
        }
        finally
        {
            _actions.EndTurn();
        }
    }

    // Waits for the action, and the one that may follow it. One that was left by a break or an exit of the user's does not say that it has run: the mark
    // shows it. It also wakes a runspace whose pipeline ended just when the event came, and so did not see it.
    private async Task TurnsHaveEndedAsync(TaskCompletionSource ended)
    {
        while (!ended.Task.IsCompleted)
        {
            Turn turn = _turn!;
            if (!await EndsSoonAsync(ended.Task).ConfigureAwait(false) && _mark.IsCompleted && ReferenceEquals(turn, _turn))
            {
                _mark = _actions.MarkAsync(() => End(turn, mayBeFollowed: false));
            }
        }

        await _mark.WaitAsync(_stopped).ConfigureAwait(false);
    }

    private async ValueTask<bool> EndsSoonAsync(Task task)
    {
        if (task.IsCompleted)
        {
            return true;
        }

        try
        {
            await task.WaitAsync(s_patience, _stopped).ConfigureAwait(false);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    // A single message is acknowledged when its action has run; those of a batch when they are handed to it.
    private bool TryTake(MqttSubscription subscription, out MqttMessage[] messages)
    {
        if (_batchSize == 1)
        {
            messages = subscription.TryPeek(out MqttMessage? message) ? [message] : [];
            return messages.Length > 0;
        }

        List<MqttMessage> batch = [];
        while (batch.Count < _batchSize && subscription.TryRead(out MqttMessage? next))
        {
            batch.Add(next);
        }

        messages = [.. batch];
        return messages.Length > 0;
    }

    private void Begin(Turn turn)
    {
        _triggersLeft--;
        _turn = turn;
        _actions.Raise(_subscriber.SourceIdentifier, _source, [_source, new MqttMessageReceivedEventArgs(turn.Messages), (Func<bool, bool>)(begins => Step(turn, begins))], _messageData);
    }

    // Called by the action's frame, on the pipeline thread, before the action and after it. PowerShell runs an action again that Ctrl+C has interrupted:
    // the user has ended it, so it has had its turn.
    private bool Step(Turn turn, bool begins)
    {
        if (begins)
        {
            _earlierErrors.AddRange(Job.Error.ReadAll());
            if (turn.TryBegin())
            {
                return true;
            }

            _earlierErrors.Add(Interrupted(turn.Messages));
        }

        End(turn, turn.MayBeFollowed);
        return false;
    }

    private static ErrorRecord Interrupted(MqttMessage[] messages) =>
        messages.Length == 1
            ? MqttErrors.ActionInterrupted.ToRecord($"The action was interrupted while it handled a message to '{messages[0].Topic}'.", messages[0])
            : MqttErrors.ActionInterrupted.ToRecord($"The action was interrupted while it handled {messages.Length} messages.", messages);

    private void End(Turn turn, bool mayBeFollowed)
    {
        if (!turn.TryEnd())
        {
            return;
        }

        MqttSubscription subscription = _source.Subscription!;
        if (_batchSize == 1)
        {
            subscription.Advance();
        }

        if (_earlierErrors.Count > 0)
        {
            _ = _actions.MarkAsync(() =>
            {
                RestoreErrors();
                turn.Ended.TrySetResult();
            });
            return;
        }

        // A second event for the same round of PowerShell's costs next to nothing: it need not be woken for it. A mark would be the third.
        if (mayBeFollowed && _mark.IsCompleted && _triggersLeft > 0 && !_stopped.IsCancellationRequested && TryTake(subscription, out MqttMessage[] messages))
        {
            Begin(new Turn(messages, turn.Ended));
        }
        else
        {
            turn.Ended.TrySetResult();
        }
    }

    // PowerShell keeps the errors of the last event only. By now they are in the job.
    private void RestoreErrors()
    {
        for (int i = 0; i < _earlierErrors.Count && Job.Error.Count < ErrorsKept; i++)
        {
            Job.Error.Insert(i, _earlierErrors[i]);
        }

        _earlierErrors.Clear();
    }

    // An event whose action runs, or waits to.
    private sealed class Turn(MqttMessage[] messages, TaskCompletionSource? ended = null)
    {
        private int _hasBegun;
        private int _hasEnded;

        public MqttMessage[] Messages { get; } = messages;

        // Set when the last turn of a round has ended.
        public TaskCompletionSource Ended { get; } = ended ?? new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

        public bool MayBeFollowed { get; init; }

        public bool TryBegin() => Interlocked.Exchange(ref _hasBegun, 1) == 0;

        public bool TryEnd() => Interlocked.Exchange(ref _hasEnded, 1) == 0;
    }

    /// <summary>How an action is to be called: the parameters of Register-ObjectEvent.</summary>
    /// <param name="Action">The action.</param>
    /// <param name="SourceIdentifier">The name of the event subscription.</param>
    /// <param name="MessageData">What the action finds in $Event.MessageData.</param>
    /// <param name="MaxTriggerCount">After how many events the action is taken back; 0: never.</param>
    /// <param name="BatchSize">How many messages an event may have.</param>
    internal sealed record Settings(ScriptBlock Action, string SourceIdentifier, PSObject? MessageData, int MaxTriggerCount, int BatchSize);
}
