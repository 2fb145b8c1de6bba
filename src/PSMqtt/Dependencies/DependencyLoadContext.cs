using System.Reflection;
using System.Runtime.Loader;
using PSMqtt.Protocol;

namespace PSMqtt.Dependencies;

/// <summary>
/// Where a part of the module that needs a library of others is loaded, when it is first used: from the folder <c>dependencies</c> of the module.
/// In a context of its own it meets no other version of that library that the session may have loaded.
/// </summary>
internal sealed class DependencyLoadContext : AssemblyLoadContext
{
    private readonly string _folder;

    private DependencyLoadContext(string assemblyName, string folder)
        : base(assemblyName)
    {
        _folder = folder;
    }

    /// <summary>Loads an assembly with all it needs into a new context, and makes an object of it.</summary>
    /// <typeparam name="T">What the module knows the object as: a type of the module's or the engine's own.</typeparam>
    /// <param name="assemblyName">The assembly, which gives the context its name.</param>
    /// <param name="typeName">The full name of the type in it; it has a constructor without parameters.</param>
    /// <returns>The object.</returns>
    /// <exception cref="FileNotFoundException">The module's folder is incomplete.</exception>
    public static T Create<T>(string assemblyName, string typeName)
        where T : class
    {
        string folder = Path.Combine(Path.GetDirectoryName(typeof(DependencyLoadContext).Assembly.Location)!, "dependencies");
        string file = Path.Combine(folder, $"{assemblyName}.dll");
        if (!File.Exists(file))
        {
            throw new FileNotFoundException($"The module is incomplete: there is no '{file}'.", file);
        }

        Assembly assembly = new DependencyLoadContext(assemblyName, folder).LoadFromAssemblyPath(file);
        return (T)Activator.CreateInstance(assembly.GetType(typeName, throwOnError: true)!, nonPublic: true)!;
    }

    /// <inheritdoc/>
    protected override Assembly? Load(AssemblyName assemblyName)
    {
        // What both sides speak of must be one and the same, wherever the session has loaded the module.
        foreach (Assembly shared in new[] { typeof(DependencyLoadContext).Assembly, typeof(MqttMessage).Assembly })
        {
            if (assemblyName.Name == shared.GetName().Name)
            {
                return shared;
            }
        }

        string file = Path.Combine(_folder, $"{assemblyName.Name}.dll");
        return File.Exists(file) ? LoadFromAssemblyPath(file) : null;
    }
}
