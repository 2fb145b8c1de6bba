using System.Management.Automation;
using PSMqtt.Protocol;
using PSMqtt.Protocol.Sessions.Files;

namespace PSMqtt;

/// <summary>The rare settings of a connection, made by <c>New-MqttConnectionOption</c> for <c>Connect-Mqtt -Option</c>. One may serve many connections.</summary>
public sealed class MqttConnectionOption
{
    /// <summary>
    /// The engine's defaults, but for one: brokers in wide use send more than the Receive Maximum to a slow consumer, and somebody at a prompt is better
    /// served by a queue than by a lost connection. A Receive Maximum that the user gives is enforced.
    /// </summary>
    internal static MqttClientOptions ClientDefaults { get; } = new() { EnforceReceiveMaximum = false };

    internal MqttConnectionOption(MqttClientOptions client, MqttSubscriptionOptions subscription)
    {
        Client = client;
        Subscription = subscription;
    }

    /// <summary>What the engine is told; <c>Connect-Mqtt</c> adds its own parameters to it.</summary>
    public MqttClientOptions Client { get; }

    /// <summary>How the connection's subscriptions keep messages, where <c>Register-MqttSubscription</c> does not say otherwise.</summary>
    public MqttSubscriptionOptions Subscription { get; }

    /// <summary>The file that every packet is written to; <see langword="null"/>: none.</summary>
    public string? TracePath { get; internal init; }

    /// <summary>What a message in a <c>-SessionPath</c> survives once it was accepted.</summary>
    public SessionDurability SessionDurability { get; internal init; }

    /// <summary>The most bytes that messages may take in a <c>-SessionPath</c>; <see langword="null"/>: 512 MiB.</summary>
    public long? SessionSizeLimit { get; internal init; }

    /// <summary>The enhanced authentication method; <see langword="null"/>: none.</summary>
    public string? AuthenticationMethod { get; internal init; }

    /// <summary>The script block that answers for the method: never shown, because it sees no variables and so may hold a secret in its text.</summary>
    internal ScriptBlock? AuthenticationScript { get; init; }
}
