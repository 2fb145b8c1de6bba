using System.Diagnostics.CodeAnalysis;
using PSMqtt.Protocol;

namespace PSMqtt.Connections;

/// <summary>Notices that a broker has sent a connection on to a server without TLS, which the user did not name; often no cmdlet waits when it happens.</summary>
/// <param name="client">The connection's client.</param>
internal sealed class ReferenceWatch(MqttClient client)
{
    private string? _seen;

    /// <summary>Looks where the connection leads, and says so once for a server.</summary>
    /// <param name="warning">What to tell the user.</param>
    /// <returns>Whether there is a warning.</returns>
    public bool TryReport([NotNullWhen(true)] out string? warning)
    {
        warning = null;
        if (client.Options.FollowServerReference && client.ConnectResult?.Server is { } server && Interlocked.Exchange(ref _seen, server) != server)
        {
            warning = ConnectionWarnings.OfReference(client.Options, server);
        }

        return warning is not null;
    }
}
