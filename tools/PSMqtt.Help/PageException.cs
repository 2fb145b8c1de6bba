namespace PSMqtt.Help;

/// <summary>A page cannot be made help of.</summary>
internal sealed class PageException(string path, int line, string message) : Exception(message)
{
    /// <summary>The page.</summary>
    public string Path { get; } = path;

    /// <summary>The line, from 1.</summary>
    public int Line { get; } = line;
}
