namespace PSMqtt.Protocol;

/// <summary>MQTT counts time in whole seconds of 32 bits. One place turns time spans into them.</summary>
internal static class MqttSeconds
{
    public static uint? FromTimeSpan(TimeSpan? value, string name)
    {
        if (value is not { } span)
        {
            return null;
        }

        double seconds = Math.Ceiling(span.TotalSeconds);
        return seconds is >= 0 and <= uint.MaxValue
            ? (uint)seconds
            : throw new ArgumentOutOfRangeException(name, span, $"{name} must be from 0 to {uint.MaxValue} seconds.");
    }
}
