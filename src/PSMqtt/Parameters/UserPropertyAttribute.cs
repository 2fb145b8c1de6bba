using System.Collections;
using System.Globalization;
using System.Management.Automation;
using PSMqtt.Protocol;

namespace PSMqtt.Parameters;

/// <summary>
/// For a parameter that takes user properties: a hashtable, whose values may be arrays where a name occurs more than once, or
/// <see cref="MqttUserProperty"/> objects as a received message has them.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class UserPropertyAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc />
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        List<MqttUserProperty> properties = [];
        Add(properties, inputData);
        return properties.ToArray();
    }

    private static void Add(List<MqttUserProperty> properties, object? input)
    {
        switch (input is PSObject wrapped ? wrapped.BaseObject : input)
        {
            case null:
                break;
            case MqttUserProperty property:
                properties.Add(property);
                break;
            case IDictionary dictionary:
                foreach (DictionaryEntry entry in dictionary)
                {
                    AddValues(properties, Text(entry.Key), entry.Value);
                }

                break;
            case string text:
                throw new ArgumentTransformationMetadataException($"'{text}' is no user property: write @{{ name = 'value' }}.");
            case IEnumerable items:
                foreach (object? item in items)
                {
                    Add(properties, item);
                }

                break;
            case PSCustomObject when input is PSObject { Properties: var own } && own["Name"] is { } name && own["Value"] is { } value:
                // As ConvertFrom-Json reads one.
                properties.Add(new MqttUserProperty(Text(name.Value), Text(value.Value)));
                break;
            case var other:
                throw new ArgumentTransformationMetadataException($"A {other.GetType()} is no user property: write @{{ name = 'value' }}.");
        }
    }

    private static void AddValues(List<MqttUserProperty> properties, string name, object? value)
    {
        if ((value is PSObject wrapped ? wrapped.BaseObject : value) is IEnumerable values and not string)
        {
            foreach (object? each in values)
            {
                properties.Add(new MqttUserProperty(name, Text(each)));
            }
        }
        else
        {
            properties.Add(new MqttUserProperty(name, Text(value)));
        }
    }

    private static string Text(object? value) => (string)LanguagePrimitives.ConvertTo(value, typeof(string), CultureInfo.InvariantCulture);
}
