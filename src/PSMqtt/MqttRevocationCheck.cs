using System.Security.Cryptography.X509Certificates;

namespace PSMqtt;

/// <summary>Whether a server's certificate is looked up among those that their issuers have revoked.</summary>
public enum MqttRevocationCheck
{
    /// <summary>It is not.</summary>
    None = X509RevocationMode.NoCheck,

    /// <summary>It is, with the issuers' lists fetched over the network: a list that cannot be had refuses the connection.</summary>
    Online = X509RevocationMode.Online,

    /// <summary>It is, with the lists that the system already has.</summary>
    Offline = X509RevocationMode.Offline,
}
