namespace PSMqtt.Help;

/// <summary>A piece of a markdown page.</summary>
/// <param name="Line">The line it begins on, from 1.</param>
internal abstract record Block(int Line);

/// <summary>A heading.</summary>
/// <param name="Line">Its line.</param>
/// <param name="Level">How many # it has.</param>
/// <param name="Text">Its text.</param>
internal sealed record Heading(int Line, int Level, string Text) : Block(Line);

/// <summary>A paragraph, its lines joined.</summary>
/// <param name="Line">Its first line.</param>
/// <param name="Text">Its text, still with the marks of markdown.</param>
internal sealed record Paragraph(int Line, string Text) : Block(Line);

/// <summary>An item of a list, its lines joined.</summary>
/// <param name="Line">Its first line.</param>
/// <param name="Marker">What it begins with: a dash, or a number and a full stop.</param>
/// <param name="Text">Its text, still with the marks of markdown.</param>
internal sealed record ListItem(int Line, string Marker, string Text) : Block(Line);

/// <summary>A fenced block.</summary>
/// <param name="Line">The line of its opening fence.</param>
/// <param name="Language">The word after the fence.</param>
/// <param name="Text">What is in it.</param>
internal sealed record CodeBlock(int Line, string Language, string Text) : Block(Line);

/// <summary>A table.</summary>
/// <param name="Line">Its first line.</param>
/// <param name="Rows">Its rows, the header first, each with its cells.</param>
internal sealed record Table(int Line, IReadOnlyList<IReadOnlyList<string>> Rows) : Block(Line);
