namespace PSMqtt.Protocol.Sessions.Files;

/// <summary>What a file of a session has to survive before a message counts as accepted.</summary>
public enum SessionDurability
{
    /// <summary>A power failure: the system is asked to write it to the disk.</summary>
    Flush,

    /// <summary>The end of the process, however sudden: the operating system has it. A power failure, or a crash of the system, may lose the last seconds.</summary>
    Write,
}
