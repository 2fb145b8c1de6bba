using System.Buffers.Binary;
using System.Numerics;

namespace PSMqtt.Protocol.Platform;

/// <summary>The CRC-32C checksum (Castagnoli), by the processor's instruction where it has one.</summary>
internal static class Crc32C
{
    /// <summary>Continues a checksum. The first part begins with all bits set, and the last result is inverted by the caller if that is wanted.</summary>
    /// <param name="crc">The checksum of what came before.</param>
    /// <param name="bytes">What follows.</param>
    /// <returns>The checksum of both.</returns>
    public static uint Append(uint crc, ReadOnlySpan<byte> bytes)
    {
        for (; bytes.Length >= sizeof(ulong); bytes = bytes[sizeof(ulong)..])
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        }

        foreach (byte value in bytes)
        {
            crc = BitOperations.Crc32C(crc, value);
        }

        return crc;
    }
}
