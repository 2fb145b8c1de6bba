using System.Collections;

namespace PSMqtt.Completion;

/// <summary>Completes the names of encodings.</summary>
internal sealed class EncodingCompleter : NameCompleter
{
    protected override IEnumerable<string> GetNames(IDictionary parameters) =>
        ["utf8", "ascii", "latin1", "unicode", "bigendianunicode", "utf32", "bigendianutf32", "ansi", "oem"];
}
