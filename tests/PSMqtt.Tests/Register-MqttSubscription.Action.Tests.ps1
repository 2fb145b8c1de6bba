Describe 'Register-MqttSubscription -Action' {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        . "$PSScriptRoot/Peers.ps1"
        $broker = Start-MqttBroker
        $connection = Connect-Mqtt $broker.Uri -Name main
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

    It 'shares an idle runspace with other actions, of which none is lost' {
        $runspace = [runspacefactory]::CreateRunspace([initialsessionstate]::CreateDefault2())
        $runspace.Open()
        try {
            $seen = [Collections.Concurrent.ConcurrentQueue[string]]::new()
            $script = [powershell]::Create()
            $script.Runspace = $runspace
            $null = $script.AddScript({
                    param($module, $uri, $seen)
                    Import-Module $module
                    $null = Connect-Mqtt $uri -Name idle
                    $null = 1..4 | ForEach-Object { Register-MqttSubscription "action/idle/$_" -MessageData $seen -Action { $Event.MessageData.Enqueue($EventArgs.Message.Topic) } }
                    $null = Register-MqttSubscription action/idle/errors -MessageData $seen -Action { $Event.MessageData.Enqueue('error'); throw 'as it should' }
                }).AddArgument((Get-Module PSMqtt).Path).AddArgument($broker.Uri).AddArgument($seen)
            $null = $script.Invoke()
            $script.Streams.Error | Should -BeNullOrEmpty
            1..250 | ForEach-Object { 'action/idle/1', 'action/idle/2', 'action/idle/3', 'action/idle/4' | ForEach-Object { Send-MqttMessage $_ x -NoWait } }
            1..20 | Send-MqttMessage action/idle/errors -QoS 1
            Wait-Until { $seen.Count -eq 1020 }
            1..4 | ForEach-Object { $topic = "action/idle/$_"; @($seen -eq $topic).Count | Should -Be 250 }
        }
        finally {
            $runspace.Dispose()
        }
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
    It 'ends the subscription at the broker with the cmdlet: <how>' -Tag RequiresPwsh -ForEach @(
        @{ how = 'Unregister-Event'; script = { Unregister-Event -SourceIdentifier ending } }
        @{ how = 'Stop-Job'; script = { Stop-Job $job } }
        @{ how = 'Remove-Job -Force'; script = { Remove-Job $job -Force } }
    ) {
        $seen = [Collections.Generic.List[string]]::new()
        $job = Register-MqttSubscription action/end -SourceIdentifier ending -MessageData $seen -Action { $Event.MessageData.Add('x') } -Connection main
        Send-MqttMessage action/end x -QoS 1 -Connection main
        Wait-Until { $seen.Count -eq 1 }
        $job.State | Should -Be 'Running'
        & $script
        # What the broker says to a message that nobody has subscribed to.
        Wait-Until { (Send-MqttMessage action/end x -QoS 1 -Connection main -PassThru).ReasonCode -eq 'NoMatchingSubscribers' }
        $job.State | Should -Be 'Stopped'
        'action/end' | Should -Not -BeIn (Get-MqttSubscription -Connection main).Topic
        Get-EventSubscriber | Where-Object SourceIdentifier -EQ 'ending' | Should -BeNullOrEmpty
    }

    It 'shows the job with the text of the action, and stops it with the subscription' -Tag RequiresPwsh {
        $job = Register-MqttSubscription action/job -SourceIdentifier shown -Action { 'the user wrote this' }
        (Get-Job shown).Command.Trim() | Should -Be "'the user wrote this'"
        Get-MqttSubscription | Where-Object Name -EQ 'action/job' | Unregister-MqttSubscription
        Wait-Until { $job.State -eq 'Stopped' }
        Remove-Job $job
        Get-Job | Where-Object Name -EQ 'shown' | Should -BeNullOrEmpty
    }

    It 'keeps what an action writes for Receive-Job' -Tag RequiresPwsh {
        $job = Register-MqttSubscription action/output -Action { "got $($EventArgs.Message)" }
        1..3 | Send-MqttMessage action/output -QoS 1
        Wait-Until { $job.Output.Count -eq 3 }
        Receive-Job $job | Should -Be 'got 1', 'got 2', 'got 3'
    }

    It 'takes the place of an error from the script of the user' {
        $job = Register-MqttSubscription action/place -Action { throw 'here' }
        Send-MqttMessage action/place x -QoS 1
        Wait-Until { $job.Error.Count -gt 0 }
        $job.Error[0].InvocationInfo.ScriptName | Should -Be $PSCommandPath
        $job.Error[0].InvocationInfo.Line | Should -BeLike "*action/place -Action { throw 'here' }*"
    }

    It 'takes functions, and blocks with parameters and a begin block, for actions' {
        function Add-Seen($From, $What) { $What.GetType().Name | Out-Null; $Event.MessageData.Add("$($From.GetType().Name) $($What.Message)") }
        $seen = [Collections.Generic.List[string]]::new()
        $null = Register-MqttSubscription action/form -MessageData $seen -Action { param($from, $what) $Event.MessageData.Add("$($from.GetType().Name) $($what.Message)") }
        $null = Register-MqttSubscription action/form -MessageData $seen -Action ${function:Add-Seen}
        $null = Register-MqttSubscription action/form -MessageData $seen -Action { begin { $Event.MessageData.Add('begin') } end { $Event.MessageData.Add('end') } }
        $null = Register-MqttSubscription action/form -MessageData $seen -Action ([scriptblock]::Create('$Event.MessageData.Add("made from text")'))
        Send-MqttMessage action/form x -QoS 1
        Wait-Until { $seen.Count -eq 5 }
        $seen | Sort-Object | Should -Be 'begin', 'end', 'made from text', 'MqttMessageSource x', 'MqttMessageSource x'
    }

    It 'does not run again what Ctrl+C has interrupted, says so in the job, and goes on' {
        $runspace = New-OtherRunspace
        $started = [Threading.ManualResetEventSlim]::new()
        $seen = [Collections.Generic.List[string]]::new()
        try {
            $other = Start-Other $runspace '
                param($uri, $seen, $started)
                $null = Connect-Mqtt $uri -Name interrupted
                $global:job = Register-MqttSubscription action/ctrlc -MessageData @{ Seen = $seen; Started = $started } -Action {
                    $Event.MessageData.Seen.Add("$($EventArgs.Message)")
                    if ("$($EventArgs.Message)" -eq "long") {
                        $Event.MessageData.Started.Set()
                        $until = [datetime]::UtcNow.AddSeconds(60)
                        while ([datetime]::UtcNow -lt $until) { $null = [Threading.Thread]::Yield() }
                    }
                }
                "ready"
                while ($true) { $null = [Threading.Thread]::Yield() }' @($broker.Uri, $seen, $started)
            $null = Wait-OtherOutput $other
            'before', 'long', 'after' | Send-MqttMessage action/ctrlc -QoS 1
            $started.Wait(30000) | Should -BeTrue
            Stop-Other $other | Should -Be 'Stopped'
            Wait-Until { $seen.Contains('after') }
            $again = Wait-Other (Start-Other $runspace '
                $until = [datetime]::UtcNow.AddSeconds(30)
                while ($job.Error.Count -eq 0 -and [datetime]::UtcNow -lt $until) { $null = [Threading.Thread]::Yield() }
                $job.Error[0].FullyQualifiedErrorId; "$($job.Error[0].TargetObject)"; "$($job.State)"
                Disconnect-Mqtt')
            $again | Should -Be 'MqttActionInterrupted', 'long', 'Running'
            $seen | Should -Be 'before', 'long', 'after'
        }
        finally { $runspace.Dispose(); $started.Dispose() }
    }

    It 'keeps nobody waiting who ends the connection while an action is stuck' {
        $runspace = New-OtherRunspace
        $started = [Threading.ManualResetEventSlim]::new()
        $release = [Threading.ManualResetEventSlim]::new()
        try {
            $other = Start-Other $runspace '
                param($uri, $started, $release)
                $connection = Connect-Mqtt $uri -Name stuck -ClientId stuck
                $null = Register-MqttSubscription action/stuck -MessageData @($started, $release) -Action { $Event.MessageData[0].Set(); $Event.MessageData[1].Wait() }
                $connection
                Send-MqttMessage action/stuck x -QoS 1
                while (-not $release.IsSet) { $null = [Threading.Thread]::Yield() }' @($broker.Uri, $started, $release)
            $stuck = (Wait-OtherOutput $other)[0]
            $started.Wait(30000) | Should -BeTrue
            Disconnect-Mqtt $stuck -TimeoutSeconds 1
            $stuck.State | Should -BeIn 'Disconnected', 'Disposed'
            Wait-Until { 'stuck' -notin $broker.Clients.ClientId }
            $release.IsSet | Should -BeFalse
        }
        finally {
            $release.Set()
            $null = Wait-Other $other
            $runspace.Dispose()
        }
    }

    It 'may end its own connection, and remove the module' -ForEach @(
        @{ ending = 'Disconnect-Mqtt -Connection own' }
        @{ ending = 'Remove-Module PSMqtt' }
    ) {
        $runspace = New-OtherRunspace
        $seen = [Collections.Generic.List[string]]::new()
        try {
            $other = Start-Other $runspace '
                param($uri, $seen, $ending)
                $null = Connect-Mqtt $uri -Name own -ClientId own
                $null = Register-MqttSubscription action/own -MessageData @($seen, [scriptblock]::Create($ending)) -Action {
                    & $Event.MessageData[1]
                    $Event.MessageData[0].Add("ended")
                }
                Send-MqttMessage action/own x -QoS 0
                while ($seen.Count -eq 0) { $null = [Threading.Thread]::Yield() }' @($broker.Uri, $seen, $ending)
            $null = Wait-Other $other
            $seen | Should -Be 'ended'
            Wait-Until { 'own' -notin $broker.Clients.ClientId }
        }
        finally { $runspace.Dispose() }
    }

    It 'takes no more messages than it has room for while an action is stuck' {
        $runspace = New-OtherRunspace
        $started = [Threading.ManualResetEventSlim]::new()
        $release = [Threading.ManualResetEventSlim]::new()
        $seen = [Collections.Generic.List[string]]::new()
        try {
            $other = Start-Other $runspace '
                param($uri, $started, $release, $seen)
                $connection = Connect-Mqtt $uri -Name bounded -Option (New-MqttConnectionOption -ReceiveMaximum 20)
                $null = Register-MqttSubscription action/bounded -QueueLimit 10 -MessageData @($started, $release, $seen) -Action {
                    $Event.MessageData[0].Set(); $Event.MessageData[1].Wait(); $Event.MessageData[2].Add("$($EventArgs.Message)")
                }
                $connection
                while ($seen.Count -lt 100) { $null = [Threading.Thread]::Yield() }
                Disconnect-Mqtt' @($broker.Uri, $started, $release, $seen)
            $bounded = (Wait-OtherOutput $other)[0]
            1..100 | Send-MqttMessage action/bounded -QoS 1
            $started.Wait(30000) | Should -BeTrue
            # What Receive Maximum lets through, and no more: the rest waits at the broker.
            Wait-Until { $bounded.MessagesReceived -ge 10 }
            $bounded.Subscriptions[0].QueuedCount | Should -BeLessOrEqual 20
            $release.Set()
            $null = Wait-Other $other
            $seen -join ',' | Should -Be ((1..100) -join ',')
            $bounded.MessagesDropped | Should -Be 0
        }
        finally { $release.Set(); $runspace.Dispose() }
    }

    It 'runs while Invoke-MqttRequest waits, which may be answered by it' {
        $null = Register-MqttSubscription action/ask -Action {
            $request = $EventArgs.Message
            Send-MqttMessage $request.ResponseTopic "answer to $request" -CorrelationData $request.CorrelationData -QoS 1 -Connection main
        }
        (Invoke-MqttRequest action/ask 'who?' -TimeoutSeconds 30).Text | Should -Be 'answer to who?'
    }

    It 'has the events of a connection by Register-ObjectEvent' -Tag RequiresPwsh {
        $seen = [Collections.Generic.List[string]]::new()
        $job = Register-ObjectEvent $connection Published -SourceIdentifier published -MessageData $seen -Action { $Event.MessageData.Add($EventArgs.Result.Topic) }
        'a', 'b', 'c' | ForEach-Object { Send-MqttMessage "action/$_" x -QoS 1 -Connection main }
        Wait-Until { $seen.Count -eq 3 }
        $seen | Should -Be 'action/a', 'action/b', 'action/c'
        Unregister-Event -SourceIdentifier published
        $job.State | Should -Be 'Stopped'
    }
}
