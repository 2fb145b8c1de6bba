Describe 'Get-MqttConnection' {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        $broker = Start-MqttBroker
        $null = Connect-Mqtt $broker.Uri -Name plant1
        $null = Connect-Mqtt $broker.Uri -Name plant2
        $null = Connect-Mqtt $broker.Uri -Name office -ProtocolVersion 3.1.1
    }

    AfterAll {
        Get-MqttConnection | Disconnect-Mqtt
        $broker | Stop-MqttBroker
    }

    It 'lists them in the order they were made' { (Get-MqttConnection).Name | Should -Be 'plant1', 'plant2', 'office' }

    It 'takes wildcards' { (Get-MqttConnection 'PLANT*').Name | Should -Be 'plant1', 'plant2' }

    It 'writes nothing when a wildcard matches none' { Get-MqttConnection 'x*' | Should -BeNullOrEmpty }

    It 'reports a name that there is not' {
        Get-MqttConnection nowhere -ErrorAction SilentlyContinue -ErrorVariable problem | Should -BeNullOrEmpty
        $problem.FullyQualifiedErrorId | Should -Be 'MqttConnectionNotFound,PSMqtt.Commands.GetMqttConnectionCommand'
        $problem.TargetObject | Should -Be 'nowhere'
    }

    It 'shows what was agreed on, and the counts' {
        $connection = Get-MqttConnection plant1
        $connection.ProtocolVersion | Should -Be '5.0'
        $connection.ReceiveMaximum | Should -BeGreaterThan 0
        $before = $connection.MessagesSent
        1..3 | Send-MqttMessage -Topic counted -QoS 1 -Connection plant1
        $connection.MessagesSent - $before | Should -Be 3
    }

    It 'says in words what was counted' {
        "$((Get-MqttConnection plant1).Counters)" | Should -Match '^\d+ sent, \d+ received, \d+ in flight$'
    }

    It 'marks the current one in the table' {
        $table = Get-MqttConnection | Format-Table | Out-String
        $table | Should -Match 'Name\s+State\s+Server'
        $table | Should -Match '\* office'
    }
}
