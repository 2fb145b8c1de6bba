using System.Globalization;
using System.Management.Automation;

namespace PSMqtt.Parameters;

/// <summary>
/// For a parameter of type <see cref="TimeSpan"/>: a number, or a text that is one, means seconds. PowerShell on its own would read 60 as 60 ticks
/// of 100 nanoseconds, and "60" as 60 days.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class SecondsAttribute : ArgumentTransformationAttribute
{
    /// <summary>Allows from <paramref name="minimum"/> to <paramref name="maximum"/> seconds.</summary>
    /// <param name="minimum">The fewest seconds.</param>
    /// <param name="maximum">The most seconds.</param>
    public SecondsAttribute(double minimum, double maximum)
    {
        Minimum = minimum;
        Maximum = maximum;
    }

    /// <summary>The fewest seconds that are allowed.</summary>
    public double Minimum { get; }

    /// <summary>The most seconds that are allowed.</summary>
    public double Maximum { get; }

    /// <summary>Whether -1 and the word Infinite, for ever, are allowed too.</summary>
    public bool AllowInfinite { get; init; }

    /// <inheritdoc />
    public override object? Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        object? value = inputData is PSObject wrapped ? wrapped.BaseObject : inputData;
        if (value is null)
        {
            return null;
        }

        TimeSpan span = value as TimeSpan? ?? Parse(value);
        if (AllowInfinite && (span == Timeout.InfiniteTimeSpan || span == TimeSpan.FromSeconds(-1)))
        {
            return Timeout.InfiniteTimeSpan;
        }

        return span.TotalSeconds >= Minimum && span.TotalSeconds <= Maximum ? span : throw OutOfRange(value);
    }

    private TimeSpan Parse(object value)
    {
        if (value is string text)
        {
            if (AllowInfinite && text.Equals("Infinite", StringComparison.OrdinalIgnoreCase))
            {
                return Timeout.InfiniteTimeSpan;
            }

            if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out _))
            {
                return TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out TimeSpan span)
                    ? span
                    : throw new ArgumentTransformationMetadataException($"'{text}' is not a time: write a number of seconds, or a time such as 00:05:00.");
            }
        }

        if (!LanguagePrimitives.TryConvertTo(value, CultureInfo.InvariantCulture, out double seconds) || double.IsNaN(seconds))
        {
            throw new ArgumentTransformationMetadataException($"'{value}' is not a time: write a number of seconds, or a time such as 00:05:00.");
        }

        return Math.Abs(seconds) < TimeSpan.MaxValue.TotalSeconds ? TimeSpan.FromSeconds(seconds) : throw OutOfRange(value);
    }

    private ArgumentTransformationMetadataException OutOfRange(object value) => new(string.Create(
        CultureInfo.InvariantCulture,
        $"{value} is out of range: from {Minimum} to {Maximum} seconds are allowed{(AllowInfinite ? ", or Infinite" : string.Empty)}."));
}
