using System.Text;

namespace PSMqtt.Protocol.Tests.Conformance;

/// <summary>Makes docs/conformance.md of the lists of statements and the names of the tests.</summary>
internal static class ConformanceTable
{
    public static string Root { get; } = FindRoot();

    public static string File => Path.Combine(Root, "docs", "conformance.md");

    public static IReadOnlyList<Statement> Statements5 { get; } = Statement.ReadAll(List("5.0"));

    public static IReadOnlyList<Statement> Statements311 { get; } = Statement.ReadAll(List("3.1.1"));

    public static string Make()
    {
        var text = new StringBuilder();
        text.Append(
            """
            # Conformance

            Every numbered statement of the specifications that binds a client, and the tests that show it. This file is made of the names of the tests:
            change those, then run `./build.sh conformance` (`./build.ps1 conformance`). A test fails when the two differ.

            The summaries are ours, and short; the specification's words are the ones that count:
            [MQTT 5.0](https://docs.oasis-open.org/mqtt/mqtt/v5.0/mqtt-v5.0.html),
            [MQTT 3.1.1](https://docs.oasis-open.org/mqtt/mqtt/v3.1.1/mqtt-v3.1.1.html).


            """);
        Add(text, "MQTT 5.0", Statements5, Tests5);
        Add(text, "MQTT 3.1.1", Statements311, Tests311);
        return $"{text.ToString().ReplaceLineEndings("\n").TrimEnd()}\n";
    }

    public static IReadOnlyList<string> Tests5(Statement statement) =>
        [.. ShownBy.All.Where(test => test.Statements5.Contains(statement.Number)).Select(static test => test.Name)];

    /// <summary>A rule that 5.0 has too is shown by the tests of that which are run over 3.1.1 as well.</summary>
    public static IReadOnlyList<string> Tests311(Statement statement) =>
    [
        .. ShownBy.All
            .Where(test => test.Statements311.Contains(statement.Number) || (test.RunsOver311 && test.Statements5.Any(statement.Same.Contains)))
            .Select(static test => test.Name),
    ];

    private static void Add(StringBuilder text, string title, IReadOnlyList<Statement> statements, Func<Statement, IReadOnlyList<string>> tests)
    {
        var clients = statements.Where(static s => s.BindsClient).ToList();
        var missing = clients.Where(s => tests(s).Count == 0).ToList();
        text.Append($"## {title}\n\n{clients.Count} statements bind a client; {clients.Count - missing.Count} of them are shown.");
        text.Append(missing.Count == 0 ? "\n\n" : $" Not shown: {Numbers(missing)}.\n\n");
        AddTable(text, clients, tests);
        var checkedOnes = statements.Where(s => !s.BindsClient && tests(s).Count > 0).ToList();
        text.Append("### What binds servers, and is checked or relied on here\n\n");
        AddTable(text, checkedOnes, tests);
        text.Append("### What binds servers alone\n\nNo client can break these, and none is tested here. What each asks of a server:\n\n");
        text.Append("| Statement | What it asks for |\n|---|---|\n");
        foreach (Statement statement in statements.Where(s => !s.BindsClient && tests(s).Count == 0))
        {
            text.Append($"| MQTT-{statement.Number} | {Cell(statement.Summary)} |\n");
        }

        text.Append('\n');
    }

    private static void AddTable(StringBuilder text, IEnumerable<Statement> statements, Func<Statement, IReadOnlyList<string>> tests)
    {
        text.Append("| Statement | What it asks for | Shown by |\n|---|---|---|\n");
        foreach (Statement statement in statements)
        {
            IReadOnlyList<string> names = tests(statement);
            string shown = names.Count == 0 ? "**not shown**" : string.Join(", ", names.Select(static name => $"`{name}`"));
            text.Append($"| MQTT-{statement.Number} | {Cell(statement.Summary)} | {shown} |\n");
        }

        text.Append('\n');
    }

    private static string Cell(string text) => text.Replace("|", "\\|", StringComparison.Ordinal);

    private static string Numbers(IEnumerable<Statement> statements) => string.Join(", ", statements.Select(static s => s.Number));

    private static string List(string version) => Path.Combine(Root, "tests", "PSMqtt.Protocol.Tests", "Conformance", $"statements-{version}.txt");

    private static string FindRoot()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !System.IO.File.Exists(Path.Combine(folder.FullName, "PSMqtt.slnx")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new DirectoryNotFoundException("The repository is not above the tests.");
    }
}
