using System.Management.Automation;

namespace PSMqtt.Parameters;

/// <summary>
/// For a parameter that is a number of seconds, of type <see cref="double"/>: -1, the word Infinite and an infinite <see cref="TimeSpan"/> mean that there
/// is no limit, as with <see cref="SecondsAttribute.AllowInfinite"/>; the parameter is positive infinity then.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class TimeLimitAttribute : ArgumentTransformationAttribute
{
    private readonly SecondsAttribute _seconds;

    /// <summary>Allows from <paramref name="minimum"/> to <paramref name="maximum"/> seconds, and for ever.</summary>
    /// <param name="minimum">The fewest seconds.</param>
    /// <param name="maximum">The most seconds, but for ever.</param>
    public TimeLimitAttribute(double minimum, double maximum) => _seconds = new SecondsAttribute(minimum, maximum) { AllowInfinite = true };

    /// <summary>The fewest seconds that are allowed.</summary>
    public double Minimum => _seconds.Minimum;

    /// <summary>The most seconds that are allowed, but for ever.</summary>
    public double Maximum => _seconds.Maximum;

    /// <inheritdoc />
    public override object? Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        object? value = inputData is PSObject wrapped ? wrapped.BaseObject : inputData;
        if (value is double.PositiveInfinity)
        {
            return value;
        }

        // Nothing is what a number makes of it: 0.
        var limit = (TimeSpan)_seconds.Transform(engineIntrinsics, value ?? 0d)!;
        return limit == Timeout.InfiniteTimeSpan ? double.PositiveInfinity : limit.TotalSeconds;
    }

    /// <summary>The limit as the engine knows it.</summary>
    /// <param name="seconds">What <see cref="Transform"/> has made.</param>
    internal static TimeSpan ToTimeSpan(double seconds) => double.IsInfinity(seconds) ? Timeout.InfiniteTimeSpan : TimeSpan.FromSeconds(seconds);
}
