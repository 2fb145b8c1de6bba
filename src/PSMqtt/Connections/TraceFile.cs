using System.Globalization;
using System.Text;
using PSMqtt.Protocol;

namespace PSMqtt.Connections;

/// <summary>A file that a connection writes its steps and packets to, a line each.</summary>
internal sealed class TraceFile : IDisposable
{
    private readonly object _lock = new();
    private readonly StreamWriter _writer;
    private bool _closed;

    /// <summary>Opens the file, to append to it. Others may read it meanwhile.</summary>
    public TraceFile(string path) =>
        _writer = new StreamWriter(new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite), new UTF8Encoding(false)) { AutoFlush = true };

    public void Write(MqttTraceEntry entry)
    {
        lock (_lock)
        {
            if (!_closed)
            {
                string sign = entry.Kind switch { MqttTraceKind.Sent => "->", MqttTraceKind.Received => "<-", _ => "--" };
                _writer.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{entry.Timestamp:yyyy-MM-ddTHH:mm:ss.fffZ} {sign} {entry.Text}"));
            }
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _closed = true;
            _writer.Dispose();
        }
    }
}
