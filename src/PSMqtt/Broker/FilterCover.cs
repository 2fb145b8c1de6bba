namespace PSMqtt.Broker;

/// <summary>Whether one topic filter covers another: whether every topic that the second matches is matched by the first.</summary>
internal static class FilterCover
{
    /// <summary>Compares level by level.</summary>
    /// <param name="filter">The wider one.</param>
    /// <param name="other">The narrower one, or a topic name.</param>
    /// <returns>Whether it is covered.</returns>
    public static bool Covers(string filter, string other)
    {
        string[] levels = filter.Split('/');
        string[] others = other.Split('/');
        for (int i = 0; i < levels.Length; i++)
        {
            if (levels[i] == "#")
            {
                return true;
            }

            if (i >= others.Length || (levels[i] != others[i] && (levels[i] != "+" || others[i] == "#")))
            {
                return false;
            }
        }

        return levels.Length == others.Length;
    }

    /// <summary>What a shared subscription asks for: <c>$share/group/filter</c> without its first two levels.</summary>
    public static string WithoutShare(string filter) =>
        filter.StartsWith("$share/", StringComparison.Ordinal) && filter.IndexOf('/', "$share/".Length) is > 0 and var end ? filter[(end + 1)..] : filter;
}
