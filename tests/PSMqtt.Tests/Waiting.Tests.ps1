Describe 'a cmdlet that waits' {
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

    It 'lets event actions run, which may call cmdlets themselves' {
        $subscription = Register-MqttSubscription from/action
        $timer = [Timers.Timer]::new(50)
        $timer.AutoReset = $false
        $subscriber = $ExecutionContext.Events.SubscribeEvent(
            $timer, 'Elapsed', 'waiting.test', $null, { Send-MqttMessage from/action 'from the handler' -QoS 1 -Connection main }, $true, $false)
        try {
            $timer.Start()
            (Receive-MqttMessage -Subscription $subscription -Count 1 -TimeoutSeconds 30).Text | Should -Be 'from the handler'
        }
        finally {
            $ExecutionContext.Events.UnsubscribeEvent($subscriber)
            $timer.Dispose()
            $subscription | Unregister-MqttSubscription
        }
    }

    It 'lets a handler of connection events see its connection' {
        $events = [Collections.Generic.List[object]]::new()
        $short = Connect-Mqtt $broker.Uri -Name short
        $subscriber = $ExecutionContext.Events.SubscribeEvent($short, 'Disconnected', 'waiting.gone', $events, { $Event.MessageData.Add($Event.Sender.Name) }, $true, $false)
        try {
            Disconnect-Mqtt short
            $null = Receive-MqttMessage nothing -TimeoutSeconds 1 -Connection main
            Wait-Until { $events.Count -gt 0 }
            $events | Should -Be 'short'
        }
        finally { $ExecutionContext.Events.UnsubscribeEvent($subscriber) }
    }
}
