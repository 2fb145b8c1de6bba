Describe 'Get-MqttOutbox' {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        $root = [IO.Path]::Combine([IO.Path]::GetTempPath(), "psmqtt-$([guid]::NewGuid().ToString('N'))")
        $null = [IO.Directory]::CreateDirectory($root)
        $path = [IO.Path]::Combine($root, 'outbox')

        # Nothing listens there: everything that is sent waits.
        $connection = Connect-Mqtt localhost:1 -SessionPath $path -NoWait
        Send-MqttMessage plant/1 'twelve bytes' -QoS 1
        Send-MqttMessage plant/2 'kept' -QoS 2 -Retain -NoWait
        Send-MqttMessage plant/3 'short' -QoS 1 -MessageExpiry 1
    }

    AfterAll {
        Get-MqttConnection | Disconnect-Mqtt -WarningAction SilentlyContinue
        [IO.Directory]::Delete($root, $true)
    }

    It 'lists what waits, in its order, while the directory is in use' {
        $found = Get-MqttOutbox $path
        $found.Topic | Should -Be 'plant/1', 'plant/2', 'plant/3'
        $found.Size | Should -Be 12, 4, 5
        [int[]] $found.QoS | Should -Be 1, 2, 1
        $found.Retain | Should -Be $false, $true, $false
        $found[0].State | Should -Be 'Waiting'
        $found[0].Message.Text | Should -Be 'twelve bytes'
        $found[0].SessionPath | Should -Be $path
        $found[0].Age | Should -BeLessThan ([timespan]::FromMinutes(10))
        ([DateTimeOffset]::UtcNow - $found[0].Accepted) | Should -BeGreaterThan ([timespan]::Zero)
    }

    It 'shows what has expired' {
        $limit = [DateTime]::UtcNow.AddSeconds(60)
        do { $last = (Get-MqttOutbox $path)[-1] } until ($last.State -eq 'Expired' -or [DateTime]::UtcNow -gt $limit)
        $last.State | Should -Be 'Expired'
        $last.MessageExpiry | Should -Be ([timespan]::FromSeconds(1))
    }

    It 'takes the path of a connection from the pipeline' { $connection | Get-MqttOutbox | Should -HaveCount 3 }

    It 'says whose it is' {
        $said = Get-MqttOutbox $path -Verbose 4>&1 | Where-Object { $_ -is [Management.Automation.VerboseRecord] }
        "$said" | Should -Match "'$($connection.ClientId)', and process $PID uses it"
    }

    It 'has a table view' { Get-MqttOutbox $path | Format-Table | Out-String | Should -Match 'Waiting\s+00:0\d:\d\d\s+1\s+12 plant/1' }

    It 'has a list view' { Get-MqttOutbox $path | Format-List | Out-String | Should -Match 'Accepted\s+:' }

    It 'reports a directory without a session' {
        Get-MqttOutbox $root -ErrorAction SilentlyContinue -ErrorVariable problem | Should -BeNullOrEmpty
        $problem.FullyQualifiedErrorId | Should -Be 'MqttSessionNotFound,PSMqtt.Commands.GetMqttOutboxCommand'
        $problem.TargetObject | Should -Be $root
    }

    It 'reports what is no session, and changes nothing' {
        $bad = [IO.Path]::Combine($root, 'bad')
        $null = [IO.Directory]::CreateDirectory($bad)
        [IO.File]::WriteAllText("$bad/session.log", 'this is something else')
        Get-MqttOutbox $bad -ErrorAction SilentlyContinue -ErrorVariable problem | Should -BeNullOrEmpty
        $problem.FullyQualifiedErrorId | Should -Be 'MqttSessionInvalid,PSMqtt.Commands.GetMqttOutboxCommand'
        [IO.File]::ReadAllText("$bad/session.log") | Should -Be 'this is something else'
    }
}
