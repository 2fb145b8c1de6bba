using PSMqtt.Protocol.Packets;
using PSMqtt.Protocol.Transports;

namespace PSMqtt.Protocol.Connections;

/// <summary>Makes CONNECT from the options, for a server and a version.</summary>
internal static class ConnectRequest
{
    /// <param name="options">The options.</param>
    /// <param name="server">The server, which may bring a credential.</param>
    /// <param name="version">The version.</param>
    /// <param name="clientId">The client identifier.</param>
    /// <param name="cleanStart">Clean Start, or Clean Session.</param>
    /// <param name="cancellationToken">Ends the wait for credential or authentication data.</param>
    /// <exception cref="MqttConnectException">The version cannot carry what the options ask for.</exception>
    public static async ValueTask<ConnectPacket> MakeAsync(
        MqttClientOptions options,
        MqttEndpoint server,
        MqttProtocolVersion version,
        string clientId,
        bool cleanStart,
        CancellationToken cancellationToken)
    {
        MqttCredential? credential = options.CredentialProvider is { } provider
            ? await AskAsync(provider, cancellationToken).ConfigureAwait(false)
            : options.Credential ?? server.Credential;
        if (version != MqttProtocolVersion.V500)
        {
            CheckOlderVersion(options, server, version, clientId, credential);
            return new ConnectPacket
            {
                ProtocolVersion = version,
                Bridge = options.Bridge,
                ClientId = clientId,
                CleanStart = cleanStart,
                KeepAliveSeconds = Seconds(options.KeepAlive),
                UserName = credential?.UserName,
                Password = credential?.PasswordBytes,
                Will = options.Will,
            };
        }

        ReadOnlyMemory<byte>? authenticationData = options.Authentication is { } authentication
            ? await AskAsync(authentication.BeginAsync, cancellationToken).ConfigureAwait(false)
            : null;
        return new ConnectPacket
        {
            ProtocolVersion = version,
            ClientId = clientId,
            CleanStart = cleanStart,
            KeepAliveSeconds = Seconds(options.KeepAlive),
            UserName = credential?.UserName,
            Password = credential?.PasswordBytes,
            Will = options.Will,
            WillDelaySeconds = options.Will is null ? 0 : (uint)Math.Ceiling(options.WillDelay.TotalSeconds),
            SessionExpirySeconds = Expiry(options.SessionExpiry) is var expiry && expiry == 0 ? null : expiry,
            ReceiveMaximum = options.ReceiveMaximum == 65_535 ? null : (ushort)options.ReceiveMaximum,
            MaximumPacketSize = options.MaximumPacketSize == 268_435_460 ? null : (uint)options.MaximumPacketSize,
            TopicAliasMaximum = options.TopicAliasMaximum == 0 ? null : (ushort)options.TopicAliasMaximum,
            RequestResponseInformation = options.RequestResponseInformation,
            RequestProblemInformation = options.RequestProblemInformation,
            UserProperties = options.UserProperties,
            AuthenticationMethod = options.Authentication?.Method,
            AuthenticationData = authenticationData?.ToArray(),
        };
    }

    /// <summary>
    /// Asks the user's code for something: whatever it does, calling the client included, it can hold up neither us nor the end of the attempt.
    /// </summary>
    public static Task<T> AskAsync<T>(Func<CancellationToken, ValueTask<T>> ask, CancellationToken cancellationToken) =>
        Task.Run(() => ask(cancellationToken).AsTask(), cancellationToken).WaitAsync(cancellationToken);

    /// <summary>A session expiry as it is on the wire: 0xFFFFFFFF means never.</summary>
    public static uint Expiry(TimeSpan value) =>
        value == Timeout.InfiniteTimeSpan ? uint.MaxValue : (uint)Math.Ceiling(value.TotalSeconds);

    /// <summary>What CONNACK and our own request together mean for the connection.</summary>
    public static MqttConnectResult Negotiate(MqttClientOptions options, MqttEndpoint server, ConnectPacket request, ConnAckPacket answer)
    {
        bool is5 = request.ProtocolVersion == MqttProtocolVersion.V500;
        uint expiry = answer.SessionExpirySeconds ?? request.SessionExpirySeconds ?? 0;
        return new MqttConnectResult
        {
            ProtocolVersion = request.ProtocolVersion,
            Server = server.ToString(),
            ClientId = answer.AssignedClientIdentifier ?? request.ClientId,
            SessionPresent = answer.SessionPresent,
            ReasonCode = answer.ReasonCode,
            ReasonString = answer.ReasonString,
            UserProperties = answer.UserProperties,
            KeepAlive = TimeSpan.FromSeconds(answer.ServerKeepAlive ?? request.KeepAliveSeconds),
            SessionExpiry = is5
                ? expiry == uint.MaxValue ? Timeout.InfiniteTimeSpan : TimeSpan.FromSeconds(expiry)
                : request.CleanStart ? TimeSpan.Zero : Timeout.InfiniteTimeSpan,
            ReceiveMaximum = answer.ReceiveMaximum ?? 65_535,
            MaximumQoS = answer.MaximumQoS ?? MqttQualityOfService.ExactlyOnce,
            RetainAvailable = answer.RetainAvailable ?? true,
            MaximumPacketSize = Math.Min(answer.MaximumPacketSize ?? uint.MaxValue, 268_435_460L),
            TopicAliasMaximum = answer.TopicAliasMaximum ?? 0,
            WildcardSubscriptionAvailable = answer.WildcardSubscriptionAvailable ?? true,
            SubscriptionIdentifiersAvailable = is5 && (answer.SubscriptionIdentifiersAvailable ?? true),
            SharedSubscriptionAvailable = answer.SharedSubscriptionAvailable ?? true,
            ResponseInformation = answer.ResponseInformation,
            ServerReference = answer.ServerReference,
        };
    }

    private static void CheckOlderVersion(
        MqttClientOptions options, MqttEndpoint server, MqttProtocolVersion version, string clientId, MqttCredential? credential)
    {
        string? problem = OptionsValidation.FindOnly5(options) is { } only5 ? $"it does not have {only5}"
            : credential is { UserName: null, HasPassword: true } ? "it needs a user name with a password [MQTT-3.1.2-22]"
            : version == MqttProtocolVersion.V310 && clientId.Length > 23 ? "it allows 23 characters for a client identifier" : null;
        if (problem is not null)
        {
            string name = version == MqttProtocolVersion.V311 ? "3.1.1" : "3.1";
            throw new MqttConnectException(
                MqttConnectPhase.Handshake,
                MqttConnectFailure.UnsupportedVersion,
                $"{server} does not speak MQTT 5.0, and MQTT {name} cannot be used: {problem}. Leave that out, or use another server.")
            { Server = server.ToString() };
        }
    }

    private static ushort Seconds(TimeSpan value) => (ushort)Math.Ceiling(value.TotalSeconds);
}
