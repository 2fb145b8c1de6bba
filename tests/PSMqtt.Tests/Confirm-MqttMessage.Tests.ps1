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

    It 'does nothing for a message that needs none' {
        New-MqttMessage a b | Confirm-MqttMessage -ErrorVariable problem
        $problem | Should -BeNullOrEmpty
    }

    It 'reports a reason that a message cannot be confirmed with' {
        New-MqttMessage a b | Confirm-MqttMessage -ReasonCode ServerMoved -ErrorAction SilentlyContinue -ErrorVariable problem
        $problem.FullyQualifiedErrorId | Should -Be 'MqttInvalidReasonCode,PSMqtt.Commands.ConfirmMqttMessageCommand'
    }

    It 'wants MQTT 5.0 for a reason' {
        $old = Connect-Mqtt $broker.Uri -ProtocolVersion 3.1.1
        { New-MqttMessage a b | Confirm-MqttMessage -ReasonCode QuotaExceeded -Connection $old } |
            Should -Throw -ErrorId 'MqttRequiresMqtt5,PSMqtt.Commands.ConfirmMqttMessageCommand'
        Disconnect-Mqtt $old
    }
}
