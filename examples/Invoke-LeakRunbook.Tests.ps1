# How a runbook is tested: a broker inside the test, no pump, and every fault at hand. Run it with Invoke-Pester.

Describe 'the leak runbook' -Tag RequiresPwsh {
    BeforeAll {
        $built = Join-Path $PSScriptRoot '../out/PSMqtt/PSMqtt.psd1'
        Import-Module $(if (Test-Path $built) { $built } else { 'PSMqtt' })
        $runbook = Join-Path $PSScriptRoot 'Invoke-LeakRunbook.ps1'
        $broker = Start-MqttBroker
        $connection = $broker | Connect-Mqtt -Name test
    }

    AfterAll {
        $connection | Disconnect-Mqtt
        $broker | Stop-MqttBroker
    }

    BeforeEach {
        $commands = Register-MqttSubscription hall/pump/command -QoS 1 -Connection $connection
        $alarms = Register-MqttSubscription hall/alarm -QoS 1 -RetainHandling DoNotSend -Connection $connection
    }

    AfterEach {
        $broker.ClearFaults()
        $commands, $alarms | Unregister-MqttSubscription
    }

    It 'does nothing while it is dry' {
        Send-MqttMessage hall/leak dry -Retain -QoS 1 -Connection $connection
        $result = & $runbook -Server $broker.Uri -Site hall
        $result.Leak | Should -Be 'dry'
        $result.Action | Should -Be 'none'
        $commands.ReceivedCount | Should -Be 0
    }

    It 'does nothing where there is no sensor' {
        (& $runbook -Server $broker.Uri -Site nowhere).Leak | Should -Be 'unknown'
    }

    Context 'on a leak' {
        BeforeEach { Send-MqttMessage hall/leak wet -Retain -QoS 1 -Connection $connection }

        It 'stops the pump' {
            # The pump, as far as the runbook can see.
            $pump = Register-MqttSubscription hall/pump/command -Connection $connection -MessageData $connection -Action {
                Send-MqttMessage hall/pump/state stopped -QoS 1 -Connection $Event.MessageData
            }
            $result = & $runbook -Server $broker.Uri -Site hall -TimeoutSeconds 60
            $pump | Remove-Job -Force

            (Receive-MqttMessage -Subscription $commands -Count 1 -TimeoutSeconds 30 -Connection $connection).Text | Should -Be 'stop'
            $result.Action | Should -Be 'stopped the pump'
        }

        It 'raises the alarm when the pump does not stop' {
            (& $runbook -Server $broker.Uri -Site hall -TimeoutSeconds 1).Action | Should -Be 'raised the alarm'
            (Receive-MqttMessage -Subscription $alarms -Count 1 -TimeoutSeconds 30 -Connection $connection).Text | Should -BeLike '*hall*'
        }

        It 'fails, and does not hang, when it may not send the command' {
            $null = $broker.RefuseMessage('hall/pump/command', 'NotAuthorized')
            { & $runbook -Server $broker.Uri -Site hall } | Should -Throw '*hall/pump/command*'
        }

        It 'sends the command once, although its acknowledgement comes twice' {
            $null = $broker.DuplicateAcknowledgement('PubAck')
            $null = & $runbook -Server $broker.Uri -Site hall -TimeoutSeconds 1
            $null = Receive-MqttMessage -Subscription $alarms -Count 1 -TimeoutSeconds 30 -Connection $connection
            $commands.ReceivedCount | Should -Be 1
        }
    }

    It 'fails when the broker refuses it' {
        $null = $broker.RefuseConnection('ServerBusy')
        { & $runbook -Server $broker.Uri -Site hall } | Should -Throw -ErrorId 'MqttConnectRefused,*'
    }
}
