using System.Reflection;
using System.Runtime.Loader;
using PSMqtt.Protocol;

namespace PSMqtt.Broker;

/// <summary>
/// Where the embedded broker and the library it is made of are loaded, when the first broker starts: the folder <c>dependencies</c> of the module.
/// In a context of their own they meet no other version of that library that the session may have loaded.
/// </summary>
internal sealed class BrokerLoadContext : AssemblyLoadContext
{
    private const string AssemblyName = "PSMqtt.Broker";

    private static readonly Lazy<IEmbeddedBrokerFactory> s_factory = new(Load);

    private readonly string _folder;

    private BrokerLoadContext(string folder)
        : base(AssemblyName)
    {
        _folder = folder;
    }

    /// <summary>What makes brokers.</summary>
    /// <exception cref="FileNotFoundException">The module's folder is incomplete.</exception>
    public static IEmbeddedBrokerFactory Factory => s_factory.Value;

    /// <inheritdoc/>
    protected override Assembly? Load(AssemblyName assemblyName)
    {
        // What both sides speak of must be one and the same, wherever the session has loaded the module.
        foreach (Assembly shared in new[] { typeof(BrokerLoadContext).Assembly, typeof(MqttMessage).Assembly })
        {
            if (assemblyName.Name == shared.GetName().Name)
            {
                return shared;
            }
        }

        string file = Path.Combine(_folder, $"{assemblyName.Name}.dll");
        return File.Exists(file) ? LoadFromAssemblyPath(file) : null;
    }

    private static IEmbeddedBrokerFactory Load()
    {
        string folder = Path.Combine(Path.GetDirectoryName(typeof(BrokerLoadContext).Assembly.Location)!, "dependencies");
        string file = Path.Combine(folder, $"{AssemblyName}.dll");
        if (!File.Exists(file))
        {
            throw new FileNotFoundException($"The module is incomplete: there is no '{file}'.", file);
        }

        Assembly assembly = new BrokerLoadContext(folder).LoadFromAssemblyPath(file);
        return (IEmbeddedBrokerFactory)Activator.CreateInstance(
            assembly.GetType("PSMqtt.Broker.EmbeddedBrokerFactory", throwOnError: true)!, nonPublic: true)!;
    }
}
