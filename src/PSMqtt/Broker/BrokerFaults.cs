using System.Collections.Immutable;

namespace PSMqtt.Broker;

/// <summary>The faults that an embedded broker has now. Of several that fit, the one that was asked for first strikes.</summary>
internal sealed class BrokerFaults
{
    private ImmutableArray<MqttBrokerFault> _active = [];

    public ImmutableArray<MqttBrokerFault> Active => ImmutableInterlocked.InterlockedCompareExchange(ref _active, default, default);

    public MqttBrokerFault Add(MqttBrokerFault fault)
    {
        ImmutableInterlocked.Update(ref _active, static (active, fault) => active.Add(fault), fault);
        return fault;
    }

    public void Remove(MqttBrokerFault fault) => ImmutableInterlocked.Update(ref _active, static (active, fault) => active.Remove(fault), fault);

    public void Clear()
    {
        foreach (MqttBrokerFault fault in Active)
        {
            fault.End();
        }
    }

    /// <summary>The fault that strikes a client's connection, if there is one.</summary>
    public MqttBrokerFault? StrikeConnection(string clientId) =>
        Strike(clientId, static fault => fault.Kind == MqttBrokerFaultKind.RefuseConnection);

    /// <summary>The fault that strikes a topic filter.</summary>
    public MqttBrokerFault? StrikeFilter(string clientId, string filter) =>
        Strike(clientId, fault => fault.Kind == MqttBrokerFaultKind.RefuseFilter
            && (FilterCover.Covers(fault.Filter!, filter) || FilterCover.Covers(fault.Filter!, FilterCover.WithoutShare(filter))));

    /// <summary>The fault that strikes a message.</summary>
    public MqttBrokerFault? StrikeMessage(string clientId, string topic) =>
        Strike(clientId, fault => fault.Kind == MqttBrokerFaultKind.RefuseMessage && FilterCover.Covers(fault.Filter!, topic));

    /// <summary>The fault that strikes an acknowledgement.</summary>
    public MqttBrokerFault? StrikeAcknowledgement(string clientId, MqttAcknowledgement acknowledgement) =>
        Strike(clientId, fault => fault.Acknowledgement == acknowledgement);

    /// <summary>The silence that a client is met with, if it is.</summary>
    public MqttBrokerFault? SilenceOf(string clientId) => Find(clientId, static fault => fault.Kind == MqttBrokerFaultKind.Silence);

    private MqttBrokerFault? Find(string clientId, Func<MqttBrokerFault, bool> isMeant)
    {
        foreach (MqttBrokerFault fault in Active)
        {
            if (isMeant(fault) && fault.Concerns(clientId))
            {
                return fault;
            }
        }

        return null;
    }

    private MqttBrokerFault? Strike(string clientId, Func<MqttBrokerFault, bool> isMeant)
    {
        while (Find(clientId, isMeant) is { } fault)
        {
            if (fault.TryStrike())
            {
                return fault;
            }
        }

        return null;
    }
}
