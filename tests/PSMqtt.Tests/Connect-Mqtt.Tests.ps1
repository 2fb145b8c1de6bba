Describe 'Connect-Mqtt' {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        . "$PSScriptRoot/Peers.ps1"
        $broker = Start-MqttBroker
    }

    AfterAll {
        Get-MqttConnection | Disconnect-Mqtt
        $broker | Stop-MqttBroker
    }

    AfterEach { Get-MqttConnection | Disconnect-Mqtt }

    It 'writes a live connection' {
        $connection = Connect-Mqtt $broker.Uri
        $connection | Should -BeOfType ([PSMqtt.MqttConnection])
        $connection.State | Should -Be 'Connected'
        $connection.Server | Should -Be $broker.Uri
        $connection.ClientId | Should -Not -BeNullOrEmpty
        Disconnect-Mqtt $connection
        $connection.State | Should -Be 'Disposed'
    }

    It 'makes it the current connection' {
        $first = Connect-Mqtt $broker.Uri
        $second = Connect-Mqtt $broker.Uri
        $second.IsCurrent | Should -BeTrue
        $first.IsCurrent | Should -BeFalse
    }

    It 'takes a broker from the pipeline' {
        ($broker | Connect-Mqtt).State | Should -Be 'Connected'
    }

    It 'takes host:port' {
        (Connect-Mqtt "127.0.0.1:$($broker.Port)").State | Should -Be 'Connected'
    }

    It 'tries several servers in turn' {
        $peer = New-Peer
        $closed = Get-PeerUri $peer
        $peer.Stop()
        (Connect-Mqtt $closed, $broker.Uri).Server | Should -Be $broker.Uri
    }

    It 'speaks MQTT <_>' -ForEach '5.0', '3.1.1', '3.1' {
        (Connect-Mqtt $broker.Uri -ProtocolVersion $_).ProtocolVersion | Should -Be $_
    }

    It 'takes a version as a number' {
        (Connect-Mqtt $broker.Uri -ProtocolVersion 5).ProtocolVersion | Should -Be '5.0'
    }

    It 'takes seconds for a time' {
        (Connect-Mqtt $broker.Uri -KeepAlive 17).KeepAlive | Should -Be ([timespan]::FromSeconds(17))
        (Connect-Mqtt $broker.Uri -KeepAlive '18').KeepAlive | Should -Be ([timespan]::FromSeconds(18))
        (Connect-Mqtt $broker.Uri -KeepAlive ([timespan]::FromMinutes(1))).KeepAlive | Should -Be ([timespan]::FromMinutes(1))
        (Connect-Mqtt $broker.Uri -KeepAlive '00:02:00').KeepAlive | Should -Be ([timespan]::FromMinutes(2))
    }

    It 'uses the client identifier and the name it is given' {
        $connection = Connect-Mqtt $broker.Uri -ClientId 'chosen' -Name 'label'
        $connection.ClientId | Should -Be 'chosen'
        $connection.Name | Should -Be 'label'
        "$connection" | Should -Be 'label'
    }

    It 'returns before the connection is made with -NoWait, and goes on trying' {
        $peer = New-Peer
        try {
            $connection = Connect-Mqtt (Get-PeerUri $peer) -NoWait -ProtocolVersion 3.1.1
            $connection.State | Should -Be 'Connecting'
            $null = Get-PeerSession $peer
            Register-MqttSubscription a -Connection $connection -TimeoutSeconds 0.2 -ErrorAction SilentlyContinue -ErrorVariable problem
        }
        catch { $problem = $_ }
        finally { $peer.Stop() }
        $problem.FullyQualifiedErrorId | Should -BeLike 'MqttSubscribeTimeout,*'
        $connection.State | Should -Be 'Connected'
    }

    It 'finds a persistent session again' {
        $first = Connect-Mqtt $broker.Uri -ClientId 'keeper' -PersistentSession -CleanStart
        $first.SessionPresent | Should -BeFalse
        Disconnect-Mqtt $first
        (Connect-Mqtt $broker.Uri -ClientId 'keeper' -PersistentSession).SessionPresent | Should -BeTrue
    }

    Context 'what users get wrong' {
        It 'names a host that does not resolve' {
            $thrown = { Connect-Mqtt 'no-such-host.invalid' -TimeoutSeconds 60 -ErrorAction Stop } |
                Should -Throw -ErrorId 'MqttHostNotFound,PSMqtt.Commands.ConnectMqttCommand' -PassThru
            $thrown.Exception.Message | Should -BeLike '*no-such-host.invalid*'
            $thrown.ErrorDetails.RecommendedAction | Should -Not -BeNullOrEmpty
            $thrown.TargetObject | Should -BeLike '*no-such-host.invalid*'
            $thrown.CategoryInfo.Category | Should -Be 'ObjectNotFound'
        }

        It 'names a closed port' {
            $peer = New-Peer
            $uri = Get-PeerUri $peer
            $peer.Stop()
            { Connect-Mqtt $uri -ErrorAction Stop } | Should -Throw -ErrorId 'MqttConnectionRefused,PSMqtt.Commands.ConnectMqttCommand'
        }

        It 'recognises a peer that is not MQTT' {
            $peer = New-Peer
            $runspace = New-OtherRunspace
            try {
                $other = Start-Other $runspace 'param($uri) try { Connect-Mqtt $uri -TimeoutSeconds 60 -ErrorAction Stop } catch { $_.FullyQualifiedErrorId }' (Get-PeerUri $peer)
                $stream = Get-PeerClient $peer
                Write-PeerBytes $stream ([Text.Encoding]::ASCII.GetBytes("HTTP/1.1 400 Bad Request`r`n`r`n"))
                Wait-Other $other | Should -Be 'MqttNotMqtt,PSMqtt.Commands.ConnectMqttCommand'
            }
            finally { $peer.Stop(); $runspace.Dispose() }
        }

        It 'gives up on a peer that says nothing' {
            $peer = New-Peer
            try {
                { Connect-Mqtt (Get-PeerUri $peer) -TimeoutSeconds 2 -ErrorAction Stop } | Should -Throw -ErrorId 'MqttNoResponse,PSMqtt.Commands.ConnectMqttCommand'
            }
            finally { $peer.Stop() }
        }

        It 'reports a refused CONNACK' -ForEach @(
            @{ code = 4; id = 'MqttBadCredentials' }, @{ code = 2; id = 'MqttClientIdRefused' }, @{ code = 3; id = 'MqttConnectRefused' }
        ) {
            $peer = New-Peer
            $runspace = New-OtherRunspace
            try {
                $script = 'param($uri) try { Connect-Mqtt $uri -ProtocolVersion 3.1.1 -TimeoutSeconds 60 -ErrorAction Stop } catch { $_.FullyQualifiedErrorId }'
                $other = Start-Other $runspace $script (Get-PeerUri $peer)
                $stream = Get-PeerClient $peer
                $null = Wait-PeerPacket $stream 'CONNECT'
                Write-PeerBytes $stream 0x20, 2, 0, $code
                Wait-Other $other | Should -Be "$id,PSMqtt.Commands.ConnectMqttCommand"
            }
            finally { $peer.Stop(); $runspace.Dispose() }
        }

        It 'leaves nothing behind when it fails' {
            $peer = New-Peer
            try { { Connect-Mqtt (Get-PeerUri $peer) -TimeoutSeconds 0.2 -ErrorAction Stop } | Should -Throw }
            finally { $peer.Stop() }
            Get-MqttConnection | Should -BeNullOrEmpty
        }

        It 'refuses what is no server: <_>' -ForEach 'mqtt://host:99999', 'ftp://host', 'mqtt://' {
            { Connect-Mqtt $_ } | Should -Throw -ErrorId 'MqttInvalidServer,PSMqtt.Commands.ConnectMqttCommand'
        }

        It 'never repeats the password of a URI' {
            $thrown = { Connect-Mqtt 'mqtt://user:s3cret@host:99999' } | Should -Throw -PassThru
            "$($thrown | Format-List * -Force | Out-String)" | Should -Not -BeLike '*s3cret*'
        }

        It 'wants a client identifier for a persistent session' {
            { Connect-Mqtt $broker.Uri -PersistentSession } | Should -Throw -ErrorId 'MqttClientIdRequired,PSMqtt.Commands.ConnectMqttCommand'
        }

        It 'says never where the session does not expire, and a time that can be given again' {
            $connection = Connect-Mqtt $broker.Uri -SessionExpiry Infinite
            try {
                $connection.SessionExpiry | Should -BeOfType ([timespan])
                $connection.SessionExpiry | Should -Be ([Threading.Timeout]::InfiniteTimeSpan)
                ($connection | Format-List Name, SessionExpiry | Out-String) | Should -Match 'SessionExpiry : never'
            }
            finally { Disconnect-Mqtt $connection }
        }

        It 'uses up no name for a connection that is not made' {
            $before = Connect-Mqtt $broker.Uri
            foreach ($i in 1..3) { Connect-Mqtt localhost:1 -TimeoutSeconds 60 -ErrorAction SilentlyContinue }
            $after = Connect-Mqtt $broker.Uri
            $after.Id | Should -Be ($before.Id + 1)
            $before, $after | Disconnect-Mqtt
        }

        It 'wants MQTT 5.0 for -SessionExpiry' {
            { Connect-Mqtt $broker.Uri -ProtocolVersion 3.1.1 -SessionExpiry 60 } | Should -Throw -ErrorId 'MqttRequiresMqtt5,PSMqtt.Commands.ConnectMqttCommand'
        }

        It 'wants one credential at a time' {
            { Connect-Mqtt $broker.Uri -Password ([securestring]::new()) -CredentialScript { } } |
                Should -Throw -ErrorId 'MqttInvalidOption,PSMqtt.Commands.ConnectMqttCommand'
        }

        It 'wants names to be unique' {
            $null = Connect-Mqtt $broker.Uri -Name 'same'
            { Connect-Mqtt $broker.Uri -Name 'SAME' -ErrorAction Stop } | Should -Throw -ErrorId 'MqttConnectionNameInUse,PSMqtt.Commands.ConnectMqttCommand'
        }

        It 'names the range of a time' {
            { Connect-Mqtt $broker.Uri -KeepAlive 70000 } | Should -Throw '*from 0 to 65535 seconds*'
            { Connect-Mqtt $broker.Uri -KeepAlive 'soon' } | Should -Throw '*number of seconds*'
        }

        It 'names the versions there are' {
            { Connect-Mqtt $broker.Uri -ProtocolVersion 4 } | Should -Throw '*5.0, 3.1.1 or 3.1*'
        }
    }

    Context 'runspaces' {
        It 'gives each its own current connection' {
            $here = Connect-Mqtt $broker.Uri -Name 'here'
            $runspace = New-OtherRunspace
            try {
                $script = 'param($uri) @(Get-MqttConnection).Count; $null = Connect-Mqtt $uri -Name there; @(Get-MqttConnection).Name; (Get-MqttConnection there).IsCurrent'
                Wait-Other (Start-Other $runspace $script $broker.Uri) | Should -Be 0, 'there', $true
                @(Get-MqttConnection).Name | Should -Be 'here'
                $here.IsCurrent | Should -BeTrue
            }
            finally { $runspace.Dispose() }
        }

        It 'lets another runspace use a connection it is given' {
            $here = Connect-Mqtt $broker.Uri
            $subscription = Register-MqttSubscription given -Connection $here
            $runspace = New-OtherRunspace
            try {
                $null = Wait-Other (Start-Other $runspace 'param($connection) Send-MqttMessage given hello -QoS 1 -Connection $connection' $here)
                (Receive-MqttMessage -Subscription $subscription -Count 1 -TimeoutSeconds 60).Text | Should -Be 'hello'
            }
            finally { $runspace.Dispose() }
        }

        It 'ends the connections of a runspace that closes, without their wills' {
            $watcher = Connect-Mqtt $broker.Uri
            $news = Register-MqttSubscription 'will', 'last' -Connection $watcher
            $runspace = New-OtherRunspace
            $script = '
                param($uri)
                $null = Connect-Mqtt $uri -ClientId closing -Will (New-MqttMessage will gone -QoS 1)
                Send-MqttMessage last word -QoS 1 -NoWait'
            $null = Wait-Other (Start-Other $runspace $script $broker.Uri)
            $runspace.Dispose()
            (Receive-MqttMessage -Subscription $news -Count 1 -TimeoutSeconds 60).Text | Should -Be 'word'
            Wait-Until { 'closing' -notin $broker.Clients.ClientId }
            Send-MqttMessage last 'after it' -QoS 1 -Connection $watcher
            (Receive-MqttMessage -Subscription $news -Count 1 -TimeoutSeconds 60).Text | Should -Be 'after it'
        }
    }

    Context 'Ctrl+C' {
        It 'ends it while the peer says nothing' {
            $peer = New-Peer
            $runspace = New-OtherRunspace
            try {
                $other = Start-Other $runspace 'param($uri) Connect-Mqtt $uri -TimeoutSeconds 600' (Get-PeerUri $peer)
                $null = Read-PeerPacket (Get-PeerClient $peer)
                Stop-Other $other | Should -Be 'Stopped'
                Wait-Other (Start-Other $runspace '@(Get-MqttConnection).Count') | Should -Be 0
            }
            finally { $peer.Stop(); $runspace.Dispose() }
        }
    }

    It 'tells the story with -Verbose' {
        $story = Connect-Mqtt $broker.Uri -Verbose 4>&1 | ForEach-Object { if ($_ -is [Management.Automation.VerboseRecord]) { "$_" } }
        "$story" | Should -BeLike "*Connected to $($broker.Uri)*MQTT 5.0*"
    }
}
