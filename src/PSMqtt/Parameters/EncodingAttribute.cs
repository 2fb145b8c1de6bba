using System.Globalization;
using System.Management.Automation;
using System.Text;

namespace PSMqtt.Parameters;

/// <summary>
/// For a parameter of type <see cref="Encoding"/>: takes the names that PowerShell's own cmdlets take, any other name that .NET knows, and code page
/// numbers. None of them writes a byte order mark.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class EncodingAttribute : ArgumentTransformationAttribute
{
    internal static UTF8Encoding Utf8 { get; } = new(encoderShouldEmitUTF8Identifier: false);

    /// <inheritdoc />
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        object? value = inputData is PSObject wrapped ? wrapped.BaseObject : inputData;
        try
        {
            return value switch
            {
                Encoding encoding => encoding,
                int codePage => Encoding.GetEncoding(codePage),
                string name => Find(name),
                _ => throw new ArgumentTransformationMetadataException("Give the name of an encoding, such as utf8 or latin1."),
            };
        }
        catch (Exception exception) when (exception is ArgumentException or NotSupportedException)
        {
            throw new ArgumentTransformationMetadataException($"'{value}' is no encoding that this machine knows; utf8, unicode and latin1 are some.", exception);
        }
    }

    private static Encoding Find(string name) => name.ToUpperInvariant() switch
    {
        "UTF8" or "UTF8NOBOM" or "UTF8BOM" or "UTF-8" => Utf8,
        "ASCII" => Encoding.ASCII,
        "UNICODE" => Encoding.Unicode,
        "BIGENDIANUNICODE" => Encoding.BigEndianUnicode,
        "UTF32" => Encoding.UTF32,
        "BIGENDIANUTF32" => new UTF32Encoding(bigEndian: true, byteOrderMark: false),
        "LATIN1" => Encoding.Latin1,
        "ANSI" => Encoding.GetEncoding(CultureInfo.CurrentCulture.TextInfo.ANSICodePage),
        "OEM" => Encoding.GetEncoding(CultureInfo.CurrentCulture.TextInfo.OEMCodePage),
        _ when int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int codePage) => Encoding.GetEncoding(codePage),
        _ => Encoding.GetEncoding(name),
    };
}
