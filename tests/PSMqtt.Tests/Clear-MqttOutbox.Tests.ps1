Describe 'Clear-MqttOutbox' {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        $root = [IO.Path]::Combine([IO.Path]::GetTempPath(), "psmqtt-$([guid]::NewGuid().ToString('N'))")
        $null = [IO.Directory]::CreateDirectory($root)
    }

    BeforeEach {
        $path = [IO.Path]::Combine($root, [guid]::NewGuid().ToString('N'))
        $null = Connect-Mqtt localhost:1 -SessionPath $path -ClientId keeper -NoWait
        'a', 'b', 'c' | Send-MqttMessage -Topic plant/1 -QoS 1
    }

    AfterEach { Get-MqttConnection | Disconnect-Mqtt -WarningAction SilentlyContinue }

    AfterAll { [IO.Directory]::Delete($root, $true) }

    It 'removes everything, and the session stays' {
        Disconnect-Mqtt -WarningAction SilentlyContinue
        Clear-MqttOutbox $path -Confirm:$false
        Get-MqttOutbox $path | Should -BeNullOrEmpty
        (Connect-Mqtt localhost:1 -SessionPath $path -NoWait).ClientId | Should -Be 'keeper'
    }

    It 'does nothing with -WhatIf' {
        Disconnect-Mqtt -WarningAction SilentlyContinue
        Clear-MqttOutbox $path -WhatIf
        Get-MqttOutbox $path | Should -HaveCount 3
    }

    It 'removes the messages it is given' {
        Disconnect-Mqtt -WarningAction SilentlyContinue
        Get-MqttOutbox $path | Where-Object { $_.Message.Text -ne 'b' } | Clear-MqttOutbox -Confirm:$false
        (Get-MqttOutbox $path).Message.Text | Should -Be 'b'
    }

    It 'leaves a directory alone that is in use, and names the process' {
        Clear-MqttOutbox $path -Confirm:$false -ErrorAction SilentlyContinue -ErrorVariable problem
        $problem.FullyQualifiedErrorId | Should -Be 'MqttSessionInUse,PSMqtt.Commands.ClearMqttOutboxCommand'
        "$problem" | Should -Match "$PID"
        Get-MqttOutbox $path | Should -HaveCount 3
    }

    It 'makes no session where there is none' {
        $none = [IO.Path]::Combine($root, 'none')
        Clear-MqttOutbox $none -Confirm:$false -ErrorAction SilentlyContinue -ErrorVariable problem
        $problem.FullyQualifiedErrorId | Should -Be 'MqttSessionNotFound,PSMqtt.Commands.ClearMqttOutboxCommand'
        [IO.Directory]::Exists($none) | Should -BeFalse
    }
}
