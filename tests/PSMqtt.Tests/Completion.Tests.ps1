Describe 'completion' {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        $broker = Start-MqttBroker -Name 'completed broker'
        $connection = Connect-Mqtt $broker.Uri -Name plant
        $null = Connect-Mqtt $broker.Uri -Name "the owner's"
        $null = Register-MqttSubscription 'alarms/#' -Name alarms -Connection plant
        $null = Register-MqttSubscription 'rooms/first floor/+' -Name 'first floor' -Connection plant
        Send-MqttMessage alarms/fire x -QoS 1 -Connection plant
        Send-MqttMessage 'rooms/first floor/lamp' x -QoS 1 -Connection plant
        $null = Receive-MqttMessage -Count 2 -TimeoutSeconds 30 -Connection plant

        # What Tab offers at the end of a line, as it would be inserted.
        function Get-Completion([string] $Line) {
            $shell = [powershell]::Create('CurrentRunspace')
            try { [Management.Automation.CommandCompletion]::CompleteInput($Line, $Line.Length, $null, $shell).CompletionMatches.CompletionText }
            finally { $shell.Dispose() }
        }
    }

    AfterAll {
        Get-MqttConnection | Disconnect-Mqtt
        $broker | Stop-MqttBroker
    }

    It 'offers connections: <line>' -ForEach @(
        @{ line = 'Send-MqttMessage t x -Connection '; expected = 'plant', "'the owner''s'" }
        @{ line = 'Receive-MqttMessage t -Connection pl'; expected = @('plant') }
        @{ line = 'Register-MqttSubscription t -Connection the'; expected = @("'the owner''s'") }
        @{ line = "Invoke-MqttRequest t -Connection 'the"; expected = @("'the owner''s'") }
        @{ line = 'Disconnect-Mqtt "the'; expected = @("`"the owner's`"") }
        @{ line = 'Get-MqttConnection P'; expected = @('plant') }
    ) {
        Get-Completion $line | Should -Be $expected
    }

    It 'offers subscriptions: <line>' -ForEach @(
        @{ line = 'Get-MqttSubscription -Connection plant -Name '; expected = 'alarms', "'first floor'" }
        @{ line = 'Get-MqttSubscription -Connection plant al'; expected = @('alarms/#') }
        @{ line = 'Unregister-MqttSubscription -Connection plant -Topic '; expected = 'alarms/#', "'rooms/first floor/+'" }
    ) {
        Get-Completion $line | Should -Be $expected
    }

    It 'offers topics that were seen: <line>' -ForEach @(
        @{ line = 'Send-MqttMessage -Connection plant alarms/'; expected = @('alarms/fire') }
        @{ line = 'Send-MqttMessage -Connection plant rooms/'; expected = @("'rooms/first floor/lamp'") }
        @{ line = "Send-MqttMessage -Connection plant -Topic 'rooms/f"; expected = @("'rooms/first floor/lamp'") }
        @{ line = 'Invoke-MqttRequest -Connection plant alarms/'; expected = @('alarms/fire') }
    ) {
        Get-Completion $line | Should -Be $expected
    }

    It 'offers filters and topics to receive from: <line>' -ForEach @(
        @{ line = 'Receive-MqttMessage -Connection plant alarms/'; expected = 'alarms/#', 'alarms/fire' }
        @{ line = 'Register-MqttSubscription -Connection plant rooms/'; expected = "'rooms/first floor/+'", "'rooms/first floor/lamp'" }
    ) {
        Get-Completion $line | Should -Be $expected
    }

    It 'offers the topics of the connection that is meant' {
        Get-Completion "Send-MqttMessage -Connection 'the owner''s' alarms/" | Should -Not -Contain 'alarms/fire'
    }

    It 'offers servers that were used before' {
        Get-Completion 'Connect-Mqtt mqtt://' | Should -Contain $broker.Uri
        Get-Completion 'Send-MqttMessage t x -Server mqtt' | Should -Contain $broker.Uri
        Get-Completion 'Receive-MqttMessage t -Server mqtt' | Should -Contain $broker.Uri
    }

    It 'offers no password that was in a server' {
        $uri = $broker.Uri.Replace('//', '//somebody:Xq7vB2pL9w@')
        $null = Connect-Mqtt $uri -Name secret
        Disconnect-Mqtt secret
        "$(Get-Completion 'Connect-Mqtt ')" | Should -Not -Match 'Xq7vB2pL9w|somebody'
    }

    It 'offers brokers' {
        Get-Completion 'Stop-MqttBroker -Name com' | Should -Be "'completed broker'"
        Get-Completion 'Get-MqttBroker ' | Should -Contain "'completed broker'"
    }

    It 'offers values: <line>' -ForEach @(
        @{ line = 'Send-MqttMessage t x -QoS '; expected = 'AtLeastOnce', 'AtMostOnce', 'ExactlyOnce' }
        @{ line = 'Receive-MqttMessage t -As '; expected = 'Bytes', 'Json', 'Message', 'Text' }
        @{ line = 'Register-MqttSubscription t -Overflow '; expected = 'DropNewest', 'DropOldest', 'Wait' }
        @{ line = 'Connect-Mqtt -ProtocolVersion '; expected = '3.1', "'3.1.1'", '5.0' }
        @{ line = 'Connect-Mqtt -ProtocolVersion 3'; expected = '3.1', "'3.1.1'" }
        @{ line = "Send-MqttMessage t x -Server localhost -ProtocolVersion '3.1."; expected = @("'3.1.1'") }
        @{ line = 'Disconnect-Mqtt -ReasonCode Quota'; expected = @('QuotaExceeded') }
        @{ line = 'Send-MqttMessage t x -Encoding utf'; expected = 'utf8', 'utf32' }
    ) {
        Get-Completion $line | Should -Be $expected
    }

    It 'offers the parameters of a connection after -Server' {
        Get-Completion 'Send-MqttMessage t x -Server localhost -Cred' | Should -Contain '-Credential'
        Get-Completion 'Send-MqttMessage t x -Cred' | Should -Not -Contain '-Credential'
    }

    It 'takes the versions that it offers: <_>' -ForEach '5.0', '3.1.1', '3.1' {
        $made = & ([scriptblock]::Create("param(`$uri) Connect-Mqtt `$uri -Name versions -ProtocolVersion $_")) $broker.Uri
        $made.ProtocolVersion | Should -Be $_
        Disconnect-Mqtt versions
    }
}

# Every parameter of every cmdlet that completes something, found by reflection: one that is added without a test fails here.
Describe 'completion of every parameter' {
    BeforeDiscovery {
        . "$PSScriptRoot/TestSetup.ps1"
        $inherited = [Management.Automation.PSCmdlet]::CommonParameters + [Management.Automation.PSCmdlet]::OptionalCommonParameters
        $values = @()
        $completers = @()
        foreach ($command in Get-Command -Module PSMqtt -CommandType Cmdlet) {
            foreach ($parameter in $command.Parameters.Values) {
                if ($parameter.Name -in $inherited) { continue }
                $type = $parameter.ParameterType
                if ($type.IsGenericType) { $type = $type.GenericTypeArguments[0] }
                $completer = @($parameter.Attributes).Where({ $_ -is [ArgumentCompleter] })
                if ($completer) { $completers += @{ command = $command.Name; parameter = $parameter.Name; completer = $completer[0].Type.Name } }
                elseif (@($parameter.Attributes).Where({ $_ -is [ValidateSet] })) { $values += @{ command = $command.Name; parameter = $parameter.Name; names = @($parameter.Attributes).Where({ $_ -is [ValidateSet] })[0].ValidValues } }
                elseif ($type.IsEnum) { $values += @{ command = $command.Name; parameter = $parameter.Name; names = [Enum]::GetNames($type) } }
            }
        }
    }

    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        $nasty = 'my conn, it''s "x" $y'
        $broker = Start-MqttBroker -Name $nasty
        $null = Connect-Mqtt $broker.Uri -Name $nasty -ClientId nasty
        $null = Register-MqttSubscription $nasty -Name $nasty -TimeoutSeconds 30
        Send-MqttMessage $nasty x -QoS 1
        $null = Receive-MqttMessage -Count 1 -TimeoutSeconds 30

        function Get-Completion([string] $Line) {
            $shell = [powershell]::Create('CurrentRunspace')
            try { [Management.Automation.CommandCompletion]::CompleteInput($Line, $Line.Length, $null, $shell).CompletionMatches.CompletionText }
            finally { $shell.Dispose() }
        }

        # What PowerShell makes of an argument.
        function Get-Argument([string] $Text) { & ([scriptblock]::Create("Write-Output $Text")) }
    }

    AfterAll {
        Get-MqttSubscription | Unregister-MqttSubscription
        Get-MqttConnection | Disconnect-Mqtt
        $broker | Stop-MqttBroker
    }

    It 'offers each value for <command> -<parameter>' -ForEach $values {
        @(Get-Completion "$command -$parameter ").Trim("'") | Sort-Object | Should -Be ($names | Sort-Object)
    }

    It 'offers what is known for <command> -<parameter>, and quotes it' -ForEach $completers {
        $line = "$command -$parameter "
        switch ($completer) {
            'EncodingCompleter' { Get-Completion "${line}utf3" | Should -Be 'utf32'; break }
            'ServerCompleter' { Get-Completion "${line}mqtt" | Should -Contain $broker.Uri; Get-Completion "$line'mqtt" | Should -Contain "'$($broker.Uri)'"; break }
            default {
                # From nothing, from the beginning of a bare word, and inside of either kind of quotes.
                foreach ($typed in '', 'my', "'my", "'my conn, it''s", "'my conn, it''s `"x`" `$y'", '"my', '"my conn, it''s `"x`" `$y') {
                    $offered = @(Get-Completion "$line$typed")
                    $offered | Should -Not -BeNullOrEmpty -Because "$line$typed"
                    $arguments = foreach ($one in $offered) { Get-Argument $one }
                    ($arguments | ForEach-Object { if ($_ -is [string]) { $_ } else { $_.Name } }) | Should -Contain $nasty -Because "$line$typed gives $offered"
                }
                Get-Completion "${line}nobody-has-this" | Should -Not -Contain $nasty
            }
        }
    }
}
