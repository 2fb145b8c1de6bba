using System.Management.Automation;
using PSMqtt.Connections;
using PSMqtt.Protocol;

namespace PSMqtt.Commands;

/// <content>What a connection does meanwhile: its steps with -Verbose, its packets with -Debug, and the warning that a subscription holds it up.</content>
public abstract partial class MqttCommand
{
    private static readonly TimeSpan s_storyPatience = TimeSpan.FromSeconds(1);

    private List<MqttTraceListener>? _story;
    private List<MqttClient>? _followed;
    private MqttConnection? _watched;
    private bool _tellsSteps;

    /// <summary>Tells the user from now on what a connection does, as far as they want to know.</summary>
    /// <param name="connection">The connection.</param>
    private protected void Follow(MqttConnection connection)
    {
        _watched = connection;
        WarnOfReference(connection);
        bool tellsSteps = _tellsSteps = Wants("Verbose", "VerbosePreference");
        bool tellsPackets = Wants("Debug", "DebugPreference");
        if ((!tellsSteps && !tellsPackets) || (_followed?.Contains(connection.Client) ?? false))
        {
            return;
        }

        (_followed ??= []).Add(connection.Client);
        (_story ??= []).Add(connection.Client.Listen(entry => Post(() => Tell(entry)), tellsPackets));
    }

    private bool Wants(string parameter, string preference) =>
        MyInvocation.BoundParameters.TryGetValue(parameter, out object? given)
            ? LanguagePrimitives.IsTrue(given)
            : GetVariableValue(preference) switch
            {
                // Nearly always of the type already: converting is slow.
                ActionPreference action => IsHeard(action),
                { } value when LanguagePrimitives.TryConvertTo(value, out ActionPreference action) => IsHeard(action),
                _ => false,
            };

    private static bool IsHeard(ActionPreference action) => action is not (ActionPreference.SilentlyContinue or ActionPreference.Ignore);

    private void Tell(MqttTraceEntry entry)
    {
        switch (entry.Kind)
        {
            case MqttTraceKind.Sent:
                WriteDebug($"-> {entry.Text}");
                break;
            case MqttTraceKind.Received:
                WriteDebug($"<- {entry.Text}");
                break;
            case MqttTraceKind.Connection when _tellsSteps:
                WriteVerbose(entry.Text);
                break;
            default:
                // With -Debug alone PowerShell would ask what to do about each verbose message.
                WriteDebug($"-- {entry.Text}");
                break;
        }
    }

    // What the wait was about has happened; what led to it is on its way here.
    private void CatchUpWithStory()
    {
        if (_story is not null)
        {
            WaitForCleanup(Task.WhenAll(_story.Select(static listener => listener.FlushAsync())), s_storyPatience);
        }
    }

    private void WarnOfBlockage()
    {
        if (_watched is { } connection && connection.Blockage.TryReport(out MqttSubscription? subscription))
        {
            WriteWarning(BlockageWatch.Explain(connection, subscription));
        }
    }

    /// <summary>Says what was accepted earlier, by another cmdlet or another run, and could not be delivered.</summary>
    private protected void WarnOfUndelivered()
    {
        if (_watched is { } connection && connection.Undelivered.TryReport(connection.Name, out string? warning))
        {
            WriteWarning(warning);
        }
    }

    private void WarnOfReference(MqttConnection connection)
    {
        if (connection.Reference.TryReport(out string? warning))
        {
            WriteWarning(warning);
        }
    }

    private void EndStory() => _story?.ForEach(static listener => listener.Dispose());
}
