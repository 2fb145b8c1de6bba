namespace PSMqtt.Protocol.Packets;

/// <summary>The Variable Byte Integer of section 1.5.5: seven bits a byte, the lowest first, one to four bytes.</summary>
internal static class VariableByteInteger
{
    /// <summary>The largest value that four bytes hold.</summary>
    public const int MaximumValue = 268_435_455;

    /// <summary>How many bytes a value takes.</summary>
    public static int GetSize(int value) => value switch
    {
        < 128 => 1,
        < 16_384 => 2,
        < 2_097_152 => 3,
        _ => 4,
    };

    /// <summary>Writes a value and returns how many bytes that took.</summary>
    public static int Write(Span<byte> destination, int value)
    {
        int position = 0;
        uint rest = (uint)value;
        while (rest >= 0x80)
        {
            destination[position++] = (byte)(rest | 0x80);
            rest >>= 7;
        }

        destination[position++] = (byte)rest;
        return position;
    }
}
