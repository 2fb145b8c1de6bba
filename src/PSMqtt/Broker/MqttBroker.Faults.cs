using System.Management.Automation;
using PSMqtt.Broker;
using PSMqtt.Protocol;
using PSMqtt.Protocol.Topics;

namespace PSMqtt;

/// <summary>The faults to test against. Each is one line of a test; <c>$broker.ClearFaults()</c> ends them all.</summary>
public sealed partial class MqttBroker
{
    // What a refusal may say: sections 3.2.2.2, 3.9.3, 3.4.2.1 and 3.14.2.1 of MQTT 5.0, without what is no refusal.
    private static readonly MqttReasonCode[] s_connectionRefusals =
    [
        MqttReasonCode.UnspecifiedError, MqttReasonCode.MalformedPacket, MqttReasonCode.ProtocolError, MqttReasonCode.ImplementationSpecificError,
        MqttReasonCode.UnsupportedProtocolVersion, MqttReasonCode.ClientIdentifierNotValid, MqttReasonCode.BadUserNameOrPassword,
        MqttReasonCode.NotAuthorized, MqttReasonCode.ServerUnavailable, MqttReasonCode.ServerBusy, MqttReasonCode.Banned,
        MqttReasonCode.BadAuthenticationMethod, MqttReasonCode.TopicNameInvalid, MqttReasonCode.PacketTooLarge, MqttReasonCode.QuotaExceeded,
        MqttReasonCode.PayloadFormatInvalid, MqttReasonCode.RetainNotSupported, MqttReasonCode.QoSNotSupported, MqttReasonCode.UseAnotherServer,
        MqttReasonCode.ServerMoved, MqttReasonCode.ConnectionRateExceeded,
    ];

    private static readonly MqttReasonCode[] s_filterRefusals =
    [
        MqttReasonCode.UnspecifiedError, MqttReasonCode.ImplementationSpecificError, MqttReasonCode.NotAuthorized, MqttReasonCode.TopicFilterInvalid,
        MqttReasonCode.PacketIdentifierInUse, MqttReasonCode.QuotaExceeded, MqttReasonCode.SharedSubscriptionsNotSupported,
        MqttReasonCode.SubscriptionIdentifiersNotSupported, MqttReasonCode.WildcardSubscriptionsNotSupported,
    ];

    private static readonly MqttReasonCode[] s_messageRefusals =
    [
        MqttReasonCode.UnspecifiedError, MqttReasonCode.ImplementationSpecificError, MqttReasonCode.NotAuthorized, MqttReasonCode.TopicNameInvalid,
        MqttReasonCode.PacketIdentifierInUse, MqttReasonCode.QuotaExceeded, MqttReasonCode.PayloadFormatInvalid,
    ];

    private static readonly MqttReasonCode[] s_disconnectReasons =
    [
        MqttReasonCode.UnspecifiedError, MqttReasonCode.MalformedPacket, MqttReasonCode.ProtocolError, MqttReasonCode.ImplementationSpecificError,
        MqttReasonCode.NotAuthorized, MqttReasonCode.ServerBusy, MqttReasonCode.ServerShuttingDown, MqttReasonCode.KeepAliveTimeout,
        MqttReasonCode.SessionTakenOver, MqttReasonCode.TopicFilterInvalid, MqttReasonCode.TopicNameInvalid, MqttReasonCode.ReceiveMaximumExceeded,
        MqttReasonCode.TopicAliasInvalid, MqttReasonCode.PacketTooLarge, MqttReasonCode.MessageRateTooHigh, MqttReasonCode.QuotaExceeded,
        MqttReasonCode.AdministrativeAction, MqttReasonCode.PayloadFormatInvalid, MqttReasonCode.RetainNotSupported, MqttReasonCode.QoSNotSupported,
        MqttReasonCode.UseAnotherServer, MqttReasonCode.ServerMoved, MqttReasonCode.SharedSubscriptionsNotSupported,
        MqttReasonCode.ConnectionRateExceeded, MqttReasonCode.MaximumConnectTime, MqttReasonCode.SubscriptionIdentifiersNotSupported,
        MqttReasonCode.WildcardSubscriptionsNotSupported,
    ];

    /// <summary>The faults it has now.</summary>
    public IReadOnlyList<MqttBrokerFault> Faults => _faults.Active;

    /// <summary>Refuses connections from now on: <c>$broker.RefuseConnection('NotAuthorized')</c>. Those that stand are left alone.</summary>
    /// <param name="reason">What the CONNACK says. A client of MQTT 3.1.1 is told what comes nearest of the five codes it knows, or server unavailable.</param>
    /// <param name="count">How many connections; 0, the default: all until the fault is ended.</param>
    /// <param name="clientId">Whose, as a wildcard pattern; default: everybody's.</param>
    /// <returns>The fault, which can be ended.</returns>
    /// <exception cref="ArgumentException">A CONNACK cannot refuse with that code, or the count is negative.</exception>
    /// <exception cref="InvalidOperationException">The broker has been stopped.</exception>
    public MqttBrokerFault RefuseConnection(MqttReasonCode reason, int count = 0, string clientId = "*") =>
        Add(new MqttBrokerFault(_faults, MqttBrokerFaultKind.RefuseConnection, count, clientId)
        {
            ReasonCode = OneOf(s_connectionRefusals, reason, "A connection"),
        });

    /// <summary>
    /// Refuses subscriptions from now on: <c>$broker.RefuseFilter('secret/#', 'NotAuthorized')</c>. Those that stand are left alone.
    /// </summary>
    /// <param name="filter">The topic filter. Those that it covers are refused too: <c>secret/+</c> and <c>secret/a</c>, and with <c>#</c> all.</param>
    /// <param name="reason">What the SUBACK says about it. A client of MQTT 3.1.1 learns only that it failed.</param>
    /// <param name="count">How many times; 0, the default: until the fault is ended.</param>
    /// <param name="clientId">Whose, as a wildcard pattern; default: everybody's.</param>
    /// <returns>The fault, which can be ended.</returns>
    /// <exception cref="ArgumentException">That is no topic filter, or a SUBACK cannot refuse with that code, or the count is negative.</exception>
    /// <exception cref="InvalidOperationException">The broker has been stopped.</exception>
    public MqttBrokerFault RefuseFilter(string filter, MqttReasonCode reason, int count = 0, string clientId = "*") =>
        Add(new MqttBrokerFault(_faults, MqttBrokerFaultKind.RefuseFilter, count, clientId)
        {
            Filter = FilterOf(filter),
            ReasonCode = OneOf(s_filterRefusals, reason, "A filter"),
        });

    /// <summary>
    /// Refuses messages from now on, and hands none of them on: <c>$broker.RefuseMessage('plant/#', 'QuotaExceeded')</c>.
    /// </summary>
    /// <param name="filter">The topics of the messages, as a topic filter.</param>
    /// <param name="reason">What the PUBACK or PUBREC says. With QoS 0 and in MQTT 3.1.1 the sender is told nothing.</param>
    /// <param name="count">How many messages; 0, the default: all until the fault is ended.</param>
    /// <param name="clientId">Whose, as a wildcard pattern; default: everybody's.</param>
    /// <returns>The fault, which can be ended.</returns>
    /// <exception cref="ArgumentException">That is no topic filter, or no such code can refuse a message, or the count is negative.</exception>
    /// <exception cref="InvalidOperationException">The broker has been stopped.</exception>
    public MqttBrokerFault RefuseMessage(string filter, MqttReasonCode reason, int count = 0, string clientId = "*") =>
        Add(new MqttBrokerFault(_faults, MqttBrokerFaultKind.RefuseMessage, count, clientId)
        {
            Filter = FilterOf(filter),
            ReasonCode = OneOf(s_messageRefusals, reason, "A message"),
        });

    /// <summary>
    /// Does what is asked of it, but does not say so: <c>$broker.DropAcknowledgement('PubAck', 1)</c> loses the next PUBACK.
    /// </summary>
    /// <param name="acknowledgement">Which.</param>
    /// <param name="count">How many; 0, the default: all until the fault is ended.</param>
    /// <param name="clientId">Whose, as a wildcard pattern; default: everybody's.</param>
    /// <returns>The fault, which can be ended.</returns>
    /// <exception cref="ArgumentException">There is no such acknowledgement, or the count is negative.</exception>
    /// <exception cref="InvalidOperationException">The broker has been stopped.</exception>
    public MqttBrokerFault DropAcknowledgement(MqttAcknowledgement acknowledgement, int count = 0, string clientId = "*") =>
        Add(new MqttBrokerFault(_faults, MqttBrokerFaultKind.DropAcknowledgement, count, clientId) { Acknowledgement = Known(acknowledgement) });

    /// <summary>
    /// Sends acknowledgements late: <c>$broker.DelayAcknowledgement('PubAck', 2)</c>. Those that are late keep their order; other packets overtake them.
    /// </summary>
    /// <param name="acknowledgement">Which.</param>
    /// <param name="seconds">How late: more than 0, up to a day.</param>
    /// <param name="count">How many; 0, the default: all until the fault is ended.</param>
    /// <param name="clientId">Whose, as a wildcard pattern; default: everybody's.</param>
    /// <returns>The fault, which can be ended.</returns>
    /// <exception cref="ArgumentException">There is no such acknowledgement, or a number is out of range.</exception>
    /// <exception cref="InvalidOperationException">The broker has been stopped.</exception>
    public MqttBrokerFault DelayAcknowledgement(MqttAcknowledgement acknowledgement, double seconds, int count = 0, string clientId = "*")
    {
        if (!(seconds > 0 && seconds <= 86_400))
        {
            throw new PSArgumentException("The delay is in seconds: more than 0, up to 86,400.");
        }

        return Add(new MqttBrokerFault(_faults, MqttBrokerFaultKind.DelayAcknowledgement, count, clientId)
        {
            Acknowledgement = Known(acknowledgement),
            Delay = TimeSpan.FromSeconds(seconds),
        });
    }

    /// <summary>Sends acknowledgements twice: <c>$broker.DuplicateAcknowledgement('PubRec')</c>.</summary>
    /// <param name="acknowledgement">Which.</param>
    /// <param name="count">How many; 0, the default: all until the fault is ended.</param>
    /// <param name="clientId">Whose, as a wildcard pattern; default: everybody's.</param>
    /// <returns>The fault, which can be ended.</returns>
    /// <exception cref="ArgumentException">There is no such acknowledgement, or the count is negative.</exception>
    /// <exception cref="InvalidOperationException">The broker has been stopped.</exception>
    public MqttBrokerFault DuplicateAcknowledgement(MqttAcknowledgement acknowledgement, int count = 0, string clientId = "*") =>
        Add(new MqttBrokerFault(_faults, MqttBrokerFaultKind.DuplicateAcknowledgement, count, clientId) { Acknowledgement = Known(acknowledgement) });

    /// <summary>
    /// Goes silent, as when the network between has failed without a word: <c>$broker.GoSilent()</c>. It reads nothing, sends nothing and closes
    /// nothing, and still accepts connections that it does not answer. When the fault is ended, what has waited goes on its way.
    /// </summary>
    /// <param name="clientId">Towards whom, as a wildcard pattern; default: everybody.</param>
    /// <returns>The fault, which can be ended.</returns>
    /// <exception cref="InvalidOperationException">The broker has been stopped.</exception>
    public MqttBrokerFault GoSilent(string clientId = "*") => Add(new MqttBrokerFault(_faults, MqttBrokerFaultKind.Silence, 0, clientId));

    /// <summary>
    /// Cuts clients off: their connections end without a DISCONNECT, so that their wills are published and their sessions stay.
    /// They may connect again at once.
    /// </summary>
    /// <param name="clientId">Which, as a wildcard pattern; default: all.</param>
    /// <returns>How many there were.</returns>
    /// <exception cref="ItemNotFoundException">No client of that name is connected.</exception>
    /// <exception cref="InvalidOperationException">The broker has been stopped.</exception>
    public int CutOff(string clientId = "*")
    {
        ThrowIfStopped();
        return _broker.CutOff(FindClients(clientId));
    }

    /// <summary>
    /// Has clients go: they are told with a DISCONNECT that carries a reason (5.0), and their connections are closed.
    /// </summary>
    /// <param name="clientId">Which, as a wildcard pattern.</param>
    /// <param name="reason">Why, such as ServerShuttingDown, SessionTakenOver or AdministrativeAction.</param>
    /// <returns>How many there were.</returns>
    /// <exception cref="ArgumentException">A DISCONNECT cannot give that reason.</exception>
    /// <exception cref="ItemNotFoundException">No client of that name is connected.</exception>
    /// <exception cref="InvalidOperationException">The broker has been stopped.</exception>
    public int DisconnectClient(string clientId, MqttReasonCode reason)
    {
        ThrowIfStopped();
        OneOf(s_disconnectReasons, reason, "A client", "disconnected");
        string[] clients = FindClients(clientId);
        // A method that a script calls: it cannot hand on a task, and there is no cmdlet whose wait could serve.
        Task.Run(() => _broker.DisconnectAsync(clients, reason)).GetAwaiter().GetResult();
        return clients.Length;
    }

    /// <summary>Ends all its faults: it does right again.</summary>
    public void ClearFaults() => _faults.Clear();

    private static MqttReasonCode OneOf(MqttReasonCode[] codes, MqttReasonCode code, string what, string verb = "refused") => Array.IndexOf(codes, code) >= 0
        ? code
        : throw new PSArgumentException($"{what} cannot be {verb} with {code}. Give one of {string.Join(", ", codes)}.");

    private static MqttAcknowledgement Known(MqttAcknowledgement acknowledgement) => Enum.IsDefined(acknowledgement)
        ? acknowledgement
        : throw new PSArgumentException(
            $"There is no acknowledgement {acknowledgement:D}. Give one of {string.Join(", ", Enum.GetNames<MqttAcknowledgement>())}.");

    private static string FilterOf(string filter) => TopicFilter.IsValid(filter)
        ? filter
        : throw new PSArgumentException(
            $"'{filter}' is no topic filter: + stands for one whole level and # for all that follow, as the last level: plant/+/temperature, plant/#.");

    private string[] FindClients(string clientId)
    {
        MqttBrokerFault.ThrowIfEmpty(clientId);
        var pattern = new WildcardPattern(clientId);
        string[] found = [.. _broker.Clients.Select(static client => client.ClientId).Where(id => id == clientId || pattern.IsMatch(id))];
        return found.Length > 0 || WildcardPattern.ContainsWildcardCharacters(clientId)
            ? found
            : throw new ItemNotFoundException($"No client '{clientId}' is connected to the broker '{Name}'. Its Clients lists those that are.");
    }

    private MqttBrokerFault Add(MqttBrokerFault fault)
    {
        ThrowIfStopped();
        return _faults.Add(fault);
    }

    private void ThrowIfStopped()
    {
        if (State != MqttBrokerState.Running)
        {
            throw new InvalidOperationException($"The broker '{Name}' has been stopped. Start another one with Start-MqttBroker.");
        }
    }
}
