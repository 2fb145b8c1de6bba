# Receive-MqttMessage | Send-MqttMessage -Connection $other: what it keeps when the other broker is away, and when the process is killed.

Describe 'a bridge' {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        . "$PSScriptRoot/Peers.ps1"
        $quick = New-MqttConnectionOption -ReconnectDelay 0.05 -ReconnectDelayMaximum 0.2
        $random = [Random]::new(20260)
    }

    BeforeEach {
        $near = Start-MqttBroker
        $far = Start-MqttBroker
        $null = Connect-Mqtt $near.Uri -Name sender
        $source = Connect-Mqtt $near.Uri -Name source
        $target = Connect-Mqtt $far.Uri -Name target -Option $quick
    }

    AfterEach {
        Get-MqttConnection | Disconnect-Mqtt -TimeoutSeconds 1 -WarningAction SilentlyContinue
        $near, $far | Stop-MqttBroker
    }

    It 'waits for a target that is away for longer than other messages wait, and everything arrives, in its order' {
        $arrived = Register-MqttSubscription 'away/#' -QoS 2 -Connection target
        $bridged = Register-MqttSubscription 'away/#' -QoS 2 -Connection source
        $port = $far.Port
        $far | Stop-MqttBroker
        $runspace = New-OtherRunspace
        try {
            $script = 'param($bridged, $target) Receive-MqttMessage -Subscription $bridged -Count 60 -TimeoutSeconds 120 | Send-MqttMessage -Connection $target'
            $bridge = Start-Other $runspace $script $bridged, $target
            1..60 | ForEach-Object { Send-MqttMessage away/x $_ -QoS (1 + $_ % 2) -Connection sender }
            while ($target.Waiting -lt 60) { $null = [Threading.Thread]::Yield() }

            # A message of our own, which came after them, has waited for as long as it may: so have they, without -TimeoutSeconds.
            Send-MqttMessage own x -QoS 1 -Connection target -ErrorAction SilentlyContinue -ErrorVariable problem
            $problem.FullyQualifiedErrorId | Should -BeLike 'MqttSendTimeout,*'
            $far = Start-MqttBroker -Port $port
            $null = Wait-Other $bridge
            (Receive-MqttMessage -Subscription $arrived -Count 60 -TimeoutSeconds 60 -Connection target).Text | Should -Be (1..60)
        }
        finally {
            $runspace.Dispose()
            $far | Stop-MqttBroker
        }
    }

    It 'gives up after -TimeoutSeconds where that is given, and says which' {
        $bridged = Register-MqttSubscription given -Connection source
        $far | Stop-MqttBroker
        Send-MqttMessage given x -QoS 1 -Connection sender
        while ($target.State -eq 'Connected') { $null = [Threading.Thread]::Yield() }
        Receive-MqttMessage -Subscription $bridged -Count 1 -TimeoutSeconds 60 |
            Send-MqttMessage -Connection $target -TimeoutSeconds 0.2 -ErrorAction SilentlyContinue -ErrorVariable problem
        $problem.FullyQualifiedErrorId | Should -Be 'MqttSendTimeout,PSMqtt.Commands.SendMqttMessageCommand'
        $problem[0].TargetObject.Text | Should -Be 'x'
    }

    It 'keeps what it has not passed on while the target is away: the source keeps it' {
        $bridged = Register-MqttSubscription 'held/#' -QoS 1 -ManualAcknowledge -Connection source
        $far | Stop-MqttBroker
        while ($target.State -eq 'Connected') { $null = [Threading.Thread]::Yield() }
        1..10 | Send-MqttMessage held/x -QoS 1 -Connection sender
        Receive-MqttMessage -Subscription $bridged -Count 10 -TimeoutSeconds 60 -Connection source | ForEach-Object {
            $message = $_
            try { $message | Send-MqttMessage -Connection $target -TimeoutSeconds 0.05 -ErrorAction Stop; $message | Confirm-MqttMessage -Connection $source }
            catch { $null = $_ }
        }
        $source.Counters.Unacknowledged | Should -Be 10
    }

    It 'loses nothing when its process is killed, again and again' {
        $arrived = Register-MqttSubscription 'crash/#' -QoS 1 -Connection target
        $script = [IO.Path]::Combine([IO.Path]::GetTempPath(), "psmqtt-bridge-$([guid]::NewGuid().ToString('N')).ps1")
        # The bridge of Confirm-MqttMessage's help.
        [IO.File]::WriteAllText($script, '
            param($module, $plantServer, $officeServer)
            Import-Module $module
            $office = Connect-Mqtt $officeServer -Name office
            $plant = Connect-Mqtt $plantServer -Name plant -ClientId bridge -PersistentSession
            $alarms = Register-MqttSubscription "crash/#" -QoS 1 -ManualAcknowledge -Connection $plant
            Receive-MqttMessage -Subscription $alarms -Wait | ForEach-Object {
                $_ | Send-MqttMessage -Connection $office -QoS 1 -ErrorAction Stop
                $_ | Confirm-MqttMessage -Connection $plant
            }')

        $seen = [Collections.Generic.HashSet[int]]::new()
        $sent = 0
        $bridge = Start-Shell $script $modulePath, $near.Uri, $far.Uri
        try {
            # The session exists when the first message comes across.
            while ($seen.Count -eq 0) {
                $sent++
                Send-MqttMessage crash/x $sent -QoS 1 -Connection sender
                Receive-MqttMessage -Subscription $arrived -TimeoutSeconds 0.5 -Connection target | ForEach-Object { $null = $seen.Add([int] $_.Text) }
                $bridge.HasExited | Should -BeFalse
            }
            # What was sent before there was a session is nobody's.
            $first = ($seen | Measure-Object -Minimum).Minimum

            foreach ($round in 1..4) {
                ($sent + 1)..($sent + 100) | Send-MqttMessage crash/x -QoS 1 -Connection sender
                $sent += 100
                $goal = $seen.Count + $random.Next(1, 60)
                while ($seen.Count -lt $goal) {
                    Receive-MqttMessage -Subscription $arrived -Count 1 -TimeoutSeconds 60 -Connection target -ErrorAction Stop | ForEach-Object { $null = $seen.Add([int] $_.Text) }
                }
                $bridge.Kill()
                $bridge.WaitForExit()
                $bridge = Start-Shell $script $modulePath, $near.Uri, $far.Uri
            }

            while ($seen.Count -lt $sent - $first + 1) {
                Receive-MqttMessage -Subscription $arrived -Count 1 -TimeoutSeconds 60 -Connection target -ErrorAction Stop | ForEach-Object { $null = $seen.Add([int] $_.Text) }
            }
            ($first..$sent).Where({ -not $seen.Contains($_) }) | Should -BeNullOrEmpty
        }
        finally {
            if (-not $bridge.HasExited) { $bridge.Kill() }
            $bridge.Dispose()
            [IO.File]::Delete($script)
        }
    }
}
