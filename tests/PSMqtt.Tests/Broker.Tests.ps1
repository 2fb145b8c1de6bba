# The embedded broker as its clients see it; its cmdlets have files of their own.

BeforeAll {
    . $PSScriptRoot/TestSetup.ps1
    . $PSScriptRoot/Sockets.ps1
}

Describe 'the broker, byte by byte' {
    BeforeAll {
        $broker = Start-MqttBroker
        $connectPacket5 = { param([string] $ClientId, [byte] $Flags = 2, [byte[]] $Properties = @(), [byte[]] $Rest = @())
            $id = [Text.Encoding]::UTF8.GetBytes($ClientId)
            $body = @(0, 4, 77, 81, 84, 84, 5, $Flags, 0, 60, $Properties.Length) + $Properties + @(0, $id.Length) + $id + $Rest
            [byte[]](@(0x10, $body.Length) + $body)
        }
        function Open-Client([byte[]] $Connect) {
            $client = Connect-Socket $broker
            Send-Byte $client $Connect
            $client
        }
    }

    AfterAll { $broker | Stop-MqttBroker }

    It '[MQTT-3.8.4-6] answers the filters of a SUBSCRIBE in their order, whatever their QoS' {
        $null = $broker.RefuseFilter('b', 'NotAuthorized')
        $client = Open-Client (New-ConnectPacket 'order')
        try {
            $null = Read-Packet $client
            Send-Byte $client 0x82, 14, 0, 7, 0, 1, 97, 0, 0, 1, 98, 1, 0, 1, 99, 2
            Read-Packet $client | Should -Be 0x90, 5, 0, 7, 0, 0x80, 2
        }
        finally {
            $client.Dispose()
            $broker.ClearFaults()
        }
    }

    It '[MQTT-3.1.3-6] gives a client without an identifier one, and tells it' {
        $client = Open-Client (& $connectPacket5 '')
        try {
            $answer = Read-Packet $client
            $answer[3] | Should -Be 0
            [Text.Encoding]::ASCII.GetString($answer) | Should -Match 'psmqtt-[0-9A-F]{16}'
        }
        finally { $client.Dispose() }
    }

    It '<what>' -ForEach @(
        @{ what = '[MQTT-3.14.4-3] publishes no will after a DISCONNECT'; disconnect = 0xE0, 0; will = $false }
        @{ what = '[MQTT-3.1.2-8] publishes the will after a DISCONNECT with reason code 0x04'; disconnect = 0xE0, 1, 4; will = $true }
        @{ what = '[MQTT-3.1.2-8] publishes the will of a client that is lost'; disconnect = @(); will = $true }
    ) {
        $listener = Open-Client (New-ConnectPacket 'listener')
        try {
            $null = Read-Packet $listener
            Send-Byte $listener 0x82, 6, 0, 1, 0, 1, 119, 0
            $null = Read-Packet $listener
            # The will: no properties, topic w, payload x.
            $client = Open-Client (& $connectPacket5 'mortal' 6 @() @(0, 0, 1, 119, 0, 1, 120))
            (Read-Packet $client)[3] | Should -Be 0
            if ($disconnect) { Send-Byte $client $disconnect }
            $client.Dispose()
            # A will comes by itself. That there is none shows by what is sent once the broker has forgotten the client.
            if (-not $will) {
                $end = [datetime]::UtcNow.AddSeconds(60)
                while ($broker.Clients.ClientId -contains 'mortal' -and [datetime]::UtcNow -lt $end) { [Threading.Thread]::Sleep(5) }
                Send-Byte $listener 0x30, 4, 0, 1, 119, 101
            }
            $expected = if ($will) { [byte][char]'x' } else { [byte][char]'e' }
            (Read-Packet $listener)[-1] | Should -Be $expected
        }
        finally { $listener.Dispose() }
    }

    It '<what>' -ForEach @(
        @{ what = 'keeps a session whose DISCONNECT says nothing of it'; disconnect = 0xE0, 0; present = 1 }
        @{ what = 'forgets a session with the expiry 0 of a DISCONNECT'; disconnect = 0xE0, 7, 0, 5, 0x11, 0, 0, 0, 0; present = 0 }
    ) {
        # Session Expiry Interval 600.
        $connect = & $connectPacket5 'kept' 0 @(0x11, 0, 0, 2, 88)
        $client = Open-Client $connect
        (Read-Packet $client)[2] | Should -Be 0
        Send-Byte $client $disconnect
        $null = Read-Packet $client
        $client.Dispose()
        $client = Open-Client $connect
        try { (Read-Packet $client)[2] | Should -Be $present }
        finally {
            Send-Byte $client 0xE0, 7, 0, 5, 0x11, 0, 0, 0, 0
            $null = Read-Packet $client
            $client.Dispose()
        }
    }

    It '[MQTT-3.3.1-3] hands a repetition on without its mark' {
        $client = Open-Client (New-ConnectPacket 'repeats')
        try {
            $null = Read-Packet $client
            Send-Byte $client 0x82, 6, 0, 1, 0, 1, 114, 0
            $null = Read-Packet $client
            Send-Byte $client 0x3A, 6, 0, 1, 114, 0, 9, 120
            $first = (Read-Packet $client), (Read-Packet $client) | ForEach-Object { $_[0] }
            $first | Should -Contain 0x30
        }
        finally { $client.Dispose() }
    }

    It '[MQTT-4.4.0-1] sends again what a lost connection owes: <what>' -ForEach @(
        @{ what = 'the message, with its identifier and DUP'; received = $false; again = 0x3C }
        @{ what = 'only the release, once the client has it'; received = $true; again = 0x62 }
    ) {
        # A session that is kept (3.1.1), which subscribes to r with QoS 2.
        $connect = [byte[]] (0x10, 17, 0, 4, 77, 81, 84, 84, 4, 0, 0, 60, 0, 5, 98, 97, 99, 107, $(if ($received) { 50 } else { 51 }))
        $client = Open-Client $connect
        $publisher = Open-Client (New-ConnectPacket 'sender')
        try {
            $null = Read-Packet $client
            $null = Read-Packet $publisher
            Send-Byte $client 0x82, 6, 0, 1, 0, 1, 114, 2
            $null = Read-Packet $client
            # Another message before, so that the identifier is not the first.
            foreach ($text in 120, 121) { Send-Byte $publisher 0x34, 6, 0, 1, 114, 0, $text, $text }
            $first = Read-Packet $client
            $second = Read-Packet $client
            foreach ($id in $first, $second) { if ($received) { Send-Byte $client 0x50, 2, $id[5], $id[6]; $null = Read-Packet $client } }
            $client.Dispose()
            $end = [datetime]::UtcNow.AddSeconds(60)
            while ($broker.Clients.ClientId -like 'back?' -and [datetime]::UtcNow -lt $end) { [Threading.Thread]::Sleep(5) }

            $client = Open-Client $connect
            (Read-Packet $client)[2] | Should -Be 1
            foreach ($before in $first, $second) {
                $after = Read-Packet $client
                $after[0] | Should -Be $again
                if ($received) { $after[2..3] | Should -Be $before[5..6] } else { $after[2..7] | Should -Be $before[2..7] }
            }
            foreach ($id in $first, $second) {
                if (-not $received) {
                    Send-Byte $client 0x50, 2, $id[5], $id[6]
                    Read-Packet $client | Should -Be 0x62, 2, $id[5], $id[6]
                }
                Send-Byte $client 0x70, 2, $id[5], $id[6]
            }
            # Nothing more of it: the next is new.
            Send-Byte $publisher 0x34, 6, 0, 1, 114, 0, 9, 122
            (Read-Packet $client)[0, -1] | Should -Be 0x34, 122
        }
        finally {
            $client.Dispose()
            $publisher.Dispose()
        }
    }

    It '[MQTT-3.1.2-23] forgets a session that has expired' {
        # Session Expiry Interval 1.
        $connect = & $connectPacket5 'brief' 0 @(0x11, 0, 0, 0, 1)
        $client = Open-Client $connect
        $null = Read-Packet $client
        Send-Byte $client 0xE0, 0
        $null = Read-Packet $client
        $client.Dispose()
        # The session's time begins when the broker has seen the end of the connection.
        $end = [datetime]::UtcNow.AddSeconds(60)
        while ($broker.Clients.ClientId -contains 'brief' -and [datetime]::UtcNow -lt $end) { [Threading.Thread]::Sleep(5) }
        [Threading.Thread]::Sleep(1100)
        $client = Open-Client $connect
        try { (Read-Packet $client)[2] | Should -Be 0 }
        finally { $client.Dispose() }
    }

    It 'ends the connection of a client that sends what is no packet, and no other' {
        $other = Open-Client (New-ConnectPacket 'other')
        $client = Open-Client (New-ConnectPacket 'broken')
        try {
            $null = Read-Packet $client
            $null = Read-Packet $other
            Send-Byte $client 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF
            Read-Packet $client | Should -BeNullOrEmpty
            Send-Byte $other 0xC0, 0
            Read-Packet $other | Should -Be 0xD0, 0
        }
        finally {
            $client.Dispose()
            $other.Dispose()
        }
    }
}

Describe 'the broker and its clients' {
    BeforeAll { $broker = Start-MqttBroker }
    AfterEach { Get-MqttConnection | Disconnect-Mqtt }
    AfterAll { $broker | Stop-MqttBroker }

    It 'gives each message of a shared subscription to one member, in turn' {
        $members = 1..3 | ForEach-Object { Connect-Mqtt $broker.Uri -Name "member$_" }
        $all = Connect-Mqtt $broker.Uri -Name all
        $everything = Register-MqttSubscription 'jobs/#' -Connection $all
        $shares = $members | ForEach-Object { Register-MqttSubscription '$share/workers/jobs/#' -Connection $_ }
        1..30 | Send-MqttMessage -Topic jobs/new -QoS 1 -Connection $all
        $taken = foreach ($share in $shares) {
            $mine = @(Receive-MqttMessage -Subscription $share -Count 10 -TimeoutSeconds 60)
            $mine.Count | Should -Be 10
            $mine.Text
        }
        $taken | ForEach-Object { [int] $_ } | Sort-Object | Should -Be (1..30)
        (Receive-MqttMessage -Subscription $everything -Count 30 -TimeoutSeconds 60).Text | Should -Be (1..30)

        # Who has left gets nothing more; the others share it.
        $shares[0] | Unregister-MqttSubscription
        $members[1] | Disconnect-Mqtt
        $result = 1..6 | Send-MqttMessage -Topic jobs/new -QoS 1 -Connection $all -PassThru
        $result.ReasonCode | Should -Be (@('Success') * 6)
        (Receive-MqttMessage -Subscription $shares[2] -Count 6 -TimeoutSeconds 60).Text | Should -Be (1..6)
    }

    It 'keeps the messages of a shared subscription whose members are away' {
        $worker = Connect-Mqtt $broker.Uri -ClientId worker -PersistentSession -Name worker
        $null = Register-MqttSubscription '$share/night/shift' -Connection $worker
        $worker | Disconnect-Mqtt -SessionExpiry 600
        $publisher = Connect-Mqtt $broker.Uri -Name sender
        (Send-MqttMessage shift 1 -QoS 1 -Connection $publisher -PassThru).ReasonCode | Should -Be 'Success'
        $worker = Connect-Mqtt $broker.Uri -ClientId worker -PersistentSession -Name worker
        $worker.SessionPresent | Should -BeTrue
        (Receive-MqttMessage -Connection $worker -Wait -Count 1 -TimeoutSeconds 60).Text | Should -Be '1'
        $worker | Disconnect-Mqtt -Discard
    }

    It 'refuses a shared filter that a fault covers' {
        $null = Connect-Mqtt $broker.Uri
        $null = $broker.RefuseFilter('secret/#', 'NotAuthorized')
        { Register-MqttSubscription '$share/workers/secret/a' -ErrorAction Stop } | Should -Throw -ErrorId 'MqttSubscribeRejected,*'
        $broker.ClearFaults()
    }

    It 'publishes a delayed will <when>' -ForEach @(
        @{ when = 'when its time has come'; back = $false }
        @{ when = 'not at all, when the client is back before'; back = $true }
    ) {
        $watch = Connect-Mqtt $broker.Uri -Name watch
        $wills = Register-MqttSubscription wills -Connection $watch
        $delay = if ($back) { 3600 } else { 1 }
        $mortal = Connect-Mqtt $broker.Uri -ClientId mortal -Will (New-MqttMessage wills gone) -WillDelay $delay -SessionExpiry 7200 -NoReconnect:(-not $back)
        $null = $broker.CutOff('mortal')
        if ($back) {
            $end = [datetime]::UtcNow.AddSeconds(60)
            while ($mortal.Reconnects -lt 1 -and [datetime]::UtcNow -lt $end) { [Threading.Thread]::Sleep(5) }
            $mortal.Reconnects | Should -Be 1
            Send-MqttMessage wills end -QoS 1 -Connection $watch
        }
        (Receive-MqttMessage -Subscription $wills -Count 1 -TimeoutSeconds 60 -Connection $watch).Text | Should -Be $(if ($back) { 'end' } else { 'gone' })
    }

    It 'publishes the will of a connection that another one of the same client takes over from' {
        $broker = Start-MqttBroker
        $watcher = Connect-Mqtt $broker.Uri
        try {
            $wills = Register-MqttSubscription will -Connection $watcher
            $null = Connect-Mqtt $broker.Uri -ClientId same -Will (New-MqttMessage will gone -QoS 1) -NoReconnect
            $null = Connect-Mqtt $broker.Uri -ClientId same
            (Receive-MqttMessage -Subscription $wills -Count 1 -TimeoutSeconds 60 -Connection $watcher).Text | Should -Be 'gone'
        }
        finally { Get-MqttConnection | Disconnect-Mqtt }
    }

    It 'sends a client no message that is larger than it takes, and goes on with the next: QoS <_>' -ForEach 0, 1, 2 {
        $broker = Start-MqttBroker
        $small = Connect-Mqtt $broker.Uri -Option (New-MqttConnectionOption -MaximumPacketSize 200)
        $publisher = Connect-Mqtt $broker.Uri
        try {
            $subscription = Register-MqttSubscription 'size/#' -QoS $_ -Connection $small
            foreach ($text in 'first', ('x' * 500), 'last') { Send-MqttMessage size/1 $text -QoS $_ -Connection $publisher }
            (Receive-MqttMessage -Subscription $subscription -Count 2 -TimeoutSeconds 60 -Connection $small).Text | Should -Be 'first', 'last'
            $small.State | Should -Be 'Connected'
            $small.Reconnects | Should -Be 0
            $broker.DroppedCount | Should -Be 1
            Stop-MqttBroker $broker -WarningAction SilentlyContinue -WarningVariable said
            "$said" | Should -BeLike '*dropped 1 messages*none so large*'
        }
        finally { Get-MqttConnection | Disconnect-Mqtt }
    }

    It 'keeps retained messages, and gives them to those who come later' {
        $null = Connect-Mqtt $broker.Uri
        Send-MqttMessage kept/a 1 -QoS 1 -Retain
        Send-MqttMessage kept/b 2 -QoS 1 -Retain
        Send-MqttMessage kept/a '' -QoS 1 -Retain
        $message = Receive-MqttMessage kept/# -Count 1 -TimeoutSeconds 60
        $message.Topic | Should -Be 'kept/b'
        $message.Retain | Should -BeTrue
    }
}

Describe 'the library beneath' {
    It 'is loaded in a context of its own, and the module''s types in none but theirs' {
        $broker = Start-MqttBroker
        try {
            $library = [AppDomain]::CurrentDomain.GetAssemblies().Where({ $_.GetName().Name -like 'MQTTnet*' })
            $library.Count | Should -BeGreaterThan 0
            foreach ($assembly in $library) {
                $context = [Runtime.Loader.AssemblyLoadContext]::GetLoadContext($assembly)
                $context | Should -Not -Be ([Runtime.Loader.AssemblyLoadContext]::Default)
                $context.Name | Should -Be 'PSMqtt.Broker'
            }

            [AppDomain]::CurrentDomain.GetAssemblies().Where({ $_.GetName().Name -eq 'PSMqtt' }) | Should -HaveCount 1
        }
        finally {
            $broker.Dispose()
        }
    }

    It 'is not loaded by importing the module' {
        # In a process of its own: this one may have started a broker before.
        $script = [IO.Path]::Combine([IO.Path]::GetTempPath(), "psmqtt-$([guid]::NewGuid()).ps1")
        try {
            [IO.File]::WriteAllText($script, @'
param([string]$ModulePath)
Import-Module $ModulePath -ErrorAction Stop
$names = [AppDomain]::CurrentDomain.GetAssemblies().ForEach({ $_.GetName().Name })
"module: $($names -contains 'PSMqtt'); library: $(@($names -like 'MQTTnet*').Count)"
'@)
            $start = [Diagnostics.ProcessStartInfo]::new([Environment]::ProcessPath)
            $arguments = if ($Host.Name -eq 'PSMqtt.TestHost') {
                $testHost = [IO.Path]::Combine([AppContext]::BaseDirectory, 'PSMqtt.TestHost.dll')
                $(if ([IO.Path]::GetFileNameWithoutExtension([Environment]::ProcessPath) -eq 'dotnet') { $testHost }), 'run', $script
            }
            else {
                '-NoProfile', '-NonInteractive', '-File', $script
            }
            foreach ($argument in @($arguments) + '-ModulePath' + $modulePath) { if ($argument) { $start.ArgumentList.Add($argument) } }
            $start.RedirectStandardOutput = $true
            $process = [Diagnostics.Process]::Start($start)
            $text = $process.StandardOutput.ReadToEnd()
            $process.WaitForExit()
            $text.Trim() | Should -Be 'module: True; library: 0'
        }
        finally {
            [IO.File]::Delete($script)
        }
    }
}

Describe 'a runspace that started a broker' {
    It 'takes it along when it is closed' {
        $runspace = [runspacefactory]::CreateRunspace([initialsessionstate]::CreateDefault2())
        $runspace.Open()
        $powershell = [powershell]::Create($runspace)
        try {
            $null = $powershell.AddCommand('Import-Module').AddArgument($modulePath).AddStatement().AddCommand('Start-MqttBroker')
            $broker = $powershell.Invoke()[0]
            $broker.State | Should -Be 'Running'
            $mine = Start-MqttBroker

            $runspace.Close()

            $broker.State | Should -Be 'Stopped'
            $mine.State | Should -Be 'Running'
        }
        finally {
            $powershell.Dispose()
            $runspace.Dispose()
            Get-MqttBroker | Stop-MqttBroker
        }
    }
}
