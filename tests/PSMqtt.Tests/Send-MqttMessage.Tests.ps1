Describe 'Send-MqttMessage' {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        . "$PSScriptRoot/Peers.ps1"
        $broker = Start-MqttBroker
        $connection = Connect-Mqtt $broker.Uri -Name main
        $subscription = Register-MqttSubscription 'send/#' -QoS 2
        function Receive-Sent($Count = 1) { Receive-MqttMessage -Subscription $subscription -Count $Count -TimeoutSeconds 30 }
    }

    AfterAll {
        Get-MqttConnection | Disconnect-Mqtt
        $broker | Stop-MqttBroker
    }

    It 'says that QoS is 0, 1 or 2, and takes the names too' {
        { Send-MqttMessage a/b x -QoS 4 } | Should -Throw '*QoS is 0, 1 or 2.'
        [int] (New-MqttMessage a/b -QoS exactlyonce).QoS | Should -Be 2
        [int] (New-MqttMessage a/b -QoS '1').QoS | Should -Be 1
    }

    It 'sends a text' {
        Send-MqttMessage send/text 'hello' | Should -BeNullOrEmpty
        $message = Receive-Sent
        $message.Topic | Should -Be 'send/text'
        $message.Text | Should -Be 'hello'
        $message.QoS | Should -Be 'AtMostOnce'
    }

    It 'has the alias Publish-MqttMessage' {
        $alias = $ExecutionContext.InvokeCommand.GetCommand('Publish-MqttMessage', 'Alias')
        & $alias send/alias 'hello'
        (Receive-Sent).Text | Should -Be 'hello'
    }

    It 'sends with QoS <_>' -ForEach 0, 1, 2 {
        Send-MqttMessage send/qos x -QoS $_
        [int](Receive-Sent).QoS | Should -Be $_
    }

    It 'sends nothing for an empty pipeline, and an empty payload for $null' {
        @() | Send-MqttMessage send/nothing
        $null | Send-MqttMessage send/null
        Send-MqttMessage send/none
        $messages = Receive-Sent 2
        $messages.Topic | Should -Be 'send/null', 'send/none'
        $messages.Payload.Length | Should -Be 0
    }

    It 'sends a message for each object of the pipeline, in order' {
        'a', 2, $true, @{ x = 1 }, [pscustomobject]@{ y = 2 } | Send-MqttMessage send/each -QoS 1
        (Receive-Sent 5).Text | Should -Be 'a', '2', 'true', '{"x":1}', '{"y":2}'
    }

    It 'sends an array as one message' {
        Send-MqttMessage send/array (1, 2, 3)
        (Receive-Sent).Text | Should -Be '[1,2,3]'
    }

    It 'sends whole messages from the pipeline, with what they bring along' {
        New-MqttMessage send/whole x -QoS 1 -ContentType a/b -UserProperty @{ k = 'v' } -CorrelationData id -ResponseTopic r | Send-MqttMessage
        $message = Receive-Sent
        $message.Topic | Should -Be 'send/whole'
        [int] $message.QoS | Should -Be 1
        $message.ContentType | Should -Be 'a/b'
        "$($message.UserProperties)" | Should -Be 'k=v'
        $message.CorrelationData | Should -Be ([byte[]] (105, 100))
        $message.ResponseTopic | Should -Be 'r'
    }

    It 'lets a parameter win over what a message brings along' {
        New-MqttMessage send/before x -QoS 1 -ContentType a/b | Send-MqttMessage -Topic send/after -QoS 2 -ContentType c/d
        $message = Receive-Sent
        $message.Topic | Should -Be 'send/after'
        [int] $message.QoS | Should -Be 2
        $message.ContentType | Should -Be 'c/d'
        $message.Text | Should -Be 'x'
    }

    It 'takes whole messages as one array' {
        $messages = 1..3 | New-MqttMessage send/message -QoS 1
        Send-MqttMessage -Message $messages
        (Receive-Sent 3).Text | Should -Be '1', '2', '3'
    }

    It 'takes objects with the properties of a message, such as rows of a CSV file' {
        [pscustomobject]@{ Topic = 'send/row'; Payload = 'p'; QoS = '1'; Retain = 'False'; ContentType = '' },
        [pscustomobject]@{ Topic = 'send/row2'; Payload = '42' } | Send-MqttMessage
        $messages = Receive-Sent 2
        $messages.Topic | Should -Be 'send/row', 'send/row2'
        $messages.Text | Should -Be 'p', '42'
        [int] $messages[0].QoS | Should -Be 1
        $messages[0].ContentType | Should -BeNullOrEmpty
    }

    It 'bridges a received message as it is' {
        Send-MqttMessage send/bridge "`u{1F600}" -QoS 2 -ContentType x/y
        Receive-Sent | Send-MqttMessage -Topic send/bridged
        $message = Receive-Sent
        $message.Topic | Should -Be 'send/bridged'
        $message.Text | Should -Be "`u{1F600}"
        [int] $message.QoS | Should -Be 2
        $message.ContentType | Should -Be 'x/y'
    }

    It 'sends files' {
        $folder = [IO.Directory]::CreateTempSubdirectory('psmqtt').FullName
        try {
            [IO.File]::WriteAllBytes("$folder/one.bin", [byte[]] (1, 0, 255))
            [IO.File]::WriteAllText("$folder/two.bin", 'two')
            [IO.File]::WriteAllText("$folder/[x].txt", 'literal')
            Send-MqttMessage send/file -Path "$folder/*.bin" -QoS 1
            $messages = Receive-Sent 2
            $messages[0].Payload | Should -Be ([byte[]] (1, 0, 255))
            $messages[1].Text | Should -Be 'two'
            Send-MqttMessage send/file -LiteralPath "$folder/[x].txt" -QoS 1
            (Receive-Sent).Text | Should -Be 'literal'
            Send-MqttMessage send/file -LiteralPath "$folder/none" -ErrorAction SilentlyContinue -ErrorVariable problem
            $problem.FullyQualifiedErrorId | Should -Be 'MqttFileNotFound,PSMqtt.Commands.SendMqttMessageCommand'
        }
        finally { [IO.Directory]::Delete($folder, $true) }
    }

    It 'has a message kept by the broker with -Retain' {
        Send-MqttMessage kept/here 'for later' -Retain -QoS 1
        $message = Receive-MqttMessage 'kept/#' -Count 1 -TimeoutSeconds 60
        $message.Text | Should -Be 'for later'
        $message.Retain | Should -BeTrue
    }

    It 'writes results with -PassThru' {
        $results = 1..3 | Send-MqttMessage send/result -QoS 1 -PassThru
        $results | Should -HaveCount 3
        $results[0].Topic | Should -Be 'send/result'
        $results[0].PacketIdentifier | Should -BeGreaterThan 0
        $results[0].ReasonCode | Should -BeIn 'Success', 'NoMatchingSubscribers'
        $null = Receive-Sent 3
    }

    It 'sends nothing with -WhatIf' {
        1..3 | Send-MqttMessage send/whatif -QoS 1 -PassThru -WhatIf | Should -BeNullOrEmpty
        Send-MqttMessage send/after -QoS 1
        (Receive-Sent).Topic | Should -Be 'send/after'
    }

    It 'brings 10,000 messages of QoS <_> through in order' -ForEach 0, 1, 2 {
        $many = Register-MqttSubscription many -QoS 2
        $numbers = 1..10000
        $numbers | Send-MqttMessage many -QoS $_
        $received = Receive-MqttMessage -Subscription $many -Count 10000 -TimeoutSeconds 120 -As Text
        $received.Count | Should -Be 10000
        ($received -join ',') -eq ($numbers -join ',') | Should -BeTrue
        $many | Unregister-MqttSubscription
    }

    Context 'what users get wrong' {
        It 'wants a connection' {
            $runspace = New-OtherRunspace
            try {
                Wait-Other (Start-Other $runspace 'try { Send-MqttMessage a b -ErrorAction Stop } catch { $_.FullyQualifiedErrorId }') |
                    Should -Be 'MqttNoCurrentConnection,PSMqtt.Commands.SendMqttMessageCommand'
            }
            finally { $runspace.Dispose() }
        }

        It 'names a connection that there is not' {
            { Send-MqttMessage a b -Connection nowhere -ErrorAction Stop } | Should -Throw -ErrorId 'MqttConnectionNotFound,PSMqtt.Commands.SendMqttMessageCommand'
        }

        It 'refuses a topic: <_>' -ForEach 'a/+', '#', '', "a`0b" {
            $thrown = { Send-MqttMessage $_ x } | Should -Throw -ErrorId 'MqttInvalidTopic,PSMqtt.Commands.SendMqttMessageCommand' -PassThru
            $thrown.CategoryInfo.Category | Should -Be 'InvalidArgument'
        }

        It 'wants a topic' {
            'x' | Send-MqttMessage -ErrorAction SilentlyContinue -ErrorVariable problem
            $problem.FullyQualifiedErrorId | Should -Be 'MqttTopicRequired,PSMqtt.Commands.SendMqttMessageCommand'
            $problem.TargetObject | Should -Be 'x'
        }

        It 'reports a wrong row, and sends the others' {
            [pscustomobject]@{ Topic = 'send/wrong'; Payload = 'p'; QoS = 'seven' },
            [pscustomobject]@{ Topic = 'send/+'; Payload = 'p' },
            [pscustomobject]@{ Topic = 'send/right'; Payload = 'p' } | Send-MqttMessage -QoS 1 -ErrorAction SilentlyContinue -ErrorVariable problem
            $problem.FullyQualifiedErrorId | Should -Be @(
                'MqttInvalidMessage,PSMqtt.Commands.SendMqttMessageCommand', 'MqttInvalidTopic,PSMqtt.Commands.SendMqttMessageCommand')
            $problem[1].TargetObject.Topic | Should -Be 'send/+'
            (Receive-Sent).Topic | Should -Be 'send/right'
        }

        It 'wants MQTT 5.0 for -<name>' -ForEach @(
            @{ name = 'ContentType'; value = 'a/b' }, @{ name = 'UserProperty'; value = @{ a = 'b' } }, @{ name = 'MessageExpiry'; value = 5 }
        ) {
            $old = Connect-Mqtt $broker.Uri -ProtocolVersion 3.1.1
            try {
                $parameters = @{ $name = $value }
                $thrown = { Send-MqttMessage a b @parameters -Connection $old } |
                    Should -Throw -ErrorId 'MqttRequiresMqtt5,PSMqtt.Commands.SendMqttMessageCommand' -PassThru
                $thrown.Exception.Message | Should -BeLike "-$name *3.1.1*"
            }
            finally { Disconnect-Mqtt $old }
        }

        It 'refuses a payload beyond the broker''s limit' {
            $peer = New-Peer
            $runspace = New-OtherRunspace
            try {
                $script = '
                    param($uri)
                    $null = Connect-Mqtt $uri -ProtocolVersion 5.0
                    Send-MqttMessage t ("x" * 1000) -QoS 1 -ErrorAction SilentlyContinue -ErrorVariable problem
                    $problem.FullyQualifiedErrorId; $problem.TargetObject.Topic; (Get-MqttConnection).MaximumPacketSize'
                $other = Start-Other $runspace $script (Get-PeerUri $peer)
                $stream = Get-PeerClient $peer
                $null = Wait-PeerPacket $stream 'CONNECT'
                # CONNACK with Maximum Packet Size 100.
                Write-PeerBytes $stream 0x20, 8, 0, 0, 5, 0x27, 0, 0, 0, 100
                Wait-Other $other | Should -Be 'MqttPacketTooLarge,PSMqtt.Commands.SendMqttMessageCommand', 't', 100
            }
            finally { $peer.Stop(); $runspace.Dispose() }
        }

        It 'reports a rejected message, and sends the others' {
            $peer = New-Peer
            $runspace = New-OtherRunspace
            try {
                $script = '
                    param($uri)
                    $null = Connect-Mqtt $uri -ProtocolVersion 5.0
                    1..3 | Send-MqttMessage t -QoS 1 -PassThru -ErrorAction SilentlyContinue -ErrorVariable problem
                    $problem.FullyQualifiedErrorId; $problem.TargetObject.Text'
                $other = Start-Other $runspace $script (Get-PeerUri $peer)
                $stream = Get-PeerClient $peer
                $null = Wait-PeerPacket $stream 'CONNECT'
                Write-PeerBytes $stream 0x20, 3, 0, 0, 0
                foreach ($reason in 0, 0x87, 0) {
                    $body = (Wait-PeerPacket $stream 'PUBLISH').Body
                    Write-PeerBytes $stream 0x40, 3, $body[3], $body[4], $reason
                }
                $output = Wait-Other $other
                $output | Should -HaveCount 4
                $output[2] | Should -Be 'MqttPublishRejected,PSMqtt.Commands.SendMqttMessageCommand'
                $output[3] | Should -Be '2'
            }
            finally { $peer.Stop(); $runspace.Dispose() }
        }

        It 'gives up on an acknowledgement that does not come' {
            $peer = New-Peer
            $runspace = New-OtherRunspace
            try {
                $script = '
                    param($uri)
                    $null = Connect-Mqtt $uri -ProtocolVersion 3.1.1
                    Send-MqttMessage t x -QoS 1 -TimeoutSeconds 0.3 -ErrorAction SilentlyContinue -ErrorVariable problem
                    $problem.FullyQualifiedErrorId; $problem.TargetObject.Text; (Get-MqttConnection).State; Disconnect-Mqtt -TimeoutSeconds 0 -ErrorAction Ignore'
                $other = Start-Other $runspace $script (Get-PeerUri $peer)
                $stream = Get-PeerSession $peer
                $null = Wait-PeerPacket $stream 'PUBLISH'
                Wait-Other $other | Should -Be 'MqttSendTimeout,PSMqtt.Commands.SendMqttMessageCommand', 'x', 'Connected'
            }
            finally { $peer.Stop(); $runspace.Dispose() }
        }

        It 'stops at a connection that has ended' {
            $ended = Connect-Mqtt $broker.Uri
            Disconnect-Mqtt $ended
            { 1..3 | Send-MqttMessage t -Connection $ended } | Should -Throw -ErrorId 'MqttNotConnected,PSMqtt.Commands.SendMqttMessageCommand'
        }
    }

    Context 'Ctrl+C' {
        It 'ends it while it waits for an acknowledgement, and the connection goes on' {
            $peer = New-Peer
            $runspace = New-OtherRunspace
            try {
                $null = Start-Other $runspace 'param($uri) $null = Connect-Mqtt $uri -ProtocolVersion 3.1.1; 1; Send-MqttMessage t x -QoS 1 -TimeoutSeconds 600' (Get-PeerUri $peer) |
                    ForEach-Object -OutVariable other { $_ }
                $stream = Get-PeerSession $peer
                $null = Wait-PeerPacket $stream 'PUBLISH'
                $null = Wait-OtherOutput $other[0]
                Stop-Other $other[0] | Should -Be 'Stopped'
                $next = Start-Other $runspace 'Send-MqttMessage u y; (Get-MqttConnection).State; Disconnect-Mqtt -TimeoutSeconds 0 -ErrorAction Ignore'
                $null = Wait-PeerPacket $stream 'PUBLISH'
                Wait-Other $next | Should -Be 'Connected'
            }
            finally { $peer.Stop(); $runspace.Dispose() }
        }
    }
}
