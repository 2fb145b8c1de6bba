using System.Globalization;
using System.Management.Automation;

namespace PSMqtt.Parameters;

/// <summary>
/// For a parameter that is a number of seconds, of type <see cref="double"/>: -1, the word Infinite and an infinite <see cref="TimeSpan"/> mean that there
/// is no limit, as with <see cref="SecondsAttribute.AllowInfinite"/>; the parameter is positive infinity then.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class TimeLimitAttribute : ArgumentTransformationAttribute
{
    /// <summary>Allows from <paramref name="minimum"/> to <paramref name="maximum"/> seconds, and for ever.</summary>
    /// <param name="minimum">The fewest seconds.</param>
    /// <param name="maximum">The most seconds, but for ever.</param>
    public TimeLimitAttribute(double minimum, double maximum)
    {
        Minimum = minimum;
        Maximum = maximum;
    }

    /// <summary>The fewest seconds that are allowed.</summary>
    public double Minimum { get; }

    /// <summary>The most seconds that are allowed, but for ever.</summary>
    public double Maximum { get; }

    /// <inheritdoc />
    public override object? Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        object? value = inputData is PSObject wrapped ? wrapped.BaseObject : inputData;
        if (value is string text && text.Equals("Infinite", StringComparison.OrdinalIgnoreCase))
        {
            return double.PositiveInfinity;
        }

        double seconds = value is TimeSpan span
            ? span == Timeout.InfiniteTimeSpan ? -1 : span.TotalSeconds
            : LanguagePrimitives.TryConvertTo(value, CultureInfo.InvariantCulture, out double converted) ? converted : double.NaN;
        if (seconds is -1 or double.PositiveInfinity)
        {
            return double.PositiveInfinity;
        }

        return seconds >= Minimum && seconds <= Maximum
            ? seconds
            : throw new ArgumentTransformationMetadataException(string.Create(
                CultureInfo.InvariantCulture, $"'{value}' is no time limit: from {Minimum} to {Maximum} seconds are allowed, or Infinite."));
    }

    /// <summary>The limit as the engine knows it.</summary>
    /// <param name="seconds">What <see cref="Transform"/> has made.</param>
    internal static TimeSpan ToTimeSpan(double seconds) => double.IsInfinity(seconds) ? Timeout.InfiniteTimeSpan : TimeSpan.FromSeconds(seconds);
}
