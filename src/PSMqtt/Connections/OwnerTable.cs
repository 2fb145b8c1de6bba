using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace PSMqtt.Connections;

/// <summary>Finds the module's object for an object of the engine, and keeps neither alive.</summary>
/// <typeparam name="TKey">The engine's type.</typeparam>
/// <typeparam name="TOwner">The module's type.</typeparam>
internal sealed class OwnerTable<TKey, TOwner>
    where TKey : class
    where TOwner : class
{
    private readonly ConditionalWeakTable<TKey, TOwner> _table = [];

    public void Add(TKey key, TOwner owner) => _table.Add(key, owner);

    public bool TryGet(TKey key, [NotNullWhen(true)] out TOwner? owner) => _table.TryGetValue(key, out owner);
}
