using System.Diagnostics;
using System.Runtime.InteropServices;

namespace PSMqtt.Benchmarks;

/// <summary>libmosquitto, where it is installed: the fastest of the clients in C, driven from one thread, as its fastest users do.</summary>
internal sealed class LibMosquittoBenchClient : IBenchClient
{
    private const string Library = "libmosquitto.so.1";
    private const int NoDelay = 11;
    private const int InFlight = 1000;

    // Kept, because the library keeps their addresses.
    private readonly Acknowledged _published;
    private readonly MessageArrived _arrived;
    private readonly Answered _connected;
    private readonly Subscribed _subscribed;
    private int _publishedCount;
    private int _arrivedCount;
    private bool _isConnected;
    private bool _isSubscribed;

    public LibMosquittoBenchClient()
    {
        _published = (_, _, _) => _publishedCount++;
        _arrived = (_, _, _) => _arrivedCount++;
        _connected = (_, _, _) => _isConnected = true;
        _subscribed = (_, _, _, _, _) => _isSubscribed = true;
    }

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate void Acknowledged(IntPtr client, IntPtr state, int identifier);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate void MessageArrived(IntPtr client, IntPtr state, IntPtr message);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate void Answered(IntPtr client, IntPtr state, int code);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate void Subscribed(IntPtr client, IntPtr state, int identifier, int count, IntPtr granted);

    public static bool IsInstalled => NativeLibrary.TryLoad(Library, out _) && mosquitto_lib_init() == 0;

    public string Name => "libmosquitto";

    public Task PublishAsync(int port, int count, int payloadSize, int qos, Action waitUntilTaken)
    {
        using Session session = Connect(port);
        byte[] payload = new byte[payloadSize];
        for (int i = 0; i < count; i++)
        {
            Check(mosquitto_publish(session.Handle, IntPtr.Zero, "t", payloadSize, payload, qos, false));
            if (qos > 0 || (i & 1023) == 0)
            {
                while (i - _publishedCount >= InFlight)
                {
                    Check(mosquitto_loop(session.Handle, 1000, 1));
                }
            }
        }

        while (_publishedCount < count)
        {
            Check(mosquitto_loop(session.Handle, 1000, 1));
        }

        waitUntilTaken();
        return Task.CompletedTask;
    }

    public Task<Latency> PublishOneByOneAsync(int port, int count, int payloadSize, int qos)
    {
        using Session session = Connect(port);
        byte[] payload = new byte[payloadSize];
        long[] ticks = new long[count];
        for (int i = 0; i < count; i++)
        {
            long start = Stopwatch.GetTimestamp();
            Check(mosquitto_publish(session.Handle, IntPtr.Zero, "t", payloadSize, payload, qos, false));
            while (_publishedCount <= i)
            {
                Check(mosquitto_loop(session.Handle, 1000, 1));
            }

            ticks[i] = Stopwatch.GetTimestamp() - start;
        }

        return Task.FromResult(Latency.Of(ticks));
    }

    public Task ReceiveAsync(int port, int count, int qos)
    {
        using Session session = Connect(port);
        Check(mosquitto_subscribe(session.Handle, IntPtr.Zero, "t", qos));
        while (_arrivedCount < count)
        {
            Check(mosquitto_loop(session.Handle, 1000, 1));
        }

        return Task.CompletedTask;
    }

    public Task<Latency> RoundTripAsync(int port, int count, int qos)
    {
        using Session session = Connect(port);
        Check(mosquitto_subscribe(session.Handle, IntPtr.Zero, "t", qos));
        while (!_isSubscribed)
        {
            Check(mosquitto_loop(session.Handle, 1000, 1));
        }

        byte[] payload = new byte[16];
        long[] ticks = new long[count];
        for (int i = 0; i < count; i++)
        {
            long start = Stopwatch.GetTimestamp();
            Check(mosquitto_publish(session.Handle, IntPtr.Zero, "t", payload.Length, payload, qos, false));
            while (_arrivedCount <= i || _publishedCount <= i)
            {
                Check(mosquitto_loop(session.Handle, 1000, 1));
            }

            ticks[i] = Stopwatch.GetTimestamp() - start;
        }

        return Task.FromResult(Latency.Of(ticks));
    }

    public Task ConnectAsync(int port, int count)
    {
        for (int i = 0; i < count; i++)
        {
            using Session session = Connect(port);
        }

        return Task.CompletedTask;
    }

    /// <summary>It waits with select(), which knows no more than 1,024 files.</summary>
    public Task<IReadOnlyList<IAsyncDisposable>> HoldAsync(int port, int count) => throw new NotSupportedException();

    private Session Connect(int port)
    {
        _publishedCount = 0;
        _arrivedCount = 0;
        _isConnected = false;
        _isSubscribed = false;
        IntPtr client = mosquitto_new(null, true, IntPtr.Zero);
        Check(mosquitto_int_option(client, NoDelay, 1));
        Check(mosquitto_max_inflight_messages_set(client, InFlight));
        mosquitto_publish_callback_set(client, _published);
        mosquitto_message_callback_set(client, _arrived);
        mosquitto_connect_callback_set(client, _connected);
        mosquitto_subscribe_callback_set(client, _subscribed);
        Check(mosquitto_connect(client, "127.0.0.1", port, 60));
        while (!_isConnected)
        {
            Check(mosquitto_loop(client, 1000, 1));
        }

        return new Session(client);
    }

    private static void Check(int result)
    {
        if (result != 0)
        {
            throw new IOException($"libmosquitto failed with {result}.");
        }
    }

    // The names are the library's.
#pragma warning disable SYSLIB1054, CA2101, CA5392, IDE1006
    [DllImport(Library)]
    private static extern int mosquitto_lib_init();

    [DllImport(Library, CharSet = CharSet.Ansi)]
    private static extern IntPtr mosquitto_new(string? id, [MarshalAs(UnmanagedType.I1)] bool cleanSession, IntPtr state);

    [DllImport(Library)]
    private static extern void mosquitto_destroy(IntPtr client);

    [DllImport(Library)]
    private static extern int mosquitto_int_option(IntPtr client, int option, int value);

    [DllImport(Library)]
    private static extern int mosquitto_max_inflight_messages_set(IntPtr client, uint count);

    [DllImport(Library)]
    private static extern void mosquitto_publish_callback_set(IntPtr client, Acknowledged callback);

    [DllImport(Library)]
    private static extern void mosquitto_message_callback_set(IntPtr client, MessageArrived callback);

    [DllImport(Library)]
    private static extern void mosquitto_connect_callback_set(IntPtr client, Answered callback);

    [DllImport(Library)]
    private static extern void mosquitto_subscribe_callback_set(IntPtr client, Subscribed callback);

    [DllImport(Library, CharSet = CharSet.Ansi)]
    private static extern int mosquitto_connect(IntPtr client, string host, int port, int keepAlive);

    [DllImport(Library)]
    private static extern int mosquitto_disconnect(IntPtr client);

    [DllImport(Library, CharSet = CharSet.Ansi)]
    private static extern int mosquitto_publish(
        IntPtr client, IntPtr identifier, string topic, int payloadLength, byte[] payload, int qos, [MarshalAs(UnmanagedType.I1)] bool retain);

    [DllImport(Library, CharSet = CharSet.Ansi)]
    private static extern int mosquitto_subscribe(IntPtr client, IntPtr identifier, string filter, int qos);

    [DllImport(Library)]
    private static extern int mosquitto_loop(IntPtr client, int timeout, int maximumPackets);
#pragma warning restore SYSLIB1054, CA2101, CA5392, IDE1006

    private sealed class Session(IntPtr client) : IDisposable
    {
        public IntPtr Handle { get; } = client;

        public void Dispose()
        {
            _ = mosquitto_disconnect(Handle);
            mosquitto_destroy(Handle);
        }
    }
}
