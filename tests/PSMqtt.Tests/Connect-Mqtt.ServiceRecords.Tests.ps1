# mqtt+srv:// and mqtts+srv://, with a DNS server of the test's own on loopback, which PSMQTT_DNS_SERVER names: nothing is asked on the network.

Describe 'Connect-Mqtt by DNS service records' {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        . "$PSScriptRoot/Peers.ps1"

        function Get-DnsAssembly { [AppDomain]::CurrentDomain.GetAssemblies().Where({ $_.GetName().Name -in 'PSMqtt.Dns', 'DnsClient' }) }

        $broker = Start-MqttBroker
        # Looked at before anything here asks for records. Only this file does.
        $null = Connect-Mqtt $broker.Uri
        $loadedByPlainConnect = @(Get-DnsAssembly)
        Get-MqttConnection | Disconnect-Mqtt

        $dns = [Net.Sockets.UdpClient]::new([Net.IPEndPoint]::new([Net.IPAddress]::Loopback, 0))
        $variable = $env:PSMQTT_DNS_SERVER
        $env:PSMQTT_DNS_SERVER = "127.0.0.1:$($dns.Client.LocalEndPoint.Port)"

        function ConvertTo-DnsName([string] $Name) {
            $bytes = foreach ($label in $Name.Trim('.').Split('.')) {
                if ($label) { $label.Length; [Text.Encoding]::ASCII.GetBytes($label) }
            }
            [byte[]] (@($bytes) + 0)
        }

        function Get-TwoBytes([int] $Number) { [byte] ($Number -shr 8); [byte] ($Number -band 0xFF) }

        # Answers one question, with records (host, port, priority, weight) or a response code, and writes the name that was asked for.
        function Send-DnsAnswer([hashtable[]] $Records = @(), [int] $Code = 0) {
            $asked = $dns.ReceiveAsync()
            if (-not $asked.Wait(60000)) { throw 'Nobody has asked.' }
            $query = $asked.Result.Buffer
            $at = 12
            $labels = while ($query[$at]) {
                [Text.Encoding]::ASCII.GetString($query, $at + 1, $query[$at])
                $at += 1 + $query[$at]
            }
            $question = [byte[]] $query[12..($at + 4)]
            if ($question[-3] -ne 33) { throw "Type $($question[-3]) was asked for, not SRV." }
            $answer = [Collections.Generic.List[byte]]::new([byte[]] (@($query[0..1]) + 0x81 + (0x80 -bor $Code) + 0 + 1 + (Get-TwoBytes $Records.Count) + 0, 0, 0, 0))
            $answer.AddRange($question)
            foreach ($record in $Records) {
                $data = [byte[]] (@(Get-TwoBytes $record.Priority) + @(Get-TwoBytes $record.Weight) + @(Get-TwoBytes $record.Port) + @(ConvertTo-DnsName $record.Host))
                # The name again, by a pointer to the question; SRV, IN, a minute.
                $answer.AddRange([byte[]] (@(0xC0, 12, 0, 33, 0, 1, 0, 0, 0, 60) + @(Get-TwoBytes $data.Count) + @($data)))
            }
            $null = $dns.Send($answer.ToArray(), $answer.Count, $asked.Result.RemoteEndPoint)
            $labels -join '.'
        }

        # Connects in another runspace, answers its question here, and gives back what it wrote: the server, or the error's identifier.
        function Invoke-Lookup([string] $Uri, [hashtable[]] $Records = @(), [int] $Code = 0) {
            $runspace = New-OtherRunspace
            try {
                # With all that an attempt needs to be the only one: each asks anew.
                $other = Start-Other $runspace 'param($uri) try { (Connect-Mqtt $uri -ClientId ways -ProtocolVersion 5.0 -TimeoutSeconds 60 -ErrorAction Stop).Server } catch { $_.FullyQualifiedErrorId; "$_" }' $Uri
                $script:askedFor = Send-DnsAnswer $Records $Code
                Wait-Other $other
            }
            finally { $runspace.Dispose() }
        }
    }

    AfterAll {
        $env:PSMQTT_DNS_SERVER = $variable
        $dns.Dispose()
        $broker | Stop-MqttBroker
    }

    It 'loads its library for such a URI only, and into a context of its own' {
        $loadedByPlainConnect | Should -BeNullOrEmpty
        $null = Invoke-Lookup 'mqtt+srv://factory.invalid'
        foreach ($assembly in Get-DnsAssembly) {
            [Runtime.Loader.AssemblyLoadContext]::GetLoadContext($assembly).Name | Should -Be 'PSMqtt.Dns'
        }
        @(Get-DnsAssembly).Count | Should -Be 2
    }

    It 'hands the engine every record with its priority and weight' {
        $connection = Connect-Mqtt $broker.Uri
        $resolver = $connection.Client.Options.ServiceRecordResolver
        Disconnect-Mqtt $connection
        $lookup = [PSMqtt.Protocol.Transports.IServiceRecordResolver].GetMethod('ResolveAsync').Invoke(
            $resolver, @('_mqtt._tcp.factory.invalid', [Threading.CancellationToken]::None)).AsTask()
        Send-DnsAnswer @(
            @{ Host = 'one.factory.invalid'; Port = 1883; Priority = 10; Weight = 60 }
            @{ Host = 'two.factory.invalid'; Port = 65535; Priority = 10; Weight = 40 }
            @{ Host = 'three.factory.invalid'; Port = 1884; Priority = 300; Weight = 0 }
        ) | Should -Be '_mqtt._tcp.factory.invalid'
        if (-not $lookup.Wait(60000)) { throw 'There is no result.' }
        $lookup.Result.ForEach({ "$($_.Host.TrimEnd('.')) $($_.Port) $($_.Priority) $($_.Weight)" }) |
            Should -Be 'one.factory.invalid 1883 10 60', 'two.factory.invalid 65535 10 40', 'three.factory.invalid 1884 300 0'
    }

    It 'connects to the servers in the order of their priority' {
        $peer = New-Peer
        $closed = $peer.LocalEndpoint.Port
        $peer.Stop()
        $records = @{ Host = 'localhost'; Port = $broker.Port; Priority = 20; Weight = 0 }, @{ Host = 'localhost'; Port = $closed; Priority = 10; Weight = 0 }
        Invoke-Lookup 'mqtt+srv://factory.invalid' $records | Should -BeLike '*factory.invalid*'
        $askedFor | Should -Be '_mqtt._tcp.factory.invalid'
    }

    It 'carries a message there and back' {
        $runspace = New-OtherRunspace
        try {
            $other = Start-Other $runspace @'
                $connection = Connect-Mqtt mqtt+srv://factory.invalid -ClientId trip -ProtocolVersion 5.0 -TimeoutSeconds 60 -ErrorAction Stop
                $subscription = Register-MqttSubscription 'trip/#' -QoS 2
                Send-MqttMessage trip/1 hello -QoS 2
                Receive-MqttMessage -Subscription $subscription -Count 1 -TimeoutSeconds 60
                Disconnect-Mqtt $connection
'@
            Send-DnsAnswer @{ Host = 'localhost'; Port = $broker.Port; Priority = 1; Weight = 0 } | Should -Be '_mqtt._tcp.factory.invalid'
            $message = Wait-Other $other
            "$($message.Topic) $($message.Text)" | Should -Be 'trip/1 hello'
            [int] $message.QoS | Should -Be 2
        }
        finally { $runspace.Dispose() }
    }

    It 'asks for another name for TLS: <how>' -ForEach @(
        @{ how = 'mqtts+srv'; parameters = @{ Server = 'mqtts+srv://factory.invalid' } }
        @{ how = '-Tls'; parameters = @{ Server = 'mqtt+srv://factory.invalid'; Tls = $true } }
    ) {
        $runspace = New-OtherRunspace
        try {
            $other = Start-Other $runspace 'param($parameters) try { Connect-Mqtt @parameters -ClientId ways -ProtocolVersion 5.0 -TimeoutSeconds 60 -ErrorAction Stop } catch { $_.FullyQualifiedErrorId }' $parameters
            Send-DnsAnswer @{ Host = 'localhost'; Port = $broker.Port; Priority = 1; Weight = 0 } | Should -Be '_secure-mqtt._tcp.factory.invalid'
            Wait-Other $other | Should -Be 'MqttPeerSpeaksNoTls,PSMqtt.Commands.ConnectMqttCommand'
        }
        finally { $runspace.Dispose() }
    }

    It 'reports a domain without records: <how>' -ForEach @(
        @{ how = 'no such name'; records = @(); code = 3 }
        @{ how = 'no such records'; records = @(); code = 0 }
        @{ how = 'the service is not offered'; records = @(@{ Host = '.'; Port = 0; Priority = 0; Weight = 0 }); code = 0 }
    ) {
        $id, $message = Invoke-Lookup 'mqtt+srv://factory.invalid' $records $code
        $id | Should -Be 'MqttNoServiceRecord,PSMqtt.Commands.ConnectMqttCommand'
        $message | Should -BeLike '*factory.invalid*_mqtt._tcp.factory.invalid*'
    }

    It 'reports a DNS server that refuses' {
        $id, $message = Invoke-Lookup 'mqtt+srv://factory.invalid' @() 5
        $id | Should -Be 'MqttHostNotFound,PSMqtt.Commands.ConnectMqttCommand'
        $message | Should -BeLike '*_mqtt._tcp.factory.invalid*DNS*'
    }

    It 'reports an address of a DNS server that is none' {
        $address = $env:PSMQTT_DNS_SERVER
        try {
            $env:PSMQTT_DNS_SERVER = 'nonsense'
            $thrown = { Connect-Mqtt mqtt+srv://factory.invalid -ErrorAction Stop } | Should -Throw -ErrorId 'MqttHostNotFound,PSMqtt.Commands.ConnectMqttCommand' -PassThru
            $thrown.Exception.Message | Should -BeLike '*PSMQTT_DNS_SERVER*nonsense*'
        }
        finally { $env:PSMQTT_DNS_SERVER = $address }
    }
}
