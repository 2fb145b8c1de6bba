namespace PSMqtt.Protocol.Tests.Conformance;

/// <summary>docs/conformance.md and the names of the tests say the same. With PSMQTT_CONFORMANCE=write it is made anew.</summary>
public sealed class ConformanceTests
{
    [Fact]
    public void The_table_is_what_the_tests_say()
    {
        string table = ConformanceTable.Make();
        if (Environment.GetEnvironmentVariable("PSMQTT_CONFORMANCE") == "write")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(ConformanceTable.File)!);
            File.WriteAllText(ConformanceTable.File, table);
        }

        Assert.True(File.Exists(ConformanceTable.File), "docs/conformance.md is missing: run './build.sh conformance'.");
        string found = File.ReadAllText(ConformanceTable.File).ReplaceLineEndings("\n");
        Assert.True(table == found, "docs/conformance.md is stale: run './build.sh conformance'.");
    }

    [Fact]
    public void Tests_name_only_statements_that_exist()
    {
        var numbers5 = ConformanceTable.Statements5.Select(static s => s.Number).ToHashSet();
        var numbers311 = ConformanceTable.Statements311.Select(static s => s.Number).ToHashSet();
        Assert.All(
            ShownBy.All,
            test => Assert.True(
                test.Statements5.All(numbers5.Contains) && test.Statements311.All(numbers311.Contains),
                $"{test.Name} names {string.Join(", ", test.Statements5.Where(n => !numbers5.Contains(n)).Concat(test.Statements311.Where(n => !numbers311.Contains(n))))}."));
        Assert.All(ConformanceTable.Statements311, s => Assert.All(s.Same, same => Assert.Contains(same, numbers5)));
    }

    [Fact]
    public void Every_statement_that_binds_a_client_is_shown()
    {
        Assert.Empty(ConformanceTable.Statements5.Where(s => s.BindsClient && ConformanceTable.Tests5(s).Count == 0).Select(static s => $"5.0: {s.Number} {s.Summary}"));
        Assert.Empty(
            ConformanceTable.Statements311.Where(s => s.BindsClient && ConformanceTable.Tests311(s).Count == 0).Select(static s => $"3.1.1: {s.Number} {s.Summary}"));
    }
}
