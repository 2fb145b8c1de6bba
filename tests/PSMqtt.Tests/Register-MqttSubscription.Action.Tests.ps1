Describe 'Register-MqttSubscription -Action' {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        . "$PSScriptRoot/Peers.ps1"
        $broker = Start-MqttBroker
        $connection = Connect-Mqtt $broker.Uri -Name main

        # Waits, as a script at work does, until a condition holds. Actions run meanwhile.
        function Wait-Until([scriptblock] $Condition) {
            $until = [datetime]::UtcNow.AddSeconds(30)
            while (-not (& $Condition)) {
                if ([datetime]::UtcNow -gt $until) { throw "It has not come to be: $Condition" }
                $null = [Threading.Thread]::Yield()
            }
        }
    }

    AfterAll {
        Get-MqttSubscription -Connection main | Unregister-MqttSubscription
        Get-MqttConnection | Disconnect-Mqtt
        $broker | Stop-MqttBroker
    }

    AfterEach { Get-MqttSubscription -Connection main | Unregister-MqttSubscription }

    It 'writes a job, and runs the action for each message, in order' {
        $seen = [Collections.Generic.List[string]]::new()
        $job = Register-MqttSubscription action/order -MessageData $seen -SourceIdentifier order -Action { $Event.MessageData.Add($Event.SourceEventArgs.Message.Text) }
        $job | Should -BeOfType ([Management.Automation.PSEventJob])
        $job.Name | Should -Be 'order'
        1..200 | Send-MqttMessage action/order -QoS 1
        Wait-Until { $seen.Count -eq 200 }
        $seen -join ',' | Should -Be ((1..200) -join ',')
    }

    It 'gives the action what Register-ObjectEvent does' {
        $seen = [Collections.Generic.List[object]]::new()
        $null = Register-MqttSubscription action/what -MessageData $seen -SourceIdentifier what -Action {
            $Event.MessageData.Add($EventArgs.Message.Topic)
            $Event.MessageData.Add($Sender.Connection.Name)
            $Event.MessageData.Add($EventSubscriber.SourceIdentifier)
        }
        Send-MqttMessage action/what x -QoS 1
        Wait-Until { $seen.Count -eq 3 }
        $seen | Should -Be 'action/what', 'main', 'what'
    }

    It 'runs while a cmdlet waits, and may call cmdlets itself' {
        $answers = Register-MqttSubscription action/answer
        $null = Register-MqttSubscription action/question -Action { Send-MqttMessage action/answer "re: $($EventArgs.Message)" -QoS 1 -Connection main }
        Send-MqttMessage action/question 'why?' -QoS 1
        (Receive-MqttMessage -Subscription $answers -Count 1 -TimeoutSeconds 30).Text | Should -Be 're: why?'
        $answers | Unregister-MqttSubscription
    }

    It 'collects messages with -BatchSize' {
        $batches = [Collections.Generic.List[object]]::new()
        $null = Register-MqttSubscription action/batch -BatchSize 50 -MessageData $batches -Action { $Event.MessageData.Add($EventArgs.Messages) }
        1..120 | Send-MqttMessage action/batch -QoS 1
        Wait-Until { ($batches | ForEach-Object { $_.Count } | Measure-Object -Sum).Sum -eq 120 }
        $batches.Count | Should -BeLessThan 120
        ($batches | ForEach-Object { $_.Text }) -join ',' | Should -Be ((1..120) -join ',')
    }

    It 'ends by itself with -MaxTriggerCount' {
        $seen = [Collections.Generic.List[string]]::new()
        $null = Register-MqttSubscription action/max -MaxTriggerCount 3 -MessageData $seen -Action { $Event.MessageData.Add("$($EventArgs.Message)") }
        1..10 | Send-MqttMessage action/max -QoS 1
        Wait-Until { 'action/max' -notin (Get-MqttSubscription).Topic }
        $seen | Should -Be '1', '2', '3'
    }

    It 'puts an error of the action into the job, and goes on' {
        $seen = [Collections.Generic.List[string]]::new()
        $job = Register-MqttSubscription action/error -MessageData $seen -Action {
            if ("$($EventArgs.Message)" -eq '2') { throw 'two is bad' }
            $Event.MessageData.Add("$($EventArgs.Message)")
        }
        1..3 | Send-MqttMessage action/error -QoS 1
        Wait-Until { $seen.Count -eq 2 -and $job.Error.Count -gt 0 }
        $seen | Should -Be '1', '3'
        "$($job.Error)" | Should -BeLike '*two is bad*'
    }

    It 'ends the subscription at the broker: <how>' -ForEach @(
        @{ how = 'the event is unregistered'; script = { $ExecutionContext.Events.UnsubscribeEvent(@($ExecutionContext.Events.GetEventSubscribers('ending'))[0]) } }
        @{ how = 'the job is stopped'; script = { $job.StopJob() } }
        @{ how = 'the subscription is unregistered'; script = { Unregister-MqttSubscription -Topic action/end -Connection main } }
    ) {
        $seen = [Collections.Generic.List[string]]::new()
        $job = Register-MqttSubscription action/end -SourceIdentifier ending -MessageData $seen -Action { $Event.MessageData.Add('x') } -Connection main
        Send-MqttMessage action/end x -QoS 1 -Connection main
        Wait-Until { $seen.Count -eq 1 }
        & $script
        Wait-Until { 'action/end' -notin (Get-MqttSubscription -Connection main).Topic }
        Wait-Until { 'action/end' -notin $connection.Client.Subscriptions.Topic }
        Wait-Until { @($ExecutionContext.Events.GetEventSubscribers('ending')).Count -eq 0 }
    }

    It 'is not read by Receive-MqttMessage' {
        $seen = [Collections.Generic.List[string]]::new()
        $null = Register-MqttSubscription action/mine -MessageData $seen -Action { $Event.MessageData.Add('x') }
        Send-MqttMessage action/mine x -QoS 1
        $null = Register-MqttSubscription action/other
        Send-MqttMessage action/other y -QoS 1
        (Receive-MqttMessage -Count 1 -TimeoutSeconds 30).Text | Should -Be 'y'
        Receive-MqttMessage -TimeoutSeconds 0.5 | Should -BeNullOrEmpty
        Wait-Until { $seen.Count -eq 1 }
        $seen | Should -HaveCount 1
    }

    It 'refuses a source identifier that is in use' {
        $null = Register-MqttSubscription action/a -SourceIdentifier twice -Action { }
        { Register-MqttSubscription action/b -SourceIdentifier twice -Action { } } |
            Should -Throw -ErrorId 'MqttSourceIdentifierInUse,PSMqtt.Commands.RegisterMqttSubscriptionCommand'
        (Get-MqttSubscription).Topic | Should -Not -Contain 'action/b'
    }
}
