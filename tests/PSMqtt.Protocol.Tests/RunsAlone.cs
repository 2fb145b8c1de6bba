namespace PSMqtt.Protocol.Tests;

/// <summary>Tests that measure the whole process, its memory for one: no other test runs beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class RunsAlone
{
    public const string Name = "runs alone";
}
