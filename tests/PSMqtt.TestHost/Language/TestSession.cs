using System.Diagnostics;
using System.Management.Automation;
using System.Management.Automation.Runspaces;
using System.Text.RegularExpressions;

namespace PSMqtt.TestHost.Language;

/// <summary>One test file: what discovery found in it, and what became of each test.</summary>
public sealed partial class TestSession
{
    /// <summary>Tests with this tag need a real PowerShell.</summary>
    internal const string RequiresPwsh = "RequiresPwsh";

    internal const string VariableName = "______testSession";

    private readonly TextWriter _output;
    private readonly TestOptions _options;

    internal TestSession(string file, TestOptions options, TextWriter output)
    {
        File = file;
        _options = options;
        _output = output;
        Root = new TestBlock(this, parent: null, Path.GetFileName(file), ScriptBlock.Create(string.Empty));
        Current = Root;
    }

    internal string File { get; }

    internal TestBlock Root { get; }

    /// <summary>The block whose body discovery is in.</summary>
    internal TestBlock Current { get; set; }

    internal int Passed { get; private set; }

    internal int Failed { get; private set; }

    internal int Skipped { get; private set; }

    /// <summary>The test being run, for the message if it never ends.</summary>
    internal TestCase? Running { get; private set; }

    internal static TestSession Of(PSCmdlet cmdlet) =>
        cmdlet.SessionState.PSVariable.GetValue(VariableName) as TestSession
        ?? throw new InvalidOperationException($"{cmdlet.MyInvocation.MyCommand.Name} is for test files.");

    /// <summary>Whether the tags asked for leave this test in.</summary>
    internal bool IsSelected(TestItem test) =>
        (_options.Tags.Count == 0 || test.Tags.Overlaps(_options.Tags)) && !test.Tags.Overlaps(_options.ExcludedTags);

    /// <summary>Called by the run phase when it has entered a test.</summary>
    /// <param name="test">The test.</param>
    /// <param name="state">The session state, to expand the test's name in.</param>
    public void EnterTest(TestCase test, SessionState state)
    {
        ArgumentNullException.ThrowIfNull(test);
        test.ExpandName(state);
        test.Started = Stopwatch.GetTimestamp();
        Running = test;
    }

    /// <summary>Called by the run phase when a test has ended.</summary>
    /// <param name="test">The test.</param>
    public void LeaveTest(TestCase test)
    {
        ArgumentNullException.ThrowIfNull(test);
        Running = null;
        if (test.SkipReason is not null && test.Failures.Count == 0)
        {
            PassOver(test);
            return;
        }

        string elapsed = $"{Stopwatch.GetElapsedTime(test.Started).TotalMilliseconds:F0} ms";
        if (test.Failures.Count == 0)
        {
            Passed++;
            _output.WriteLine($"  [+] {test.FullName} ({elapsed})");
            return;
        }

        Failed++;
        _output.WriteLine($"  [-] {test.FullName} ({elapsed})");
        test.Failures.ForEach(WriteFailure);
    }

    /// <summary>Called by the run phase with an error of a block's setup or teardown: its tests that did not run have failed.</summary>
    /// <param name="block">The block.</param>
    /// <param name="error">What was thrown.</param>
    public void FailBlock(TestBlock block, ErrorRecord error)
    {
        ArgumentNullException.ThrowIfNull(block);
        ArgumentNullException.ThrowIfNull(error);
        block.HasFailed = true;
        TestCase[] notRun = [.. block.AllTests.Where(test => test is { IsToRun: true, Started: 0 })];
        if (notRun.Length == 0)
        {
            Failed++;
            _output.WriteLine($"  [-] {block.FullName}: AfterAll");
        }

        foreach (TestCase test in notRun)
        {
            Failed++;
            test.Started = Stopwatch.GetTimestamp();
            _output.WriteLine($"  [-] {test.FullName}: not run, because BeforeAll failed");
        }

        WriteFailure(error);
        foreach (TestCase skipped in block.AllTests.Where(test => !test.IsToRun))
        {
            if (notRun.Length > 0)
            {
                PassOver(skipped);
            }
        }
    }

    /// <summary>Called by the run phase with what it does not run: everything in it is skipped, or fails the check that stands in for running it.</summary>
    /// <param name="item">The test or block.</param>
    public void PassOver(TestItem item)
    {
        ArgumentNullException.ThrowIfNull(item);
        foreach (TestCase test in item is TestBlock block ? block.AllTests : [(TestCase)item])
        {
            Skipped++;
            _output.WriteLine($"  [!] {test.FullName}: skipped, because {test.SkipReason}");
        }
    }

    /// <summary>Counts something that belongs to no test: the file does not parse, discovery threw, the file took too long.</summary>
    /// <param name="what">What went wrong.</param>
    internal void FailFile(string what)
    {
        Failed++;
        _output.WriteLine($"  [-] {Path.GetFileName(File)}");
        WriteIndented(what);
    }

    /// <summary>Nothing that was to run may go missing unseen.</summary>
    internal void FailWhatDidNotRun()
    {
        foreach (TestCase test in Root.AllTests.Where(test => test is { IsToRun: true, Started: 0 }))
        {
            Failed++;
            _output.WriteLine($"  [-] {test.FullName}: was not run");
        }
    }

    /// <summary>Turns the tests that need a real PowerShell into skipped ones, and those whose commands cannot be right into failed ones.</summary>
    /// <param name="runspace">A runspace that has the module.</param>
    internal void CheckTestsThatNeedPwsh(Runspace runspace)
    {
        foreach (TestCase test in Root.AllTests.Where(test => test.Tags.Contains(RequiresPwsh) && test.IsToRun).ToArray())
        {
            test.SkipReason = $"it needs PowerShell, and this is the bare engine; its commands were checked ({RequiresPwsh})";
            string[] mistakes = [.. CommandCheck.FindMistakes(test.Body.Ast, runspace)];
            if (mistakes.Length == 0)
            {
                continue;
            }

            Failed++;
            test.Parent!.Items.Remove(test);
            _output.WriteLine($"  [-] {test.FullName}: not run here, but its commands cannot be right");
            foreach (string mistake in mistakes)
            {
                WriteIndented(mistake);
            }
        }
    }

    private void WriteFailure(ErrorRecord error)
    {
        Match? frame = Frame().Matches(error.ScriptStackTrace ?? string.Empty)
            .FirstOrDefault(match => match.Groups["file"].Value.EndsWith(".ps1", StringComparison.OrdinalIgnoreCase));
        string where = frame is not null
            ? $"{Path.GetRelativePath(Environment.CurrentDirectory, frame.Groups["file"].Value)}:{frame.Groups["line"].Value}: "
            : string.Empty;
        string id = error.FullyQualifiedErrorId.StartsWith(ShouldCommand.FailedErrorId, StringComparison.Ordinal)
            ? string.Empty
            : $" [{error.FullyQualifiedErrorId}]";
        WriteIndented($"{where}{error.Exception.Message}{id}");
    }

    private void WriteIndented(string text)
    {
        foreach (string line in text.Split('\n'))
        {
            _output.WriteLine($"      {line.TrimEnd()}");
        }
    }

    [GeneratedRegex(@"^at .*?, (?<file>.+): line (?<line>\d+)\r?$", RegexOptions.Multiline)]
    private static partial Regex Frame();
}
