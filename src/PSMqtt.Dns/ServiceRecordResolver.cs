using DnsClient;
using DnsClient.Protocol;
using PSMqtt.Protocol.Transports;

namespace PSMqtt.Dns;

/// <summary>Looks up service records by DnsClient, with the machine's DNS servers.</summary>
internal sealed class ServiceRecordResolver : IServiceRecordResolver
{
    private static readonly TimeSpan s_answerLimit = TimeSpan.FromSeconds(3);

    /// <inheritdoc />
    public async ValueTask<IReadOnlyList<ServiceRecord>> ResolveAsync(string name, CancellationToken cancellationToken)
    {
        // A reconnect must see the records of now, so nothing is kept.
        var options = new LookupClientOptions(NameServers.Find()) { Timeout = s_answerLimit, UseCache = false, ThrowDnsErrors = false };
        IDnsQueryResponse response = await new LookupClient(options)
            .QueryAsync(name, QueryType.SRV, QueryClass.IN, cancellationToken).ConfigureAwait(false);
        if (response.HasError && response.Header.ResponseCode != DnsHeaderResponseCode.NotExistentDomain)
        {
            throw new IOException($"the DNS server {response.NameServer} answered '{response.ErrorMessage}'");
        }

        return [.. response.Answers.SrvRecords().Select(record => new ServiceRecord(record.Target.Value, record.Port, record.Priority, record.Weight))];
    }
}
