using System.Management.Automation;
using PSMqtt.Errors;
using PSMqtt.Payloads;
using PSMqtt.Protocol;

namespace PSMqtt.Connections;

/// <summary>
/// Enhanced authentication by a script block: <c>{ param($Step, $Data) ... }</c> is called with Begin, Continue and Complete and the server's bytes, and
/// writes the bytes, or the text, of its answer.
/// </summary>
internal sealed class ScriptAuthentication : IEnhancedAuthentication, IDisposable
{
    private readonly ScriptRunspace _script;
    private readonly PayloadConversion _conversion = new(Parameters.EncodingAttribute.Utf8, depth: null);

    public ScriptAuthentication(string method, ScriptBlock script)
    {
        Method = method;
        _script = new ScriptRunspace(script, "-AuthenticationScript", MqttErrors.AuthenticationScriptFailed);
    }

    public string Method { get; }

    public ValueTask<ReadOnlyMemory<byte>?> BeginAsync(CancellationToken cancellationToken) => CallAsync("Begin", null, cancellationToken);

    public ValueTask<ReadOnlyMemory<byte>?> ContinueAsync(ReadOnlyMemory<byte>? data, CancellationToken cancellationToken) =>
        CallAsync("Continue", data, cancellationToken);

    public async ValueTask CompleteAsync(ReadOnlyMemory<byte>? data, CancellationToken cancellationToken) =>
        await CallAsync("Complete", data, cancellationToken).ConfigureAwait(false);

    public void Dispose() => _script.Dispose();

    private async ValueTask<ReadOnlyMemory<byte>?> CallAsync(string step, ReadOnlyMemory<byte>? data, CancellationToken cancellationToken)
    {
        PSDataCollection<PSObject> output = await _script.RunAsync([step, data?.ToArray()], cancellationToken).ConfigureAwait(false);

        try
        {
            // A byte array that a script writes arrives as its bytes, one by one.
            return output.Count switch
            {
                0 => null,
                1 => _conversion.ToBytes(output[0]),
                _ => _conversion.ToBytes(output.Select(static item => item?.BaseObject).ToArray()),
            };
        }
        catch (Exception exception) when (exception is RuntimeException or ArgumentException)
        {
            throw _script.Failed($"what it has written is no answer. {exception.Message}", exception);
        }
    }
}
