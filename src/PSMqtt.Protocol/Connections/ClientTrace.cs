using PSMqtt.Protocol.Packets;

namespace PSMqtt.Protocol.Connections;

/// <summary>
/// What a client does, for those who want to know: steps in sentences, and packets. Nothing is put into words while nobody listens. Listeners are called
/// one after the other, in order, on the thread of the client's events.
/// </summary>
/// <param name="timeProvider">The clock of the entries.</param>
/// <param name="events">Where listeners are called.</param>
internal sealed class ClientTrace(TimeProvider timeProvider, EventPump events)
{
    private readonly object _lock = new();
    private volatile Listener[] _listeners = [];
    private volatile bool _takesPackets;

    /// <summary>Whether somebody wants to hear of steps.</summary>
    public bool TakesSteps => _listeners.Length > 0;

    /// <summary>Whether somebody wants to hear of packets.</summary>
    public bool TakesPackets => _takesPackets;

    /// <summary>Has a listener called from now on.</summary>
    /// <param name="write">The listener.</param>
    /// <param name="packets">Whether it is called for packets too.</param>
    public object Add(Action<MqttTraceEntry> write, bool packets)
    {
        var listener = new Listener(write, packets);
        lock (_lock)
        {
            Set([.. _listeners, listener]);
        }

        return listener;
    }

    /// <summary>Has a listener called no more, except with what has happened already.</summary>
    public void Remove(object listener)
    {
        lock (_lock)
        {
            Set(Array.FindAll(_listeners, other => !ReferenceEquals(other, listener)));
        }
    }

    /// <summary>A step in the life of the connection, put into words only where somebody listens.</summary>
    public void Step(Func<string> sentence)
    {
        if (TakesSteps)
        {
            Write(MqttTraceKind.Connection, sentence());
        }
    }

    /// <summary>A step in the life of the connection.</summary>
    public void Step(string sentence) => Write(MqttTraceKind.Connection, sentence);

    /// <summary>A packet.</summary>
    public void Packet(MqttTraceKind kind, in MqttFrame frame, MqttProtocolVersion version)
    {
        if (TakesPackets)
        {
            Write(kind, PacketDescription.Describe(frame, version, sent: kind == MqttTraceKind.Sent));
        }
    }

    /// <summary>Whole packets, one after the other.</summary>
    public void Packets(MqttTraceKind kind, ReadOnlyMemory<byte> bytes, MqttProtocolVersion version)
    {
        if (!TakesPackets)
        {
            return;
        }

        ReadOnlySpan<byte> rest = bytes.Span;
        while (MqttPacketReader.TryReadFrame(rest, int.MaxValue, out MqttFrame frame, out _))
        {
            Packet(kind, frame, version);
            rest = rest[frame.TotalLength..];
        }
    }

    /// <summary>A packet that was put into words elsewhere, or a sentence.</summary>
    public void Write(MqttTraceKind kind, string text)
    {
        Listener[] listeners = _listeners;
        if (listeners.Length == 0)
        {
            return;
        }

        var entry = new MqttTraceEntry(timeProvider.GetUtcNow(), kind, text);
        foreach (Listener listener in listeners)
        {
            if (listener.Packets || kind == MqttTraceKind.Connection)
            {
                events.Post(() => listener.Write(entry));
            }
        }
    }

    private void Set(Listener[] listeners)
    {
        _listeners = listeners;
        _takesPackets = Array.Exists(listeners, static listener => listener.Packets);
    }

    private sealed record Listener(Action<MqttTraceEntry> Write, bool Packets);
}
