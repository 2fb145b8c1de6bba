using System.Net;
using System.Net.Sockets;

namespace PSMqtt.Protocol.Transports;

/// <summary>
/// Opens TCP sockets: finds the addresses of a host and races them, a little after one another, so that a dead one does not cost the whole time
/// (RFC 8305).
/// </summary>
internal sealed class TcpConnector
{
    /// <summary>How long an address may keep the next one waiting.</summary>
    public static readonly TimeSpan Stagger = TimeSpan.FromMilliseconds(250);

    private readonly Func<string, CancellationToken, Task<IPAddress[]>> _resolve;

    public TcpConnector()
        : this(Dns.GetHostAddressesAsync)
    {
    }

    public TcpConnector(Func<string, CancellationToken, Task<IPAddress[]>> resolve) => _resolve = resolve;

    /// <summary>Opens a socket.</summary>
    /// <exception cref="MqttConnectException">It could not be opened.</exception>
    public async ValueTask<Socket> ConnectAsync(string host, int port, MqttClientOptions options, CancellationToken cancellationToken)
    {
        var target = new ConnectTarget(host, port);
        IReadOnlyList<IPAddress> addresses = await ResolveAsync(target, options, cancellationToken).ConfigureAwait(false);
        return await RaceAsync(target, addresses, options, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The addresses in the order they are tried: the families alternate, beginning with the one the system put first.</summary>
    internal static IReadOnlyList<IPAddress> Interleave(IReadOnlyList<IPAddress> addresses)
    {
        List<IPAddress> preferred = [];
        List<IPAddress> others = [];
        foreach (IPAddress address in addresses)
        {
            List<IPAddress> family = address.AddressFamily == addresses[0].AddressFamily ? preferred : others;
            if (!family.Contains(address))
            {
                family.Add(address);
            }
        }

        for (int i = 0; i < others.Count; i++)
        {
            preferred.Insert(Math.Min(preferred.Count, (2 * i) + 1), others[i]);
        }

        return preferred;
    }

    private async ValueTask<IReadOnlyList<IPAddress>> ResolveAsync(ConnectTarget target, MqttClientOptions options, CancellationToken cancellationToken)
    {
        IReadOnlyList<IPAddress> addresses;
        if (IPAddress.TryParse(target.Host, out IPAddress? address))
        {
            addresses = [address];
        }
        else
        {
            try
            {
                // The system's resolver cannot always be interrupted, so it is left behind when the time is up.
                addresses = Interleave(await _resolve(target.Host, cancellationToken).WaitAsync(cancellationToken).ConfigureAwait(false));
            }
            catch (SocketException e)
            {
                throw target.NotFound(e);
            }

            if (addresses.Count == 0)
            {
                throw target.NotFound(null);
            }

            options.Story?.Step(() => $"'{target.Host}' is {string.Join(", ", addresses)}.");
        }

        if (options.LocalAddress is not { } local)
        {
            return addresses;
        }

        IReadOnlyList<IPAddress> reachable = [.. addresses.Where(candidate => candidate.AddressFamily == local.AddressFamily)];
        return reachable.Count > 0 ? reachable : throw target.NoAddressLike(local, addresses);
    }

    private static async ValueTask<Socket> RaceAsync(
        ConnectTarget target, IReadOnlyList<IPAddress> addresses, MqttClientOptions options, CancellationToken cancellationToken)
    {
        var failures = new List<(IPAddress Address, SocketException Error)>();
        if (addresses is [var only])
        {
            try
            {
                return await OpenAsync(target, only, failures, options, cancellationToken).ConfigureAwait(false);
            }
            catch (SocketException)
            {
                throw target.Failed(failures);
            }
        }

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var running = new List<Task<Socket>>();
        int next = 0;
        void StartNext()
        {
            if (next < addresses.Count)
            {
                running.Add(OpenAsync(target, addresses[next++], failures, options, stop.Token));
            }
        }

        try
        {
            StartNext();
            while (running.Count > 0)
            {
                Task<Task<Socket>> first = Task.WhenAny(running);
                if (next < addresses.Count && !await CompletesWithinStaggerAsync(first, options.TimeProvider, cancellationToken).ConfigureAwait(false))
                {
                    StartNext();
                    continue;
                }

                Task<Socket> finished = await first.ConfigureAwait(false);
                running.Remove(finished);
                try
                {
                    return await finished.ConfigureAwait(false);
                }
                catch (SocketException)
                {
                    StartNext();
                }
            }
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            foreach (Task<Socket> loser in running)
            {
                _ = DisposeLoserAsync(loser);
            }
        }

        lock (failures)
        {
            throw target.Failed(failures);
        }
    }

    private static async ValueTask<bool> CompletesWithinStaggerAsync(Task first, TimeProvider time, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task delay = Task.Delay(Stagger, time, stop.Token);
        Task ended = await Task.WhenAny(first, delay).ConfigureAwait(false);
        await stop.CancelAsync().ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
        return ended == first;
    }

    private static async Task<Socket> OpenAsync(
        ConnectTarget target,
        IPAddress address,
        List<(IPAddress Address, SocketException Error)> failures,
        MqttClientOptions options,
        CancellationToken cancellationToken)
    {
        Socket? socket = null;
        try
        {
            socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            TcpSettings.Apply(socket, options);
            if (options.LocalAddress is { } local)
            {
                Bind(socket, target, local);
            }

            var peer = new IPEndPoint(address, target.Port);
            options.Story?.Step(() => $"Opening TCP to {peer}.");
            await socket.ConnectAsync(peer, cancellationToken).ConfigureAwait(false);
            return socket;
        }
        catch (Exception e)
        {
            socket?.Dispose();
            if (e is SocketException error)
            {
                lock (failures)
                {
                    failures.Add((address, error));
                }
            }

            throw;
        }
    }

    private static void Bind(Socket socket, ConnectTarget target, IPAddress local)
    {
        try
        {
            socket.Bind(new IPEndPoint(local, 0));
        }
        catch (SocketException e)
        {
            throw target.CannotBind(local, e);
        }
    }

    private static async Task DisposeLoserAsync(Task<Socket> attempt)
    {
        try
        {
            (await attempt.ConfigureAwait(false)).Dispose();
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or MqttConnectException)
        {
            // It lost; why does not matter.
        }
    }
}
