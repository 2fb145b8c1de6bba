# What was sent with QoS 1 and 2 and not acknowledged is delivered by the next connection of the same client, as long as the process lives.

Describe 'Connect-Mqtt -PersistentSession, the client half' {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        . "$PSScriptRoot/Peers.ps1"
        $quick = New-MqttConnectionOption -ReconnectDelay 0.05 -ReconnectDelayMaximum 0.2
    }

    BeforeEach {
        $broker = Start-MqttBroker
        $null = Connect-Mqtt $broker.Uri -Name watch
        $arrived = Register-MqttSubscription '#' -QoS 2 -Connection watch
        $id = "client-$([guid]::NewGuid().ToString('N'))"
    }

    AfterEach {
        Get-MqttConnection | Disconnect-Mqtt -TimeoutSeconds 1 -WarningAction SilentlyContinue
        $broker | Stop-MqttBroker
    }

    It 'delivers QoS <qos> whose <fault> did not come, with the next connection' -ForEach @(
        @{ qos = 1; fault = 'PubAck'; texts = 'one', 'two', 'one', 'two', 'end' }
        @{ qos = 2; fault = 'PubRec'; texts = 'one', 'two', 'end' }
        @{ qos = 2; fault = 'PubComp'; texts = 'one', 'two', 'end' }
    ) {
        $dropped = $broker.DropAcknowledgement($fault, 0, $id)
        $first = Connect-Mqtt $broker.Uri -ClientId $id -PersistentSession
        'one', 'two' | Send-MqttMessage t -QoS $qos -NoWait
        while ($dropped.Hits -lt 2) { $null = [Threading.Thread]::Yield() }
        Disconnect-Mqtt $first -TimeoutSeconds 0 -WarningVariable warned -WarningAction SilentlyContinue
        "$warned" | Should -BeLike "2 messages of *stay in memory*-ClientId '$id'*"
        $dropped.End()

        $second = Connect-Mqtt $broker.Uri -ClientId $id -PersistentSession
        $second.SessionPresent | Should -BeTrue
        Send-MqttMessage t end -QoS $qos
        $second.InFlight + $second.Waiting | Should -Be 0
        (Receive-MqttMessage -Subscription $arrived -Count $texts.Count -TimeoutSeconds 60 -Connection watch).Text | Should -Be $texts
        Disconnect-Mqtt $second -WarningVariable warned
        $warned | Should -BeNullOrEmpty
    }

    It 'sets DUP, and keeps the packet identifier' {
        $peer = New-Peer
        $runspace = New-OtherRunspace
        try {
            $script = '
                param($uri)
                $null = Connect-Mqtt $uri -ClientId dup -PersistentSession -ProtocolVersion 3.1.1
                Send-MqttMessage t x -QoS 1 -NoWait
                Disconnect-Mqtt -TimeoutSeconds 0 -WarningAction SilentlyContinue
                $null = Connect-Mqtt $uri -ClientId dup -PersistentSession -ProtocolVersion 3.1.1
                Disconnect-Mqtt -TimeoutSeconds 60'
            $other = Start-Other $runspace $script (Get-PeerUri $peer)
            $stream = Get-PeerSession $peer
            $sent = Wait-PeerPacket $stream 'PUBLISH'
            $null = Wait-PeerPacket $stream 'DISCONNECT'
            $stream.Dispose()
            $stream = Get-PeerClient $peer
            $null = Wait-PeerPacket $stream 'CONNECT'
            # CONNACK with Session Present.
            Write-PeerBytes $stream 0x20, 2, 1, 0
            $again = Wait-PeerPacket $stream 'PUBLISH'
            $sent.Flags | Should -Be 2
            $again.Flags | Should -Be 10
            $again.Body | Should -Be $sent.Body
            Write-PeerBytes $stream 0x40, 2, $again.Body[3], $again.Body[4]
            $null = Wait-PeerPacket $stream 'DISCONNECT'
            $stream.Dispose()
            $null = Wait-Other $other
        }
        finally { $peer.Stop(); $runspace.Dispose() }
    }

    It 'takes up what a connection has left that ended by itself' {
        $first = Connect-Mqtt $broker.Uri -ClientId $id -PersistentSession -NoReconnect
        $dropped = $broker.DropAcknowledgement('PubAck', 1, $id)
        Send-MqttMessage t x -QoS 1 -NoWait
        while ($dropped.Hits -lt 1) { $null = [Threading.Thread]::Yield() }
        $null = $broker.CutOff($id)
        while ($first.State -ne 'Disconnected') { $null = [Threading.Thread]::Yield() }
        $null = Connect-Mqtt $broker.Uri -ClientId $id -PersistentSession
        Disconnect-Mqtt -TimeoutSeconds 60
        (Receive-MqttMessage -Subscription $arrived -Count 2 -TimeoutSeconds 60 -Connection watch).Text | Should -Be 'x', 'x'
    }

    It 'forgets it: <how>' -ForEach @(
        @{ how = 'with -CleanStart'; forget = { Connect-Mqtt $broker.Uri -ClientId $id -PersistentSession -CleanStart } }
        @{ how = 'with a connection that is not persistent'; forget = { Connect-Mqtt $broker.Uri -ClientId $id } }
        @{ how = 'with Disconnect-Mqtt -Discard'; forget = { Connect-Mqtt "$($broker.Uri)" -ClientId $id -PersistentSession -NoWait; Disconnect-Mqtt -Discard } }
    ) {
        $dropped = $broker.DropAcknowledgement('PubAck', 0, $id)
        $null = Connect-Mqtt $broker.Uri -ClientId $id -PersistentSession
        Send-MqttMessage t forgotten -QoS 1 -NoWait
        while ($dropped.Hits -lt 1) { $null = [Threading.Thread]::Yield() }
        Disconnect-Mqtt -TimeoutSeconds 0 -WarningAction SilentlyContinue
        $null = . $forget
        if ($how -notlike '*Discard') { Disconnect-Mqtt }
        $dropped.End()
        $null = Receive-MqttMessage -Subscription $arrived -Connection watch

        $null = Connect-Mqtt $broker.Uri -ClientId $id -PersistentSession
        Send-MqttMessage t end -QoS 1
        (Receive-MqttMessage -Subscription $arrived -Count 1 -TimeoutSeconds 60 -Connection watch).Text | Should -Be 'end'
    }

    It 'does not share it between two connections that live at the same time' {
        $null = $broker.DropAcknowledgement('PubAck', 0, $id)
        $first = Connect-Mqtt $broker.Uri -ClientId $id -PersistentSession -Name first
        Send-MqttMessage t x -QoS 1 -NoWait
        # Takes the broker's session over: the first one ends for good, and keeps what it has sent until it is over.
        $null = $broker.GoSilent($id)
        $second = Connect-Mqtt $broker.Uri -ClientId $id -PersistentSession -Name second -NoWait
        $second.InFlight + $second.Waiting | Should -Be 0
        $first.InFlight + $first.Waiting | Should -Be 1
        $second | Disconnect-Mqtt -TimeoutSeconds 0
    }

    It 'forgets it with Remove-Module' {
        $null = $broker.DropAcknowledgement('PubAck', 0, $id)
        $runspace = New-OtherRunspace
        try {
            $script = '
                param($uri, $id, $path)
                $null = Connect-Mqtt $uri -ClientId $id -PersistentSession
                Send-MqttMessage t x -QoS 1 -NoWait
                Disconnect-Mqtt -TimeoutSeconds 0 -WarningAction SilentlyContinue
                Remove-Module PSMqtt
                Import-Module $path
                (Connect-Mqtt $uri -ClientId $id -PersistentSession).Client.Counters.MessagesSent
                (Get-MqttConnection).InFlight
                Disconnect-Mqtt -TimeoutSeconds 0'
            $written = Wait-Other (Start-Other $runspace $script $broker.Uri, $id, $modulePath)
            $written | Should -Be 0, 0
        }
        finally { $runspace.Dispose() }
    }
}
