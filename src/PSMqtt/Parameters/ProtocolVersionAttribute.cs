using System.Globalization;
using System.Management.Automation;
using PSMqtt.Connections;
using PSMqtt.Protocol;

namespace PSMqtt.Parameters;

/// <summary>For a version of MQTT, 5.0, 3.1.1 or 3.1: takes numbers and the names of <see cref="MqttProtocolVersion"/> too.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ProtocolVersionAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc />
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        object? value = inputData is PSObject wrapped ? wrapped.BaseObject : inputData;
        if (value is MqttProtocolVersion version && Enum.IsDefined(version))
        {
            return MqttVersionName.Of(version);
        }

        // 5.0 and 3.1 come as numbers, 3.1.1 as a text.
        return Convert.ToString(value, CultureInfo.InvariantCulture) switch
        {
            "5" or "5.0" or "V500" => "5.0",
            "3.1.1" or "V311" => "3.1.1",
            "3.1" or "V310" => "3.1",
            { } other => throw new ArgumentTransformationMetadataException($"'{other}' is no version of MQTT: choose 5.0, 3.1.1 or 3.1."),
            null => throw new ArgumentTransformationMetadataException("Choose a version of MQTT: 5.0, 3.1.1 or 3.1."),
        };
    }
}
