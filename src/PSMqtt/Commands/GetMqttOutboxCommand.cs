using System.Management.Automation;
using PSMqtt.Errors;
using PSMqtt.Protocol.Sessions;
using PSMqtt.Protocol.Sessions.Files;

namespace PSMqtt.Commands;

/// <summary>Get-MqttOutbox: what waits in the directory of a session, without a connection, also while a process uses it.</summary>
[Cmdlet(VerbsCommon.Get, "MqttOutbox")]
[OutputType(typeof(MqttOutboxMessage))]
public sealed class GetMqttOutboxCommand : PSCmdlet
{
    /// <summary>The directories that were given to Connect-Mqtt.</summary>
    [Parameter(Position = 0, Mandatory = true, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    public string[] SessionPath { get; set; } = [];

    /// <inheritdoc />
    protected override void ProcessRecord()
    {
        foreach (string path in SessionPath)
        {
            string directory = GetUnresolvedProviderPathFromPSPath(path);
            try
            {
                Write(FileSessionStore.Read(directory));
            }
            catch (SessionStoreException exception)
            {
                WriteError(EngineErrors.ToRecord(exception, directory));
            }
        }
    }

    private void Write(SessionLog log)
    {
        WriteVerbose(
            $"The session in '{log.Directory}' belongs to the client identifier '{log.ClientId}'"
            + (log.ProcessId is { } process ? $", and process {process} uses it." : "."));
        foreach (SessionLogDamage damage in log.Damage)
        {
            if (!damage.IsTorn)
            {
                WriteWarning($"The session in '{log.Directory}' is damaged: {damage.Length} bytes at {damage.Offset} of its log cannot be read. What is shown is whole.");
            }
        }

        DateTimeOffset now = DateTimeOffset.UtcNow;
        foreach (StoredMessage stored in log.Contents.Messages)
        {
            WriteObject(new MqttOutboxMessage(log.Directory, stored, now));
        }
    }
}
