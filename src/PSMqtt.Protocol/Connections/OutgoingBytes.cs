using System.Buffers;

namespace PSMqtt.Protocol.Connections;

/// <summary>
/// Bytes on their way to the socket: packets are encoded straight into it, back to back, so that many leave with one system call.
/// Not thread-safe: its owner has a lock.
/// </summary>
internal sealed class OutgoingBytes : IBufferWriter<byte>
{
    /// <summary>Small, because thousands of idle connections each have one; it grows with the traffic.</summary>
    private const int InitialCapacity = 256;

    /// <summary>What one burst of large packets made it grow to is given back above this.</summary>
    private const int KeptCapacity = 1024 * 1024;

    private byte[] _array = new byte[InitialCapacity];
    private int _count;

    public int Count => _count;

    public ReadOnlyMemory<byte> Written => _array.AsMemory(0, _count);

    public void Advance(int count) => _count += count;

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _array.AsSpan(_count);
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _array.AsMemory(_count);
    }

    public void Write(ReadOnlySpan<byte> bytes)
    {
        Reserve(bytes.Length);
        bytes.CopyTo(_array.AsSpan(_count));
        _count += bytes.Length;
    }

    public void Clear()
    {
        _count = 0;
        if (_array.Length > KeptCapacity)
        {
            _array = new byte[InitialCapacity];
        }
    }

    private void Reserve(int size)
    {
        int needed = _count + Math.Max(size, 1);
        if (needed > _array.Length)
        {
            int capacity = (int)Math.Clamp((long)_array.Length * 2, needed, Array.MaxLength);
            byte[] larger = GC.AllocateUninitializedArray<byte>(capacity);
            _array.AsSpan(0, _count).CopyTo(larger);
            _array = larger;
        }
    }
}
