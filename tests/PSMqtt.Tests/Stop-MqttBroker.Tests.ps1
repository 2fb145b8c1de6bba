Describe 'Stop-MqttBroker' {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        Get-MqttBroker | Stop-MqttBroker
    }

    AfterEach { Get-MqttBroker | Stop-MqttBroker }

    It 'stops the only broker when it is given none' {
        $broker = Start-MqttBroker
        Stop-MqttBroker
        $broker.State | Should -Be 'Stopped'
        Get-MqttBroker | Should -BeNullOrEmpty
    }

    It 'asks which one is meant when there are several, and stops none' {
        $null = Start-MqttBroker -Name one
        $null = Start-MqttBroker -Name two
        Stop-MqttBroker -ErrorAction SilentlyContinue -ErrorVariable problem
        $problem.FullyQualifiedErrorId | Should -Be 'MqttBrokerAmbiguous,PSMqtt.Commands.StopMqttBrokerCommand'
        "$problem" | Should -BeLike '*one, two*'
        $problem[0].ErrorDetails.RecommendedAction | Should -BeLike '*Get-MqttBroker | Stop-MqttBroker*'
        @(Get-MqttBroker).Count | Should -Be 2
    }

    It 'says that none runs' {
        Stop-MqttBroker -ErrorAction SilentlyContinue -ErrorVariable problem
        $problem.FullyQualifiedErrorId | Should -Be 'MqttNoBroker,PSMqtt.Commands.StopMqttBrokerCommand'
    }

    It 'stops none for an empty pipeline' {
        $null = Start-MqttBroker
        @() | Stop-MqttBroker
        @(Get-MqttBroker).Count | Should -Be 1
    }

    It 'stops those that are named' {
        $one = Start-MqttBroker -Name one
        $two = Start-MqttBroker -Name two
        Stop-MqttBroker -Name o*
        $one.State, $two.State | Should -Be 'Stopped', 'Running'
    }
}
