using PSMqtt.Protocol.Transports;

namespace PSMqtt.Protocol.Connections;

/// <summary>
/// Bytes from the socket, until they make whole packets. Its memory follows the bytes received, never the length a peer announces: a packet said
/// to have 256 MiB costs nothing until its bytes come.
/// </summary>
internal sealed class ReceiveBuffer
{
    /// <summary>Small, because thousands of idle connections each have one.</summary>
    private const int InitialCapacity = 1024;

    /// <summary>What a busy connection reads at a time, and the most that is kept once a larger packet has been dealt with.</summary>
    private const int BusyCapacity = 256 * 1024;

    private byte[] _array = new byte[InitialCapacity];
    private int _start;
    private int _end;

    /// <summary>All bytes that have come.</summary>
    public long BytesReceived { get; private set; }

    public ReadOnlySpan<byte> Unread => _array.AsSpan(_start, _end - _start);

    public void Consume(int count)
    {
        _start += count;
        if (_start == _end)
        {
            _start = 0;
            _end = 0;
        }
    }

    /// <summary>Makes room for a packet of <paramref name="needed"/> bytes, or as much of it as is reasonable yet, and reads once.</summary>
    /// <returns>How many bytes came; 0 at the end of the stream.</returns>
    public ValueTask<int> FillAsync(ITransport transport, int needed, CancellationToken cancellationToken)
    {
        MakeRoom(needed);
        ValueTask<int> receive = transport.ReceiveAsync(_array.AsMemory(_end), cancellationToken);
        if (receive.IsCompletedSuccessfully)
        {
            int count = receive.Result;
            Received(count);
            return new ValueTask<int>(count);
        }

        return AwaitAsync(receive);
    }

    private async ValueTask<int> AwaitAsync(ValueTask<int> receive)
    {
        int count = await receive.ConfigureAwait(false);
        Received(count);
        return count;
    }

    private void Received(int count)
    {
        BytesReceived += count;
        bool filled = _end + count == _array.Length;
        _end += count;
        if (filled && _array.Length < BusyCapacity)
        {
            // The socket had more than fits: read more at a time from now on.
            Resize(Math.Min(BusyCapacity, _array.Length * 4));
        }
    }

    private void MakeRoom(int needed)
    {
        int held = _end - _start;
        if (needed > _array.Length)
        {
            Resize(Math.Min(needed, Math.Max(BusyCapacity, held * 2)));
        }
        else if (_array.Length > BusyCapacity && needed <= BusyCapacity && held <= BusyCapacity / 2)
        {
            Resize(BusyCapacity);
        }
        else if (_start > 0 && (_array.Length - _start < needed || _array.Length == _end))
        {
            Unread.CopyTo(_array);
            _start = 0;
            _end = held;
        }

        if (_end == _array.Length)
        {
            Resize((int)Math.Min((long)_array.Length * 2, Array.MaxLength));
        }
    }

    private void Resize(int capacity)
    {
        byte[] other = GC.AllocateUninitializedArray<byte>(Math.Max(capacity, _end - _start + 1));
        Unread.CopyTo(other);
        _end -= _start;
        _start = 0;
        _array = other;
    }
}
