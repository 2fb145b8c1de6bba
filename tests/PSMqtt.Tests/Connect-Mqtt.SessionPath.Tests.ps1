Describe 'Connect-Mqtt -SessionPath' {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        $root = [IO.Path]::Combine([IO.Path]::GetTempPath(), "psmqtt-$([guid]::NewGuid().ToString('N'))")
        $null = [IO.Directory]::CreateDirectory($root)
        $broker = Start-MqttBroker
    }

    BeforeEach { $path = [IO.Path]::Combine($root, [guid]::NewGuid().ToString('N')) }

    AfterEach { Get-MqttConnection | Disconnect-Mqtt -WarningAction SilentlyContinue }

    AfterAll {
        $broker | Stop-MqttBroker
        [IO.Directory]::Delete($root, $true)
    }

    It 'accepts with no broker in reach, says what remains, and a later connection delivers it' -ForEach @(
        @{ NoWait = $false }, @{ NoWait = $true }
    ) {
        $offline = Connect-Mqtt localhost:1 -SessionPath $path -NoWait
        $results = 1..20 | Send-MqttMessage -Topic plant/offline -QoS 1 -PassThru -NoWait:$NoWait
        if (-not $NoWait) {
            $results | Should -HaveCount 20
            $results.IsStored | Should -Not -Contain $false
        }
        $offline.Waiting | Should -Be 20
        Get-MqttOutbox $path | Should -HaveCount 20
        Disconnect-Mqtt -WarningVariable warned -WarningAction SilentlyContinue
        "$warned" | Should -Match '20 messages'
        Get-MqttOutbox $path | Should -HaveCount 20

        $null = Connect-Mqtt $broker.Uri -Name reader
        $subscription = Register-MqttSubscription plant/offline -QoS 1
        $online = Connect-Mqtt $broker.Uri -SessionPath $path
        $online.ClientId | Should -Be $offline.ClientId
        (Receive-MqttMessage -Subscription $subscription -Count 20 -TimeoutSeconds 60 -Connection reader).Text | Should -Be (1..20)
        Disconnect-Mqtt $online -WarningVariable warned
        $warned | Should -BeNullOrEmpty
        Get-MqttOutbox $path | Should -BeNullOrEmpty
    }

    It 'waits for the acknowledgement where there is a connection' {
        $null = Connect-Mqtt $broker.Uri -SessionPath $path
        $result = Send-MqttMessage plant/online 'x' -QoS 2 -PassThru
        $result.IsStored | Should -BeFalse
        $result.PacketIdentifier | Should -BeGreaterThan 0
    }

    It 'drops what has expired, and counts it' {
        $null = Connect-Mqtt localhost:1 -SessionPath $path -NoWait
        Send-MqttMessage plant/expired 'x' -QoS 1 -MessageExpiry 1
        Disconnect-Mqtt -WarningAction SilentlyContinue
        $limit = [DateTime]::UtcNow.AddSeconds(60)
        while ((Get-MqttOutbox $path).State -ne 'Expired' -and [DateTime]::UtcNow -lt $limit) { }
        $connection = Connect-Mqtt $broker.Uri -SessionPath $path -WarningVariable warned -WarningAction SilentlyContinue
        $connection.MessagesExpired | Should -Be 1
        $connection.Waiting | Should -Be 0
        Get-MqttConnection | Format-List | Out-String | Should -Match 'MessagesExpired\s+: 1'
        Disconnect-Mqtt -WarningVariable +warned -WarningAction SilentlyContinue
        "$warned" | Should -Match "accepted earlier for '$($connection.Name)' was not delivered.*'plant/expired' expired"
    }

    It 'warns of what an earlier run has sent and the broker refuses now, and counts it' {
        $null = Connect-Mqtt localhost:1 -SessionPath $path -NoWait
        'x', 'y' | Send-MqttMessage -Topic plant/refused -QoS 1
        Disconnect-Mqtt -WarningAction SilentlyContinue
        $fault = $broker.RefuseMessage('plant/refused', 'NotAuthorized')
        try {
            $connection = Connect-Mqtt $broker.Uri -SessionPath $path -WarningVariable warned -WarningAction SilentlyContinue
            Disconnect-Mqtt -WarningVariable +warned -WarningAction SilentlyContinue
        }
        finally { $fault.Dispose() }
        $connection.MessagesRejected | Should -Be 2
        $connection.MessagesUndelivered | Should -Be 2
        "$warned" | Should -Match "accepted earlier for '$($connection.Name)' w.+ not delivered.*'plant/refused'"
        $connection | Format-List | Out-String | Should -Match 'MessagesUndelivered\s+: .*2'
        Get-MqttOutbox $path | Should -BeNullOrEmpty
    }

    It 'implies a persistent session, and keeps the client identifier' {
        (Connect-Mqtt $broker.Uri -SessionPath $path -ClientId keeper).SessionPath | Should -Be $path
        Disconnect-Mqtt
        (Connect-Mqtt $broker.Uri -SessionPath $path).SessionPresent | Should -BeTrue
        (Get-MqttConnection)[-1].ClientId | Should -Be 'keeper'
    }

    It 'refuses another client identifier' {
        $null = Connect-Mqtt localhost:1 -SessionPath $path -ClientId keeper -NoWait
        Disconnect-Mqtt
        { Connect-Mqtt localhost:1 -SessionPath $path -ClientId other -NoWait -ErrorAction Stop } | Should -Throw -ErrorId 'MqttSessionClientIdMismatch,PSMqtt.Commands.ConnectMqttCommand'
        $null = Connect-Mqtt localhost:1 -SessionPath $path -ClientId keeper -NoWait
    }

    It 'refuses a directory that is in use' {
        $null = Connect-Mqtt localhost:1 -SessionPath $path -NoWait
        { Connect-Mqtt localhost:1 -SessionPath $path -NoWait -ErrorAction Stop } | Should -Throw -ErrorId 'MqttSessionInUse,PSMqtt.Commands.ConnectMqttCommand'
    }

    It 'refuses -CleanStart' {
        { Connect-Mqtt localhost:1 -SessionPath $path -CleanStart -NoWait } | Should -Throw -ErrorId 'MqttInvalidOption,PSMqtt.Commands.ConnectMqttCommand'
    }

    It 'refuses what is no session' {
        $null = [IO.Directory]::CreateDirectory($path)
        [IO.File]::WriteAllText("$path/session.log", 'this is something else')
        { Connect-Mqtt localhost:1 -SessionPath $path -NoWait -ErrorAction Stop } | Should -Throw -ErrorId 'MqttSessionInvalid,PSMqtt.Commands.ConnectMqttCommand'
    }

    It 'refuses a message that is more than the limit, and keeps the others' {
        $option = New-MqttConnectionOption -SessionSizeLimit 4096 -SessionDurability Write
        $null = Connect-Mqtt localhost:1 -SessionPath $path -NoWait -Option $option
        1..10 | ForEach-Object { [byte[]]::new(1000) -join '' } | Send-MqttMessage -Topic plant/large -QoS 1 -ErrorAction SilentlyContinue -ErrorVariable problem
        $problem[0].FullyQualifiedErrorId | Should -Be 'MqttSessionFull,PSMqtt.Commands.SendMqttMessageCommand'
        Get-MqttOutbox $path | Should -HaveCount (10 - $problem.Count)
    }

    It 'says what was damaged, and saves the rest' {
        $null = Connect-Mqtt localhost:1 -SessionPath $path -NoWait
        'a', 'b', 'c' | Send-MqttMessage -Topic plant/1 -QoS 1
        Disconnect-Mqtt -WarningAction SilentlyContinue
        $bytes = [IO.File]::ReadAllBytes("$path/session.log")
        $bytes[-60] = $bytes[-60] -bxor 1
        [IO.File]::WriteAllBytes("$path/session.log", $bytes)
        Get-MqttOutbox $path -WarningVariable warned -WarningAction SilentlyContinue | Should -HaveCount 2
        "$warned" | Should -Match 'damaged'
        $null = Connect-Mqtt localhost:1 -SessionPath $path -NoWait -WarningVariable warned -WarningAction SilentlyContinue
        "$warned" | Should -Match 'session.log.damaged-1'
        Get-MqttOutbox $path -WarningVariable none | Should -HaveCount 2
        $none | Should -BeNullOrEmpty
    }
}
