Describe 'Invoke-MqttRequest' {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        . "$PSScriptRoot/Peers.ps1"
        $broker = Start-MqttBroker
        $connection = Connect-Mqtt $broker.Uri -Name main
        $null = Connect-Mqtt $broker.Uri -Name old -ProtocolVersion 3.1.1
        $null = Connect-Mqtt $broker.Uri -Name device

        # A device in a runspace of its own: it answers each request with what the script says, where the request asks for it.
        $runspace = New-OtherRunspace
        $device = Start-Other $runspace '
            param($uri)
            $null = Connect-Mqtt $uri
            $requests = Register-MqttSubscription device/#
            "ready"
            Receive-MqttMessage -Subscription $requests -Until { $_.Topic -eq "device/end" } | ForEach-Object {
                $request = $_
                $where = @{ Topic = $request.ResponseTopic; CorrelationData = $request.CorrelationData; QoS = 1 }
                switch ($request.Topic) {
                    "device/echo" { Send-MqttMessage @where "re: $request" }
                    "device/json" { Send-MqttMessage @where @{ got = $request.Text; contentType = $request.ContentType } }
                    "device/count" { foreach ($i in 1..3) { Send-MqttMessage @where $i } }
                    "device/mixed" {
                        Send-MqttMessage $request.ResponseTopic "not correlated" -QoS 1
                        Send-MqttMessage $request.ResponseTopic "of another" -CorrelationData other -QoS 1
                        Send-MqttMessage @where "the one"
                    }
                    "device/forgets" { Send-MqttMessage $request.ResponseTopic "not correlated" -QoS 1 }
                    "device/old" { Send-MqttMessage device-answers "re: $request" -QoS 1 }
                    "device/where" { Send-MqttMessage @where $request.ResponseTopic }
                }
            }' $broker.Uri
        $null = Wait-OtherOutput $device
    }

    AfterAll {
        Send-MqttMessage device/end -QoS 1 -Connection device
        $null = Wait-Other $device
        $runspace.Dispose()
        Get-MqttConnection | Disconnect-Mqtt
        $broker | Stop-MqttBroker
    }

    BeforeEach { $before = $connection.Client.Subscriptions.Count }
    AfterEach { $connection.Client.Subscriptions.Count | Should -Be $before -Because 'it leaves no subscription behind' }

    It 'writes the reply' {
        $reply = Invoke-MqttRequest device/echo hello -Connection main
        $reply | Should -BeOfType ([PSMqtt.Protocol.MqttMessage])
        $reply.Text | Should -Be 're: hello'
        $reply.CorrelationData.Length | Should -BeGreaterThan 0
    }

    It 'makes its request as Send-MqttMessage makes messages' {
        $reply = Invoke-MqttRequest device/json @{ speed = 3 } -ContentType application/json -QoS 2 -Connection main
        $reply.Json.got | Should -Be '{"speed":3}'
        $reply.Json.contentType | Should -Be 'application/json'
    }

    It 'makes a request of each object in the pipeline' {
        (1..5 | Invoke-MqttRequest device/echo -Connection main).Text | Should -Be (1..5).ForEach({ "re: $_" })
    }

    It 'says in the error how many messages came without the correlation data' {
        # A short limit first: the answer comes within it, or on a slow machine within one of those that follow.
        foreach ($limit in 0.25, 1, 5, 30) {
            Invoke-MqttRequest device/forgets x -ResponseTopic "forgets/$limit" -TimeoutSeconds $limit -Connection main -ErrorAction SilentlyContinue -ErrorVariable problem
            if ("$problem" -like '*message came*') { break }
        }
        "$problem" | Should -BeLike "*1 message came on the response topic, without the request's correlation data.*"
    }

    It 'takes the reply whose correlation data match' {
        (Invoke-MqttRequest device/mixed x -Connection main).Text | Should -Be 'the one'
    }

    It 'uses the correlation data and the response topic that it is given' {
        $reply = Invoke-MqttRequest device/where x -ResponseTopic here/please -CorrelationData abc -Connection main
        $reply.Text | Should -Be 'here/please'
        $reply.Topic | Should -Be 'here/please'
        [Text.Encoding]::UTF8.GetString($reply.CorrelationData) | Should -Be 'abc'
    }

    It 'asks for replies on a topic that nobody else uses' {
        $first = (Invoke-MqttRequest device/where x -Connection main).Text
        $second = (Invoke-MqttRequest device/where x -Connection main).Text
        $first | Should -BeLike "response/$($connection.ClientId)/*"
        $second | Should -Not -Be $first
    }

    It 'writes all replies up to the one -Until is true of' {
        (Invoke-MqttRequest device/count x -Until { $_.Text -eq '3' } -Connection main).Text | Should -Be '1', '2', '3'
    }

    It 'runs event actions while it waits' {
        $subscription = Register-MqttSubscription action/asked -Connection main -Action {
            Send-MqttMessage $EventArgs.Message.ResponseTopic 'from an action' -CorrelationData $EventArgs.Message.CorrelationData -Connection main
        }
        try { (Invoke-MqttRequest action/asked x -Connection main).Text | Should -Be 'from an action' }
        finally { Unregister-MqttSubscription -Topic action/asked -Connection main }
    }

    Context 'without a reply' {
        It 'is an error that carries the request, and the next one is asked all the same' {
            $replies = 'silent', 'hello' | ForEach-Object { Invoke-MqttRequest "device/$(if ($_ -eq 'hello') { 'echo' } else { $_ })" $_ -TimeoutSeconds $(if ($_ -eq 'hello') { 60 } else { 1 }) -Connection main -ErrorAction SilentlyContinue -ErrorVariable +problem }
            $replies.Text | Should -Be 're: hello'
            $problem.Count | Should -Be 1
            $problem[0].FullyQualifiedErrorId | Should -Be 'MqttRequestTimeout,PSMqtt.Commands.InvokeMqttRequestCommand'
            $problem[0].TargetObject.Text | Should -Be 'silent'
            $problem[0].ErrorDetails.RecommendedAction | Should -Not -BeNullOrEmpty
        }

        It 'says that nobody listens, where the broker says so' {
            Invoke-MqttRequest nobody/there x -QoS 1 -TimeoutSeconds 3 -Connection main -ErrorAction SilentlyContinue -ErrorVariable problem
            "$problem" | Should -BeLike '*nobody is subscribed*'
        }

        It 'ends with Ctrl+C at once, without a subscription left' {
            $other = New-OtherRunspace
            $heard = Register-MqttSubscription nobody/there -Connection device
            try {
                $script = 'param($uri) $c = Connect-Mqtt $uri -ClientId impatient; Invoke-MqttRequest nobody/there x -TimeoutSeconds 600'
                $waiting = Start-Other $other $script $broker.Uri
                $null = Receive-MqttMessage -Subscription $heard -Count 1 -TimeoutSeconds 30
                Stop-Other $waiting | Should -Be 'Stopped'
                Wait-Other (Start-Other $other '(Get-MqttConnection).Client.Subscriptions.Count; (Get-MqttConnection).State') | Should -Be 0, 'Connected'
            }
            finally { $heard | Unregister-MqttSubscription; $other.Dispose() }
        }
    }

    Context 'over MQTT 3.1.1' {
        It 'takes what comes on the response topic' {
            # The device cannot know it from the request: both sides have agreed on it.
            $reply = Invoke-MqttRequest device/old hello -ResponseTopic device-answers -Connection old
            $reply.Text | Should -Be 're: hello'
        }

        It 'does not take what was there before' {
            Send-MqttMessage device-answers kept -Retain -QoS 1 -Connection device
            try { (Invoke-MqttRequest device/old again -ResponseTopic device-answers -Connection old).Text | Should -Be 're: again' }
            finally { Send-MqttMessage device-answers -Retain -QoS 1 -Connection device }
        }

        It 'needs -ResponseTopic' {
            { Invoke-MqttRequest device/old x -Connection old } | Should -Throw -ErrorId 'MqttResponseTopicRequired,PSMqtt.Commands.InvokeMqttRequestCommand'
        }

        It 'has no correlation data' {
            { Invoke-MqttRequest device/old x -ResponseTopic a -CorrelationData b -Connection old } |
                Should -Throw -ErrorId 'MqttRequiresMqtt5,PSMqtt.Commands.InvokeMqttRequestCommand'
        }
    }

    Context 'errors' {
        It 'refuses <what>' -ForEach @(
            @{ what = 'a topic with a wildcard'; id = 'MqttInvalidTopic'; run = { Invoke-MqttRequest a/+ x -Connection main } }
            @{ what = 'a response topic with a wildcard'; id = 'MqttInvalidTopic'; run = { Invoke-MqttRequest a x -ResponseTopic a/# -Connection main } }
            @{ what = 'its own topic as the response topic'; id = 'MqttInvalidOption'; run = { Invoke-MqttRequest a x -ResponseTopic a -Connection main } }
        ) {
            $run | Should -Throw -ErrorId "$id,PSMqtt.Commands.InvokeMqttRequestCommand"
        }

        It 'asks nothing with -WhatIf' {
            $sent = $connection.MessagesSent
            Invoke-MqttRequest device/echo x -WhatIf -Connection main | Should -BeNullOrEmpty
            $connection.MessagesSent | Should -Be $sent
        }
    }

    It 'begins the response topic as the server suggests' {
        $peer = New-Peer
        $other = New-OtherRunspace
        try {
            $script = '
                param($uri)
                $null = Connect-Mqtt $uri -ClientId c -Option (New-MqttConnectionOption -RequestResponseInformation)
                (Invoke-MqttRequest ask x).Text
                Disconnect-Mqtt -TimeoutSeconds 0'
            $asking = Start-Other $other $script (Get-PeerUri $peer)
            $stream = Get-PeerClient $peer
            (Read-PeerPacket $stream).Type | Should -Be 'CONNECT'
            # CONNACK with Response Information 'mine'.
            Write-PeerBytes $stream 0x20, 10, 0, 0, 7, 0x1A, 0, 4, 0x6D, 0x69, 0x6E, 0x65
            $subscribe = (Wait-PeerPacket $stream 'SUBSCRIBE').Body
            [Text.Encoding]::UTF8.GetString($subscribe) -match 'mine/[0-9a-f]{32}' | Should -BeTrue
            $topic = [Text.Encoding]::UTF8.GetBytes($Matches[0])
            Write-PeerBytes $stream 0x90, 4, $subscribe[0], $subscribe[1], 0, 1
            $publish = (Wait-PeerPacket $stream 'PUBLISH').Body
            # Topic 'ask', then the properties: they are the reply's too, but for the response topic. The reply is made of the correlation data.
            $text = [Text.Encoding]::Latin1.GetString($publish)
            $at = $text.IndexOf([char] 9)
            while ($publish[$at + 1] -ne 0 -or $publish[$at + 2] -ne 16) { $at = $text.IndexOf([char] 9, $at + 1) }
            $correlation = $publish[$at..($at + 18)]
            $body = @(0, $topic.Length) + $topic + @(19) + $correlation + @(0x79, 0x65, 0x73)
            Write-PeerBytes $stream (@(0x30, $body.Length) + $body)
            $unsubscribe = (Wait-PeerPacket $stream 'UNSUBSCRIBE').Body
            Write-PeerBytes $stream 0xB0, 4, $unsubscribe[0], $unsubscribe[1], 0, 0
            Wait-Other $asking | Should -Be 'yes'
        }
        finally { $peer.Stop(); $other.Dispose() }
    }
}
