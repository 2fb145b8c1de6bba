Describe 'Unregister-MqttSubscription' {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        . "$PSScriptRoot/Peers.ps1"
        $broker = Start-MqttBroker
        $null = Connect-Mqtt $broker.Uri -Name main
    }

    AfterAll {
        Get-MqttConnection | Disconnect-Mqtt
        $broker | Stop-MqttBroker
    }

    It 'ends a subscription' {
        $subscription = Register-MqttSubscription a
        Unregister-MqttSubscription $subscription
        $subscription.IsActive | Should -BeFalse
        Get-MqttSubscription | Should -BeNullOrEmpty
    }

    It 'ends subscriptions from the pipeline' {
        $null = Register-MqttSubscription a
        $null = Register-MqttSubscription b
        Get-MqttSubscription | Unregister-MqttSubscription
        Get-MqttSubscription | Should -BeNullOrEmpty
    }

    It 'ends subscriptions by their filters' {
        $null = Register-MqttSubscription a/#
        $null = Register-MqttSubscription b/#
        Unregister-MqttSubscription -Topic a/#
        (Get-MqttSubscription).Topic | Should -Be 'b/#'
        Get-MqttSubscription | Unregister-MqttSubscription
    }

    It 'takes a subscription, a filter or a name at the first position' {
        $subscriptions = (Register-MqttSubscription a/#), (Register-MqttSubscription b/#), (Register-MqttSubscription c/# -Name third)
        Unregister-MqttSubscription $subscriptions[0]
        Unregister-MqttSubscription 'b/#'
        Unregister-MqttSubscription third
        $subscriptions.IsActive | Should -Be $false, $false, $false
    }

    It 'reports a filter that nobody has registered' {
        Unregister-MqttSubscription -Topic none -ErrorAction SilentlyContinue -ErrorVariable problem
        $problem.FullyQualifiedErrorId | Should -Be 'MqttSubscriptionNotFound,PSMqtt.Commands.UnregisterMqttSubscriptionCommand'
    }

    It 'releases messages that nobody has taken' {
        $full = Register-MqttSubscription full -QueueLimit 2 -Connection main
        $source = Connect-Mqtt $broker.Uri
        1..5 | Send-MqttMessage full -QoS 1 -Connection $source
        Disconnect-Mqtt $source
        $full | Unregister-MqttSubscription
        $next = Register-MqttSubscription next -Connection main
        Send-MqttMessage next free -QoS 1 -Connection main
        (Receive-MqttMessage -Subscription $next -Count 1 -TimeoutSeconds 30).Text | Should -Be 'free'
        $next | Unregister-MqttSubscription
    }

    It 'ends on Ctrl+C while the broker does not answer' {
        $peer = New-Peer
        $runspace = New-OtherRunspace
        try {
            $script = 'param($uri) $null = Connect-Mqtt $uri -ProtocolVersion 3.1.1; $s = Register-MqttSubscription a; 1; $s | Unregister-MqttSubscription -TimeoutSeconds 600'
            $other = Start-Other $runspace $script (Get-PeerUri $peer)
            $stream = Get-PeerSession $peer
            $body = (Wait-PeerPacket $stream 'SUBSCRIBE').Body
            Write-PeerBytes $stream 0x90, 3, $body[0], $body[1], 1
            $null = Wait-PeerPacket $stream 'UNSUBSCRIBE'
            $null = Wait-OtherOutput $other
            Stop-Other $other | Should -Be 'Stopped'
        }
        finally { $peer.Stop(); $runspace.Dispose() }
    }
}
