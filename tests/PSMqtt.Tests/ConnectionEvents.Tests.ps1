# The events of an MqttConnection, subscribed to as Register-ObjectEvent does.

Describe 'events of a connection' {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        . "$PSScriptRoot/Peers.ps1"
        $broker = Start-MqttBroker
        $null = Connect-Mqtt $broker.Uri -Name main
        $subscribers = [Collections.Generic.List[object]]::new()

        # Register-ObjectEvent -SupportEvent, which is not there without the shell.
        function Add-Handler($Connection, $Name, $Data, [scriptblock] $Action) {
            $subscribers.Add($ExecutionContext.Events.SubscribeEvent($Connection, $Name, "test.$Name.$([guid]::NewGuid())", $Data, $Action, $true, $false))
        }
    }

    AfterEach {
        foreach ($subscriber in $subscribers) { $ExecutionContext.Events.UnsubscribeEvent($subscriber) }
        $subscribers.Clear()
    }

    AfterAll {
        Get-MqttConnection | Disconnect-Mqtt
        $broker | Stop-MqttBroker
    }

    It 'tell of every message that is sent, in order, with how it ended' {
        $seen = [Collections.Generic.List[object]]::new()
        Add-Handler (Get-MqttConnection main) Published $seen { $Event.MessageData.Add($EventArgs.Result) }
        1..200 | ForEach-Object { "events/sent/$_" } | ForEach-Object { Send-MqttMessage $_ x -QoS 1 -Connection main }
        Wait-Until { $seen.Count -eq 200 }
        $seen.Topic | Should -Be (1..200).ForEach({ "events/sent/$_" })
        $seen[0].PacketIdentifier | Should -BeGreaterThan 0
        [int] $seen[0].QoS | Should -Be 1
    }

    It 'tell of a rejected message' {
        $peer = New-Peer
        $runspace = New-OtherRunspace
        try {
            $script = '
                param($uri)
                $connection = Connect-Mqtt $uri
                $seen = [Collections.Generic.List[object]]::new()
                $null = $ExecutionContext.Events.SubscribeEvent($connection, "Published", "p", $seen, { $Event.MessageData.Add($EventArgs) }, $true, $false)
                Send-MqttMessage t x -QoS 1 -ErrorAction Ignore
                while ($seen.Count -eq 0) { $null = [Threading.Thread]::Yield() }
                $seen[0].Result.Topic; $seen[0].Error.ReasonCode
                Disconnect-Mqtt -TimeoutSeconds 0'
            $other = Start-Other $runspace $script (Get-PeerUri $peer)
            $stream = Get-PeerClient $peer
            $null = Wait-PeerPacket $stream 'CONNECT'
            Write-PeerBytes $stream 0x20, 3, 0, 0, 0
            $publish = (Wait-PeerPacket $stream 'PUBLISH').Body
            Write-PeerBytes $stream 0x40, 3, $publish[3], $publish[4], 0x87
            Wait-Other $other | Should -Be 't', 'NotAuthorized'
        }
        finally { $peer.Stop(); $runspace.Dispose() }
    }

    It 'tell of the answers to SUBSCRIBE and UNSUBSCRIBE' {
        $seen = [Collections.Generic.List[string]]::new()
        $main = Get-MqttConnection main
        Add-Handler $main Subscribed $seen { $Event.MessageData.Add("subscribed $($EventArgs.Filter) $($EventArgs.ReasonCode)") }
        Add-Handler $main Unsubscribed $seen { $Event.MessageData.Add("unsubscribed $($EventArgs.Filter) $($EventArgs.ReasonCode)") }
        Register-MqttSubscription events/a, events/b -QoS 2 -Connection main | Unregister-MqttSubscription
        Wait-Until { $seen.Count -eq 4 }
        $seen | Should -Be 'subscribed events/a GrantedQoS2', 'subscribed events/b GrantedQoS2', 'unsubscribed events/a Success', 'unsubscribed events/b Success'
    }

    It 'tell the life of a connection, in order, with reasons' {
        $seen = [Collections.Generic.List[string]]::new()
        $own = Start-MqttBroker
        $short = Connect-Mqtt $own.Uri -Name short -Option (New-MqttConnectionOption -ReconnectDelay 0.05 -ReconnectDelayMaximum 0.1)
        foreach ($name in 'Connecting', 'Connected', 'ConnectFailed', 'Disconnected') {
            Add-Handler $short $name $seen ([scriptblock]::Create("`$Event.MessageData.Add(`"$name `$(`$EventArgs.State)`")"))
        }
        $all = [Collections.Generic.List[object]]::new()
        Add-Handler $short StateChanged $all { $Event.MessageData.Add($EventArgs) }
        $port = $own.Port
        $own | Stop-MqttBroker
        Wait-Until { $seen -contains 'ConnectFailed Reconnecting' }
        $own = Start-MqttBroker -Port $port
        Wait-Until { $seen -contains 'Connected Connected' }
        Disconnect-Mqtt short
        Wait-Until { $seen[-1] -like 'Disconnected*' -and $seen.Count -eq $all.Count }
        $own | Stop-MqttBroker

        # The same steps in both, one after the other.
        $seen[0] | Should -BeLike 'Disconnected Reconnecting'
        $seen[1] | Should -BeLike 'Connecting *'
        ($all.State -join ',') | Should -Be (($seen -replace '^\w+ ' -join ','))
        $all[0].Explanation | Should -Not -BeNullOrEmpty
        $all[0].RetryIn | Should -Not -BeNullOrEmpty
        @($all).Where({ $_.State -eq 'Reconnecting' -and $_.Attempt -gt 0 -and $_.Error })[0].Error.Message | Should -BeLike '*refused*'
        $connected = @($all).Where({ $_.Result })[0].Result
        $connected.Server | Should -Be "mqtt://127.0.0.1:$port"
        $all[-1].RetryIn | Should -BeNullOrEmpty
    }

    It 'may be handled by cmdlets of the same connection' {
        $subscription = Register-MqttSubscription events/answer -Connection main
        $own = Connect-Mqtt $broker.Uri -Name own
        Add-Handler $own Subscribed $null { Send-MqttMessage events/answer $EventArgs.Filter -QoS 1 -Connection main }
        $null = Register-MqttSubscription events/asked -Connection own
        (Receive-MqttMessage -Subscription $subscription -Count 1 -TimeoutSeconds 30).Text | Should -Be 'events/asked'
        Disconnect-Mqtt own
        $subscription | Unregister-MqttSubscription
    }

    It 'come by Register-ObjectEvent, each of them' -Tag RequiresPwsh {
        $names = 'Connecting', 'Connected', 'ConnectFailed', 'Disconnected', 'Published', 'Subscribed', 'Unsubscribed', 'StateChanged'
        $own = Start-MqttBroker
        $each = Connect-Mqtt $own.Uri -Name each -Option (New-MqttConnectionOption -ReconnectDelay 0.05 -ReconnectDelayMaximum 0.1)
        try {
            foreach ($name in $names) { $null = Register-ObjectEvent $each $name -SourceIdentifier "each.$name" }
            Register-MqttSubscription events/each -Connection each | Unregister-MqttSubscription
            Send-MqttMessage events/each x -QoS 1 -Connection each
            $own | Stop-MqttBroker
            (Wait-Event each.ConnectFailed -Timeout 60).SourceEventArgs.Error | Should -Not -BeNullOrEmpty
            $own = Start-MqttBroker -Port $own.Port
            foreach ($name in $names) {
                $come = @(Wait-Event "each.$name" -Timeout 60)
                $come.Count | Should -BeGreaterThan 0 -Because $name
                $come[0].Sender.Name | Should -Be 'each'
            }
            (Get-Event each.Subscribed).SourceEventArgs.Filter | Should -Be 'events/each'
            (Get-Event each.Published).SourceEventArgs.Result.ReasonCode | Should -BeIn 'Success', 'NoMatchingSubscribers'
        }
        finally {
            foreach ($name in $names) {
                Unregister-Event "each.$name" -ErrorAction Ignore
                Get-Event "each.$name" -ErrorAction Ignore | Remove-Event
            }
            Disconnect-Mqtt each
            $own | Stop-MqttBroker
        }
    }

    It 'work with Register-ObjectEvent and Wait-Event' -Tag RequiresPwsh {
        $own = Connect-Mqtt $broker.Uri -Name own
        $null = Register-ObjectEvent $own Disconnected -SourceIdentifier own.gone
        try {
            Disconnect-Mqtt own
            $gone = Wait-Event own.gone -Timeout 30
            $gone.Sender.Name | Should -Be 'own'
            $gone.SourceEventArgs.Explanation | Should -Not -BeNullOrEmpty
        }
        finally {
            Unregister-Event own.gone
            Get-Event own.gone -ErrorAction Ignore | Remove-Event
        }
    }
}
