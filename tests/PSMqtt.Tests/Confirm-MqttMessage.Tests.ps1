Describe 'Confirm-MqttMessage' {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        $broker = Start-MqttBroker
        $connection = Connect-Mqtt $broker.Uri
        $subscription = Register-MqttSubscription confirm -ManualAcknowledge
    }

    AfterAll {
        Get-MqttConnection | Disconnect-Mqtt
        $broker | Stop-MqttBroker
    }

    It 'acknowledges a message' {
        Send-MqttMessage confirm x -QoS 1
        $message = Receive-MqttMessage -Subscription $subscription -Count 1 -TimeoutSeconds 30
        $connection.Counters.Unacknowledged | Should -Be 1
        $message | Confirm-MqttMessage
        $connection.Counters.Unacknowledged | Should -Be 0
    }

    It 'reports a message that is not to be confirmed' {
        New-MqttMessage a b | Confirm-MqttMessage -ErrorAction SilentlyContinue -ErrorVariable problem
        $problem.FullyQualifiedErrorId | Should -Be 'MqttNotToBeConfirmed,PSMqtt.Commands.ConfirmMqttMessageCommand'
    }
}
