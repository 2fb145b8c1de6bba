using System.Collections;
using System.Globalization;
using System.Management.Automation;
using System.Net;
using System.Numerics;
using System.Text;
using System.Xml;

namespace PSMqtt.Payloads;

/// <summary>
/// Turns what a user gives as a payload into bytes: a text by an encoding, bytes as they are, a number, Boolean, date or identifier as its invariant
/// text, <see langword="null"/> as an empty payload, and everything else as JSON.
/// </summary>
internal sealed class PayloadConversion
{
    /// <summary>How deep objects may nest in JSON if the user does not say.</summary>
    public const int DefaultDepth = 10;

    private readonly Encoding _encoding;
    private readonly PayloadJsonWriter _json;
    private readonly bool _isUtf8;

    /// <summary>Creates a conversion.</summary>
    /// <param name="encoding">The encoding of text.</param>
    /// <param name="depth">How deep objects may nest in JSON; <see langword="null"/>: the default.</param>
    public PayloadConversion(Encoding encoding, int? depth)
    {
        _encoding = encoding;
        _json = new PayloadJsonWriter(depth);
        _isUtf8 = encoding is UTF8Encoding;
    }

    /// <summary>Whether an object was nested deeper than allowed, and its inner part has been sent as text.</summary>
    public bool WasTruncated => _json.WasTruncated;

    /// <summary>Converts a payload.</summary>
    /// <param name="value">The payload, as PowerShell has it.</param>
    /// <returns>The bytes; the array itself, not a copy, where a byte array was given.</returns>
    public byte[] ToBytes(object? value)
    {
        object? plain = Unwrap(value);
        return plain switch
        {
            null => [],
            string text => _encoding.GetBytes(text),
            byte[] bytes => bytes,

            // The numbers that pipelines are full of, without a string in between.
            int number when _isUtf8 => Digits(number),
            long number when _isUtf8 => Digits(number),
            double number when _isUtf8 => Digits(number),

            // A function that returns a byte array of one byte hands on the byte alone: so a byte is a payload of one byte, not a number.
            byte single => [single],
            ReadOnlyMemory<byte> memory => memory.ToArray(),
            Memory<byte> memory => memory.ToArray(),
            IEnumerable<byte> bytes => [.. bytes],
            object[] items when BytesOf(items) is { } bytes => bytes,
            _ => TextOf(plain) is { } text ? _encoding.GetBytes(text) : _json.Write(value),
        };
    }

    /// <summary>The object inside of PowerShell's wrapping; a custom object has none and stays as it is.</summary>
    internal static object? Unwrap(object? value) =>
        value is PSObject wrapped && wrapped.BaseObject is not PSCustomObject ? wrapped.BaseObject : value;

    /// <summary>The text of a value that has an obvious one; <see langword="null"/> for others.</summary>
    internal static string? TextOf(object value) => value switch
    {
        bool boolean => boolean ? "true" : "false",
        char character => character.ToString(),
        DateTime or DateTimeOffset or DateOnly or TimeOnly => ((IFormattable)value).ToString("O", CultureInfo.InvariantCulture),
        TimeSpan span => span.ToString("c", CultureInfo.InvariantCulture),
        Enum name => name.ToString(),
        sbyte or short or ushort or int or uint or long or ulong or Int128 or UInt128 or BigInteger or Half or float or double or decimal or Guid =>
            ((IFormattable)value).ToString(null, CultureInfo.InvariantCulture),
        Uri or Version or IPAddress or IPEndPoint or ScriptBlock or StringBuilder => value.ToString(),
        XmlNode xml => xml.OuterXml,

        // A type that the reference assembly does not have.
        _ when value.GetType().FullName == "System.Management.Automation.SemanticVersion" => value.ToString(),
        _ => null,
    };

    private static byte[] Digits<T>(T number)
        where T : IUtf8SpanFormattable, IFormattable
    {
        Span<byte> digits = stackalloc byte[32];
        bool fits = number.TryFormat(digits, out int length, default, CultureInfo.InvariantCulture);
        return fits ? digits[..length].ToArray() : Encoding.UTF8.GetBytes(number.ToString(null, CultureInfo.InvariantCulture));
    }

    // PowerShell makes an object array of a byte array that goes through the pipeline.
    private static byte[]? BytesOf(object[] items)
    {
        if (items.Length == 0)
        {
            return null;
        }

        byte[] bytes = new byte[items.Length];
        for (int i = 0; i < items.Length; i++)
        {
            if (Unwrap(items[i]) is not byte single)
            {
                return null;
            }

            bytes[i] = single;
        }

        return bytes;
    }
}
