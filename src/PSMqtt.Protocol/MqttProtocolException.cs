using PSMqtt.Protocol.Packets;

namespace PSMqtt.Protocol;

/// <summary>The peer broke the specification. The connection is closed with <see cref="ReasonCode"/>.</summary>
public sealed class MqttProtocolException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="reasonCode">The reason code that a MQTT 5.0 DISCONNECT carries to the peer.</param>
    /// <param name="statement">The statement of the specification that was broken, such as <c>MQTT-3.3.1-4</c>, or a section number.</param>
    /// <param name="message">What the peer did, in a sentence.</param>
    public MqttProtocolException(MqttReasonCode reasonCode, string statement, string message)
        : base(message)
    {
        ReasonCode = reasonCode;
        Statement = statement;
    }

    /// <summary>What the peer did, in a sentence, and the statement that it broke.</summary>
    public override string Message => $"{base.Message} [{Statement}]";

    /// <summary>The reason code that a MQTT 5.0 DISCONNECT carries to the peer.</summary>
    public MqttReasonCode ReasonCode { get; }

    /// <summary>
    /// The statement of the specification that was broken, such as <c>MQTT-3.3.1-4</c>, or a section number where none has a number of its own. On a
    /// connection of MQTT 3.1.1 or 3.1 the numbers are those of 3.1.1.
    /// </summary>
    public string Statement { get; private set; }

    /// <summary>Names the statement as the version of the connection does; whoever found it broken has named it as 5.0 does.</summary>
    internal void NameStatementIn(MqttProtocolVersion version) => Statement = StatementNumbers.In(Statement, version);
}
