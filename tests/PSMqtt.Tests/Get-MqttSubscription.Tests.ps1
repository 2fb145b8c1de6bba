Describe 'Get-MqttSubscription' {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        $broker = Start-MqttBroker
        $null = Connect-Mqtt $broker.Uri
        $null = Register-MqttSubscription plant/1/+ -Name first
        $null = Register-MqttSubscription plant/2/+, office/# -Name second
    }

    AfterAll {
        Get-MqttConnection | Disconnect-Mqtt
        $broker | Stop-MqttBroker
    }

    It 'lists them' { (Get-MqttSubscription).Name | Should -Be 'first', 'second' }
    It 'takes a filter as it is' { (Get-MqttSubscription 'office/#').Name | Should -Be 'second' }
    It 'takes wildcards' { (Get-MqttSubscription 'plant/*').Name | Should -Be 'first', 'second' }
    It 'takes names' { (Get-MqttSubscription -Name 's*').Topic | Should -Be 'plant/2/+', 'office/#' }
    It 'shows the registered ones only' {
        $null = Receive-MqttMessage other/# -TimeoutSeconds 0.1
        Get-MqttSubscription | Should -HaveCount 2
    }

    It 'reports one that there is not' {
        Get-MqttSubscription none -ErrorAction SilentlyContinue -ErrorVariable problem | Should -BeNullOrEmpty
        $problem.FullyQualifiedErrorId | Should -Be 'MqttSubscriptionNotFound,PSMqtt.Commands.GetMqttSubscriptionCommand'
    }

    It 'names the filters with their QoS, also where it is shown as a list of properties' {
        "$((Get-MqttSubscription -Name second).Filters)" | Should -Be 'plant/2/+ (QoS 1) office/# (QoS 1)'
        "$((Get-MqttSubscription -Name second).Options)" | Should -Be '10,000 messages or 65,536 KiB, then Wait'
    }

    It 'has a table view' { Get-MqttSubscription | Format-Table | Out-String | Should -Match 'plant/2/\+, office/#\s+1\s+True' }
}
