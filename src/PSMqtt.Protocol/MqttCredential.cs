using System.Text;

namespace PSMqtt.Protocol;

/// <summary>A user name and a password. Either may be absent; on 3.1 and 3.1.1 a password needs a user name [MQTT-3.1.2-22].</summary>
public sealed class MqttCredential
{
    private readonly byte[]? _password;

    /// <summary>Creates a credential.</summary>
    /// <param name="userName">The user name; <see langword="null"/> sends none.</param>
    /// <param name="password">The password's bytes, at most 65,535; <see langword="null"/> sends none.</param>
    public MqttCredential(string? userName, byte[]? password)
    {
        UserName = userName;
        _password = password;
    }

    /// <summary>Creates a credential from a password text, sent as UTF-8.</summary>
    /// <param name="userName">The user name; <see langword="null"/> sends none.</param>
    /// <param name="password">The password; <see langword="null"/> sends none.</param>
    public MqttCredential(string? userName, string? password)
        : this(userName, password is null ? null : Encoding.UTF8.GetBytes(password))
    {
    }

    /// <summary>The user name.</summary>
    public string? UserName { get; }

    /// <summary>Whether there is a password. The password itself is never shown.</summary>
    public bool HasPassword => _password is not null;

    internal byte[]? PasswordBytes => _password;

    /// <summary>The user name only.</summary>
    /// <returns>The user name, never the password.</returns>
    public override string ToString() => UserName ?? string.Empty;
}
