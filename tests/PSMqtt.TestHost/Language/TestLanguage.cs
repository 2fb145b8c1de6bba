using System.Collections;
using System.Management.Automation;

namespace PSMqtt.TestHost.Language;

/// <summary>The subset of Pester 5's language that the suite uses. Pester's meaning is the authority.</summary>
internal static class TestLanguage
{
    public const string RunBlockFunction = "______RunBlock";

    /// <summary>The noun of cmdlets that are called by their verb alone: by an alias, since the engine wants a noun.</summary>
    public const string NoNoun = "Pester";

    public static IReadOnlyList<Type> Cmdlets { get; } =
    [
        typeof(DescribeCommand),
        typeof(ContextCommand),
        typeof(ItCommand),
        typeof(BeforeAllCommand),
        typeof(AfterAllCommand),
        typeof(BeforeEachCommand),
        typeof(AfterEachCommand),
        typeof(BeforeDiscoveryCommand),
        typeof(ShouldCommand),
        typeof(SetItResultCommand),
    ];

    public static string ReadRunBlock()
    {
        using Stream stream = typeof(TestLanguage).Assembly.GetManifestResourceStream("RunBlock.ps1")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}

/// <summary>What Describe, Context and It share.</summary>
public abstract class TestItemCommand : PSCmdlet
{
    /// <summary>The name, with templates such as <c>&lt;name&gt;</c>.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    public string Name { get; set; } = string.Empty;

    /// <summary>The body.</summary>
    [Parameter(Mandatory = true, Position = 1)]
    [Alias("Fixture", "Test")]
    public ScriptBlock ScriptBlock { get; set; } = null!;

    /// <summary>Rows: one block or test is made for each.</summary>
    [Parameter]
    [Alias("TestCases")]
    [AllowNull]
    [AllowEmptyCollection]
    public object?[]? ForEach { get; set; }

    /// <summary>Tags, for itself and what is inside.</summary>
    [Parameter]
    [Alias("Tags")]
    public string[] Tag { get; set; } = [];

    /// <summary>Not to be run.</summary>
    [Parameter]
    public SwitchParameter Skip { get; set; }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        TestSession session = TestSession.Of(this);
        if (!MyInvocation.BoundParameters.ContainsKey(nameof(ForEach)))
        {
            Add(session, Make(session));
            return;
        }

        foreach (object? row in ForEach ?? [])
        {
            TestItem item = Make(session);
            item.Data = row is PSObject { BaseObject: IDictionary dictionary } ? dictionary : row;
            item.HasData = true;
            Add(session, item);
        }
    }

    private protected abstract TestItem Create(TestSession session);

    private protected abstract void Add(TestSession session, TestItem item);

    private TestItem Make(TestSession session)
    {
        TestItem item = Create(session);
        item.Tags.UnionWith(Tag);
        item.SkipReason = session.Current.SkipReason ?? (Skip ? "it is marked -Skip" : null);
        return item;
    }
}

/// <summary>A block of tests.</summary>
[Cmdlet("Describe", TestLanguage.NoNoun)]
public class DescribeCommand : TestItemCommand
{
    private protected override TestItem Create(TestSession session) => new TestBlock(session, session.Current, Name, ScriptBlock);

    private protected override void Add(TestSession session, TestItem item)
    {
        var block = (TestBlock)item;
        session.Current.Items.Add(block);
        session.Current = block;
        try
        {
            // The body sees its row in discovery too: it may use it in -ForEach and -Skip of what is inside.
            List<PSVariable> variables = [.. block.Variables.Select(pair => new PSVariable(pair.Key, pair.Value))];
            ScriptBlock.InvokeWithContext(functionsToDefine: null, variables);
        }
        finally
        {
            session.Current = block.Parent!;
        }
    }
}

/// <summary>A block of tests.</summary>
[Cmdlet("Context", TestLanguage.NoNoun)]
public sealed class ContextCommand : DescribeCommand;

/// <summary>A test.</summary>
[Cmdlet("It", TestLanguage.NoNoun)]
public sealed class ItCommand : TestItemCommand
{
    private protected override TestItem Create(TestSession session) => session.Current.IsRoot
        ? throw new InvalidOperationException("It must be inside Describe or Context.")
        : new TestCase(session, session.Current, Name, ScriptBlock);

    private protected override void Add(TestSession session, TestItem item)
    {
        if (session.IsSelected(item))
        {
            session.Current.Items.Add(item);
        }
    }
}

/// <summary>What the four setups and teardowns share.</summary>
public abstract class SetupCommand : PSCmdlet
{
    /// <summary>The body.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    public ScriptBlock ScriptBlock { get; set; } = null!;

    /// <inheritdoc/>
    protected override void EndProcessing() => ListOf(TestSession.Of(this).Current).Add(ScriptBlock);

    private protected abstract IList<ScriptBlock> ListOf(TestBlock block);
}

/// <summary>Runs once before the tests of the block.</summary>
[Cmdlet("BeforeAll", TestLanguage.NoNoun)]
public sealed class BeforeAllCommand : SetupCommand
{
    private protected override IList<ScriptBlock> ListOf(TestBlock block) => block.BeforeAll;
}

/// <summary>Runs once after the tests of the block.</summary>
[Cmdlet("AfterAll", TestLanguage.NoNoun)]
public sealed class AfterAllCommand : SetupCommand
{
    private protected override IList<ScriptBlock> ListOf(TestBlock block) => block.AfterAll;
}

/// <summary>Runs before each test of the block.</summary>
[Cmdlet("BeforeEach", TestLanguage.NoNoun)]
public sealed class BeforeEachCommand : SetupCommand
{
    private protected override IList<ScriptBlock> ListOf(TestBlock block) => block.BeforeEach;
}

/// <summary>Runs after each test of the block.</summary>
[Cmdlet("AfterEach", TestLanguage.NoNoun)]
public sealed class AfterEachCommand : SetupCommand
{
    private protected override IList<ScriptBlock> ListOf(TestBlock block) => block.AfterEach;
}

/// <summary>Runs during discovery, in the scope it stands in.</summary>
[Cmdlet("BeforeDiscovery", TestLanguage.NoNoun)]
public sealed class BeforeDiscoveryCommand : PSCmdlet
{
    /// <summary>The body.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    public ScriptBlock ScriptBlock { get; set; } = null!;

    /// <inheritdoc/>
    protected override void EndProcessing() =>
        InvokeCommand.InvokeScript(useLocalScope: false, ScriptBlock, input: null, args: null);
}

/// <summary>Ends the current test as skipped.</summary>
[Cmdlet(VerbsCommon.Set, "ItResult")]
public sealed class SetItResultCommand : PSCmdlet
{
    internal const string SkippedErrorId = "PesterTestSkipped";

    /// <summary>The test is skipped.</summary>
    [Parameter(Mandatory = true)]
    public SwitchParameter Skipped { get; set; }

    /// <summary>Why.</summary>
    [Parameter]
    public string Because { get; set; } = "the test says so";

    /// <inheritdoc/>
    protected override void EndProcessing() => ThrowTerminatingError(new ErrorRecord(
        new InvalidOperationException(Because), SkippedErrorId, ErrorCategory.InvalidResult, targetObject: null));
}
