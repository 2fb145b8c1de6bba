namespace PSMqtt.Protocol.Transports;

/// <summary>Finds the servers of a <c>mqtt+srv</c> or <c>mqtts+srv</c> endpoint.</summary>
internal static class ServiceRecordLookup
{
    /// <summary>Looks up the records of a domain.</summary>
    /// <returns>The servers in the order they are to be tried; at least one.</returns>
    /// <exception cref="MqttConnectException">The domain has none, or they could not be looked up.</exception>
    public static async ValueTask<IReadOnlyList<MqttEndpoint>> FindAsync(
        MqttEndpoint endpoint, IServiceRecordResolver? resolver, CancellationToken cancellationToken)
    {
        if (resolver is null)
        {
            throw Failed(
                MqttConnectFailure.Unspecified,
                endpoint,
                $"'{endpoint}' needs DNS service records, and the client was given nothing to look them up with. Name the server itself (mqtt:// or mqtts://).");
        }

        string name = $"{(endpoint.IsTls ? "_secure-mqtt" : "_mqtt")}._tcp.{endpoint.Host}";
        IReadOnlyList<ServiceRecord> records;
        try
        {
            records = await resolver.ResolveAsync(name, cancellationToken).AsTask().WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is not (OperationCanceledException or MqttConnectException))
        {
            throw Failed(
                MqttConnectFailure.HostNotFound,
                endpoint,
                $"The service records {name} could not be looked up: {e.Message.TrimEnd('.')}. Check this machine's network and DNS settings.",
                e);
        }

        var servers = new List<MqttEndpoint>();
        foreach (ServiceRecord record in ServiceRecordOrder.Arrange(records, most => Random.Shared.Next(most + 1)))
        {
            // A single dot as the host means that the service is not offered (RFC 2782).
            string host = record.Host.TrimEnd('.');
            if (record.Port is >= 1 and <= ushort.MaxValue && EndpointText.CanonicalHost(host, out _) is { } known)
            {
                servers.Add(new MqttEndpoint { Scheme = endpoint.IsTls ? "mqtts" : "mqtt", Host = known, Port = record.Port });
            }
        }

        return servers.Count > 0
            ? servers
            : throw Failed(
                MqttConnectFailure.NoServiceRecord,
                endpoint,
                $"The domain '{endpoint.Host}' publishes no service record {name}. Check the domain, or name the server itself ({(endpoint.IsTls ? "mqtts" : "mqtt")}://).");
    }

    private static MqttConnectException Failed(MqttConnectFailure failure, MqttEndpoint endpoint, string message, Exception? inner = null) =>
        new(MqttConnectPhase.Resolve, failure, message, inner) { Server = endpoint.ToString() };
}
