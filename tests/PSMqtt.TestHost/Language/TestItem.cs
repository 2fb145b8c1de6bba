using System.Collections;
using System.Management.Automation;
using System.Text.RegularExpressions;

namespace PSMqtt.TestHost.Language;

/// <summary>What a test file consists of: blocks and tests, as discovery has found them. The run phase, a script, reads them.</summary>
public abstract partial class TestItem
{
    private protected TestItem(TestSession session, TestBlock? parent, string name, ScriptBlock body)
    {
        Session = session;
        Parent = parent;
        Name = name;
        Body = body;
        Tags = new HashSet<string>(parent?.Tags ?? [], StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>The file's run.</summary>
    public TestSession Session { get; }

    /// <summary>The block around it; the file's own block has none.</summary>
    public TestBlock? Parent { get; }

    /// <summary>Its name, templates expanded once it is entered.</summary>
    public string Name { get; set; }

    /// <summary>Its script block.</summary>
    public ScriptBlock Body { get; }

    /// <summary>The line it begins on.</summary>
    public int Line => Body.Ast.Extent.StartLineNumber;

    /// <summary>Its tags and those of the blocks around it.</summary>
    public HashSet<string> Tags { get; }

    /// <summary>Why it is skipped; null: it is not.</summary>
    public string? SkipReason { get; internal set; }

    /// <summary>The row of -ForEach it stands for, as <c>$_</c> and, for a dictionary, as variables.</summary>
    public object? Data { get; internal set; }

    /// <summary>Whether <see cref="Data"/> is set.</summary>
    public bool HasData { get; internal set; }

    /// <summary>Whether there is something in it to run.</summary>
    public abstract bool IsToRun { get; }

    /// <summary>Whether it is a block, not a test.</summary>
    public bool IsBlock => this is TestBlock;

    /// <summary>The variables that -ForEach gives it.</summary>
    public IEnumerable<KeyValuePair<string, object?>> Variables
    {
        get
        {
            if (!HasData)
            {
                yield break;
            }

            yield return new("_", Data);
            if (Data is IDictionary row)
            {
                foreach (DictionaryEntry entry in row)
                {
                    yield return new((string)entry.Key, entry.Value);
                }
            }
        }
    }

    /// <summary>Called by the run phase where the variables that the name may speak of are set.</summary>
    /// <param name="state">The session state to look them up in.</param>
    public void ExpandName(SessionState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        Name = Template().Replace(Name, match =>
        {
            object? value = state.PSVariable.GetValue(match.Groups["name"].Value);
            foreach (string part in match.Groups["member"].Captures.Select(capture => capture.Value))
            {
                value = value is IDictionary row ? row[part] : value is null ? null : PSObject.AsPSObject(value).Properties[part]?.Value;
            }

            return value is null ? match.Value : Nicely.Format(value).Trim('\'');
        });
    }

    /// <summary>The names of the blocks around it and its own.</summary>
    public string FullName => Parent is { IsRoot: false } parent ? $"{parent.FullName} > {Name}" : Name;

    [GeneratedRegex(@"<(?<name>\w+)(\.(?<member>\w+))*>")]
    private static partial Regex Template();
}

/// <summary>A Describe or a Context, or the file as a whole.</summary>
public sealed class TestBlock : TestItem
{
    internal TestBlock(TestSession session, TestBlock? parent, string name, ScriptBlock body)
        : base(session, parent, name, body)
    {
    }

    /// <summary>Whether it is the file as a whole.</summary>
    public bool IsRoot => Parent is null;

    /// <summary>Runs once, first.</summary>
    public IList<ScriptBlock> BeforeAll { get; } = [];

    /// <summary>Runs once, last.</summary>
    public IList<ScriptBlock> AfterAll { get; } = [];

    /// <summary>Runs before each test in it.</summary>
    public IList<ScriptBlock> BeforeEach { get; } = [];

    /// <summary>Runs after each test in it.</summary>
    public IList<ScriptBlock> AfterEach { get; } = [];

    /// <summary>Its tests and blocks, in order.</summary>
    public IList<TestItem> Items { get; } = [];

    /// <summary>Whether its setup has failed, and its tests with it.</summary>
    public bool HasFailed { get; internal set; }

    /// <inheritdoc/>
    public override bool IsToRun => Items.Any(item => item.IsToRun);

    internal IEnumerable<TestCase> AllTests => Items.SelectMany(item => item is TestBlock block ? block.AllTests : [(TestCase)item]);
}

/// <summary>An It.</summary>
public sealed class TestCase : TestItem
{
    internal TestCase(TestSession session, TestBlock parent, string name, ScriptBlock body)
        : base(session, parent, name, body)
    {
    }

    /// <inheritdoc/>
    public override bool IsToRun => SkipReason is null;

    /// <summary>What runs before it, from the outermost block inwards.</summary>
    public IEnumerable<ScriptBlock> BeforeEach => Blocks.Reverse().SelectMany(block => block.BeforeEach);

    /// <summary>What runs after it, from the innermost block outwards.</summary>
    public IEnumerable<ScriptBlock> AfterEach => Blocks.SelectMany(block => block.AfterEach);

    /// <summary>Called by the run phase with an error of the test.</summary>
    /// <param name="error">What was thrown.</param>
    public void Fail(ErrorRecord error)
    {
        ArgumentNullException.ThrowIfNull(error);
        if (error.FullyQualifiedErrorId.StartsWith(SetItResultCommand.SkippedErrorId, StringComparison.Ordinal))
        {
            SkipReason = error.Exception.Message;
        }
        else
        {
            Failures.Add(error);
        }
    }

    internal List<ErrorRecord> Failures { get; } = [];

    internal long Started { get; set; }

    private IEnumerable<TestBlock> Blocks
    {
        get
        {
            for (TestBlock? block = Parent; block is not null; block = block.Parent)
            {
                yield return block;
            }
        }
    }
}
