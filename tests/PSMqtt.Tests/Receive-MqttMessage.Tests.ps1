Describe 'Receive-MqttMessage' {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        . "$PSScriptRoot/Peers.ps1"
        $broker = Start-MqttBroker
        $connection = Connect-Mqtt $broker.Uri -Name main
        $source = Connect-Mqtt $broker.Uri -Name sender
        $null = Connect-Mqtt $broker.Uri -Name spare
        function Send-One($Topic, $Payload) { Send-MqttMessage $Topic $Payload -QoS 1 -Connection sender }

        # Says whether the broker still sends a client what is published on a topic: by what comes after it.
        function Test-Subscribed($Topic) {
            $before = (Get-MqttConnection main).MessagesReceived
            $marker = Register-MqttSubscription marker -Connection main
            Send-One $Topic 'still there?'
            Send-One marker 'end'
            $null = Receive-MqttMessage -Subscription $marker -Count 1 -TimeoutSeconds 30
            $marker | Unregister-MqttSubscription
            (Get-MqttConnection main).MessagesReceived - $before -gt 1
        }
    }

    AfterAll {
        Get-MqttConnection | Disconnect-Mqtt
        $broker | Stop-MqttBroker
    }

    Context 'from a registered subscription' {
        BeforeEach { $subscription = Register-MqttSubscription 'r/#' -Connection main }
        AfterEach { $subscription | Unregister-MqttSubscription }

        It 'takes what has come, and returns' {
            Receive-MqttMessage -Subscription $subscription | Should -BeNullOrEmpty
            Send-One r/1 one
            Send-One r/2 two
            $null = Receive-MqttMessage -Subscription $subscription -Count 2 -TimeoutSeconds 30
            Receive-MqttMessage -Subscription $subscription | Should -BeNullOrEmpty
        }

        It 'keeps what it was not asked for' {
            1..5 | ForEach-Object { Send-One r/x $_ }
            (Receive-MqttMessage -Subscription $subscription -Count 2 -TimeoutSeconds 30).Text | Should -Be '1', '2'
            (Receive-MqttMessage -Subscription $subscription -Count 3 -TimeoutSeconds 30).Text | Should -Be '3', '4', '5'
        }

        It 'takes subscriptions from the pipeline' {
            Send-One r/x piped
            ($subscription | Receive-MqttMessage -Count 1 -TimeoutSeconds 30).Text | Should -Be 'piped'
        }

        It 'reads every registered subscription of the connection without one' {
            $other = Register-MqttSubscription q -Connection main
            Send-One r/x first
            Send-One q second
            (Receive-MqttMessage -Connection main -Count 2 -TimeoutSeconds 30).Text | Sort-Object | Should -Be 'first', 'second'
            $other | Unregister-MqttSubscription
        }

        It 'waits with -TimeoutSeconds, and ends without an error' {
            Send-One r/x quick
            (Receive-MqttMessage -Subscription $subscription -TimeoutSeconds 1).Text | Should -Be 'quick'
        }

        It 'ends with -IdleSeconds' {
            Send-One r/x quick
            (Receive-MqttMessage -Subscription $subscription -IdleSeconds 0.5).Text | Should -Be 'quick'
        }

        It 'reports a -Count that was not met' {
            Send-One r/x alone
            $messages = [Collections.Generic.List[object]]::new()
            $thrown = { Receive-MqttMessage -Subscription $subscription -Count 2 -TimeoutSeconds 1 -ErrorAction Stop | ForEach-Object { $messages.Add($_) } } |
                Should -Throw -ErrorId 'MqttReceiveTimeout,PSMqtt.Commands.ReceiveMqttMessageCommand' -PassThru
            $thrown.Exception.Message | Should -BeLike '1 of 2 messages*'
            $thrown.CategoryInfo.Category | Should -Be 'OperationTimeout'
            $messages.Text | Should -Be 'alone'
        }

        It 'ends with the message that -Until is true for' {
            'a', 'b', 'stop', 'c' | ForEach-Object { Send-One r/x $_ }
            (Receive-MqttMessage -Subscription $subscription -Until { $_.Text -eq 'stop' } -TimeoutSeconds 30).Text | Should -Be 'a', 'b', 'stop'
            (Receive-MqttMessage -Subscription $subscription -Count 1 -TimeoutSeconds 30).Text | Should -Be 'c'
        }

        It 'reports an -Until that was never true' {
            { Receive-MqttMessage -Subscription $subscription -Until { $true } -TimeoutSeconds 0.2 -ErrorAction Stop } |
                Should -Throw -ErrorId 'MqttReceiveTimeout,PSMqtt.Commands.ReceiveMqttMessageCommand'
        }

        It 'leaves out topics' {
            Send-One r/no x
            Send-One r/yes y
            (Receive-MqttMessage -Subscription $subscription -ExcludeTopic 'r/no', 'z/#' -Count 1 -TimeoutSeconds 30).Text | Should -Be 'y'
        }

        It 'writes text, objects or bytes' {
            1..3 | ForEach-Object { Send-One r/x '{"n":[1,2]}' }
            Receive-MqttMessage -Subscription $subscription -As Text -Count 1 -TimeoutSeconds 30 | Should -Be '{"n":[1,2]}'
            (Receive-MqttMessage -Subscription $subscription -As Json -Count 1 -TimeoutSeconds 30).n | Should -Be 1, 2
            $bytes = Receive-MqttMessage -Subscription $subscription -As Bytes -Count 1 -TimeoutSeconds 30
            , $bytes | Should -BeOfType ([byte[]])
        }

        It 'reports what is no JSON, and goes on' {
            Send-One r/x 'no JSON'
            Send-One r/x '1'
            Receive-MqttMessage -Subscription $subscription -As Json -Count 2 -TimeoutSeconds 30 -ErrorAction SilentlyContinue -ErrorVariable problem | Should -Be 1
            $problem.FullyQualifiedErrorId | Should -Be 'MqttPayloadNotJson,PSMqtt.Commands.ReceiveMqttMessageCommand'
            $problem.TargetObject.Text | Should -Be 'no JSON'
        }

        It 'takes one message for Select-Object -First 1, and leaves the others' {
            1..3 | ForEach-Object { Send-One r/x $_ }
            ($subscription | Receive-MqttMessage -Wait | Select-Object -First 1).Text | Should -Be '1'
            (Receive-MqttMessage -Subscription $subscription -Count 2 -TimeoutSeconds 30).Text | Should -Be '2', '3'
        }

        It 'counts a message as taken when the loop that got it ends with a break' {
            1..2 | ForEach-Object { Send-One r/x $_ }
            foreach ($once in 1) { Receive-MqttMessage -Subscription $subscription -Count 2 -TimeoutSeconds 30 | ForEach-Object { $got = $_.Text; break } }
            $got | Should -Be '1'
            (Receive-MqttMessage -Subscription $subscription -Count 1 -TimeoutSeconds 30).Text | Should -Be '2'
        }

        It 'keeps a message that a command after it failed on' {
            Send-One r/x precious
            { Receive-MqttMessage -Subscription $subscription -Count 1 -TimeoutSeconds 30 | ForEach-Object { throw 'failed' } } | Should -Throw 'failed'
            (Receive-MqttMessage -Subscription $subscription -Count 1 -TimeoutSeconds 30).Text | Should -Be 'precious'
        }

        It 'can be called inside of its own pipeline' {
            1..4 | ForEach-Object { Send-One r/x $_ }
            $pairs = Receive-MqttMessage -Subscription $subscription -Count 2 -TimeoutSeconds 30 | ForEach-Object {
                "$_$(Receive-MqttMessage -Subscription $subscription -Count 1 -TimeoutSeconds 30)"
            }
            $pairs | Should -Be '12', '34'
        }
    }

    Context 'from a topic' {
        It 'subscribes while it runs, and no longer' {
            $runspace = New-OtherRunspace
            try {
                $other = Start-Other $runspace 'param($connection) Receive-MqttMessage while/# -Count 2 -TimeoutSeconds 60 -Connection $connection' $connection
                while ($Other.Output.Count -lt 1 -and -not $other.Running.IsCompleted) { Send-One while/x tick }
                Send-One while/x tock
                (Wait-Other $other).Count | Should -Be 2
            }
            finally { $runspace.Dispose() }
            Test-Subscribed while/x | Should -BeFalse
        }

        It 'leaves no subscription behind: <how>' -ForEach @(
            @{ how = 'Select-Object -First'; script = { Receive-MqttMessage left/# -Connection main | Select-Object -First 1 } }
            @{ how = 'a reached -Count'; script = { Receive-MqttMessage left/# -Count 1 -Connection main } }
            @{ how = 'an error after it'; script = { try { Receive-MqttMessage left/# -Connection main | ForEach-Object { $_; throw 'x' } } catch { $null = $_ } } }
            @{ how = 'time'; script = { Receive-MqttMessage left/# -TimeoutSeconds 0.3 -Connection main } }
        ) {
            Send-MqttMessage left/kept retained -Retain -QoS 1 -Connection sender
            (& $script).Text | Should -Be 'retained'
            Test-Subscribed left/other | Should -BeFalse
        }

        It 'can leave out, or ask only for, what the broker had kept' {
            Send-MqttMessage kept/1 old -Retain -QoS 1 -Connection sender
            (Receive-MqttMessage kept/# -RetainedOnly -Count 1 -TimeoutSeconds 30 -Connection main).Text | Should -Be 'old'
            Receive-MqttMessage kept/# -SkipRetained -TimeoutSeconds 0.5 -Connection main | Should -BeNullOrEmpty
            $old = Connect-Mqtt $broker.Uri -ProtocolVersion 3.1.1
            Receive-MqttMessage kept/# -SkipRetained -TimeoutSeconds 0.5 -Connection $old | Should -BeNullOrEmpty
            Disconnect-Mqtt $old
        }

        It 'takes several filters' {
            Send-MqttMessage several/1 one -Retain -QoS 1 -Connection sender
            Send-MqttMessage severe/2 two -Retain -QoS 1 -Connection sender
            (Receive-MqttMessage several/+, severe/+ -Count 2 -TimeoutSeconds 30 -Connection main).Text | Sort-Object | Should -Be 'one', 'two'
        }

        It 'refuses a filter: <_>' -ForEach 'a/#/b', 'a+', 'a/b#' {
            $thrown = { Receive-MqttMessage $_ -TimeoutSeconds 1 -Connection main } |
                Should -Throw -ErrorId 'MqttInvalidTopicFilter,PSMqtt.Commands.ReceiveMqttMessageCommand' -PassThru
            $thrown.TargetObject | Should -Be $_
        }

        It 'wants MQTT 5.0 for -NoLocal' {
            $old = Connect-Mqtt $broker.Uri -ProtocolVersion 3.1.1
            { Receive-MqttMessage a -NoLocal -Connection $old } | Should -Throw -ErrorId 'MqttRequiresMqtt5,PSMqtt.Commands.ReceiveMqttMessageCommand'
            Disconnect-Mqtt $old
        }
    }

    It 'says so when there is nothing to receive from' {
        { Receive-MqttMessage -Connection spare -ErrorAction Stop } | Should -Throw -ErrorId 'MqttNoSubscription,PSMqtt.Commands.ReceiveMqttMessageCommand'
    }

    It 'ends when its connection is ended elsewhere' {
        $short = Connect-Mqtt $broker.Uri -Name short
        $null = Register-MqttSubscription short/# -Connection short
        Send-MqttMessage short/x ready -QoS 1 -Connection short
        $runspace = New-OtherRunspace
        try {
            $other = Start-Other $runspace 'param($connection) Receive-MqttMessage -Wait -Connection $connection | ForEach-Object Text' $short
            $null = Wait-OtherOutput $other
            Disconnect-Mqtt short
            Wait-Other $other | Should -Be 'ready'
        }
        finally { $runspace.Dispose() }
    }

    It 'ends on Ctrl+C <how>, and the connection goes on' -ForEach @(
        @{ how = 'with -Topic'; arguments = 'stop/#' }
        @{ how = 'with -Wait'; arguments = '-Wait' }
    ) {
        $stopped = Connect-Mqtt $broker.Uri -Name stopped
        if ($arguments -eq '-Wait') { $null = Register-MqttSubscription stop/# -Connection stopped }
        $runspace = New-OtherRunspace
        try {
            $other = Start-Other $runspace "param(`$connection) Receive-MqttMessage $arguments -Connection `$connection" $stopped
            while ($other.Output.Count -lt 1 -and -not $other.Running.IsCompleted) { Send-One stop/x tick }
            Stop-Other $other | Should -Be 'Stopped'
        }
        finally { $runspace.Dispose() }
        Send-MqttMessage x y -QoS 1 -Connection stopped
        $stopped.State | Should -Be 'Connected'
        Disconnect-Mqtt stopped
    }
}
