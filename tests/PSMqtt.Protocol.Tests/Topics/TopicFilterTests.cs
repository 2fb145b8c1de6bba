using PSMqtt.Protocol.Topics;

namespace PSMqtt.Protocol.Tests.Topics;

public class TopicFilterTests
{
    [Theory(DisplayName = "[MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-3.1.1: MQTT-4.7.1-2] [MQTT-3.1.1: MQTT-4.7.1-3] wildcards stand alone in their level, '#' only at the end")]
    [InlineData("sport/tennis/#")]
    [InlineData("#")]
    [InlineData("+")]
    [InlineData("+/tennis/#")]
    [InlineData("sport/+/player1")]
    [InlineData("/")]
    [InlineData("//+//")]
    [InlineData("/#")]
    [InlineData("$share")]
    [InlineData("$share/consumer1/sport/tennis/+")]
    [InlineData("$share/g//")]
    [InlineData("$share/g/$SYS/#")]
    [InlineData("$SHARE/+/a")]
    public void Valid(string text)
    {
        Assert.True(TopicFilter.TryParse(text, out TopicFilter? filter, out string? problem), problem);
        Assert.Equal(text, filter.ToString());
        Assert.Equal(filter, TopicFilter.Parse(text));
    }

    [Theory(DisplayName = "[MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.8.2-1] [MQTT-4.8.2-2] an invalid filter is named with its fault and its place")]
    [InlineData("", "empty")]
    [InlineData("sport/tennis#", "'#' at position 13")]
    [InlineData("sport/tennis/#/ranking", "'#' at position 14")]
    [InlineData("##", "'#' at position 1")]
    [InlineData("#/", "'#' at position 1")]
    [InlineData("sport+", "'+' at position 6")]
    [InlineData("+a", "'+' at position 1")]
    [InlineData("a/+b/c", "'+' at position 3")]
    [InlineData("++", "'+' at position 1")]
    [InlineData("+#", "'+' at position 1")]
    [InlineData("a\0", "U+0000 at position 2")]
    [InlineData("$share/", "share name is missing")]
    [InlineData("$share//a", "share name is missing")]
    [InlineData("$share/g", "no filter follows")]
    [InlineData("$share/g/", "no filter follows")]
    [InlineData("$share/g+/a", "wildcard '+' at position 9")]
    [InlineData("$share/#/a", "wildcard '#' at position 8")]
    [InlineData("$share/g/a#", "'#' at position 11")]
    [InlineData("$share/g/+a", "'+' at position 10")]
    public void Invalid(string text, string expected)
    {
        Assert.False(TopicFilter.IsValid(text));
        Assert.False(TopicFilter.TryParse(text, out _, out string? problem));
        Assert.Contains(expected, problem, StringComparison.Ordinal);
        Assert.StartsWith(problem, Assert.Throws<ArgumentException>(() => TopicFilter.Parse(text)).Message, StringComparison.Ordinal);
    }

    public static TheoryData<string, string, bool> Cases => new()
    {
        // Section 4.7.1.2.
        { "sport/tennis/player1/#", "sport/tennis/player1", true },
        { "sport/tennis/player1/#", "sport/tennis/player1/ranking", true },
        { "sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true },
        { "sport/tennis/player1/#", "sport/tennis/player2", false },
        { "sport/tennis/player1/#", "sport/tennis", false },
        { "sport/#", "sport", true },
        { "sport/#", "sport/", true },
        { "sport/#", "sports", false },
        { "#", "a", true },
        { "#", "/", true },
        { "#", "a/b/c", true },

        // Section 4.7.1.3.
        { "sport/tennis/+", "sport/tennis/player1", true },
        { "sport/tennis/+", "sport/tennis/player1/ranking", false },
        { "sport/+", "sport", false },
        { "sport/+", "sport/", true },
        { "+/+", "/finance", true },
        { "/+", "/finance", true },
        { "+", "/finance", false },
        { "+/tennis/#", "sport/tennis", true },
        { "sport/+/player1", "sport/tennis/player1", true },
        { "sport/+/player1", "sport//player1", true },
        { "+/#", "a", true },

        // Section 4.7.2 [MQTT-4.7.2-1].
        { "#", "$SYS/broker", false },
        { "+/monitor/Clients", "$SYS/monitor/Clients", false },
        { "+", "$SYS", false },
        { "$SYS/#", "$SYS/monitor/Clients", true },
        { "$SYS/#", "$SYS", true },
        { "$SYS/monitor/+", "$SYS/monitor/Clients", true },
        { "a/+", "a/$b", true },

        // Section 4.7.3: case, leading and trailing slashes, empty levels.
        { "ACCOUNTS", "Accounts", false },
        { "/finance", "finance", false },
        { "finance/", "finance", false },
        { "finance", "finance/", false },
        { "a//b", "a//b", true },
        { "a//b", "a/b", false },
        { "a/+/b", "a//b", true },
        { "/", "/", true },
        { "/", "//", false },
        { "+/", "/", true },
        { "Accounts payable", "Accounts payable", true },
        { "e\u0301", "\u00e9", false },

        // Section 4.8.2.
        { "$share/consumer1/sport/#", "sport/tennis", true },
        { "$share/consumer1/#", "$SYS/broker", false },
        { "$share/consumer1/$SYS/#", "$SYS/broker", true },
        { "$share/a/b", "$share/a/b", false },
        { "$share/a//b", "/b", true },
    };

    [Theory(DisplayName = "[MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.7.2-1] [MQTT-4.7.3-4] filters match as the specification's examples say")]
    [MemberData(nameof(Cases))]
    public void Matches(string filter, string topic, bool expected)
    {
        Assert.Equal(expected, TopicFilter.Matches(filter, topic));
        Assert.Equal(expected, TopicFilter.Parse(filter).Matches(topic));

        var trie = new TopicTrie<int>();
        trie.Add(filter, 1);
        List<int> matches = [];
        trie.Match(topic, matches);
        Assert.Equal(expected ? [1] : [], matches);
    }

    [Fact(DisplayName = "[MQTT-4.8.2-1] a shared subscription has a share name and the filter that follows it")]
    public void Shared()
    {
        var filter = TopicFilter.Parse("$share/group 1/a/+");
        Assert.True(filter.IsShared);
        Assert.Equal("group 1", filter.ShareName);
        Assert.Equal("a/+", filter.Filter);
        Assert.True(filter.HasWildcards);

        filter = TopicFilter.Parse("$shared/a");
        Assert.False(filter.IsShared);
        Assert.Null(filter.ShareName);
        Assert.Equal("$shared/a", filter.Filter);
        Assert.False(filter.HasWildcards);
    }

    [Fact(DisplayName = "the static match refuses an invalid filter and an invalid topic")]
    public void StaticMatchChecks()
    {
        Assert.Throws<ArgumentException>("filter", () => TopicFilter.Matches("a#", "a"));
        Assert.Throws<ArgumentException>("topic", () => TopicFilter.Matches("a/#", "a/+"));
    }
}
