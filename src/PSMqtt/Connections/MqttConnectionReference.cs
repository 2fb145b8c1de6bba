using System.Management.Automation;
using PSMqtt.Connections;

namespace PSMqtt;

/// <summary>A connection as a parameter takes it: the object itself, or its name in this runspace.</summary>
public sealed class MqttConnectionReference
{
    private readonly MqttConnection? _connection;

    /// <summary>Refers to a connection by the object.</summary>
    /// <param name="connection">The connection.</param>
    public MqttConnectionReference(MqttConnection connection)
    {
        ArgumentNullException.ThrowIfNull(connection);
        _connection = connection;
        Name = connection.Name;
    }

    /// <summary>Refers to a connection by its name.</summary>
    /// <param name="name">The name; upper and lower case do not matter.</param>
    public MqttConnectionReference(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        Name = name;
    }

    /// <summary>The connection's name.</summary>
    public string Name { get; }

    /// <inheritdoc />
    public override string ToString() => Name;

    /// <summary>Finds the connection; <see langword="null"/> when this runspace has none of that name.</summary>
    internal MqttConnection? Resolve() => _connection ?? ConnectionTable.Here?.Find(Name);
}
