using System.Collections.ObjectModel;
using System.Management.Automation;
using System.Management.Automation.Host;
using System.Security;
using System.Text;

namespace PSMqtt.TestHost;

/// <summary>The streams of a script as text: output and information to one writer, the rest to the other.</summary>
internal sealed class TextUserInterface(TextWriter output, TextWriter error, bool colours) : PSHostUserInterface
{
    private const string NotInteractive = "This host asks nothing: give every mandatory parameter a value.";

    private StringBuilder? _diverted;

    public override PSHostRawUserInterface RawUI { get; } = new FixedRawUserInterface();

    public override bool SupportsVirtualTerminal => colours;

    public IDisposable Divert(StringBuilder text)
    {
        StringBuilder? before = _diverted;
        _diverted = text;
        return new Restore(() => _diverted = before);
    }

    public override void Write(string value)
    {
        // The formatter always writes escape sequences, and leaves it to the host to take them out.
        value = GetOutputString(value, colours && _diverted is null);
        if (_diverted is { } text)
        {
            text.Append(value);
        }
        else
        {
            output.Write(value);
        }
    }

    public override void Write(ConsoleColor foregroundColor, ConsoleColor backgroundColor, string value) => Write(value);

    public override void WriteLine(string value) => Write(value + Environment.NewLine);

    public override void WriteErrorLine(string value) => error.WriteLine(value);

    public override void WriteWarningLine(string message) => error.WriteLine($"WARNING: {message}");

    public override void WriteVerboseLine(string message) => error.WriteLine($"VERBOSE: {message}");

    public override void WriteDebugLine(string message) => error.WriteLine($"DEBUG: {message}");

    public override void WriteProgress(long sourceId, ProgressRecord record)
    {
    }

    public override string ReadLine() => throw new NotSupportedException(NotInteractive);

    public override SecureString ReadLineAsSecureString() => throw new NotSupportedException(NotInteractive);

    public override Dictionary<string, PSObject> Prompt(string caption, string message, Collection<FieldDescription> descriptions) =>
        throw new NotSupportedException($"{NotInteractive} Asked for: {string.Join(", ", descriptions.Select(d => d.Name))}.");

    public override int PromptForChoice(string caption, string message, Collection<ChoiceDescription> choices, int defaultChoice) =>
        throw new NotSupportedException($"{NotInteractive} Asked: {caption} {message}");

    public override PSCredential PromptForCredential(string caption, string message, string userName, string targetName) =>
        throw new NotSupportedException(NotInteractive);

    public override PSCredential PromptForCredential(
        string caption,
        string message,
        string userName,
        string targetName,
        PSCredentialTypes allowedCredentialTypes,
        PSCredentialUIOptions options) => throw new NotSupportedException(NotInteractive);

    private sealed class Restore(Action action) : IDisposable
    {
        public void Dispose() => action();
    }

    /// <summary>A screen of a fixed width, so that tables look the same wherever they are printed.</summary>
    private sealed class FixedRawUserInterface : PSHostRawUserInterface
    {
        public override ConsoleColor BackgroundColor { get; set; } = ConsoleColor.Black;

        public override Size BufferSize { get; set; } = new(120, 3000);

        public override Coordinates CursorPosition { get; set; }

        public override int CursorSize { get; set; } = 25;

        public override ConsoleColor ForegroundColor { get; set; } = ConsoleColor.Gray;

        public override bool KeyAvailable => false;

        public override Size MaxPhysicalWindowSize => BufferSize;

        public override Size MaxWindowSize => BufferSize;

        public override Coordinates WindowPosition { get; set; }

        public override Size WindowSize { get; set; } = new(120, 50);

        public override string WindowTitle { get; set; } = "PSMqtt.TestHost";

        public override void FlushInputBuffer()
        {
        }

        public override BufferCell[,] GetBufferContents(Rectangle rectangle) => new BufferCell[0, 0];

        public override KeyInfo ReadKey(ReadKeyOptions options) => throw new NotSupportedException(NotInteractive);

        public override void ScrollBufferContents(Rectangle source, Coordinates destination, Rectangle clip, BufferCell fill)
        {
        }

        public override void SetBufferContents(Coordinates origin, BufferCell[,] contents)
        {
        }

        public override void SetBufferContents(Rectangle rectangle, BufferCell fill)
        {
        }
    }
}
