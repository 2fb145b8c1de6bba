using System.Management.Automation;

namespace PSMqtt.TestHost.Language;

/// <summary>An assertion about what comes down the pipeline.</summary>
[Cmdlet("Should", TestLanguage.NoNoun, DefaultParameterSetName = "Be")]
public sealed class ShouldCommand : PSCmdlet
{
    internal const string FailedErrorId = "PesterAssertionFailed";

    private readonly List<object?> _actual = [];

    /// <summary>What is judged.</summary>
    [Parameter(ValueFromPipeline = true)]
    [AllowNull]
    public object? ActualValue { get; set; }

    /// <summary>What it is judged by.</summary>
    [Parameter(Position = 0)]
    [Alias("ExpectedValue", "ExpectedMessage", "ExpectedType", "RegularExpression")]
    [AllowNull]
    public object? Expected { get; set; }

    /// <summary>The opposite.</summary>
    [Parameter]
    public SwitchParameter Not { get; set; }

    /// <summary>Why it should be so.</summary>
    [Parameter]
    public string? Because { get; set; }

    /// <summary>Equal, ignoring case.</summary>
    [Parameter(Mandatory = true, ParameterSetName = "Be")]
    [Alias("EQ")]
    public SwitchParameter Be { get; set; }

    /// <summary>Equal.</summary>
    [Parameter(Mandatory = true, ParameterSetName = "BeExactly")]
    [Alias("CEQ")]
    public SwitchParameter BeExactly { get; set; }

    /// <summary>Null, the empty string or an empty collection.</summary>
    [Parameter(Mandatory = true, ParameterSetName = "BeNullOrEmpty")]
    public SwitchParameter BeNullOrEmpty { get; set; }

    /// <summary>True, or what converts to it.</summary>
    [Parameter(Mandatory = true, ParameterSetName = "BeTrue")]
    public SwitchParameter BeTrue { get; set; }

    /// <summary>False, or what converts to it.</summary>
    [Parameter(Mandatory = true, ParameterSetName = "BeFalse")]
    public SwitchParameter BeFalse { get; set; }

    /// <summary>Greater.</summary>
    [Parameter(Mandatory = true, ParameterSetName = "BeGreaterThan")]
    [Alias("GT")]
    public SwitchParameter BeGreaterThan { get; set; }

    /// <summary>Greater or equal.</summary>
    [Parameter(Mandatory = true, ParameterSetName = "BeGreaterOrEqual")]
    [Alias("GE")]
    public SwitchParameter BeGreaterOrEqual { get; set; }

    /// <summary>Less.</summary>
    [Parameter(Mandatory = true, ParameterSetName = "BeLessThan")]
    [Alias("LT")]
    public SwitchParameter BeLessThan { get; set; }

    /// <summary>Less or equal.</summary>
    [Parameter(Mandatory = true, ParameterSetName = "BeLessOrEqual")]
    [Alias("LE")]
    public SwitchParameter BeLessOrEqual { get; set; }

    /// <summary>Of the type, or of one derived from it.</summary>
    [Parameter(Mandatory = true, ParameterSetName = "BeOfType")]
    [Alias("HaveType")]
    public SwitchParameter BeOfType { get; set; }

    /// <summary>Matching a regular expression, ignoring case.</summary>
    [Parameter(Mandatory = true, ParameterSetName = "Match")]
    public SwitchParameter Match { get; set; }

    /// <summary>Matching a regular expression.</summary>
    [Parameter(Mandatory = true, ParameterSetName = "MatchExactly")]
    [Alias("CMATCH")]
    public SwitchParameter MatchExactly { get; set; }

    /// <summary>Matching a wildcard pattern, ignoring case.</summary>
    [Parameter(Mandatory = true, ParameterSetName = "BeLike")]
    public SwitchParameter BeLike { get; set; }

    /// <summary>Matching a wildcard pattern.</summary>
    [Parameter(Mandatory = true, ParameterSetName = "BeLikeExactly")]
    public SwitchParameter BeLikeExactly { get; set; }

    /// <summary>A collection with this element.</summary>
    [Parameter(Mandatory = true, ParameterSetName = "Contain")]
    public SwitchParameter Contain { get; set; }

    /// <summary>One of these.</summary>
    [Parameter(Mandatory = true, ParameterSetName = "BeIn")]
    public SwitchParameter BeIn { get; set; }

    /// <summary>So many elements.</summary>
    [Parameter(Mandatory = true, ParameterSetName = "HaveCount")]
    public SwitchParameter HaveCount { get; set; }

    /// <summary>The path of a file or directory that is there.</summary>
    [Parameter(Mandatory = true, ParameterSetName = "Exist")]
    public SwitchParameter Exist { get; set; }

    /// <summary>A script block that ends with a terminating error.</summary>
    [Parameter(Mandatory = true, ParameterSetName = "Throw")]
    public SwitchParameter Throw { get; set; }

    /// <summary>The error's fully qualified identifier, wildcards allowed.</summary>
    [Parameter(ParameterSetName = "Throw")]
    public string? ErrorId { get; set; }

    /// <summary>The exception's type, or one it derives from.</summary>
    [Parameter(ParameterSetName = "Throw")]
    public Type? ExceptionType { get; set; }

    /// <summary>Writes the error that was thrown.</summary>
    [Parameter(ParameterSetName = "Throw")]
    public SwitchParameter PassThru { get; set; }

    /// <summary>A command with a parameter of this name.</summary>
    [Parameter(Mandatory = true, ParameterSetName = "HaveParameter")]
    public SwitchParameter HaveParameter { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord() => _actual.Add(Unwrap(ActualValue));

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        if (Throw)
        {
            JudgeThrow();
            return;
        }

        foreach (Verdict verdict in Verdicts())
        {
            if (verdict.Holds == Not)
            {
                string because = Because is null ? string.Empty : $", because {Because}";
                Fail($"Expected {Nicely.Format(verdict.Actual)} {(Not ? "not " : string.Empty)}{verdict.Words}{because}.");
            }
        }
    }

    private IEnumerable<Verdict> Verdicts()
    {
        // As in Pester: these judge the pipeline as a whole, the others each element of it.
        object?[] all = [.. _actual];
        object? whole = all.Length == 1 ? all[0] : all;
        Verdict? verdict = ParameterSetName switch
        {
            "Be" => new(whole, Comparison.ArraysEqual(all, Expected, ignoreCase: true), $"to be {Nicely.Format(Expected)}"),
            "BeExactly" => new(whole, Comparison.ArraysEqual(all, Expected, ignoreCase: false), $"to be exactly {Nicely.Format(Expected)}"),
            "BeNullOrEmpty" => new(whole, Comparison.IsNullOrEmpty(all), "to be null or empty"),
            "BeTrue" => new(whole, LanguagePrimitives.IsTrue(whole), "to be true"),
            "BeFalse" => new(whole, !LanguagePrimitives.IsTrue(whole), "to be false"),
            "Contain" => new(all, all.Any(element => Comparison.Equal(element, Unwrap(Expected), ignoreCase: true)), $"to contain {Nicely.Format(Expected)}"),
            "HaveCount" => new(all, all.Length == LanguagePrimitives.ConvertTo<int>(Expected), $"to have a count of {Expected}, and it is {all.Length}"),
            _ => null,
        };

        return verdict is not null ? [verdict] : all.DefaultIfEmpty(null).Select(Judge);
    }

    private Verdict Judge(object? actual) => ParameterSetName switch
    {
        "BeGreaterThan" => new(actual, Compare(actual) > 0, $"to be greater than {Nicely.Format(Expected)}"),
        "BeGreaterOrEqual" => new(actual, Compare(actual) >= 0, $"to be greater than or equal to {Nicely.Format(Expected)}"),
        "BeLessThan" => new(actual, Compare(actual) < 0, $"to be less than {Nicely.Format(Expected)}"),
        "BeLessOrEqual" => new(actual, Compare(actual) <= 0, $"to be less than or equal to {Nicely.Format(Expected)}"),
        "BeOfType" => new(actual, Comparison.ToType(Expected).IsInstanceOfType(actual), $"to be of type {Expected}, and it is {actual?.GetType().FullName ?? "null"}"),
        "Match" => new(actual, Comparison.Matches(actual, Expected, ignoreCase: true), $"to match {Nicely.Format(Expected)}"),
        "MatchExactly" => new(actual, Comparison.Matches(actual, Expected, ignoreCase: false), $"to match exactly {Nicely.Format(Expected)}"),
        "BeLike" => new(actual, Comparison.IsLike(actual, Expected, ignoreCase: true), $"to be like {Nicely.Format(Expected)}"),
        "BeLikeExactly" => new(actual, Comparison.IsLike(actual, Expected, ignoreCase: false), $"to be exactly like {Nicely.Format(Expected)}"),
        "BeIn" => new(actual, Comparison.ToArray(Expected).Any(element => Comparison.Equal(actual, Unwrap(element), ignoreCase: true)), $"to be in {Nicely.Format(Expected)}"),
        "Exist" => new(actual, Exists(actual), "to exist"),
        "HaveParameter" => new(actual, actual is CommandInfo command && command.Parameters.ContainsKey($"{Expected}"), $"to have a parameter {Expected}"),
        _ => throw new InvalidOperationException($"Should -{ParameterSetName} is not understood."),
    };

    private int Compare(object? actual) =>
        LanguagePrimitives.Compare(actual, Unwrap(Expected), ignoreCase: true, System.Globalization.CultureInfo.InvariantCulture);

    private bool Exists(object? path) =>
        path is not null && SessionState.InvokeProvider.Item.Exists($"{path}");

    private void JudgeThrow()
    {
        if (_actual is not [ScriptBlock block])
        {
            Fail("Should -Throw needs one script block: { ... } | Should -Throw.");
            return;
        }

        ErrorRecord? error = Invoke(block);
        if (Not)
        {
            if (error is not null)
            {
                Fail($"Expected no exception, but got '{error.Exception.Message}' [{error.FullyQualifiedErrorId}].");
            }

            return;
        }

        if (error is null)
        {
            Fail("Expected an exception, but none was thrown.");
            return;
        }

        string actual = $"The exception was {error.Exception.GetType().FullName} '{error.Exception.Message}' [{error.FullyQualifiedErrorId}].";
        if (Expected is not null && !Comparison.IsLike(error.Exception.Message, Expected, ignoreCase: true))
        {
            Fail($"Expected an exception with a message like {Nicely.Format(Expected)}. {actual}");
        }

        if (ErrorId is not null && !Comparison.IsLike(error.FullyQualifiedErrorId, ErrorId, ignoreCase: true))
        {
            Fail($"Expected an exception with the FullyQualifiedErrorId '{ErrorId}'. {actual}");
        }

        if (ExceptionType is not null && !ExceptionType.IsInstanceOfType(error.Exception))
        {
            Fail($"Expected an exception of type [{ExceptionType.FullName}]. {actual}");
        }

        if (PassThru)
        {
            WriteObject(error);
        }
    }

    /// <summary>The engine's own catch decides what is caught, and how it looks.</summary>
    private ErrorRecord? Invoke(ScriptBlock block) =>
        InvokeCommand.InvokeScript(
            useLocalScope: true,
            ScriptBlock.Create("param($______block) try { do { $null = & $______block } while ($false) } catch { $_ }"),
            input: null,
            args: [block])
            .Select(result => result?.BaseObject)
            .OfType<ErrorRecord>()
            .FirstOrDefault();

    private void Fail(string message) =>
        ThrowTerminatingError(new ErrorRecord(new InvalidOperationException(message), FailedErrorId, ErrorCategory.InvalidResult, targetObject: null));

    private static object? Unwrap(object? value) => value is PSObject { BaseObject: not PSCustomObject and var inner } ? inner : value;

    private sealed record Verdict(object? Actual, bool Holds, string Words);
}
