namespace PSMqtt.Protocol.Sessions;

/// <summary>
/// The packet identifiers of our own requests, and what each stands for. One is never given out again before it is free [MQTT-2.2.1-3].
/// </summary>
internal sealed class PacketIdentifiers
{
    private const int Count = 65_536;

    private object?[] _owners = new object?[64];
    private int _used;
    private int _last;

    public bool AreExhausted => _used == Count - 1;

    /// <summary>Called when one is free again; set only while somebody waits for that.</summary>
    public Action? Freed { get; set; }

    public object? this[ushort identifier] => identifier < _owners.Length ? _owners[identifier] : null;

    /// <summary>Gives out the next free identifier, going round, so that a number comes back as late as the table's size allows.</summary>
    /// <exception cref="InvalidOperationException">All are in use: the caller checks <see cref="AreExhausted"/>.</exception>
    public ushort Take(object owner)
    {
        if (AreExhausted)
        {
            throw new InvalidOperationException("All 65,535 packet identifiers are in use.");
        }

        if (_used >= _owners.Length / 2 && _owners.Length < Count)
        {
            Array.Resize(ref _owners, Math.Min(Count, _owners.Length * 4));
        }

        do
        {
            // Small numbers that are free again are used before the table grows: an idle client stays small.
            _last = _last + 1 >= _owners.Length ? 1 : _last + 1;
        }
        while (_owners[_last] is not null);

        _owners[_last] = owner;
        _used++;
        return (ushort)_last;
    }

    /// <summary>Takes a certain identifier, of an exchange that an earlier process began.</summary>
    public void Restore(ushort identifier, object owner)
    {
        if (identifier >= _owners.Length)
        {
            Array.Resize(ref _owners, Count);
        }

        _used += _owners[identifier] is null ? 1 : 0;
        _owners[identifier] = owner;
    }

    public void Release(ushort identifier)
    {
        _owners[identifier] = null;
        _used--;
        Freed?.Invoke();
    }
}
