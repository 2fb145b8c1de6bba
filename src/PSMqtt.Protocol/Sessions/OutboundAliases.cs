namespace PSMqtt.Protocol.Sessions;

/// <summary>
/// The topic aliases we use towards the server: a topic gets one when it is first sent, and the least recently used gives its up when all are taken.
/// They belong to one connection [MQTT-3.3.2-7].
/// </summary>
internal sealed class OutboundAliases
{
    private readonly Dictionary<string, LinkedListNode<(string Topic, ushort Alias)>> _byTopic = new(StringComparer.Ordinal);
    private readonly LinkedList<(string Topic, ushort Alias)> _recent = new();
    private readonly int _maximum;

    /// <param name="maximum">The server's Topic Alias Maximum, or ours if that is less; 0 turns aliases off.</param>
    public OutboundAliases(int maximum) => _maximum = maximum;

    /// <summary>The alias to send with a topic; 0: none.</summary>
    /// <param name="topic">The topic.</param>
    /// <param name="isKnown">Whether the server knows the alias already, so that the topic itself is left out.</param>
    public ushort Use(string topic, out bool isKnown)
    {
        isKnown = false;
        if (_maximum == 0)
        {
            return 0;
        }

        if (_recent.First is { } first && (ReferenceEquals(first.Value.Topic, topic) || first.Value.Topic == topic))
        {
            isKnown = true;
            return first.Value.Alias;
        }

        if (_byTopic.TryGetValue(topic, out LinkedListNode<(string Topic, ushort Alias)>? node))
        {
            _recent.Remove(node);
            _recent.AddFirst(node);
            isKnown = true;
            return node.Value.Alias;
        }

        ushort alias;
        if (_byTopic.Count < _maximum)
        {
            alias = (ushort)(_byTopic.Count + 1);
            node = new LinkedListNode<(string, ushort)>((topic, alias));
        }
        else
        {
            node = _recent.Last!;
            _recent.RemoveLast();
            _byTopic.Remove(node.Value.Topic);
            alias = node.Value.Alias;
            node.Value = (topic, alias);
        }

        _byTopic.Add(topic, node);
        _recent.AddFirst(node);
        return alias;
    }
}
