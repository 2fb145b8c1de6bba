# Send-MqttMessage and Receive-MqttMessage with -Server: they connect, do their work and disconnect.

Describe 'a command with -Server' {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        . "$PSScriptRoot/Peers.ps1"
        $broker = Start-MqttBroker
        $connection = Connect-Mqtt $broker.Uri -Name main
        $news = Register-MqttSubscription 'oneshot/#' -QoS 2

        $word = [securestring]::new()
        'open sesame'.ToCharArray().ForEach({ $word.AppendChar($_) })
        $credential = [pscredential]::new('ali', $word)
        $guarded = Start-MqttBroker -Credential $credential

        # A server that is gone: nothing listens on its port any more.
        $gone = New-Peer
        $nowhere = Get-PeerUri $gone
        $gone.Stop()
    }

    AfterAll {
        Get-MqttConnection | Disconnect-Mqtt
        $broker, $guarded | Stop-MqttBroker
    }

    It 'sends, and disconnects' {
        Send-MqttMessage oneshot/text hello -QoS 1 -Server $broker.Uri -ClientId sender | Should -BeNullOrEmpty
        $message = Receive-MqttMessage -Subscription $news -Count 1 -TimeoutSeconds 30
        $message.Text | Should -Be 'hello'
        Wait-Until { 'sender' -notin $broker.Clients.ClientId }
    }

    It 'sends a whole pipeline over one connection' {
        $results = 1..500 | Send-MqttMessage oneshot/many -QoS 1 -Server $broker.Uri -PassThru
        $results.Count | Should -Be 500
        ($results.PacketIdentifier | Sort-Object -Unique).Count | Should -BeGreaterThan 1
        $messages = Receive-MqttMessage -Subscription $news -Count 500 -TimeoutSeconds 30
        $messages.Text -join ',' | Should -Be ((1..500) -join ',')
    }

    It 'delivers what it sent with -NoWait or QoS 0 before it says goodbye: <how>' -ForEach @(
        @{ how = 'QoS 0'; more = @{} }
        @{ how = '-NoWait'; more = @{ QoS = 2; NoWait = $true } }
    ) {
        1..50 | Send-MqttMessage oneshot/late -Server $broker.Uri @more
        (Receive-MqttMessage -Subscription $news -Count 50 -TimeoutSeconds 30).Count | Should -Be 50
    }

    It 'takes the parameters of Connect-Mqtt' {
        Send-MqttMessage guarded/t kept -QoS 1 -Retain -Server $guarded.Uri -Credential $credential -ProtocolVersion 3.1.1 -KeepAlive 10
        $message = Receive-MqttMessage guarded/t -Server $guarded.Uri -Credential $credential -Count 1 -TimeoutSeconds 30
        $message.Text | Should -Be 'kept'
        $message.Retain | Should -BeTrue
    }

    It 'has those parameters as Connect-Mqtt has them' {
        $known = (Get-Command Connect-Mqtt).Parameters
        foreach ($name in 'Send-MqttMessage', 'Receive-MqttMessage') {
            $plain = (Get-Command $name).Parameters
            $plain.Keys | Should -Not -Contain 'Credential'
            $with = (Get-Command $name -ArgumentList '-Server', 'localhost').Parameters
            $own = $with.Keys.Where({ -not $plain.ContainsKey($_) })
            $own | Should -Contain 'Credential'
            $own | Should -Contain 'CACertificate'
            foreach ($parameter in $own) {
                $with[$parameter].ParameterType | Should -Be $known[$parameter].ParameterType -Because "$name -$parameter"
                $types = { param($x) ($x.Attributes.ForEach({ $_.GetType().Name }) | Sort-Object) -join ' ' }
                & $types $with[$parameter] | Should -Be (& $types $known[$parameter]) -Because "$name -$parameter"
            }
        }
    }

    It 'receives, and disconnects' {
        Send-MqttMessage oneshot/kept 'still here' -QoS 1 -Retain
        try {
            $message = Receive-MqttMessage oneshot/kept -Server $broker.Uri -ClientId receiver -Count 1 -TimeoutSeconds 30
            $message.Text | Should -Be 'still here'
            Wait-Until { 'receiver' -notin $broker.Clients.ClientId }
        }
        finally { Send-MqttMessage oneshot/kept -QoS 1 -Retain }
        $null = Receive-MqttMessage -Subscription $news -Count 2 -TimeoutSeconds 30
    }

    It 'disconnects when a command after it has had enough' {
        Send-MqttMessage oneshot/kept x -QoS 1 -Retain
        try {
            Receive-MqttMessage oneshot/kept -Server $broker.Uri -ClientId enough -TimeoutSeconds 30 | Select-Object -First 1 | Should -Not -BeNullOrEmpty
            Wait-Until { 'enough' -notin $broker.Clients.ClientId }
        }
        finally { Send-MqttMessage oneshot/kept -QoS 1 -Retain }
        $null = Receive-MqttMessage -Subscription $news -Count 2 -TimeoutSeconds 30
    }

    It 'leaves the current connection, and the list of connections, as they are' {
        Send-MqttMessage oneshot/other x -Server $broker.Uri
        $null = Receive-MqttMessage oneshot/nothing -Server $broker.Uri -TimeoutSeconds 0
        (Get-MqttConnection).Name | Should -Be 'main'
        (Get-MqttConnection).IsCurrent | Should -BeTrue
        $null = Receive-MqttMessage -Subscription $news -Count 1 -TimeoutSeconds 30
    }

    It 'bridges two servers' {
        Send-MqttMessage oneshot/bridge across -QoS 1 -Retain
        Receive-MqttMessage oneshot/bridge -Server $broker.Uri -Count 1 -TimeoutSeconds 30 |
            Send-MqttMessage -Server $guarded.Uri -Credential $credential -QoS 1
        (Receive-MqttMessage oneshot/bridge -Server $guarded.Uri -Credential $credential -Count 1 -TimeoutSeconds 30).Text | Should -Be 'across'
        Send-MqttMessage oneshot/bridge -QoS 1 -Retain
        $null = Receive-MqttMessage -Subscription $news -Count 2 -TimeoutSeconds 30
    }

    Context 'errors' {
        It 'says that nothing listens: <name>' -ForEach @(
            @{ name = 'Send-MqttMessage'; type = 'SendMqttMessageCommand'; run = { Send-MqttMessage t x -Server $nowhere -ErrorAction Stop } }
            @{ name = 'Receive-MqttMessage'; type = 'ReceiveMqttMessageCommand'; run = { Receive-MqttMessage t -Server $nowhere -Count 1 -TimeoutSeconds 60 -ErrorAction Stop } }
        ) {
            $run | Should -Throw -ErrorId "MqttConnectionRefused,PSMqtt.Commands.$type"
        }

        It 'says that the password is wrong' {
            $other = [securestring]::new()
            $other.AppendChar('x')
            { Send-MqttMessage t x -Server $guarded.Uri -Credential ([pscredential]::new('ali', $other)) -ErrorAction Stop } |
                Should -Throw -ErrorId 'MqttBadCredentials,PSMqtt.Commands.SendMqttMessageCommand'
        }

        It 'does not know which of -Server and -Connection is meant' {
            { Send-MqttMessage t x -Server $broker.Uri -Connection main } | Should -Throw -ErrorId 'MqttInvalidOption,PSMqtt.Commands.SendMqttMessageCommand'
        }

        It 'needs -Topic to receive' {
            { Receive-MqttMessage -Server $broker.Uri } | Should -Throw -ErrorId 'MqttInvalidOption,PSMqtt.Commands.ReceiveMqttMessageCommand'
        }

        It 'knows no -Credential without -Server' {
            { Send-MqttMessage t x -Credential $credential } | Should -Throw -ErrorId 'NamedParameterNotFound,PSMqtt.Commands.SendMqttMessageCommand'
        }
    }

    It 'ends with Ctrl+C while it connects' {
        $peer = New-Peer
        $runspace = New-OtherRunspace
        try {
            $other = Start-Other $runspace 'param($uri) Send-MqttMessage t x -Server $uri -TimeoutSeconds 600' (Get-PeerUri $peer)
            $packet = Read-PeerPacket (Get-PeerClient $peer)
            $packet.Type | Should -Be 'CONNECT'
            Stop-Other $other | Should -Be 'Stopped'
        }
        finally { $peer.Stop(); $runspace.Dispose() }
    }
}
