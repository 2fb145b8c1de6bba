Describe 'Stop-MqttBroker' {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        . "$PSScriptRoot/Sockets.ps1"
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

    It 'stops a broker from the pipeline, and its port is free' {
        $broker = Start-MqttBroker
        $broker | Stop-MqttBroker
        $broker.State | Should -Be 'Stopped'
        $broker.ClientCount | Should -Be 0
        Get-MqttBroker | Should -BeNullOrEmpty
        { Connect-Socket $broker } | Should -Throw
    }

    It 'cuts its clients off' {
        $broker = Start-MqttBroker
        $client = Connect-Socket $broker
        try {
            Send-Byte $client (New-ConnectPacket 'a-client')
            $null = Read-Packet $client
            Stop-MqttBroker $broker
            Read-Packet $client | Should -BeNullOrEmpty
        }
        finally {
            $client.Dispose()
        }
    }

    It 'stops by name, wildcards too' {
        $null = Start-MqttBroker -Name a1
        $null = Start-MqttBroker -Name a2
        $null = Start-MqttBroker -Name b
        Stop-MqttBroker -Name 'a*'
        (Get-MqttBroker).Name | Should -Be 'b'
    }

    It 'leaves alone one that has been stopped' {
        $broker = Start-MqttBroker
        $broker.Dispose()
        { Stop-MqttBroker $broker -ErrorAction Stop } | Should -Not -Throw
    }

    It 'does nothing with -WhatIf' {
        $broker = Start-MqttBroker
        Stop-MqttBroker $broker -WhatIf
        $broker.State | Should -Be 'Running'
    }

    It 'says so when there is none of that name' {
        { Stop-MqttBroker -Name nowhere -ErrorAction Stop } | Should -Throw -ErrorId 'MqttBrokerNotFound,PSMqtt.Commands.StopMqttBrokerCommand'
    }
}
