using System.Security.Cryptography;
using System.Text;

namespace PSMqtt.Protocol.Tests.Connections;

/// <summary>The server's side of SCRAM-SHA-256, with the maths done the server's way: it keeps StoredKey and ServerKey, never the password.</summary>
internal sealed class ScramServer
{
    private readonly byte[] _salt;
    private readonly int _iterations;
    private readonly string _nonce;
    private readonly byte[] _storedKey;
    private readonly byte[] _serverKey;
    private string _clientFirst = string.Empty;
    private string _serverFirst = string.Empty;

    public ScramServer(string password, string nonce = "server", int iterations = 4096, byte[]? salt = null)
    {
        _salt = salt ?? [1, 2, 3, 4, 5, 6, 7, 8];
        _iterations = iterations;
        _nonce = nonce;
        byte[] salted = Rfc2898DeriveBytes.Pbkdf2(Encoding.UTF8.GetBytes(password), _salt, iterations, HashAlgorithmName.SHA256, 32);
        _storedKey = SHA256.HashData(HMACSHA256.HashData(salted, "Client Key"u8));
        _serverKey = HMACSHA256.HashData(salted, "Server Key"u8);
    }

    /// <summary>Answers client-first-message with server-first-message.</summary>
    public byte[] First(byte[] clientFirst)
    {
        string text = Encoding.UTF8.GetString(clientFirst);
        Assert.StartsWith("n,,n=", text, StringComparison.Ordinal);
        _clientFirst = text[3..];
        string clientNonce = _clientFirst[(_clientFirst.IndexOf(",r=", StringComparison.Ordinal) + 3)..];
        _serverFirst = $"r={clientNonce}{_nonce},s={Convert.ToBase64String(_salt)},i={_iterations}";
        return Encoding.UTF8.GetBytes(_serverFirst);
    }

    /// <summary>Checks client-final-message, and answers with server-final-message; <see langword="null"/>: the proof is wrong.</summary>
    public byte[]? Final(byte[] clientFinal)
    {
        string text = Encoding.UTF8.GetString(clientFinal);
        int proofAt = text.IndexOf(",p=", StringComparison.Ordinal);
        byte[] authMessage = Encoding.UTF8.GetBytes($"{_clientFirst},{_serverFirst},{text[..proofAt]}");
        byte[] clientKey = Convert.FromBase64String(text[(proofAt + 3)..]);
        byte[] signature = HMACSHA256.HashData(_storedKey, authMessage);
        for (int i = 0; i < clientKey.Length; i++)
        {
            clientKey[i] ^= signature[i];
        }

        return SHA256.HashData(clientKey).AsSpan().SequenceEqual(_storedKey)
            ? Encoding.UTF8.GetBytes($"v={Convert.ToBase64String(HMACSHA256.HashData(_serverKey, authMessage))}")
            : null;
    }
}
