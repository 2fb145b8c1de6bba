using System.Buffers;
using PSMqtt.Protocol.Sessions;

namespace PSMqtt.Protocol.Connections;

/// <summary>
/// Bytes on their way to the socket: packets are encoded straight into it, back to back, so that many leave with one system call. A large payload is
/// not copied but referred to. Not thread-safe: its owner has a lock.
/// </summary>
internal sealed class OutgoingBytes : IBufferWriter<byte>
{
    /// <summary>Small, because thousands of idle connections each have one; it grows with the traffic.</summary>
    private const int InitialCapacity = 128;

    /// <summary>What one burst of large packets made it grow to is given back above this.</summary>
    private const int KeptCapacity = 1024 * 1024;

    private byte[] _array = new byte[InitialCapacity];
    private int _count;
    private int _referredCount;

    /// <summary>Payloads that stand between the encoded bytes, and after how many of those each.</summary>
    private List<(int Position, ArraySegment<byte> Payload)>? _payloads;

    /// <summary>QoS 0 messages that have been sent when these bytes have left.</summary>
    private List<PublishOperation>? _owners;

    public int Count => _count + _referredCount;

    /// <summary>Whether there are payloads that were not copied: then the bytes are those of <see cref="GetSegments"/>.</summary>
    public bool IsScattered => _payloads is { Count: > 0 };

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

    /// <summary>Adds a payload without copying it.</summary>
    /// <param name="payload">The payload, which stays as it is until it has been sent; not empty.</param>
    /// <param name="owner">What waits for that; <see langword="null"/>: an acknowledgement is waited for.</param>
    public void Refer(ArraySegment<byte> payload, PublishOperation? owner)
    {
        (_payloads ??= []).Add((_count, payload));
        _referredCount += payload.Count;
        if (owner is not null)
        {
            (_owners ??= []).Add(owner);
        }
    }

    /// <summary>All of the bytes, in their order, where <see cref="IsScattered"/>.</summary>
    /// <param name="segments">Where to add them.</param>
    public void GetSegments(List<ArraySegment<byte>> segments)
    {
        int start = 0;
        foreach ((int position, ArraySegment<byte> payload) in _payloads!)
        {
            if (position > start)
            {
                segments.Add(new ArraySegment<byte>(_array, start, position - start));
            }

            segments.Add(payload);
            start = position;
        }

        if (_count > start)
        {
            segments.Add(new ArraySegment<byte>(_array, start, _count - start));
        }
    }

    /// <summary>The bytes have left: tells those who wait for that.</summary>
    public void NotifySent()
    {
        if (_owners is not { Count: > 0 } owners)
        {
            return;
        }

        foreach (PublishOperation owner in owners)
        {
            owner.Sent();
        }

        owners.Clear();
    }

    /// <summary>Nobody waits any more.</summary>
    public void ForgetOwners() => _owners?.Clear();

    public void Clear()
    {
        _count = 0;
        _referredCount = 0;
        _payloads?.Clear();
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
