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
        { Send-MqttMessage a b } | Should -Throw -ErrorId 'MqttNoCurrentConnection,PSMqtt.Commands.SendMqttMessageCommand'
        { Send-MqttMessage a b } | Should -Throw '*stays*'
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

    It 'has the will published with -WithWill' {
        $null = Connect-Mqtt $broker.Uri -Name watcher
        $subscription = Register-MqttSubscription will
        $null = Connect-Mqtt $broker.Uri -Will (New-MqttMessage will 'as asked' -QoS 1)
        Disconnect-Mqtt -WithWill
        (Receive-MqttMessage -Subscription $subscription -Count 1 -TimeoutSeconds 20).Text | Should -Be 'as asked'
    }

    It 'forgets the session at the broker with -Discard' {
        $null = Connect-Mqtt $broker.Uri -ClientId forgotten -PersistentSession -CleanStart
        Disconnect-Mqtt -Discard
        (Connect-Mqtt $broker.Uri -ClientId forgotten -PersistentSession).SessionPresent | Should -BeFalse
        Disconnect-Mqtt -Discard
    }

    It 'says so when there is no connection' {
        { Disconnect-Mqtt } | Should -Throw -ErrorId 'MqttNoCurrentConnection,PSMqtt.Commands.DisconnectMqttCommand'
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
