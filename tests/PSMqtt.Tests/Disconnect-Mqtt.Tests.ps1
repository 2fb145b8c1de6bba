Describe 'Disconnect-Mqtt' {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        . "$PSScriptRoot/Peers.ps1"
        $broker = Start-MqttBroker
    }

    AfterAll { $broker | Stop-MqttBroker }

    AfterEach { Get-MqttConnection | Disconnect-Mqtt }

    It 'ends the current connection' {
        $connection = Connect-Mqtt $broker.Uri
        Disconnect-Mqtt
        $connection.State | Should -Be 'Disposed'
        Get-MqttConnection | Should -BeNullOrEmpty
    }

    It 'ends connections from the pipeline, by object and by name' {
        $null = Connect-Mqtt $broker.Uri -Name one
        $null = Connect-Mqtt $broker.Uri -Name two
        Get-MqttConnection one | Disconnect-Mqtt
        (Get-MqttConnection).Name | Should -Be 'two'
        'two' | Disconnect-Mqtt
        Get-MqttConnection | Should -BeNullOrEmpty
    }

    It 'makes no other connection the current one' {
        $null = Connect-Mqtt $broker.Uri -Name stays
        $null = Connect-Mqtt $broker.Uri
        Disconnect-Mqtt
        { Send-MqttMessage a b -ErrorAction Stop } | Should -Throw -ErrorId 'MqttNoCurrentConnection,PSMqtt.Commands.SendMqttMessageCommand'
        { Send-MqttMessage a b -ErrorAction Stop } | Should -Throw '*stays*'
        Send-MqttMessage a b -Connection stays
    }

    It 'waits for what was sent with -NoWait' {
        $null = Connect-Mqtt $broker.Uri -Name receiver
        $subscription = Register-MqttSubscription drain -QoS 2
        $null = Connect-Mqtt $broker.Uri
        1..500 | Send-MqttMessage -Topic drain -QoS 2 -NoWait
        Disconnect-Mqtt
        $received = Receive-MqttMessage -Subscription $subscription -Count 500 -TimeoutSeconds 30 -As Text
        $received -join ',' | Should -Be ((1..500) -join ',')
    }

    It 'warns of what it gives up: <how>' -ForEach @(
        @{ how = 'acknowledgements that do not come'; isReached = $true }
        @{ how = 'a broker that is not there yet'; isReached = $false }
    ) {
        $own = Start-MqttBroker
        $uri = $own.Uri
        try {
            if ($isReached) {
                $null = Connect-Mqtt $uri
                $null = $own.DropAcknowledgement('PubAck')
            }
            else {
                $own | Stop-MqttBroker
                $null = Connect-Mqtt $uri -NoWait
            }
            1..3 | Send-MqttMessage -Topic lost -QoS 1 -NoWait -TimeoutSeconds 0.001
            $warnings = Disconnect-Mqtt -TimeoutSeconds 0.2 3>&1
            @($warnings).Count | Should -Be 1
            "$warnings" | Should -BeLike '3 messages of *given up: *may or may not have been delivered*-SessionPath*'
        }
        finally { if ($isReached) { $own | Stop-MqttBroker } }
    }

    It 'says on the wire: <how>' -ForEach @(
        @{ how = 'a normal end'; connect = ''; disconnect = ''; bytes = '000511' + '00000000' }
        @{ how = 'publish the will'; connect = ''; disconnect = '-WithWill'; bytes = '040511' + '00000000' }
        @{ how = 'publish the will, by its reason code'; connect = ''; disconnect = '-ReasonCode 4'; bytes = '040511' + '00000000' }
        @{ how = 'forget the session'; connect = '-ClientId x -PersistentSession'; disconnect = '-Discard'; bytes = '000511' + '00000000' }
        @{ how = 'keep the session for a minute'; connect = ''; disconnect = '-SessionExpiry 60'; bytes = '000511' + '0000003C' }
    ) {
        $peer = New-Peer
        $runspace = New-OtherRunspace
        try {
            $other = Start-Other $runspace "param(`$uri) `$null = Connect-Mqtt `$uri -ProtocolVersion 5.0 $connect; Disconnect-Mqtt $disconnect" (Get-PeerUri $peer)
            $stream = Get-PeerClient $peer
            $null = Wait-PeerPacket $stream 'CONNECT'
            Write-PeerBytes $stream 0x20, 3, 0, 0, 0
            [Convert]::ToHexString((Wait-PeerPacket $stream 'DISCONNECT').Body) | Should -Be $bytes
            $null = Wait-Other $other
        }
        finally { $peer.Stop(); $runspace.Dispose() }
    }

    It 'says so when there is no connection' {
        { Disconnect-Mqtt -ErrorAction Stop } | Should -Throw -ErrorId 'MqttNoCurrentConnection,PSMqtt.Commands.DisconnectMqttCommand'
    }

    It 'reports a name that there is not, and goes on' {
        $null = Connect-Mqtt $broker.Uri -Name known
        Disconnect-Mqtt unknown, known -ErrorAction SilentlyContinue -ErrorVariable problem
        $problem.FullyQualifiedErrorId | Should -Be 'MqttConnectionNotFound,PSMqtt.Commands.DisconnectMqttCommand'
        Get-MqttConnection | Should -BeNullOrEmpty
    }

    It 'wants MQTT 5.0 for a reason code' {
        $null = Connect-Mqtt $broker.Uri -ProtocolVersion 3.1.1
        { Disconnect-Mqtt -WithWill } | Should -Throw -ErrorId 'MqttRequiresMqtt5,PSMqtt.Commands.DisconnectMqttCommand'
    }

    It 'ends on Ctrl+C while it waits for acknowledgements' {
        $peer = New-Peer
        $runspace = New-OtherRunspace
        try {
            $script = 'param($uri) $null = Connect-Mqtt $uri -ProtocolVersion 3.1.1; Send-MqttMessage t x -QoS 1 -NoWait; 1; Disconnect-Mqtt -TimeoutSeconds 600'
            $other = Start-Other $runspace $script (Get-PeerUri $peer)
            $stream = Get-PeerSession $peer
            $null = Wait-PeerPacket $stream 'PUBLISH'
            $null = Wait-OtherOutput $other
            Stop-Other $other | Should -Be 'Stopped'
        }
        finally { $peer.Stop(); $runspace.Dispose() }
    }
}
