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

    It 'is not needed any more when the subscription has ended: <how>' -ForEach @(
        @{ how = 'Unregister-MqttSubscription'; end = { $manual | Unregister-MqttSubscription } }
        @{ how = 'Dispose'; end = { $manual.DisposeAsync().AsTask().Wait(30000) | Should -BeTrue } }
    ) {
        $manual = Register-MqttSubscription confirm/manual -ManualAcknowledge
        1..3 | Send-MqttMessage confirm/manual -QoS 1
        $messages = Receive-MqttMessage -Subscription $manual -Count 2 -TimeoutSeconds 30
        $messages[1] | Confirm-MqttMessage
        while ($connection.Counters.Unacknowledged -lt 3) { $null = [Threading.Thread]::Yield() }
        . $end
        $connection.Counters.Unacknowledged | Should -Be 0
        # The one that was not confirmed, and the one that was not taken.
        $manual.DroppedCount | Should -Be 2
        $messages[0] | Confirm-MqttMessage -ErrorVariable problem
        $problem | Should -BeNullOrEmpty
    }

    It 'does nothing for a message that needs none' {
        New-MqttMessage a b | Confirm-MqttMessage -ErrorVariable problem
        $problem | Should -BeNullOrEmpty
    }

    It 'reports a reason that a message cannot be confirmed with' {
        New-MqttMessage a b | Confirm-MqttMessage -ReasonCode ServerMoved -ErrorAction SilentlyContinue -ErrorVariable problem
        $problem.FullyQualifiedErrorId | Should -Be 'MqttInvalidReasonCode,PSMqtt.Commands.ConfirmMqttMessageCommand'
    }

    It 'says that a message came over another connection, and leaves it to be confirmed there' {
        Send-MqttMessage confirm x -QoS 1 -Connection $connection
        $message = Receive-MqttMessage -Subscription $subscription -Count 1 -TimeoutSeconds 30
        $other = Connect-Mqtt $broker.Uri -Name other
        try {
            $message | Confirm-MqttMessage -ErrorAction SilentlyContinue -ErrorVariable problem
            $problem.FullyQualifiedErrorId | Should -Be 'MqttMessageOfOtherConnection,PSMqtt.Commands.ConfirmMqttMessageCommand'
            $problem[0].TargetObject | Should -Be $message
            $problem[0].ErrorDetails.RecommendedAction | Should -BeLike '*-Connection*'
            "$problem" | Should -Not -Match 'Parameter'
            $connection.Counters.Unacknowledged | Should -Be 1
            $message | Confirm-MqttMessage -Connection $connection
            $connection.Counters.Unacknowledged | Should -Be 0
        }
        finally {
            Disconnect-Mqtt $other
            $script:connection = Connect-Mqtt $broker.Uri -ClientId again -Name again
            $script:subscription = Register-MqttSubscription confirm -ManualAcknowledge
        }
    }

    It 'wants MQTT 5.0 for a reason' {
        $old = Connect-Mqtt $broker.Uri -ProtocolVersion 3.1.1
        { New-MqttMessage a b | Confirm-MqttMessage -ReasonCode QuotaExceeded -Connection $old } |
            Should -Throw -ErrorId 'MqttRequiresMqtt5,PSMqtt.Commands.ConfirmMqttMessageCommand'
        Disconnect-Mqtt $old
    }
}
