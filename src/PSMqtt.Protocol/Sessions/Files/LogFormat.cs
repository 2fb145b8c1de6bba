using System.Buffers.Binary;
using PSMqtt.Protocol.Platform;

namespace PSMqtt.Protocol.Sessions.Files;

/// <summary>The bytes of a session log around its records: docs/session-log.md says what each means.</summary>
internal static class LogFormat
{
    public const string LogName = "session.log";
    public const string NewLogName = "session.log.new";

    /// <summary>The version that is written. A log of a later one is refused; there is no earlier one.</summary>
    public const int Version = 1;

    /// <summary>One header; the file begins with two that are the same, so that no single damage makes all of it unreadable.</summary>
    public const int HeaderLength = 24;

    public const int RecordsStart = HeaderLength * 2;

    /// <summary>Length and checksum before each record.</summary>
    public const int FrameLength = 8;

    /// <summary>The longest record: the largest MQTT packet with room to spare. A length beyond it is damage.</summary>
    public const int RecordLengthMaximum = 512 * 1024 * 1024;

    private static ReadOnlySpan<byte> Magic => "PSMQTTSL"u8;

    /// <summary>Makes the beginning of a file.</summary>
    /// <param name="salt">A number of this file alone: no record of another log can be taken for one of this.</param>
    public static byte[] MakeHeaders(uint salt)
    {
        byte[] headers = new byte[RecordsStart];
        Span<byte> header = headers.AsSpan(0, HeaderLength);
        Magic.CopyTo(header);
        BinaryPrimitives.WriteUInt32LittleEndian(header[8..], Version);
        BinaryPrimitives.WriteUInt32LittleEndian(header[12..], salt);
        BinaryPrimitives.WriteUInt32LittleEndian(header[20..], Crc32C.Append(uint.MaxValue, header[..20]));
        header.CopyTo(headers.AsSpan(HeaderLength));
        return headers;
    }

    /// <summary>Reads a header.</summary>
    /// <returns>Whether it is one.</returns>
    public static bool TryReadHeader(ReadOnlySpan<byte> header, out int version, out uint salt)
    {
        version = 0;
        salt = 0;
        if (header.Length < HeaderLength || !header.StartsWith(Magic)
            || BinaryPrimitives.ReadUInt32LittleEndian(header[20..]) != Crc32C.Append(uint.MaxValue, header[..20]))
        {
            return false;
        }

        version = (int)BinaryPrimitives.ReadUInt32LittleEndian(header[8..]);
        salt = BinaryPrimitives.ReadUInt32LittleEndian(header[12..]);
        return true;
    }

    /// <summary>Begins a record.</summary>
    /// <returns>Where it begins, for <see cref="EndRecord"/>.</returns>
    public static int BeginRecord(LogBuffer buffer)
    {
        int start = buffer.Count;
        buffer.Add(FrameLength);
        return start;
    }

    /// <summary>Completes a record with its length and checksum.</summary>
    public static void EndRecord(LogBuffer buffer, int start, uint salt)
    {
        Span<byte> record = buffer.At(start);
        Span<byte> body = record[FrameLength..];
        BinaryPrimitives.WriteInt32LittleEndian(record, body.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(record[4..], Checksum(salt, body));
    }

    /// <summary>The checksum of a record: over the salt, its length and its bytes.</summary>
    public static uint Checksum(uint salt, ReadOnlySpan<byte> body)
    {
        Span<byte> first = stackalloc byte[8];
        BinaryPrimitives.WriteUInt32LittleEndian(first, salt);
        BinaryPrimitives.WriteInt32LittleEndian(first[4..], body.Length);
        return ~Crc32C.Append(Crc32C.Append(uint.MaxValue, first), body);
    }
}
