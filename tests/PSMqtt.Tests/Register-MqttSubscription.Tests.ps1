Describe 'Register-MqttSubscription' {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        . "$PSScriptRoot/Peers.ps1"
        $broker = Start-MqttBroker
        $connection = Connect-Mqtt $broker.Uri -Name main
    }

    AfterAll {
        Get-MqttConnection | Disconnect-Mqtt
        $broker | Stop-MqttBroker
    }

    AfterEach { Get-MqttSubscription -Connection main | Unregister-MqttSubscription }

    It 'writes a subscription, whose messages queue' {
        $subscription = Register-MqttSubscription 'a/+', 'b/#' -QoS 2 -Name both
        $subscription | Should -BeOfType ([PSMqtt.Protocol.MqttSubscription])
        $subscription.Topic | Should -Be 'a/+', 'b/#'
        $subscription.Name | Should -Be 'both'
        $subscription.IsActive | Should -BeTrue
        $subscription.Connection.Name | Should -Be 'main'
        Send-MqttMessage a/1 x -QoS 1
        Send-MqttMessage b/1/2 y -QoS 1
        (Receive-MqttMessage -Subscription $subscription -Count 2 -TimeoutSeconds 30).Text | Should -Be 'x', 'y'
        $subscription.ReceivedCount | Should -Be 2
    }

    It 'leaves out what the connection sends itself with -NoLocal' {
        $subscription = Register-MqttSubscription local -NoLocal
        $other = Connect-Mqtt $broker.Uri
        Send-MqttMessage local mine -QoS 1 -Connection main
        Send-MqttMessage local others -QoS 1 -Connection $other
        (Receive-MqttMessage -Subscription $subscription -Count 1 -TimeoutSeconds 30).Text | Should -Be 'others'
        Disconnect-Mqtt $other
        $subscription | Unregister-MqttSubscription
    }

    It 'drops the oldest messages when it is told to' {
        $subscription = Register-MqttSubscription drop, drop/end -QueueLimit 3 -Overflow DropOldest -Connection main
        1..9 | Send-MqttMessage drop -QoS 1 -Connection main
        Send-MqttMessage drop/end last -QoS 1 -Connection main
        $until = [datetime]::UtcNow.AddSeconds(30)
        while ($subscription.ReceivedCount -lt 10 -and [datetime]::UtcNow -lt $until) { $null = [Threading.Thread]::Yield() }
        $subscription.DroppedCount | Should -Be 7
        (Receive-MqttMessage -Subscription $subscription).Text | Should -Be '8', '9', 'last'
    }

    It 'refuses a filter: <_>' -ForEach 'a/#/b', 'a+', '' {
        { Register-MqttSubscription $_ -Connection main -ErrorAction Stop } | Should -Throw
        Get-MqttSubscription -Connection main | Should -BeNullOrEmpty
    }

    It 'names the filter that is not valid' {
        $thrown = { Register-MqttSubscription good, 'bad/#/x' -Connection main } |
            Should -Throw -ErrorId 'MqttInvalidTopicFilter,PSMqtt.Commands.RegisterMqttSubscriptionCommand' -PassThru
        $thrown.TargetObject | Should -Be 'bad/#/x'
    }

    It 'reports a filter that the broker refuses' {
        $peer = New-Peer
        $runspace = New-OtherRunspace
        try {
            $script = '
                param($uri)
                $null = Connect-Mqtt $uri -ProtocolVersion 3.1.1
                try { Register-MqttSubscription secret/# -ErrorAction Stop } catch { $_.FullyQualifiedErrorId; $_.Exception.Message; @(Get-MqttSubscription).Count }'
            $other = Start-Other $runspace $script (Get-PeerUri $peer)
            $stream = Get-PeerSession $peer
            $body = (Wait-PeerPacket $stream 'SUBSCRIBE').Body
            Write-PeerBytes $stream 0x90, 3, $body[0], $body[1], 0x80
            $output = Wait-Other $other
            $output[0] | Should -Be 'MqttSubscribeRejected,PSMqtt.Commands.RegisterMqttSubscriptionCommand'
            $output[1] | Should -BeLike '*secret/#*'
            $output[2] | Should -Be 0
        }
        finally { $peer.Stop(); $runspace.Dispose() }
    }

    It 'gives up on a SUBACK that does not come, and ends on Ctrl+C' {
        $peer = New-Peer
        $runspace = New-OtherRunspace
        try {
            $script = '
                param($uri)
                $null = Connect-Mqtt $uri -ProtocolVersion 3.1.1
                try { Register-MqttSubscription a -TimeoutSeconds 0.3 -ErrorAction Stop } catch { $_.FullyQualifiedErrorId }
                Register-MqttSubscription b -TimeoutSeconds 600'
            $other = Start-Other $runspace $script (Get-PeerUri $peer)
            $stream = Get-PeerSession $peer
            $null = Wait-PeerPacket $stream 'SUBSCRIBE'
            Wait-OtherOutput $other | Should -Be 'MqttSubscribeTimeout,PSMqtt.Commands.RegisterMqttSubscriptionCommand'
            do { $packet = Read-PeerPacket $stream } while ($packet.Type -ne 'SUBSCRIBE')
            Stop-Other $other | Should -Be 'Stopped'
        }
        finally { $peer.Stop(); $runspace.Dispose() }
    }

    It 'wants MQTT 5.0 for -<_>' -ForEach 'NoLocal', 'RetainAsPublished' {
        $old = Connect-Mqtt $broker.Uri -ProtocolVersion 3.1.1
        try {
            $parameters = @{ $_ = $true }
            { Register-MqttSubscription a @parameters -Connection $old } | Should -Throw -ErrorId 'MqttRequiresMqtt5,PSMqtt.Commands.RegisterMqttSubscriptionCommand'
        }
        finally { Disconnect-Mqtt $old }
    }
}
