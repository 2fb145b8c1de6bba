using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace PSMqtt.Protocol.Tests.Connections;

/// <summary>
/// SCRAM-SHA-256 (RFC 5802 and RFC 7677), the client's side: the password never travels, and the server proves that it knows it too. An example of
/// <see cref="IEnhancedAuthentication"/> that can be copied as it is.
/// </summary>
/// <remarks>
/// User names and passwords are used as they are: normalise them with SASLprep (RFC 4013) first where they are not plain ASCII.
/// </remarks>
/// <param name="userName">The user name.</param>
/// <param name="password">The password.</param>
/// <param name="makeNonce">Makes the client's part of the nonce; default: 18 random bytes in Base64.</param>
public sealed class ScramSha256(string userName, string password, Func<string>? makeNonce = null) : IEnhancedAuthentication
{
    /// <summary>"n,,": no channel binding. It is said again, in Base64, in the last message.</summary>
    private const string Header = "n,,";

    /// <summary>Fewer iterations than RFC 7677 asks for make a stolen exchange too easy to attack.</summary>
    private const int LeastIterations = 4096;

    private string _clientFirst = string.Empty;
    private string _clientNonce = string.Empty;
    private byte[]? _serverSignature;

    /// <inheritdoc />
    public string Method => "SCRAM-SHA-256";

    /// <inheritdoc />
    public ValueTask<ReadOnlyMemory<byte>?> BeginAsync(CancellationToken cancellationToken)
    {
        _serverSignature = null;
        _clientNonce = makeNonce is null ? Convert.ToBase64String(RandomNumberGenerator.GetBytes(18)) : makeNonce();
        string name = userName.Replace("=", "=3D", StringComparison.Ordinal).Replace(",", "=2C", StringComparison.Ordinal);
        _clientFirst = $"n={name},r={_clientNonce}";
        return Say(Header + _clientFirst);
    }

    /// <inheritdoc />
    public ValueTask<ReadOnlyMemory<byte>?> ContinueAsync(ReadOnlyMemory<byte>? data, CancellationToken cancellationToken)
    {
        if (_serverSignature is not null)
        {
            throw new InvalidOperationException("The server wants a further step, which SCRAM does not have.");
        }

        string serverFirst = Text(data);
        Dictionary<char, string> fields = Read(serverFirst);
        string nonce = Field(fields, 'r');
        byte[] salt = Convert.FromBase64String(Field(fields, 's'));
        int iterations = int.Parse(Field(fields, 'i'), CultureInfo.InvariantCulture);
        if (!nonce.StartsWith(_clientNonce, StringComparison.Ordinal) || nonce.Length == _clientNonce.Length)
        {
            throw new InvalidOperationException("The server's nonce does not continue ours: it answers somebody else.");
        }

        if (iterations < LeastIterations)
        {
            throw new InvalidOperationException($"The server asks for {iterations} iterations; less than {LeastIterations} is not safe.");
        }

        byte[] saltedPassword = Rfc2898DeriveBytes.Pbkdf2(Encoding.UTF8.GetBytes(password), salt, iterations, HashAlgorithmName.SHA256, 32);
        byte[] clientKey = HMACSHA256.HashData(saltedPassword, "Client Key"u8);
        string withoutProof = $"c={Convert.ToBase64String(Encoding.UTF8.GetBytes(Header))},r={nonce}";
        byte[] authMessage = Encoding.UTF8.GetBytes($"{_clientFirst},{serverFirst},{withoutProof}");
        byte[] proof = HMACSHA256.HashData(SHA256.HashData(clientKey), authMessage);
        for (int i = 0; i < proof.Length; i++)
        {
            proof[i] ^= clientKey[i];
        }

        _serverSignature = HMACSHA256.HashData(HMACSHA256.HashData(saltedPassword, "Server Key"u8), authMessage);
        return Say($"{withoutProof},p={Convert.ToBase64String(proof)}");
    }

    /// <inheritdoc />
    public ValueTask CompleteAsync(ReadOnlyMemory<byte>? data, CancellationToken cancellationToken)
    {
        byte[] signature = Convert.FromBase64String(Field(Read(Text(data)), 'v'));
        return _serverSignature is not null && CryptographicOperations.FixedTimeEquals(signature, _serverSignature)
            ? ValueTask.CompletedTask
            : throw new InvalidOperationException("The server's signature is wrong: it does not know the password, and is not the server it says it is.");
    }

    private static ValueTask<ReadOnlyMemory<byte>?> Say(string text) => new(Encoding.UTF8.GetBytes(text));

    private static string Text(ReadOnlyMemory<byte>? data) =>
        data is { } bytes ? Encoding.UTF8.GetString(bytes.Span) : throw new InvalidOperationException("The server sent no authentication data.");

    private static Dictionary<char, string> Read(string message)
    {
        var fields = new Dictionary<char, string>();
        foreach (string field in message.Split(','))
        {
            if (field.Length < 2 || field[1] != '=' || !fields.TryAdd(field[0], field[2..]))
            {
                throw new InvalidOperationException("The server's message is not one of SCRAM.");
            }
        }

        return fields;
    }

    private static string Field(Dictionary<char, string> fields, char name) =>
        fields.TryGetValue(name, out string? value) ? value : throw new InvalidOperationException($"The server's message has no '{name}'.");
}
