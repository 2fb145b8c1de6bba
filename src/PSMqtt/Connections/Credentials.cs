using System.Management.Automation;
using System.Runtime.InteropServices;
using System.Security;
using System.Security.Cryptography;
using System.Text;
using PSMqtt.Protocol;

namespace PSMqtt.Connections;

/// <summary>Turns PowerShell's credentials into the engine's.</summary>
internal static class Credentials
{
    public static MqttCredential From(PSCredential credential) => From(credential.UserName, credential.Password);

    /// <summary>Makes a credential.</summary>
    /// <param name="userName">The user name; <see langword="null"/>: none (MQTT 5.0).</param>
    /// <param name="password">The password.</param>
    public static MqttCredential From(string? userName, SecureString password) => new(userName, ToUtf8(password));

    /// <summary>A source of credentials that asks a script block, before each attempt to connect.</summary>
    public static Func<CancellationToken, ValueTask<MqttCredential?>> From(ScriptRunspace script) => async cancellationToken =>
    {
        PSDataCollection<PSObject> output = await script.RunAsync([], cancellationToken).ConfigureAwait(false);
        return output.Count == 0
            ? null
            : output[^1]?.BaseObject switch
            {
                PSCredential credential => From(credential),
                SecureString password => From(null, password),
                MqttCredential credential => credential,
                _ => throw script.Failed("it must write a PSCredential, such as Get-Credential makes."),
            };
    };

    private static byte[] ToUtf8(SecureString password)
    {
        nint unmanaged = Marshal.SecureStringToGlobalAllocUnicode(password);
        char[] characters = new char[password.Length];
        try
        {
            Marshal.Copy(unmanaged, characters, 0, characters.Length);
            return Encoding.UTF8.GetBytes(characters);
        }
        finally
        {
            Marshal.ZeroFreeGlobalAllocUnicode(unmanaged);
            CryptographicOperations.ZeroMemory(MemoryMarshal.AsBytes(characters.AsSpan()));
        }
    }
}
