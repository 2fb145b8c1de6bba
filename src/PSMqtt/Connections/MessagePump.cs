using System.Collections.ObjectModel;
using System.Management.Automation;
using PSMqtt.Protocol;

namespace PSMqtt.Connections;

/// <summary>
/// Hands the messages of a subscription to an action, as events of PowerShell: in order, and one event at a time, so that the subscription's queue,
/// and the broker behind it, feel it when the action is slow. PowerShell handles two waiting events at once and leaves the rest for a tenth of a second
/// later: an event and the marker after it, which says that its action has run, are two.
/// </summary>
internal sealed class MessagePump : IDisposable
{
    private const string EventName = nameof(MqttMessageSource.MessageReceived);

    // Of a job that nobody looks at.
    private const int ErrorsKept = 1000;

    // Runs in the user's runspace after the actions of the events before it. A delegate is all that it needs to know.
    private const string MarkerAction = "$Event.Sender.Invoke()";

    private readonly PSEventManager _events;
    private readonly EventActions _actions;
    private readonly MqttMessageSource _source;
    private readonly string _markerIdentifier = $"PSMqtt.MessagePump.{Guid.NewGuid()}";
    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationToken _stopped;
    private readonly PSEventSubscriber _subscriber;
    private readonly PSEventSubscriber _marker;
    private readonly PSObject? _messageData;
    private readonly int _batchSize;
    private long _triggersLeft;
    private int _isStopped;

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
            Guard(settings.Action),
            supportEvent: false,
            forwardEvent: false,
            settings.MaxTriggerCount);
        _marker = events.SubscribeEvent(
            null, null, _markerIdentifier, null, ScriptBlock.Create(MarkerAction), supportEvent: true, forwardEvent: false, maxTriggerCount: 0);

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
        _events.UnsubscribeEvent(_marker);
        _stop.Dispose();
    }

    // An exception that an action lets out ends its job, silently, for all later events: so it becomes an error that the action has written.
    private static ScriptBlock Guard(ScriptBlock action) =>
        ScriptBlock.Create($"try {{ . {{{action}\n}} @args }} catch {{ & {{ [CmdletBinding()] param($e) $PSCmdlet.WriteError($e) }} $_ }}");

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
                _triggersLeft--;
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
        if (_batchSize == 1)
        {
            // Acknowledged when the action has run, not before.
            if (subscription.TryPeek(out MqttMessage? message))
            {
                await RunActionAsync([message]).ConfigureAwait(false);
                subscription.Advance();
            }

            return;
        }

        List<MqttMessage> batch = [];
        while (batch.Count < _batchSize && subscription.TryRead(out MqttMessage? next))
        {
            batch.Add(next);
        }

        if (batch.Count > 0)
        {
            await RunActionAsync([.. batch]).ConfigureAwait(false);
        }
    }

    private async Task RunActionAsync(MqttMessage[] messages)
    {
        // PowerShell keeps the errors of the last event only.
        Collection<ErrorRecord> earlier = Job.Error.ReadAll();
        Raise(_subscriber.SourceIdentifier, _source, new MqttMessageReceivedEventArgs(messages), _messageData);
        await ActionsHaveRunAsync().ConfigureAwait(false);
        for (int i = 0; i < earlier.Count && Job.Error.Count < ErrorsKept; i++)
        {
            Job.Error.Insert(i, earlier[i]);
        }
    }

    // PowerShell runs actions one after the other, in the order of their events: so the action of the marker runs last.
    private async Task ActionsHaveRunAsync()
    {
        TaskCompletionSource ran = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Raise(_markerIdentifier, (Action)(() => ran.TrySetResult()), EventArgs.Empty, null);
        await ran.Task.WaitAsync(_stopped).ConfigureAwait(false);
    }

    private void Raise(string identifier, object sender, EventArgs arguments, PSObject? data)
    {
        _events.GenerateEvent(identifier, sender, [sender, arguments], data, processInCurrentThread: true, waitForCompletionInCurrentThread: false);
        _actions.HaveCome();
    }

    /// <summary>How an action is to be called: the parameters of Register-ObjectEvent.</summary>
    /// <param name="Action">The action.</param>
    /// <param name="SourceIdentifier">The name of the event subscription.</param>
    /// <param name="MessageData">What the action finds in $Event.MessageData.</param>
    /// <param name="MaxTriggerCount">After how many events the action is taken back; 0: never.</param>
    /// <param name="BatchSize">How many messages an event may have.</param>
    internal sealed record Settings(ScriptBlock Action, string SourceIdentifier, PSObject? MessageData, int MaxTriggerCount, int BatchSize);
}
