using PSMqtt.Protocol.Topics;

namespace PSMqtt.Protocol.Tests.Topics;

public class TopicNameTests
{
    [Theory(DisplayName = "[MQTT-4.7.3-1] a topic name of one character or more is valid, with spaces, empty levels and any case")]
    [InlineData("a")]
    [InlineData("/")]
    [InlineData("//")]
    [InlineData("/finance")]
    [InlineData("Accounts payable")]
    [InlineData("$SYS/broker/uptime")]
    [InlineData("sport/tennis/player1")]
    [InlineData("température/\u00e9\ud83d\ude00")]
    [InlineData("\ufeff")]
    public void Valid(string topic)
    {
        Assert.True(TopicName.IsValid(topic, out string? problem));
        Assert.Null(problem);
        TopicName.Validate(topic, "topic");
    }

    [Theory(DisplayName = "[MQTT-4.7.0-1] [MQTT-3.3.2-2] [MQTT-4.7.3-2] [MQTT-1.5.4-1] [MQTT-3.1.1: MQTT-4.7.1-1] [MQTT-3.1.1: MQTT-4.7.3-2] what no topic name may hold is named, with its place and what to do")]
    [InlineData("", "empty")]
    [InlineData("a/+", "'+' at position 3")]
    [InlineData("#", "'#' at position 1")]
    [InlineData("a\0b", "U+0000 at position 2")]
    public void Invalid(string topic, string expected)
    {
        Assert.False(TopicName.IsValid(topic, out string? problem));
        Assert.Contains(expected, problem, StringComparison.Ordinal);
        var exception = Assert.Throws<ArgumentException>("someTopic", () => TopicName.Validate(topic, "someTopic"));
        Assert.StartsWith(problem, exception.Message, StringComparison.Ordinal);
    }

    [Fact(DisplayName = "[MQTT-1.5.4-1] half of a surrogate pair is refused in names and filters")]
    public void LoneSurrogates()
    {
        // Not as data of a theory: attributes are stored as UTF-8, which cannot hold these.
        (string Topic, string Expected)[] cases =
        [
            ("ab\ud800", "(U+D800) at position 3"),
            ("ab\udc00c", "(U+DC00) at position 3"),
            ("\ud800\ud800\udc00", "(U+D800) at position 1"),
            ("a/\udfff", "(U+DFFF) at position 3"),
        ];
        foreach ((string topic, string expected) in cases)
        {
            Assert.False(TopicName.IsValid(topic, out string? problem));
            Assert.Contains(expected, problem, StringComparison.Ordinal);
            Assert.False(TopicFilter.IsValid(topic, out problem));
            Assert.Contains(expected, problem, StringComparison.Ordinal);
        }
    }

    [Theory(DisplayName = "[MQTT-4.7.3-3] [MQTT-3.1.1: MQTT-4.7.3-3] a topic name may take 65,535 bytes of UTF-8 and no more")]
    [InlineData("a", 65_535, true)]
    [InlineData("a", 65_536, false)]
    [InlineData("\u00e9", 32_767, true)]
    [InlineData("\u00e9", 32_768, false)]
    [InlineData("\u20ac", 21_845, true)]
    [InlineData("\u20ac", 21_846, false)]
    [InlineData("\ud83d\ude00", 16_383, true)]
    [InlineData("\ud83d\ude00", 16_384, false)]
    public void Length(string unit, int count, bool valid)
    {
        string topic = string.Concat(Enumerable.Repeat(unit, count));
        Assert.Equal(valid, TopicName.IsValid(topic, out string? problem));
        if (!valid)
        {
            Assert.Contains("65,535", problem, StringComparison.Ordinal);
            Assert.True(problem!.Length < 400, "the message quotes the start only");
        }
    }

    [Fact(DisplayName = "checking a valid topic name allocates nothing")]
    public void AllocatesNothing()
    {
        Assert.Equal(0, Allocated.PerCall(static () => TopicName.Validate("plant/line1/temperature", "topic")));
    }
}
