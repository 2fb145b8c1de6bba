using System.Management.Automation;
using System.Text;

namespace PSMqtt.Parameters;

/// <summary>For a parameter of bytes: a text is taken as UTF-8, a GUID as its text.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class BytesAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc />
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData) =>
        (inputData is PSObject wrapped ? wrapped.BaseObject : inputData) switch
        {
            string text => Encoding.UTF8.GetBytes(text),
            Guid guid => Encoding.UTF8.GetBytes(guid.ToString()),
            _ => inputData,
        };
}
