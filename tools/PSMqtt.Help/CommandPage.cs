namespace PSMqtt.Help;

/// <summary>What a page says about a cmdlet.</summary>
internal sealed class CommandPage
{
    public required string Name { get; init; }

    public required string OnlineVersion { get; init; }

    public required IReadOnlyList<string> Synopsis { get; init; }

    public required IReadOnlyList<string> Description { get; init; }

    /// <summary>The names of the parameter sets, the default one first.</summary>
    public required IReadOnlyList<string> ParameterSets { get; init; }

    public required IReadOnlyList<CommandExample> Examples { get; init; }

    public required IReadOnlyList<CommandParameter> Parameters { get; init; }

    public required IReadOnlyList<TypeDescription> Inputs { get; init; }

    public required IReadOnlyList<TypeDescription> Outputs { get; init; }

    public required IReadOnlyList<string> Notes { get; init; }

    public required IReadOnlyList<RelatedLink> Links { get; init; }
}

/// <summary>An example.</summary>
/// <param name="Title">Its heading.</param>
/// <param name="Code">What is typed, and what is printed after it.</param>
/// <param name="Remarks">What there is to say about it.</param>
internal sealed record CommandExample(string Title, string Code, IReadOnlyList<string> Remarks);

/// <summary>A parameter in some or all of a cmdlet's parameter sets.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Description">What it is for.</param>
/// <param name="Facts">The blocks of facts about it: more than one where they differ between parameter sets.</param>
internal sealed record CommandParameter(string Name, IReadOnlyList<string> Description, IReadOnlyList<ParameterFacts> Facts)
{
    /// <summary>The facts that hold in a parameter set; <see langword="null"/> where it is not in the set.</summary>
    public ParameterFacts? In(string set) => Facts.FirstOrDefault(facts => facts.Sets is ["(All)"] || facts.Sets.Contains(set));
}

/// <summary>What PowerShell knows of a parameter.</summary>
/// <param name="Type">The name of its type.</param>
/// <param name="Sets">The parameter sets; (All) stands for all of them.</param>
/// <param name="Aliases">Its other names.</param>
/// <param name="AcceptedValues">The names it takes, for an enumeration.</param>
/// <param name="IsRequired">Whether it must be given.</param>
/// <param name="Position">Its position, or Named.</param>
/// <param name="DefaultValue">What it is if not given.</param>
/// <param name="PipelineInput">Whether, and how, it takes pipeline input.</param>
/// <param name="AcceptsWildcards">Whether it understands wildcards.</param>
internal sealed record ParameterFacts(
    string Type,
    IReadOnlyList<string> Sets,
    IReadOnlyList<string> Aliases,
    IReadOnlyList<string> AcceptedValues,
    bool IsRequired,
    string Position,
    string DefaultValue,
    string PipelineInput,
    bool AcceptsWildcards);

/// <summary>A type that a cmdlet takes or writes.</summary>
/// <param name="Name">The type.</param>
/// <param name="Description">What it is there.</param>
internal sealed record TypeDescription(string Name, IReadOnlyList<string> Description);

/// <summary>Where to read on.</summary>
/// <param name="Text">The title.</param>
/// <param name="Uri">The address; empty: none.</param>
internal sealed record RelatedLink(string Text, string Uri);
