using System.Management.Automation;
using PSMqtt.Completion;
using PSMqtt.Connections;
using PSMqtt.Errors;
using PSMqtt.Parameters;
using PSMqtt.Protocol;

namespace PSMqtt.Commands;

/// <summary>Disconnect-Mqtt: waits for what is in flight, says DISCONNECT, and forgets the connection.</summary>
[Cmdlet(VerbsCommunications.Disconnect, "Mqtt")]
[OutputType(typeof(void))]
public sealed class DisconnectMqttCommand : MqttCommand
{
    /// <summary>The connections, or their names. Default: the runspace's current connection.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(ConnectionNameCompleter))]
    public MqttConnectionReference[]? Connection { get; set; }

    /// <summary>The reason code of DISCONNECT (MQTT 5.0). Default: normal disconnection.</summary>
    [Parameter]
    public MqttReasonCode ReasonCode { get; set; }

    /// <summary>How long the broker keeps the session from now on (MQTT 5.0), in seconds.</summary>
    [Parameter]
    [Seconds(0, uint.MaxValue, AllowInfinite = true)]
    public TimeSpan? SessionExpiry { get; set; }

    /// <summary>User properties of DISCONNECT (MQTT 5.0).</summary>
    [Parameter]
    [UserProperty]
    public MqttUserProperty[] UserProperty { get; set; } = [];

    /// <summary>Has the broker publish the will (MQTT 5.0).</summary>
    [Parameter]
    public SwitchParameter WithWill { get; set; }

    /// <summary>Forgets the session here and at the broker, with everything that is still in flight.</summary>
    [Parameter]
    public SwitchParameter Discard { get; set; }

    /// <summary>How long to wait for what is in flight; 0 does not wait, Infinite (or -1) waits as long as it takes. Default: 10.</summary>
    [Parameter]
    [TimeLimit(0, 86_400)]
    public double TimeoutSeconds { get; set; } = 10;

    /// <inheritdoc />
    protected override void ProcessRecord()
    {
        if (WithWill && MyInvocation.BoundParameters.ContainsKey(nameof(ReasonCode)))
        {
            Fail(MqttErrors.InvalidOption.ToRecord(
                "-WithWill and -ReasonCode contradict each other: it is by its reason code that DISCONNECT has the will published. Give only one of them.",
                nameof(WithWill)));
        }

        if (Connection is null)
        {
            if (GetConnection(null) is { } current)
            {
                Disconnect(current);
            }

            return;
        }

        foreach (MqttConnectionReference reference in Connection)
        {
            if (reference.Resolve() is { } connection)
            {
                Disconnect(connection);
            }
            else
            {
                WriteError(MqttErrors.ConnectionNotFound.ToRecord($"This runspace has no connection named '{reference.Name}'.", reference.Name));
            }
        }
    }

    // A moment more than what is in flight may take, for DISCONNECT itself: a peer that never ends its side of the connection is not waited for.
    private TimeSpan GetLimit() => double.IsInfinity(TimeoutSeconds)
        ? Timeout.InfiniteTimeSpan
        : TimeSpan.FromSeconds(Math.Max(TimeoutSeconds, 0.8) + 0.2);

    private void Disconnect(MqttConnection connection)
    {
        RequireMqtt5(connection, nameof(ReasonCode), nameof(SessionExpiry), nameof(UserProperty), nameof(WithWill));
        MqttDisconnectOptions options = new()
        {
            ReasonCode = WithWill ? MqttReasonCode.DisconnectWithWillMessage : ReasonCode,
            SessionExpiry = SessionExpiry,
            UserProperties = UserProperty,
            Discard = Discard,
            DrainTimeout = TimeLimitAttribute.ToTimeSpan(TimeoutSeconds),
        };

        Follow(connection);
        ConnectionTable.Here?.Remove(connection);
        try
        {
            // Ctrl+C ends the wait for what is in flight; the rest of the goodbye, which the peer may draw out, happens without the pipeline.
            Task closing = connection.CloseAsync(options, StopToken);
            WaitFor(Task.WhenAny(closing, Task.Delay(GetLimit(), StopToken)));
            if (closing.IsCompleted)
            {
                WaitFor(closing);
            }
            else if (Discard)
            {
                throw new TimeoutException(
                    $"'{connection.Name}' is disconnected, but its broker did not confirm within {TimeoutSeconds} s that the session is forgotten there.");
            }

            if (!Discard && UnacknowledgedMessages.Explain(connection) is { } warning)
            {
                WriteWarning(warning);
            }
        }
        catch (Exception exception) when (exception is not PipelineStoppedException)
        {
            WriteError(Explain(exception, connection, MqttErrors.DisconnectTimeout));
        }
    }
}
