using System.Management.Automation;
using PSMqtt.Errors;
using PSMqtt.Protocol;
using PSMqtt.Protocol.Sessions;
using PSMqtt.Protocol.Sessions.Files;

namespace PSMqtt.Commands;

/// <summary>Clear-MqttOutbox: removes what waits in the directory of a session that no process uses.</summary>
[Cmdlet(VerbsCommon.Clear, "MqttOutbox", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High, DefaultParameterSetName = "SessionPath")]
[OutputType(typeof(void))]
public sealed class ClearMqttOutboxCommand : MqttCommand
{
    private readonly Dictionary<string, HashSet<long>> _chosen = new(StringComparer.Ordinal);

    /// <summary>The directories that were given to Connect-Mqtt: all that waits in them is removed.</summary>
    [Parameter(Position = 0, Mandatory = true, ParameterSetName = "SessionPath")]
    [ValidateNotNullOrEmpty]
    public string[] SessionPath { get; set; } = [];

    /// <summary>The messages to remove, as Get-MqttOutbox writes them.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true, ParameterSetName = "InputObject")]
    [ValidateNotNull]
    public MqttOutboxMessage[] InputObject { get; set; } = [];

    /// <inheritdoc />
    protected override void ProcessRecord()
    {
        foreach (string path in SessionPath)
        {
            Clear(GetUnresolvedProviderPathFromPSPath(path), null);
        }

        foreach (MqttOutboxMessage message in InputObject)
        {
            if (!_chosen.TryGetValue(message.SessionPath, out HashSet<long>? numbers))
            {
                _chosen.Add(message.SessionPath, numbers = []);
            }

            numbers.Add(message.Sequence);
        }
    }

    /// <inheritdoc />
    protected override void EndProcessing()
    {
        foreach ((string directory, HashSet<long> numbers) in _chosen)
        {
            if (IsStopped)
            {
                return;
            }

            Clear(directory, numbers);
        }
    }

    private void Clear(string directory, HashSet<long>? chosen)
    {
        try
        {
            // Looked into first: nothing is opened, made or repaired for -WhatIf, or for somebody who says no.
            StoredMessage[] messages = Choose(FileSessionStore.Read(directory).Contents, chosen);
            long bytes = messages.Sum(static message => (long)message.Message.Payload.Length);
            if (messages.Length > 0 && ShouldProcess(directory, $"Remove {messages.Length} message{(messages.Length == 1 ? "" : "s")} ({bytes} bytes)"))
            {
                WaitFor(RemoveAsync(directory, chosen));
            }
        }
        catch (SessionStoreException exception)
        {
            WriteError(EngineErrors.ToRecord(exception, directory));
        }
    }

    // What the broker has already only needs the end of its exchange, which costs nothing and must happen.
    private static StoredMessage[] Choose(SessionContents contents, HashSet<long>? chosen) =>
        [.. contents.Messages.Where(message => !message.IsReceivedByServer && chosen?.Contains(message.Sequence) != false)];

    private static async Task RemoveAsync(string directory, HashSet<long>? chosen)
    {
        FileSessionStore store = new(new FileSessionStoreOptions { Directory = directory });
        await using (store.ConfigureAwait(false))
        {
            SessionContents contents = await store.OpenAsync(string.Empty, CancellationToken.None).ConfigureAwait(false);
            foreach (StoredMessage message in Choose(contents, chosen))
            {
                // A QoS 2 message that was sent may be at the broker under its identifier: a new message must not be taken for it. So its exchange is ended
                // by the book, with the next connection, and only the message is gone.
                bool isHalfway = message is { PacketIdentifier: not 0, Message.QoS: MqttQualityOfService.ExactlyOnce };
                store.Append(new SessionChange(
                    isHalfway ? SessionChangeKind.MessageReceivedByServer : SessionChangeKind.MessageEnded, message.Sequence));
            }

            await store.FlushAsync(CancellationToken.None).ConfigureAwait(false);
        }
    }
}
