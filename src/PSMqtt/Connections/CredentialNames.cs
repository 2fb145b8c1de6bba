namespace PSMqtt.Connections;

/// <summary>Tells by the name of an HTTP header or of a query's parameter whether its value is likely to open doors.</summary>
internal static class CredentialNames
{
    private static readonly string[] s_words =
        ["auth", "cookie", "token", "password", "passwd", "secret", "credential", "signature", "session", "apikey", "api-key", "api_key", "access-key", "jwt"];

    /// <summary>Whether the value is likely to be a credential.</summary>
    public static bool Contains(string name) => Array.Exists(s_words, word => name.Contains(word, StringComparison.OrdinalIgnoreCase));
}
