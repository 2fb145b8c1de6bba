namespace PSMqtt.Protocol.Tests.Conformance;

/// <summary>A numbered statement of a specification.</summary>
/// <param name="Number">Its number, such as 3.3.1-4.</param>
/// <param name="BindsClient">Whether it binds clients: them alone, or both sides.</param>
/// <param name="Summary">What it asks for, in our words.</param>
/// <param name="Same">The statements of 5.0 that say the same as one of 3.1.1.</param>
internal sealed record Statement(string Number, bool BindsClient, string Summary, IReadOnlyList<string> Same)
{
    /// <summary>Reads a list of statements.</summary>
    public static IReadOnlyList<Statement> ReadAll(string file) =>
    [
        .. from line in File.ReadLines(file)
           where line.Length > 0 && line[0] != '#'
           let parts = line.Split('|', StringSplitOptions.TrimEntries)
           select new Statement(
               parts[0],
               parts[1] switch { "client" or "both" => true, "server" => false, _ => throw new FormatException(line) },
               parts[2],
               parts.Length > 3 ? parts[3].Split(' ') : []),
    ];
}
