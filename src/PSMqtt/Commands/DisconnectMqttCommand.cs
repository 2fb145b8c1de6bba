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

    /// <summary>How long to wait for what is in flight; 0 does not wait. Default: 10.</summary>
    [Parameter]
    [ValidateRange(0, 86_400)]
    public double TimeoutSeconds { get; set; } = 10;

    /// <inheritdoc />
    protected override void ProcessRecord()
    {
        if (Connection is null)
        {
            Disconnect(GetConnection(null));
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

    private void Disconnect(MqttConnection connection)
    {
        RequireMqtt5(connection, nameof(ReasonCode), nameof(SessionExpiry), nameof(UserProperty), nameof(WithWill));
        MqttDisconnectOptions options = new()
        {
            ReasonCode = WithWill ? MqttReasonCode.DisconnectWithWillMessage : ReasonCode,
            SessionExpiry = SessionExpiry,
            UserProperties = UserProperty,
            Discard = Discard,
            DrainTimeout = TimeSpan.FromSeconds(TimeoutSeconds),
        };

        Follow(connection);
        ConnectionTable.Here?.Remove(connection);
        try
        {
            // Ctrl+C ends the wait for what is in flight; the rest of the goodbye, which the peer may draw out, happens without the pipeline.
            WaitFor(connection.CloseAsync(options, StopToken).WaitAsync(StopToken));
            SayWhatRemains(connection);
        }
        catch (Exception exception) when (exception is not PipelineStoppedException)
        {
            if (IsStopped)
            {
                throw new PipelineStoppedException();
            }

            WriteError(EngineErrors.ToRecord(exception, connection, MqttErrors.DisconnectTimeout));
        }
    }

    // With a session on disk nothing of it is lost, but it is not delivered either.
    private void SayWhatRemains(MqttConnection connection)
    {
        // A session in memory goes with its connection.
        MqttClientCounters counters = connection.Client.Counters;
        long abandoned = counters.MessagesAbandoned + (connection.SessionPath is null ? counters.InFlight + counters.Queued : 0);
        if (abandoned > 0 && !Discard)
        {
            WriteWarning(
                $"{abandoned} message{(abandoned == 1 ? " was" : "s were")} given up: the broker had not acknowledged {(abandoned == 1 ? "it" : "them")} "
                + $"when '{connection.Name}' was disconnected, so {(abandoned == 1 ? "it" : "they")} may or may not have been delivered. A longer "
                + "-TimeoutSeconds waits for more; Connect-Mqtt -SessionPath keeps what is left for a later run.");
        }

        int remaining = connection.Waiting + connection.InFlight;
        if (connection.SessionPath is { } path && remaining > 0 && !Discard)
        {
            WriteWarning(
                $"{remaining} message{(remaining == 1 ? " is" : "s are")} not acknowledged by the broker yet and stay{(remaining == 1 ? "s" : string.Empty)} in "
                + $"'{path}': the next connection with that -SessionPath delivers {(remaining == 1 ? "it" : "them")}. Get-MqttOutbox shows what waits.");
        }
    }
}
