namespace PSMqtt.Protocol.Topics;

/// <summary>
/// Finds the values whose topic filters match a topic, in time that depends on the topic's levels and not on the number of filters. Matching
/// allocates nothing once the trie is warm. It is for one thread at a time, matching too: keeping threads apart is the caller's.
/// </summary>
/// <typeparam name="T">What is stored under a filter.</typeparam>
internal sealed class TopicTrie<T>
{
    private readonly Node _root = new(null, string.Empty, 0);

    // Branches that a match has still to walk. No recursion: a filter can have 65,535 levels, and no stack would hold them.
    private (Node Node, int Position)[] _pending = new (Node, int)[8];

    /// <summary>How many pairs of filter and value there are.</summary>
    public int Count { get; private set; }

    /// <summary>Adds a value under a filter; of a shared subscription, under what follows the share name.</summary>
    /// <param name="filter">The topic filter; it must be valid.</param>
    /// <param name="value">The value.</param>
    /// <returns>False when the same value is there already.</returns>
    public bool Add(string filter, T value)
    {
        Node node = _root;
        foreach (Level level in new Levels(TopicFilter.MatchedPart(filter)))
        {
            if (level.Text is "#")
            {
                return Counted(Append(ref node.HashValues, value), 1);
            }

            node = level.Text is "+" ? node.Plus ??= new Node(node, "+", 0) : node.GetOrAddChild(level.Text);
        }

        return Counted(Append(ref node.Values, value), 1);
    }

    /// <summary>Removes a value from under a filter.</summary>
    /// <param name="filter">The topic filter it was added with.</param>
    /// <param name="value">The value.</param>
    /// <returns>Whether it was there.</returns>
    public bool Remove(string filter, T value)
    {
        Node? node = _root;
        foreach (Level level in new Levels(TopicFilter.MatchedPart(filter)))
        {
            if (level.Text is "#")
            {
                return Counted(Delete(ref node.HashValues, value), -1) && Prune(node);
            }

            node = level.Text is "+" ? node.Plus : node.FindChild(level.Text);
            if (node is null)
            {
                return false;
            }
        }

        return Counted(Delete(ref node.Values, value), -1) && Prune(node);
    }

    /// <summary>Adds every value whose filter matches a topic to a list. A value stored under several matching filters is added as often.</summary>
    /// <param name="topic">The topic name; it must be valid.</param>
    /// <param name="matches">Where to add them; what is in it stays.</param>
    public void Match(ReadOnlySpan<char> topic, List<T> matches)
    {
        if (topic.IsEmpty)
        {
            return;
        }

        // Wildcards at the first level leave out the server's own topics [MQTT-4.7.2-1].
        bool wildcards = topic[0] != '$';
        Node node = _root;
        int position = 0;
        int pending = 0;
        while (true)
        {
            if (wildcards)
            {
                AddAll(node.HashValues, matches);
            }

            Node? next = null;
            if (position > topic.Length)
            {
                AddAll(node.Values, matches);
            }
            else
            {
                int slash = topic[position..].IndexOf('/');
                int end = slash < 0 ? topic.Length : position + slash;
                next = node.FindChild(topic[position..end]);
                if (wildcards && node.Plus is { } plus)
                {
                    if (next is not null)
                    {
                        Push(pending++, next, end + 1);
                    }

                    next = plus;
                }

                // One past the topic's end means that every level has been walked; a trailing slash leaves one more, empty level.
                position = end + 1;
            }

            wildcards = true;
            if (next is not null)
            {
                node = next;
            }
            else if (pending > 0)
            {
                (node, position) = _pending[--pending];
            }
            else
            {
                return;
            }
        }
    }

    private static void AddAll(T[]? values, List<T> matches)
    {
        if (values is null)
        {
            return;
        }

        foreach (T value in values)
        {
            matches.Add(value);
        }
    }

    private static bool Append(ref T[]? values, T value)
    {
        if (values is null)
        {
            values = [value];
            return true;
        }

        if (Array.IndexOf(values, value) >= 0)
        {
            return false;
        }

        values = [.. values, value];
        return true;
    }

    private static bool Delete(ref T[]? values, T value)
    {
        int index = values is null ? -1 : Array.IndexOf(values, value);
        if (index < 0)
        {
            return false;
        }

        values = values!.Length == 1 ? null : [.. values[..index], .. values[(index + 1)..]];
        return true;
    }

    private static bool Prune(Node node)
    {
        while (node.Parent is { } parent && node.IsEmpty)
        {
            if (ReferenceEquals(parent.Plus, node))
            {
                parent.Plus = null;
            }
            else
            {
                parent.RemoveChild(node);
            }

            node = parent;
        }

        return true;
    }

    private bool Counted(bool changed, int difference)
    {
        Count += changed ? difference : 0;
        return changed;
    }

    private void Push(int index, Node node, int position)
    {
        if (index == _pending.Length)
        {
            Array.Resize(ref _pending, index * 2);
        }

        _pending[index] = (node, position);
    }

    private readonly ref struct Level(ReadOnlySpan<char> text)
    {
        public ReadOnlySpan<char> Text { get; } = text;
    }

    /// <summary>The levels of a filter, one after the other.</summary>
    private ref struct Levels(ReadOnlySpan<char> text)
    {
        private ReadOnlySpan<char> _rest = text;
        private bool _ended;

        public Level Current { get; private set; }

        public readonly Levels GetEnumerator() => this;

        public bool MoveNext()
        {
            if (_ended)
            {
                return false;
            }

            int slash = _rest.IndexOf('/');
            _ended = slash < 0;
            Current = new Level(_ended ? _rest : _rest[..slash]);
            _rest = _ended ? default : _rest[(slash + 1)..];
            return true;
        }
    }

    /// <summary>
    /// One level of the filters. Its children are in a chained hash table of its own, because a dictionary cannot be asked by span on .NET 8. The
    /// hash is the runtime's randomised one: topics come from strangers.
    /// </summary>
    private sealed class Node(Node? parent, string text, int hash)
    {
        public T[]? Values;
        public T[]? HashValues;
        public Node? Plus;

        private Node?[]? _buckets;
        private Node? _nextInBucket;
        private int _count;

        public Node? Parent { get; } = parent;

        public bool IsEmpty => Values is null && HashValues is null && Plus is null && _count == 0;

        private string Text { get; } = text;

        private int Hash { get; } = hash;

        public Node? FindChild(ReadOnlySpan<char> text) => _count == 0 ? null : FindChild(text, string.GetHashCode(text));

        public Node GetOrAddChild(ReadOnlySpan<char> text)
        {
            int hash = string.GetHashCode(text);
            if (FindChild(text, hash) is { } found)
            {
                return found;
            }

            _buckets ??= new Node?[1];
            if (_count == _buckets.Length)
            {
                Grow();
            }

            var child = new Node(this, text.ToString(), hash);
            Link(_buckets, child);
            _count++;
            return child;
        }

        public void RemoveChild(Node child)
        {
            ref Node? link = ref _buckets![child.Hash & (_buckets.Length - 1)];
            while (!ReferenceEquals(link, child))
            {
                link = ref link!._nextInBucket;
            }

            link = child._nextInBucket;
            _count--;
        }

        private static void Link(Node?[] buckets, Node child)
        {
            ref Node? bucket = ref buckets[child.Hash & (buckets.Length - 1)];
            child._nextInBucket = bucket;
            bucket = child;
        }

        private Node? FindChild(ReadOnlySpan<char> text, int hash)
        {
            if (_buckets is null)
            {
                return null;
            }

            Node? child = _buckets[hash & (_buckets.Length - 1)];
            while (child is not null && (child.Hash != hash || !text.SequenceEqual(child.Text)))
            {
                child = child._nextInBucket;
            }

            return child;
        }

        private void Grow()
        {
            var buckets = new Node?[_buckets!.Length * 2];
            foreach (Node? bucket in _buckets)
            {
                for (Node? child = bucket; child is not null;)
                {
                    Node? next = child._nextInBucket;
                    Link(buckets, child);
                    child = next;
                }
            }

            _buckets = buckets;
        }
    }
}
