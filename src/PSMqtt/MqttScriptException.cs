using PSMqtt.Errors;

namespace PSMqtt;

/// <summary>A script block that a connection has asked for something failed. The inner exception is the script block's own.</summary>
public sealed class MqttScriptException : Exception
{
    internal MqttScriptException(MqttErrorKind kind, string message, Exception? innerException)
        : base(message, innerException) => Kind = kind;

    internal MqttErrorKind Kind { get; }
}
