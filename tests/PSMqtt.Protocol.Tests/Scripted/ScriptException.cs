namespace PSMqtt.Protocol.Tests.Scripted;

/// <summary>The client did something else than the script of a <see cref="ScriptedPeer"/> says.</summary>
internal sealed class ScriptException(string message, Exception? inner = null) : Exception(message, inner);
