namespace PSMqtt.Protocol;

/// <summary>
/// The client's side of an enhanced authentication method (MQTT 5.0, section 4.12), such as SCRAM-SHA-256. One object serves every connect and
/// re-authentication of a client, one exchange after the other; it is never called on the engine's reader or writer loop.
/// </summary>
public interface IEnhancedAuthentication
{
    /// <summary>The name of the method, as CONNECT and AUTH carry it.</summary>
    string Method { get; }

    /// <summary>Begins an exchange.</summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The data of CONNECT, or of the AUTH that begins a re-authentication; <see langword="null"/> sends none.</returns>
    ValueTask<ReadOnlyMemory<byte>?> BeginAsync(CancellationToken cancellationToken);

    /// <summary>Answers one step of the server's.</summary>
    /// <param name="data">The data of the server's AUTH (0x18); <see langword="null"/> where it had none.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The data of our AUTH; <see langword="null"/> sends none.</returns>
    ValueTask<ReadOnlyMemory<byte>?> ContinueAsync(ReadOnlyMemory<byte>? data, CancellationToken cancellationToken);

    /// <summary>
    /// Checks the data that came with the server's success (CONNACK, or AUTH with 0x00), such as a server signature. An exception refuses the server.
    /// </summary>
    /// <param name="data">The data; <see langword="null"/> where it had none.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>A task that fails if the server is not to be trusted.</returns>
    ValueTask CompleteAsync(ReadOnlyMemory<byte>? data, CancellationToken cancellationToken);
}
