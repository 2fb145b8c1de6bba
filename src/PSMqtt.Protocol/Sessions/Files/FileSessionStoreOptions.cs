namespace PSMqtt.Protocol.Sessions.Files;

/// <summary>How a <see cref="FileSessionStore"/> keeps a session.</summary>
public sealed record FileSessionStoreOptions
{
    /// <summary>The directory, which holds one session and nothing else. It is made if it is not there.</summary>
    public required string Directory { get; init; }

    /// <summary>What an accepted message survives. Default: <see cref="SessionDurability.Flush"/>.</summary>
    public SessionDurability Durability { get; init; } = SessionDurability.Flush;

    /// <summary>
    /// The most bytes that messages may take in the log, with their properties: 4,096 or more. Default: 512 MiB. One message more is refused. With the
    /// records that have had their day the file grows to about twice that before it is written anew.
    /// </summary>
    public long SizeLimit { get; init; } = 512L * 1024 * 1024;

    /// <summary>Where the files are: the disk, unless a test wants another place.</summary>
    internal LogStorage? Storage { get; init; }
}
