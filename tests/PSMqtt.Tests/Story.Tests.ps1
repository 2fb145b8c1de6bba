# What -Verbose and -Debug tell of a connection, and the warning that a subscription holds it up.

Describe 'what a cmdlet tells' {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        . "$PSScriptRoot/Peers.ps1"
        $broker = Start-MqttBroker
        $null = Connect-Mqtt $broker.Uri -Name main

        # The records of one kind that a script writes, as text.
        function Get-Told([Type] $Kind, [scriptblock] $Script) {
            & $Script *>&1 | ForEach-Object { if ($_ -is $Kind) { "$_" } }
        }
        $verbose = [Management.Automation.VerboseRecord]
        $debug = [Management.Automation.DebugRecord]
    }

    AfterAll {
        Get-MqttConnection | Disconnect-Mqtt
        $broker | Stop-MqttBroker
    }

    It 'tells with -Verbose how a connection is made: resolved, opened, accepted, its limits' {
        $story = Get-Told $verbose { Connect-Mqtt "localhost:$($broker.Port)" -ClientId told -Verbose }
        $story[0] | Should -BeLike 'Connecting to mqtt://localhost*'
        "$story" | Should -BeLike "*'localhost' is *127.0.0.1*Opening TCP to *Opened tcp *Connected to mqtt://localhost* as 'told' with MQTT 5.0, keep-alive 60 s, with a new session.*"
        $story[-1] | Should -BeLike 'The server takes QoS up to 2, * messages without acknowledgement*'
        Disconnect-Mqtt
    }

    It 'tells with -Verbose why it cannot be made, and that an older version is tried' {
        $peer = New-Peer
        $runspace = New-OtherRunspace
        try {
            $script = 'param($uri) Connect-Mqtt $uri -Verbose -TimeoutSeconds 60 4>&1 | ForEach-Object { "$_" }; Disconnect-Mqtt -TimeoutSeconds 0'
            $other = Start-Other $runspace $script (Get-PeerUri $peer)
            $stream = Get-PeerClient $peer
            $null = Wait-PeerPacket $stream 'CONNECT'
            # Unacceptable protocol version, in the words of 3.1.1.
            Write-PeerBytes $stream 0x20, 2, 0, 1
            $null = Get-PeerSession $peer
            $story = Wait-Other $other
            "$story" | Should -BeLike '*Trying MQTT 3.1.1.*with MQTT 3.1.1*'
        }
        finally { $peer.Stop(); $runspace.Dispose() }
    }

    It 'tells with -Verbose once, and not twice, why it cannot be made' {
        $peer = New-Peer
        $uri = Get-PeerUri $peer
        $peer.Stop()
        $story = Get-Told $verbose { Connect-Mqtt $uri -Verbose -ErrorAction SilentlyContinue }
        @($story -like '*refused the connection*') | Should -HaveCount 1
    }

    It 'tells with -Verbose of a reconnect while a cmdlet waits' {
        $own = Start-MqttBroker
        $runspace = New-OtherRunspace
        try {
            $script = '
                param($uri)
                $null = Connect-Mqtt $uri -Option (New-MqttConnectionOption -ReconnectDelay 0.05 -ReconnectDelayMaximum 0.1)
                Receive-MqttMessage again/# -Count 2 -Verbose 4>&1 | ForEach-Object { "$_" }'
            Send-MqttMessage again/first waits -Retain -QoS 1 -Server $own.Uri
            $other = Start-Other $runspace $script $own.Uri
            $null = Wait-OtherOutput $other
            $port = $own.Port
            $own | Stop-MqttBroker
            $own = Start-MqttBroker -Port $port
            while ($own.Clients.Count -eq 0) { $null = [Threading.Thread]::Yield() }
            Send-MqttMessage again/x back -Retain -QoS 1 -Server $own.Uri
            $story = Wait-Other $other
            "$story" | Should -BeLike 'waits*Trying again in *Connecting to *Connected to *back'
        }
        finally { $runspace.Dispose(); $own | Stop-MqttBroker }
    }

    It 'says nothing without them' {
        Get-Told $verbose { $c = Connect-Mqtt $broker.Uri; Disconnect-Mqtt $c } | Should -BeNullOrEmpty
        Get-Told $debug { Send-MqttMessage t x -QoS 1 -Connection main } | Should -BeNullOrEmpty
    }

    It 'shows the packets of <name> with -Debug' -ForEach @(
        @{ name = 'Connect-Mqtt'; expected = '*-> CONNECT*<- CONNACK*-- Connected to *'; run = { $null = Connect-Mqtt $broker.Uri -Name packets -Debug } }
        @{ name = 'Disconnect-Mqtt'; expected = '*-> DISCONNECT*'; run = { Disconnect-Mqtt packets -Debug } }
        @{ name = 'Send-MqttMessage'; expected = "-> PUBLISH *'debug/t'*<- PUBACK*"; run = { Send-MqttMessage debug/t x -QoS 1 -Connection main -Debug } }
        @{ name = 'Send-MqttMessage -Server'; expected = '*-> CONNECT*-> PUBLISH *<- PUBACK*-> DISCONNECT*'; run = { Send-MqttMessage debug/t x -QoS 1 -Server $broker.Uri -Debug } }
        @{ name = 'Register-MqttSubscription'; expected = "-> SUBSCRIBE*'debug/r'*<- SUBACK*"; run = { $null = Register-MqttSubscription debug/r -Connection main -Debug } }
        @{ name = 'Unregister-MqttSubscription'; expected = "-> UNSUBSCRIBE*'debug/r'*<- UNSUBACK*"; run = { Unregister-MqttSubscription -Topic debug/r -Connection main -Debug } }
        @{ name = 'Invoke-MqttRequest'; expected = '-> SUBSCRIBE*<- SUBACK*-> PUBLISH *'; run = { Invoke-MqttRequest debug/q x -TimeoutSeconds 2 -Connection main -ErrorAction Ignore -Debug } }
        @{
            name = 'Receive-MqttMessage'; expected = '-> SUBSCRIBE*<- PUBLISH *'
            run = {
                Send-MqttMessage debug/kept x -Retain -QoS 1 -Connection main
                $null = Receive-MqttMessage debug/kept -Count 1 -TimeoutSeconds 30 -Connection main -Debug 5>&1 | ForEach-Object { $_ } -OutVariable told
                Send-MqttMessage debug/kept -Retain -QoS 1 -Connection main
                $told
            }
        }
    ) {
        (Get-Told $debug $run) -join "`n" | Should -BeLike $expected
    }

    It 'shows no password with -Debug' {
        $word = [securestring]::new()
        'Xq7vB2pL9w'.ToCharArray().ForEach({ $word.AppendChar($_) })
        $told = Get-Told $debug { $c = Connect-Mqtt $broker.Uri -Credential ([pscredential]::new('ali', $word)) -Debug -Verbose; Disconnect-Mqtt $c }
        "$told" | Should -BeLike '*CONNECT *'
        "$told" | Should -Not -BeLike '*Xq7vB2pL9w*'
    }

    It 'warns once of a subscription that holds up the connection' {
        $null = Connect-Mqtt $broker.Uri -Name narrow -Option (New-MqttConnectionOption -ReceiveMaximum 2)
        $unread = Register-MqttSubscription held/a -Name 'the unread one' -Connection narrow
        $other = Register-MqttSubscription held/b -Connection narrow
        1..3 | Send-MqttMessage held/a -QoS 1 -Connection main
        Send-MqttMessage held/b x -QoS 1 -Connection main
        $warnings = @()
        for ($i = 0; $i -lt 10 -and $warnings.Count -eq 0; $i++) {
            $null = Receive-MqttMessage -Subscription $other -TimeoutSeconds 3 -WarningVariable warnings -WarningAction SilentlyContinue
        }
        "$warnings" | Should -BeLike "*'narrow' is held up by*'the unread one'*nobody reads*Unregister-MqttSubscription*"
        (Get-MqttConnection narrow).BlockedBy.Name | Should -Be 'the unread one'
        $null = Receive-MqttMessage -Subscription $other -TimeoutSeconds 3 -WarningVariable warnings -WarningAction SilentlyContinue
        $warnings | Should -BeNullOrEmpty
        $unread | Unregister-MqttSubscription
        (Receive-MqttMessage -Subscription $other -Count 1 -TimeoutSeconds 30).Text | Should -Be 'x'
        (Get-MqttConnection narrow).BlockedBy | Should -BeNullOrEmpty
        Disconnect-Mqtt narrow
    }
}
