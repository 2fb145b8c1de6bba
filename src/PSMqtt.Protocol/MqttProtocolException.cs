namespace PSMqtt.Protocol;

/// <summary>The peer broke the specification. The connection is closed with <see cref="ReasonCode"/>.</summary>
public sealed class MqttProtocolException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="reasonCode">The reason code that a MQTT 5.0 DISCONNECT carries to the peer.</param>
    /// <param name="statement">The statement of the specification that was broken, such as <c>MQTT-3.3.1-4</c>, or a section number.</param>
    /// <param name="message">What the peer did, in a sentence.</param>
    public MqttProtocolException(MqttReasonCode reasonCode, string statement, string message)
        : base($"{message} [{statement}]")
    {
        ReasonCode = reasonCode;
        Statement = statement;
    }

    /// <summary>The reason code that a MQTT 5.0 DISCONNECT carries to the peer.</summary>
    public MqttReasonCode ReasonCode { get; }

    /// <summary>The statement of the specification that was broken, such as <c>MQTT-3.3.1-4</c>.</summary>
    public string Statement { get; }
}
