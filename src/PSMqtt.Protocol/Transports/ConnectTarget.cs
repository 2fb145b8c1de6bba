using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace PSMqtt.Protocol.Transports;

/// <summary>A host and a port to connect to, and what to say when that does not work.</summary>
internal readonly record struct ConnectTarget(string Host, int Port)
{
    // Of several addresses that failed for different reasons, the one that tells most decides.
    private static readonly MqttConnectFailure[] s_telling =
        [MqttConnectFailure.ConnectionRefused, MqttConnectFailure.ConnectTimeout, MqttConnectFailure.Unreachable];

    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{(Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]" : Host)}:{Port}");

    public MqttConnectException NotFound(SocketException? error) => Exception(
        MqttConnectPhase.Resolve,
        MqttConnectFailure.HostNotFound,
        error?.SocketErrorCode == SocketError.TryAgain
            ? $"The host '{Host}' of {this} could not be resolved: no name server answered. Check this machine's network and DNS settings."
            : $"The host '{Host}' of {this} was not found. Check its spelling, and that this machine's DNS knows it.",
        error);

    public MqttConnectException NoAddressLike(IPAddress local, IReadOnlyList<IPAddress> addresses) => Exception(
        MqttConnectPhase.Connect,
        MqttConnectFailure.Unreachable,
        $"{this} cannot be reached from the local address {local}: the host only has {string.Join(", ", addresses)}. "
            + "Choose a local address of the same family (IPv4 or IPv6), or none.",
        null);

    public MqttConnectException CannotBind(IPAddress local, SocketException error) => Exception(
        MqttConnectPhase.Connect,
        MqttConnectFailure.Unspecified,
        $"The local address {local} cannot be used to connect to {this}: {error.Message}. Choose an address that this machine has, or none.",
        error);

    public MqttConnectException Failed(IReadOnlyList<(IPAddress Address, SocketException Error)> failures)
    {
        MqttConnectFailure failure = s_telling.FirstOrDefault(kind => failures.Any(entry => Classify(entry.Error) == kind));
        string addresses = string.Join(", ", failures.Select(entry => entry.Address));
        string message = failure switch
        {
            MqttConnectFailure.ConnectionRefused =>
                $"{this} refused the connection ({addresses}). Check the port, that the server is running, and that no firewall rejects it.",
            MqttConnectFailure.ConnectTimeout =>
                $"{this} did not answer ({addresses}). Check the host and the port, and that no firewall drops the connection.",
            MqttConnectFailure.Unreachable =>
                $"There is no way to {this} ({addresses}). Check this machine's network, its routes and VPN.",
            _ => $"The connection to {this} failed: {string.Join("; ", failures.Select(entry => $"{entry.Address}: {entry.Error.Message}"))}.",
        };
        return Exception(MqttConnectPhase.Connect, failure, message, failures.Count > 0 ? failures[0].Error : null);
    }

    private static MqttConnectFailure Classify(SocketException error) => error.SocketErrorCode switch
    {
        SocketError.ConnectionRefused => MqttConnectFailure.ConnectionRefused,
        SocketError.TimedOut => MqttConnectFailure.ConnectTimeout,
        SocketError.HostUnreachable or SocketError.NetworkUnreachable or SocketError.NetworkDown or SocketError.HostDown
            or SocketError.AddressNotAvailable or SocketError.AddressFamilyNotSupported => MqttConnectFailure.Unreachable,
        _ => MqttConnectFailure.Unspecified,
    };

    private MqttConnectException Exception(MqttConnectPhase phase, MqttConnectFailure failure, string message, SocketException? inner) =>
        new(phase, failure, message, inner) { Server = ToString() };
}
