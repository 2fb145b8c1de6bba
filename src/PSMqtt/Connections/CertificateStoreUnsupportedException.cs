namespace PSMqtt.Connections;

/// <summary>A certificate in a store is named, and only Windows has such stores.</summary>
/// <param name="name">The name: a Cert: path or a thumbprint.</param>
internal sealed class CertificateStoreUnsupportedException(string name)
    : PlatformNotSupportedException($"'{name}' names a certificate in a store of Windows, which this system does not have.")
{
    /// <summary>The name.</summary>
    public string Name { get; } = name;
}
