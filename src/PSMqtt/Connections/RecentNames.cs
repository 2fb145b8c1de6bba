namespace PSMqtt.Connections;

/// <summary>Names that were used, the last one first, without repetition: for completion. Bounded.</summary>
/// <param name="limit">How many are kept.</param>
internal sealed class RecentNames(int limit)
{
    private readonly object _lock = new();
    private readonly LinkedList<string> _names = [];

    /// <summary>The servers that this process has connected to, or tried to; no user name, no password.</summary>
    public static RecentNames Servers { get; } = new(50);

    /// <summary>All of them, the last one first.</summary>
    public string[] All
    {
        get
        {
            lock (_lock)
            {
                return [.. _names];
            }
        }
    }

    /// <summary>A name was used.</summary>
    public void Add(string name)
    {
        lock (_lock)
        {
            if (_names.First?.Value == name)
            {
                return;
            }

            _names.Remove(name);
            _names.AddFirst(name);
            if (_names.Count > limit)
            {
                _names.RemoveLast();
            }
        }
    }
}
