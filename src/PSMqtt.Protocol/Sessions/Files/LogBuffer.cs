using System.Buffers.Binary;
using System.Text;

namespace PSMqtt.Protocol.Sessions.Files;

/// <summary>Bytes that grow: the records that are to be written.</summary>
internal sealed class LogBuffer
{
    private const int Kept = 1024 * 1024;

    private byte[] _bytes = new byte[4096];

    public int Count { get; private set; }

    public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, Count);

    public Span<byte> At(int position) => _bytes.AsSpan(position, Count - position);

    /// <summary>Empties it. A very large one is given back.</summary>
    public void Clear()
    {
        Count = 0;
        if (_bytes.Length > Kept)
        {
            _bytes = new byte[4096];
        }
    }

    public Span<byte> Add(int count)
    {
        if (_bytes.Length - Count < count)
        {
            Array.Resize(ref _bytes, (int)Math.Min(Array.MaxLength, Math.Max((long)Count + count, _bytes.Length * 2L)));
        }

        Span<byte> span = _bytes.AsSpan(Count, count);
        Count += count;
        return span;
    }

    public void Add(ReadOnlySpan<byte> bytes) => bytes.CopyTo(Add(bytes.Length));

    public void AddByte(int value) => Add(1)[0] = (byte)value;

    public void AddUInt16(int value) => BinaryPrimitives.WriteUInt16LittleEndian(Add(sizeof(ushort)), (ushort)value);

    public void AddUInt32(uint value) => BinaryPrimitives.WriteUInt32LittleEndian(Add(sizeof(uint)), value);

    public void AddInt64(long value) => BinaryPrimitives.WriteInt64LittleEndian(Add(sizeof(long)), value);

    /// <summary>Adds bytes with their length before them.</summary>
    public void AddBlock(ReadOnlySpan<byte> bytes)
    {
        AddUInt32((uint)bytes.Length);
        Add(bytes);
    }

    /// <summary>Adds a text in UTF-8 with its length before it.</summary>
    public void AddText(string text)
    {
        int count = Encoding.UTF8.GetByteCount(text);
        AddUInt32((uint)count);
        Encoding.UTF8.GetBytes(text, Add(count));
    }
}
