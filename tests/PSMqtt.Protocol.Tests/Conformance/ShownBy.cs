using System.Reflection;
using System.Text.RegularExpressions;
using Xunit.Sdk;

namespace PSMqtt.Protocol.Tests.Conformance;

/// <summary>A test whose display name says which statements it shows.</summary>
/// <param name="Name">Class and method.</param>
/// <param name="Statements5">Statements of 5.0.</param>
/// <param name="Statements311">Statements of 3.1.1.</param>
/// <param name="RunsOver311">Whether it is run over 3.1.1 too.</param>
internal sealed partial record ShownBy(string Name, IReadOnlyList<string> Statements5, IReadOnlyList<string> Statements311, bool RunsOver311)
{
    /// <summary>Every such test of this assembly, in the order of their names.</summary>
    public static IReadOnlyList<ShownBy> All { get; } =
    [
        .. from type in typeof(ShownBy).Assembly.GetTypes()
           where !type.IsAbstract
           from method in type.GetMethods(BindingFlags.Public | BindingFlags.Instance)
           let fact = method.GetCustomAttributes().OfType<FactAttribute>().FirstOrDefault()
           where fact?.DisplayName is not null
           let test = Make(type, method, fact.DisplayName!)
           where test.Statements5.Count + test.Statements311.Count > 0
           orderby test.Name
           select test,
    ];

    private static ShownBy Make(Type type, MethodInfo method, string name) => new(
        $"{type.Name}.{method.Name}",
        [.. Number5().Matches(name).Select(static match => match.Groups[1].Value)],
        [.. Number311().Matches(name).Select(static match => match.Groups[1].Value)],
        RunsOver(type, method, MqttProtocolVersion.V311));

    private static bool RunsOver(Type type, MethodInfo method, MqttProtocolVersion version) =>
        method.GetCustomAttributes<InlineDataAttribute>().Any(row => row.Data.Contains(version))
        || method.GetCustomAttributes<MemberDataAttribute>().Any(member => Rows(member.MemberType ?? type, member.MemberName).Any(row => row.Contains(version)));

    private static IEnumerable<object?[]> Rows(Type type, string member)
    {
        object? value = type.GetProperty(member, BindingFlags.Public | BindingFlags.Static | BindingFlags.FlattenHierarchy)?.GetValue(null);
        foreach (object? row in value as System.Collections.IEnumerable ?? Array.Empty<object>())
        {
            switch (row)
            {
                case ITheoryDataRow data:
                    yield return data.GetData();
                    break;
                case object?[] data:
                    yield return data;
                    break;
                case not null:
                    yield return [row];
                    break;
            }
        }
    }

    [GeneratedRegex(@"\[MQTT-(\d+\.\d+\.\d+-\d+)\]")]
    private static partial Regex Number5();

    [GeneratedRegex(@"\[MQTT-3\.1\.1: MQTT-(\d+\.\d+\.\d+-\d+)\]")]
    private static partial Regex Number311();
}
