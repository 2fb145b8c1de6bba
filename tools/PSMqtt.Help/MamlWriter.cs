using System.Xml;
using System.Xml.Linq;

namespace PSMqtt.Help;

/// <summary>Writes pages as MAML, the help format of PowerShell, as platyPS does.</summary>
internal static class MamlWriter
{
    // More values of an enumeration than these make a syntax unreadable: there its type stands, and the page has the values.
    private const int ValuesShown = 8;

    private static readonly XNamespace s_help = "http://msh";
    private static readonly XNamespace s_maml = "http://schemas.microsoft.com/maml/2004/10";
    private static readonly XNamespace s_command = "http://schemas.microsoft.com/maml/dev/command/2004/10";
    private static readonly XNamespace s_dev = "http://schemas.microsoft.com/maml/dev/2004/10";

    /// <summary>Writes the file.</summary>
    /// <param name="pages">The pages, in their order.</param>
    /// <param name="path">The file.</param>
    public static void Write(IEnumerable<CommandPage> pages, string path)
    {
        XElement root = new(s_help + "helpItems", new XAttribute("schema", "maml"), pages.Select(ToElement));
        XmlWriterSettings settings = new() { Indent = true, NewLineChars = "\n" };
        using XmlWriter writer = XmlWriter.Create(path, settings);
        root.Save(writer);
    }

    private static XElement ToElement(CommandPage page)
    {
        string[] name = page.Name.Split('-', 2);
        return new XElement(
            s_command + "command",
            new XAttribute(XNamespace.Xmlns + "maml", s_maml),
            new XAttribute(XNamespace.Xmlns + "command", s_command),
            new XAttribute(XNamespace.Xmlns + "dev", s_dev),
            new XElement(
                s_command + "details",
                new XElement(s_command + "name", page.Name),
                new XElement(s_command + "verb", name[0]),
                new XElement(s_command + "noun", name[1]),
                Description(page.Synopsis)),
            Description(page.Description),
            new XElement(s_command + "syntax", page.ParameterSets.Select(set => ToSyntax(page, set))),
            new XElement(
                s_command + "parameters",
                page.Parameters.OrderBy(static parameter => parameter.Name, StringComparer.OrdinalIgnoreCase).Select(static parameter => ToElement(parameter, parameter.Facts[0], inSyntax: false))),
            new XElement(s_command + "inputTypes", page.Inputs.Select(static type => ToElement("inputType", type))),
            new XElement(s_command + "returnValues", page.Outputs.Select(static type => ToElement("returnValue", type))),
            new XElement(s_maml + "alertSet", new XElement(s_maml + "alert", Paragraphs(page.Notes))),
            new XElement(s_command + "examples", page.Examples.Select(ToElement)),
            new XElement(s_command + "relatedLinks", GetLinks(page).Select(ToElement)));
    }

    private static XElement ToSyntax(CommandPage page, string set) => new(
        s_command + "syntaxItem",
        new XElement(s_maml + "name", page.Name),
        page.Parameters
            .Select(parameter => (Parameter: parameter, Facts: parameter.In(set)))
            .Where(static pair => pair.Facts is not null)
            .OrderBy(static pair => int.TryParse(pair.Facts!.Position, out int position) ? position : int.MaxValue)
            .ThenByDescending(static pair => pair.Facts!.IsRequired)
            .Select(static pair => ToElement(pair.Parameter, pair.Facts!, inSyntax: true)));

    private static XElement ToElement(CommandParameter parameter, ParameterFacts facts, bool inSyntax)
    {
        bool isSwitch = facts.Type == "SwitchParameter";
        return new XElement(
            s_command + "parameter",
            new XAttribute("required", facts.IsRequired ? "true" : "false"),
            new XAttribute("variableLength", "true"),
            new XAttribute("globbing", facts.AcceptsWildcards ? "true" : "false"),
            new XAttribute("pipelineInput", facts.PipelineInput),
            new XAttribute("position", facts.Position.ToLowerInvariant()),
            new XAttribute("aliases", facts.Aliases.Count == 0 ? "none" : string.Join(", ", facts.Aliases)),
            new XElement(s_maml + "name", parameter.Name),
            Description(parameter.Description),
            inSyntax && facts.AcceptedValues.Count is > 0 and <= ValuesShown
                ? new XElement(s_command + "parameterValueGroup", facts.AcceptedValues.Select(static value => Value(value, isRequired: false)))
                : null,
            inSyntax && isSwitch ? null : Value(facts.Type, isRequired: !isSwitch),
            new XElement(s_dev + "type", new XElement(s_maml + "name", facts.Type), new XElement(s_maml + "uri")),
            new XElement(s_dev + "defaultValue", facts.DefaultValue));
    }

    private static XElement Value(string value, bool isRequired) => new(
        s_command + "parameterValue",
        new XAttribute("required", isRequired ? "true" : "false"),
        new XAttribute("variableLength", "false"),
        value);

    private static XElement ToElement(string element, TypeDescription type) => new(
        s_command + element,
        new XElement(s_dev + "type", new XElement(s_maml + "name", type.Name)),
        Description(type.Description));

    private static XElement ToElement(CommandExample example) => new(
        s_command + "example",
        new XElement(s_maml + "title", $"-------------------------- {example.Title} --------------------------"),
        new XElement(s_dev + "code", example.Code),
        new XElement(s_dev + "remarks", Paragraphs([.. example.Remarks, string.Empty])));

    private static IEnumerable<RelatedLink> GetLinks(CommandPage page) =>
        page.OnlineVersion.Length == 0 ? page.Links : page.Links.Prepend(new RelatedLink("Online Version:", page.OnlineVersion));

    private static XElement ToElement(RelatedLink link) => new(
        s_maml + "navigationLink", new XElement(s_maml + "linkText", link.Text), new XElement(s_maml + "uri", link.Uri));

    private static XElement Description(IEnumerable<string> texts) => new(s_maml + "description", Paragraphs(texts));

    private static IEnumerable<XElement> Paragraphs(IEnumerable<string> texts) => texts.Select(static text => new XElement(s_maml + "para", text));
}
