using CsCheck;
using PSMqtt.Protocol.Topics;

namespace PSMqtt.Protocol.Tests.Topics;

public class TopicTrieTests
{
    private static readonly Gen<string> s_level = Gen.OneOf("", "a", "b", "aa", "$s");

    private static readonly Gen<string> s_topic =
        s_level.Array[1, 4].Select(levels => string.Join('/', levels)).Where(topic => topic.Length > 0);

    private static readonly Gen<string> s_filter = Gen.Select(
        Gen.OneOf("", "a", "b", "aa", "$s", "+", "+").Array[1, 4],
        Gen.Bool,
        Gen.OneOf("", "", "$share/g/", "$share/a/"),
        (levels, hash, share) => share + string.Join('/', levels) + (hash ? "/#" : string.Empty))
        .Where(TopicFilter.IsValid);

    [Fact(DisplayName = "[MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.7.2-1] the trie finds what a level-by-level comparison finds, whatever was added and removed")]
    public void AgreesWithNaiveMatcher()
    {
        Gen.Select(
            Gen.Select(s_filter, Gen.Int[0, 3], Gen.Bool).Array[0, 30],
            s_topic.Array[1, 8]).Sample(
            (steps, topics) =>
            {
                var trie = new TopicTrie<int>();
                var expected = new HashSet<(string Filter, int Value)>();
                foreach ((string filter, int value, bool remove) in steps)
                {
                    (string, int) pair = (Matched(filter), value);
                    Assert.Equal(remove ? expected.Remove(pair) : expected.Add(pair), remove ? trie.Remove(filter, value) : trie.Add(filter, value));
                    Assert.Equal(expected.Count, trie.Count);
                }

                foreach (string topic in topics)
                {
                    List<int> found = [];
                    trie.Match(topic, found);
                    int[] wanted = [.. expected.Where(pair => NaiveMatch(pair.Filter, topic)).Select(pair => pair.Value).Order()];
                    Assert.Equal(wanted, found.Order());
                    foreach (string filter in expected.Select(pair => pair.Filter).Where(TopicFilter.IsValid))
                    {
                        Assert.Equal(NaiveMatch(Matched(filter), topic), TopicFilter.Parse(filter).Matches(topic));
                    }
                }
            },
            iter: 2000);
    }

    [Fact(DisplayName = "a trie of many topics finds each of them, and none after they are removed")]
    public void ManyTopics()
    {
        var trie = new TopicTrie<int>();
        for (int i = 0; i < 5000; i++)
        {
            Assert.True(trie.Add($"plant/{i % 70}/{i}", i));
            Assert.False(trie.Add($"plant/{i % 70}/{i}", i));
        }

        List<int> found = [];
        for (int i = 0; i < 5000; i++)
        {
            found.Clear();
            trie.Match($"plant/{i % 70}/{i}", found);
            Assert.Equal([i], found);
        }

        for (int i = 0; i < 5000; i++)
        {
            Assert.True(trie.Remove($"plant/{i % 70}/{i}", i));
            Assert.False(trie.Remove($"plant/{i % 70}/{i}", i));
        }

        Assert.Equal(0, trie.Count);
        found.Clear();
        trie.Match("plant/1/1", found);
        Assert.Empty(found);
    }

    [Fact(DisplayName = "a filter of as many levels as MQTT allows needs no stack")]
    public void ManyLevels()
    {
        var trie = new TopicTrie<string>();
        string wildcards = string.Join('/', Enumerable.Repeat("+", 32_768));
        string names = string.Join('/', Enumerable.Repeat("a", 32_768));
        trie.Add(wildcards, "wildcards");
        trie.Add(names, "names");
        List<string> found = [];
        trie.Match(names, found);
        Assert.Equal(["names", "wildcards"], found.Order());
        Assert.True(trie.Remove(wildcards, "wildcards"));
        Assert.True(trie.Remove(names, "names"));
    }

    [Fact(DisplayName = "matching allocates nothing once the trie is warm")]
    public void AllocatesNothing()
    {
        var trie = new TopicTrie<int>();
        string[] filters = ["plant/+/temperature", "plant/#", "#", "plant/line1/+", "plant/line1/temperature", "+/+/+"];
        for (int i = 0; i < filters.Length; i++)
        {
            trie.Add(filters[i], i);
        }

        var found = new List<int>(filters.Length);
        trie.Match("plant/line1/temperature", found);
        Assert.Equal(filters.Length, found.Count);
        Assert.Equal(0, Allocated.PerCall(() =>
        {
            found.Clear();
            trie.Match("plant/line1/temperature", found);
        }));
    }

    private static string Matched(string filter) =>
        filter.StartsWith("$share/", StringComparison.Ordinal) ? string.Join('/', filter.Split('/').Skip(2)) : filter;

    private static bool NaiveMatch(string filter, string topic)
    {
        string[] wanted = filter.Split('/');
        string[] levels = topic.Split('/');
        if (topic[0] == '$' && (wanted[0] is "+" or "#"))
        {
            return false;
        }

        for (int i = 0; i < wanted.Length; i++)
        {
            if (wanted[i] == "#")
            {
                return levels.Length >= i;
            }

            if (i >= levels.Length || (wanted[i] != "+" && wanted[i] != levels[i]))
            {
                return false;
            }
        }

        return wanted.Length == levels.Length;
    }
}
