namespace PSMqtt.Protocol.Sessions.Files;

/// <summary>A place in a session log that could not be read.</summary>
/// <param name="Offset">Where it begins, in bytes from the start of the file.</param>
/// <param name="Length">How many bytes it has.</param>
/// <param name="IsTorn">
/// Whether it is the end of the file, where a record was being written when the process or the machine stopped: nothing that was accepted is lost then.
/// </param>
public readonly record struct SessionLogDamage(long Offset, long Length, bool IsTorn);
