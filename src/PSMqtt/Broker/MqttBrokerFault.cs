using System.Globalization;
using System.Management.Automation;
using PSMqtt.Broker;
using PSMqtt.Protocol;

namespace PSMqtt;

/// <summary>
/// A fault that an embedded broker was told to have: what the methods of <see cref="MqttBroker"/> write. It holds until it is ended, or until it
/// has struck as many times as it was to.
/// </summary>
public sealed class MqttBrokerFault : IDisposable
{
    private readonly BrokerFaults _owner;
    private readonly WildcardPattern _clients;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly object _lock = new();
    private int _hits;

    internal MqttBrokerFault(BrokerFaults owner, MqttBrokerFaultKind kind, int count, string clientId)
    {
        ThrowIfEmpty(clientId);
        if (count < 0)
        {
            throw new PSArgumentException(
                $"The count cannot be {count}. It says how many times the fault strikes: 1 or more, or 0 for as long as it is not ended.");
        }

        _owner = owner;
        Kind = kind;
        Limit = count == 0 ? null : count;
        ClientId = clientId;
        _clients = new WildcardPattern(clientId);
    }

    // PSArgumentException says its message and no more: the name of a C# parameter after it is of no use in a shell.
    internal static void ThrowIfEmpty(string clientId)
    {
        if (string.IsNullOrEmpty(clientId))
        {
            throw new PSArgumentException("Say which clients: a client identifier, or a wildcard pattern such as pump*; * is all of them.");
        }
    }

    /// <summary>What the broker does.</summary>
    public MqttBrokerFaultKind Kind { get; }

    /// <summary>The acknowledgement that is dropped, delayed or duplicated.</summary>
    public MqttAcknowledgement? Acknowledgement { get; internal init; }

    /// <summary>The reason code of a refusal.</summary>
    public MqttReasonCode? ReasonCode { get; internal init; }

    /// <summary>The topic filter that is refused, with all that it covers; or that of the messages that are.</summary>
    public string? Filter { get; internal init; }

    /// <summary>How late an acknowledgement is sent.</summary>
    public TimeSpan? Delay { get; internal init; }

    /// <summary>The client identifiers of those it strikes; a wildcard pattern. <c>*</c>: everybody.</summary>
    public string ClientId { get; }

    /// <summary>How many times it strikes before it ends by itself; <see langword="null"/>: it does not.</summary>
    public int? Limit { get; }

    /// <summary>How many times it has struck. A silence counts the packets that it holds back.</summary>
    public int Hits => Volatile.Read(ref _hits);

    /// <summary>Whether it goes on.</summary>
    public bool IsActive => !_ended.Task.IsCompleted;

    /// <summary>Done when it has ended.</summary>
    internal Task Ended => _ended.Task;

    /// <summary>Ends it: the broker does right again. What a silence has held back goes on its way.</summary>
    public void End()
    {
        _owner.Remove(this);
        _ended.TrySetResult();
    }

    /// <summary>Ends it.</summary>
    public void Dispose() => End();

    /// <summary>What it does, to whom.</summary>
    /// <returns>The text.</returns>
    public override string ToString()
    {
        string what = Kind switch
        {
            MqttBrokerFaultKind.RefuseConnection => $"refuses connections with {ReasonCode}",
            MqttBrokerFaultKind.RefuseFilter => $"refuses the filter '{Filter}' with {ReasonCode}",
            MqttBrokerFaultKind.RefuseMessage => $"refuses messages to '{Filter}' with {ReasonCode}",
            MqttBrokerFaultKind.DropAcknowledgement => $"drops {Acknowledgement}",
            MqttBrokerFaultKind.DelayAcknowledgement => string.Create(CultureInfo.InvariantCulture, $"delays {Acknowledgement} by {Delay!.Value.TotalSeconds} s"),
            MqttBrokerFaultKind.DuplicateAcknowledgement => $"sends {Acknowledgement} twice",
            _ => "is silent",
        };
        string whom = ClientId == "*" ? string.Empty : $" for '{ClientId}'";
        string times = Limit is { } limit ? string.Create(CultureInfo.InvariantCulture, $", {limit} times") : string.Empty;
        return what + whom + times;
    }

    /// <summary>Whether it is meant for a client.</summary>
    internal bool Concerns(string clientId) => _clients.IsMatch(clientId);

    /// <summary>Has it strike, unless it has ended. Its last time ends it.</summary>
    internal bool TryStrike()
    {
        lock (_lock)
        {
            if (!IsActive)
            {
                return false;
            }

            _hits++;
            if (_hits == Limit)
            {
                End();
            }

            return true;
        }
    }
}
