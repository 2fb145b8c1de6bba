# What becomes of messages that nobody has acknowledged when the process, the runspace or the module goes, and what is said about it.

Describe 'the end of a script' {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        . "$PSScriptRoot/Peers.ps1"
        $script = [IO.Path]::Combine([IO.Path]::GetTempPath(), "psmqtt-end-$([guid]::NewGuid().ToString('N')).ps1")
        $broker = Start-MqttBroker
        $null = Connect-Mqtt $broker.Uri

        # Everything that the process of a script has written, without line breaks and colours.
        function Get-Said([string] $Text) {
            [IO.File]::WriteAllText($script, $Text)
            $process = Start-Shell $script $modulePath, $broker.Uri -Redirect
            $errors = $process.StandardError.ReadToEndAsync()
            $said = $process.StandardOutput.ReadToEnd() + $errors.Result
            $process.WaitForExit()
            [regex]::Replace($said, '\x1b\[[0-9;]*m', '') -replace '\s+', ' '
        }
    }

    AfterEach { $broker.ClearFaults() }

    AfterAll {
        Disconnect-Mqtt
        $broker | Stop-MqttBroker
        [IO.File]::Delete($script)
    }

    It 'flushes what was sent with -NoWait, and says nothing: <how>' -ForEach @(
        @{ how = 'a script that simply ends'; end = '' }
        @{ how = 'exit'; end = 'exit 0' }
        @{ how = 'Remove-Module'; end = 'Remove-Module PSMqtt' }
    ) {
        $arrived = Register-MqttSubscription flushed
        Get-Said "param(`$module, `$uri) Import-Module `$module; `$null = Connect-Mqtt `$uri; 1..200 | Send-MqttMessage -Topic flushed -QoS 1 -NoWait; 'there'; $end" |
            Should -Be 'there '
        (Receive-MqttMessage -Subscription $arrived -Count 200 -TimeoutSeconds 60).Text | Should -Be (1..200)
        $arrived | Unregister-MqttSubscription
    }

    It 'says what was not acknowledged: <how>' -ForEach @(
        @{ how = 'a script that simply ends'; end = ''; connect = ''; says = '*WARNING: 3 messages of ''mqtt1'' were not acknowledged*given up*' }
        @{ how = 'exit'; end = 'exit 0'; connect = ''; says = '*WARNING: 3 messages of ''mqtt1'' were not acknowledged*given up*' }
        @{ how = 'Remove-Module'; end = 'Remove-Module PSMqtt'; connect = ''; says = '*WARNING: 3 messages of ''mqtt1'' were not acknowledged*given up*' }
        @{ how = 'with a session on disk'; end = ''; connect = '-SessionPath "$([IO.Path]::GetTempPath())/psmqtt-$PID"'; says = '*WARNING: 3 messages of ''mqtt1'' *stay in*-SessionPath delivers them*' }
    ) {
        $null = $broker.DropAcknowledgement('PubAck')
        Get-Said "param(`$module, `$uri) Import-Module `$module; `$null = Connect-Mqtt `$uri $connect; 1..3 | Send-MqttMessage -Topic kept -QoS 1 -NoWait; $end" |
            Should -BeLike $says
    }

    It 'says it in the trace where there is no host to say it to' {
        $trace = [IO.Path]::ChangeExtension($script, '.log')
        $null = $broker.DropAcknowledgement('PubAck')
        $runspace = New-OtherRunspace
        try {
            $text = 'param($uri, $trace) $c = Connect-Mqtt $uri -Option (New-MqttConnectionOption -TracePath $trace); 1..3 | Send-MqttMessage -Topic t -QoS 1 -NoWait; $c'
            $connection = Wait-Other (Start-Other $runspace $text $broker.Uri, $trace)
        }
        finally { $runspace.Dispose() }
        while ($connection.State -ne 'Disposed') { $null = [Threading.Thread]::Yield() }
        $connection.DisposeAsync().AsTask().Wait(30000) | Should -BeTrue
        [IO.File]::ReadAllText($trace) | Should -Match 'Not acknowledged, and given up: 3 of our messages'
        [IO.File]::Delete($trace)
    }
}
