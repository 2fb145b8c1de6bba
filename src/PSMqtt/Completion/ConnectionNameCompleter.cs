using System.Collections;
using PSMqtt.Connections;

namespace PSMqtt.Completion;

/// <summary>Completes the names of this runspace's connections.</summary>
internal sealed class ConnectionNameCompleter : NameCompleter
{
    protected override IEnumerable<string> GetNames(IDictionary parameters) => (ConnectionTable.Here?.All ?? []).Select(static connection => connection.Name);

    protected override string? Describe(string name) =>
        ConnectionTable.Here?.Find(name) is { } connection ? $"{connection.Name}: {connection.Server}, {connection.State}" : null;
}
