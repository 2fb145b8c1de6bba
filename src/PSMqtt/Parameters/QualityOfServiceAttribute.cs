using System.Globalization;
using System.Management.Automation;
using PSMqtt.Protocol;

namespace PSMqtt.Parameters;

/// <summary>For a parameter of type <see cref="MqttQualityOfService"/>: says 0, 1 or 2 where PowerShell would list the names.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class QualityOfServiceAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc />
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        object? value = inputData is PSObject wrapped ? wrapped.BaseObject : inputData;

        // An int is what a script nearly always gives.
        return value switch
        {
            int number and >= 0 and <= 2 => (MqttQualityOfService)number,
            MqttQualityOfService qos when Enum.IsDefined(qos) => qos,
            not null when LanguagePrimitives.TryConvertTo(value, CultureInfo.InvariantCulture, out MqttQualityOfService qos) && Enum.IsDefined(qos) => qos,
            _ => throw new ArgumentTransformationMetadataException($"'{value}' is no QoS: QoS is 0, 1 or 2."),
        };
    }
}
