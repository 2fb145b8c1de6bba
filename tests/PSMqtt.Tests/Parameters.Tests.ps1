# What the rarer parameters do, seen from the other end: in the bytes that a peer gets, or in what another connection receives.

BeforeAll {
    . "$PSScriptRoot/TestSetup.ps1"
    . "$PSScriptRoot/Peers.ps1"

    function Read-Number([byte[]] $Bytes, [ref] $At, [int] $Length) {
        $number = [long] 0
        for ($i = 0; $i -lt $Length; $i++) { $number = $number * 256 + $Bytes[$At.Value]; $At.Value++ }
        $number
    }

    function Read-Text([byte[]] $Bytes, [ref] $At) {
        $length = Read-Number $Bytes $At 2
        $text = [Text.Encoding]::UTF8.GetString($Bytes, $At.Value, $length)
        $At.Value += $length
        $text
    }

    # The properties of a packet of MQTT 5.0, by their numbers. They are short here: one byte says how long all of them are.
    function Read-Property([byte[]] $Bytes, [ref] $At) {
        $properties = @{}
        $end = $At.Value + 1 + $Bytes[$At.Value]
        $At.Value++
        while ($At.Value -lt $end) {
            $id = [int] $Bytes[$At.Value]
            $At.Value++
            $properties[$id] = switch ($id) {
                { $_ -in 0x01, 0x17, 0x19 } { Read-Number $Bytes $At 1 }
                { $_ -in 0x21, 0x22, 0x23 } { Read-Number $Bytes $At 2 }
                { $_ -in 0x02, 0x11, 0x18, 0x27 } { Read-Number $Bytes $At 4 }
                0x0B { $Bytes[$At.Value]; $At.Value++ }
                { $_ -in 0x03, 0x08, 0x09, 0x15, 0x16 } { Read-Text $Bytes $At }
                0x26 { "$(Read-Text $Bytes $At)=$(Read-Text $Bytes $At)" }
                default { throw "No test has met the property $id." }
            }
        }
        $properties
    }

    function Read-Connect([byte[]] $Body) {
        $at = 10
        $connect = @{ Level = $Body[6]; Flags = $Body[7]; KeepAlive = $Body[8] * 256 + $Body[9]; Properties = @{} }
        if ($connect.Level -eq 5) { $connect.Properties = Read-Property $Body ([ref] $at) }
        $connect.ClientId = Read-Text $Body ([ref] $at)
        if ($connect.Flags -band 4) {
            if ($connect.Level -eq 5) { $connect.WillProperties = Read-Property $Body ([ref] $at) }
            $connect.WillTopic = Read-Text $Body ([ref] $at)
            $connect.WillPayload = Read-Text $Body ([ref] $at)
        }
        if ($connect.Flags -band 0x80) { $connect.UserName = Read-Text $Body ([ref] $at) }
        if ($connect.Flags -band 0x40) { $connect.Password = Read-Text $Body ([ref] $at) }
        $connect
    }

    # Connects to a peer, over MQTT 5.0, and gives back its end of the connection. $Connack: what follows the flags and the reason in CONNACK.
    function Connect-Peer([hashtable] $Option = @{}, [hashtable] $Connect = @{}, [byte[]] $Connack = 0) {
        $script:connection = Connect-Mqtt (Get-PeerUri $peer) -NoWait -ProtocolVersion 5.0 -Option (New-MqttConnectionOption @Option) @Connect
        $stream = Get-PeerClient $peer
        $script:connect = Read-Connect (Wait-PeerPacket $stream 'CONNECT').Body
        Write-PeerBytes $stream ([byte[]] (@(0x20, (2 + $Connack.Count), 0, 0) + $Connack))
        Wait-Until { $connection.State -eq 'Connected' }
        $stream
    }
}

Describe 'what a parameter puts into CONNECT' {
    BeforeEach { $peer = New-Peer }

    AfterEach {
        if ($connection) { $connection.Dispose() }
        $peer.Stop()
    }

    It 'New-MqttConnectionOption -<name>' -ForEach @(
        @{ name = 'ReceiveMaximum'; value = 7; property = 0x21; expected = 7 }
        @{ name = 'MaximumPacketSize'; value = 4096; property = 0x27; expected = 4096 }
        @{ name = 'TopicAliasMaximum'; value = 9; property = 0x22; expected = 9 }
        @{ name = 'UserProperty'; value = @{ site = 'north' }; property = 0x26; expected = 'site=north' }
        @{ name = 'NoProblemInformation'; value = $true; property = 0x17; expected = 0 }
        @{ name = 'RequestResponseInformation'; value = $true; property = 0x19; expected = 1 }
    ) {
        $null = Connect-Peer -Option @{ $name = $value }
        $connect.Properties[$property] | Should -Be $expected
        $connection.Dispose()
        $null = Connect-Peer
        $connect.Properties[$property] | Should -Not -Be $expected
    }

    It 'New-MqttConnectionOption -AuthenticationMethod and -AuthenticationScript' {
        $null = Connect-Peer -Option @{ AuthenticationMethod = 'TOKEN'; AuthenticationScript = { param($Step, $Data) "first of $Step$Data" } } -Connack 8, 0x15, 0, 5, 84, 79, 75, 69, 78
        $connect.Properties[0x15] | Should -Be 'TOKEN'
        $connect.Properties[0x16] | Should -Be 'first of Begin'
    }

    It 'New-MqttConnectionOption -Bridge' {
        $connection = Connect-Mqtt (Get-PeerUri $peer) -NoWait -ProtocolVersion 3.1.1 -Option (New-MqttConnectionOption -Bridge)
        (Read-Connect (Wait-PeerPacket (Get-PeerClient $peer) 'CONNECT').Body).Level | Should -Be 0x84
    }

    It 'Connect-Mqtt -KeepAlive, -SessionExpiry, -ClientId' {
        $null = Connect-Peer -Connect @{ KeepAlive = 17; SessionExpiry = 77; ClientId = 'seen' }
        $connect.KeepAlive | Should -Be 17
        $connect.Properties[0x11] | Should -Be 77
        $connect.ClientId | Should -Be 'seen'
    }

    It 'Connect-Mqtt -CleanStart: <expected>' -ForEach @(
        @{ parameters = @{ PersistentSession = $true; ClientId = 'kept' }; expected = 0 }
        @{ parameters = @{ PersistentSession = $true; ClientId = 'kept'; CleanStart = $true }; expected = 2 }
    ) {
        $null = Connect-Peer -Connect $parameters
        $connect.Flags -band 2 | Should -Be $expected
        $connect.Properties[0x11] | Should -Be 0xFFFFFFFFL
    }

    It 'Connect-Mqtt -Will, -WillDelay' {
        $will = New-MqttMessage wills/1 gone -QoS 1 -Retain -ContentType text/plain -MessageExpiry 60 -ResponseTopic re -CorrelationData id -UserProperty @{ a = 'b' }
        $null = Connect-Peer -Connect @{ Will = $will; WillDelay = 5 }
        ($connect.WillProperties[0x02, 0x03, 0x08, 0x09, 0x26]) -join ' ' | Should -Be '60 text/plain re id a=b'
        $connect.WillTopic | Should -Be 'wills/1'
        $connect.WillPayload | Should -Be 'gone'
        $connect.WillProperties[0x18] | Should -Be 5
        $connect.Flags -band 0x3C | Should -Be (4 + 8 + 0x20)
    }

    It 'Connect-Mqtt -CredentialScript' {
        $script = {
            $password = [securestring]::new()
            'asked'.ToCharArray() | ForEach-Object { $password.AppendChar($_) }
            [pscredential]::new('somebody', $password)
        }
        $null = Connect-Peer -Connect @{ CredentialScript = $script }
        $connect.UserName | Should -Be 'somebody'
        $connect.Password | Should -Be 'asked'
    }
}

Describe 'what the server says in CONNACK' {
    BeforeEach { $peer = New-Peer }

    AfterEach {
        if ($connection) { $connection.Dispose() }
        $peer.Stop()
    }

    It '<what> is an error, and nothing of it is sent' -ForEach @(
        @{ what = 'a QoS above Maximum QoS'; connack = 2, 0x24, 1; send = @{ Payload = 'x'; QoS = 2 }; id = 'MqttNotSupportedByServer'; says = '*QoS 1 at most*' }
        @{ what = 'Retain where it is not available'; connack = 2, 0x25, 0; send = @{ Payload = 'x'; Retain = $true }; id = 'MqttNotSupportedByServer'; says = '*retained*' }
        @{ what = 'more than Maximum Packet Size'; connack = 5, 0x27, 0, 0, 0, 50; send = @{ Payload = 'x' * 50 }; id = 'MqttPacketTooLarge'; says = '*50 at most*' }
    ) {
        $stream = Connect-Peer -Connack $connack
        $thrown = { Send-MqttMessage a/b @send -Connection $connection -ErrorAction Stop } | Should -Throw -ErrorId "$id,*" -PassThru
        "$thrown" | Should -BeLike $says
        Send-MqttMessage a/b next -QoS 1 -NoWait -Connection $connection
        $publish = Wait-PeerPacket $stream 'PUBLISH'
        [Text.Encoding]::UTF8.GetString($publish.Body) | Should -BeLike '*next'
        $publish.Flags | Should -Be 2
    }

    It 'Receive Maximum: no more messages are under way' {
        $stream = Connect-Peer -Connack 3, 0x21, 0, 2
        $connection.ReceiveMaximum | Should -Be 2
        1..3 | Send-MqttMessage a/b -QoS 1 -NoWait -Connection $connection
        $first = (Wait-PeerPacket $stream 'PUBLISH').Body
        $null = Wait-PeerPacket $stream 'PUBLISH'
        $connection.InFlight, $connection.Waiting | Should -Be 2, 1
        Write-PeerBytes $stream 0x40, 2, $first[5], $first[6]
        [Text.Encoding]::UTF8.GetString((Wait-PeerPacket $stream 'PUBLISH').Body[-1..-1]) | Should -Be '3'
    }

    It 'Server Keep Alive and Assigned Client Identifier take the place of ours' {
        $null = Connect-Peer -Connack 9, 0x13, 0, 7, 0x12, 0, 3, 110, 101, 119
        $connection.KeepAlive.TotalSeconds | Should -Be 7
        $connection.ClientId | Should -Be 'new'
    }

    It 'without the session, subscriptions are made again' {
        $stream = Connect-Peer -Option @{ ReconnectDelay = 0.05; ReconnectDelayMaximum = 0.05 } -Connect @{ ClientId = 'again' }
        $subscribing = $connection.Client.SubscribeAsync('plant/#')
        $subscribe = (Wait-PeerPacket $stream 'SUBSCRIBE').Body
        Write-PeerBytes $stream 0x90, 4, $subscribe[0], $subscribe[1], 0, 1
        $null = $subscribing.GetAwaiter().GetResult()
        $stream.Dispose()
        $stream = Get-PeerClient $peer
        $null = Wait-PeerPacket $stream 'CONNECT'
        Write-PeerBytes $stream 0x20, 3, 0, 0, 0
        [Text.Encoding]::UTF8.GetString((Wait-PeerPacket $stream 'SUBSCRIBE').Body) | Should -BeLike '*plant/#*'
    }
}

Describe 'what an option does to a connection' {
    BeforeEach { $peer = New-Peer }

    AfterEach {
        if ($connection) { $connection.Dispose() }
        $peer.Stop()
    }

    It '-OutboundTopicAliasMaximum <maximum>: the second message has <what>' -ForEach @(
        @{ maximum = 4; topic = ''; what = 'an alias' }
        @{ maximum = 0; topic = 'a/b'; what = 'its topic' }
    ) {
        # Topic Alias Maximum of the server: 10.
        $stream = Connect-Peer -Option @{ OutboundTopicAliasMaximum = $maximum } -Connack 3, 0x22, 0, 10
        1..2 | Send-MqttMessage a/b -Connection $connection
        $null = Wait-PeerPacket $stream 'PUBLISH'
        $at = 0
        Read-Text (Wait-PeerPacket $stream 'PUBLISH').Body ([ref] $at) | Should -Be $topic
    }

    It '-InFlightMaximum: the next message waits for the acknowledgement' {
        $stream = Connect-Peer -Option @{ InFlightMaximum = 1 }
        1..2 | Send-MqttMessage a/b -QoS 1 -NoWait -Connection $connection
        $first = (Wait-PeerPacket $stream 'PUBLISH').Body
        $connection.InFlight | Should -Be 1
        $connection.Waiting | Should -Be 1
        Write-PeerBytes $stream 0x40, 2, $first[5], $first[6]
        [Text.Encoding]::UTF8.GetString((Wait-PeerPacket $stream 'PUBLISH').Body[-1..-1]) | Should -Be '2'
    }

    It '-<name>: one message more than may wait is an error' -ForEach @(
        @{ name = 'PublishQueueLimit'; value = 2 }
        @{ name = 'PublishQueueByteLimit'; value = 20 }
    ) {
        $option = @{ $name = $value }
        $connection = Connect-Mqtt (Get-PeerUri $peer) -NoWait -Option (New-MqttConnectionOption @option)
        '123456789', '123456789', '123456789' | Send-MqttMessage a/b -QoS 1 -NoWait -Connection $connection -ErrorVariable failed -ErrorAction SilentlyContinue
        $failed | Should -HaveCount 1
        $connection.Waiting | Should -Be 2
    }

    It '-QueueQoS0: what is sent without a connection is sent with the next one' {
        $connection = Connect-Mqtt (Get-PeerUri $peer) -NoWait -ProtocolVersion 5.0 -Option (New-MqttConnectionOption -QueueQoS0)
        Send-MqttMessage a/b early -NoWait -Connection $connection
        $stream = Get-PeerClient $peer
        $null = Wait-PeerPacket $stream 'CONNECT'
        Write-PeerBytes $stream 0x20, 3, 0, 0, 0
        [Text.Encoding]::UTF8.GetString((Wait-PeerPacket $stream 'PUBLISH').Body) | Should -BeLike '*early'
    }

    It '-RepublishUncertain: a message of QoS 2 is sent again when the broker has lost the session' {
        $stream = Connect-Peer -Option @{ RepublishUncertain = $true; ReconnectDelay = 0.05; ReconnectDelayMaximum = 0.05 }
        Send-MqttMessage a/b twice -QoS 2 -NoWait -Connection $connection
        $publish = (Wait-PeerPacket $stream 'PUBLISH').Body
        Write-PeerBytes $stream 0x50, 2, $publish[5], $publish[6]
        $null = Wait-PeerPacket $stream 'PUBREL'
        $stream.Dispose()
        $again = Get-PeerClient $peer
        $null = Wait-PeerPacket $again 'CONNECT'
        Write-PeerBytes $again 0x20, 3, 0, 0, 0
        $publish = Wait-PeerPacket $again 'PUBLISH'
        [Text.Encoding]::UTF8.GetString($publish.Body) | Should -BeLike '*twice'
        # A new message: DUP is not set.
        $publish.Flags -band 8 | Should -Be 0
    }

    It '-LocalAddress: the connection comes from there' -Skip:$IsMacOS {
        $connection = Connect-Mqtt (Get-PeerUri $peer) -NoWait -Option (New-MqttConnectionOption -LocalAddress 127.0.0.9)
        (Get-PeerClient $peer).Socket.RemoteEndPoint.Address | Should -Be '127.0.0.9'
    }

    It '-WebSocketHeader: the request has it' {
        $connection = Connect-Mqtt "ws://127.0.0.1:$($peer.LocalEndpoint.Port)/mqtt" -NoWait -Option (New-MqttConnectionOption -WebSocketHeader @{ 'X-Site' = 'north' })
        $stream = Get-PeerClient $peer
        $request = ''
        while (-not $request.EndsWith("`r`n`r`n")) { $request += [char] (Read-PeerBytes $stream 1)[0] }
        $request | Should -Match '(?m)^GET /mqtt '
        $request | Should -Match '(?m)^X-Site: north\r$'
    }

    It '-FollowServerReference: the other server gets the connection' {
        $other = New-Peer
        try {
            $connection = Connect-Mqtt (Get-PeerUri $peer) -NoWait -ProtocolVersion 5.0 -Option (New-MqttConnectionOption -FollowServerReference)
            $stream = Get-PeerClient $peer
            $null = Wait-PeerPacket $stream 'CONNECT'
            $reference = [Text.Encoding]::UTF8.GetBytes("127.0.0.1:$($other.LocalEndpoint.Port)")
            $properties = [byte[]] (@(0x1C, 0, $reference.Count) + $reference)
            Write-PeerBytes $stream ([byte[]] (@(0x20, (3 + $properties.Count), 0, 0x9D, $properties.Count) + $properties))
            (Wait-PeerPacket (Get-PeerClient $other) 'CONNECT').Type | Should -Be 'CONNECT'
        }
        finally { $other.Stop() }
    }

    It '-ReconnectDelay, -ReconnectDelayMaximum: the next attempt comes within it' {
        $stream = Connect-Peer -Option @{ ReconnectDelay = 0.05; ReconnectDelayMaximum = 0.05 }
        $retries = [Collections.Generic.List[object]]::new()
        $handler = $ExecutionContext.Events.SubscribeEvent($connection, 'Disconnected', 'parameters.retry', $retries, { $Event.MessageData.Add($EventArgs.RetryIn) }, $true, $false)
        $stream.Dispose()
        (Wait-PeerPacket (Get-PeerClient $peer) 'CONNECT').Type | Should -Be 'CONNECT'
        Wait-Until { $retries.Count -gt 0 }
        $ExecutionContext.Events.UnsubscribeEvent($handler)
        $retries[0].TotalSeconds | Should -BeLessOrEqual 0.05
    }

    It '-Overflow and -QueueByteLimit: the oldest of what does not fit is dropped' {
        $broker = Start-MqttBroker
        try {
            $connection = Connect-Mqtt $broker.Uri -Option (New-MqttConnectionOption -Overflow DropOldest -QueueByteLimit 20)
            $subscription = Register-MqttSubscription a/b -Connection $connection
            '1aaaaaaaaa', '2aaaaaaaaa', '3aaaaaaaaa' | Send-MqttMessage a/b -QoS 1 -Connection $connection
            Wait-Until { $subscription.ReceivedCount -eq 3 }
            $subscription.DroppedCount | Should -BeGreaterThan 0
            (Receive-MqttMessage -Subscription $subscription -Connection $connection)[-1].Text | Should -Be '3aaaaaaaaa'
            $subscription.Options.QueueByteLimit | Should -Be 20
        }
        finally { $connection.Dispose(); $broker | Stop-MqttBroker }
    }

    It 'Register-MqttSubscription -UserProperty, -RetainHandling: SUBSCRIBE has them' {
        $stream = Connect-Peer
        $other = New-OtherRunspace
        try {
            $running = Start-Other $other 'param($connection) (Register-MqttSubscription a/b -UserProperty @{ who = "me" } -RetainHandling DoNotSend -Connection $connection).Name' @($connection)
            $body = (Wait-PeerPacket $stream 'SUBSCRIBE').Body
            $at = 2
            (Read-Property $body ([ref] $at))[0x26] | Should -Be 'who=me'
            Read-Text $body ([ref] $at) | Should -Be 'a/b'
            ($body[$at] -shr 4) -band 3 | Should -Be 2
            Write-PeerBytes $stream 0x90, 4, $body[0], $body[1], 0, 1
            Wait-Other $running | Should -Be 'a/b'
        }
        finally { $other.Dispose() }
    }

    It 'Disconnect-Mqtt -UserProperty, -ReasonCode, -SessionExpiry: DISCONNECT has them' {
        $stream = Connect-Peer
        Disconnect-Mqtt $connection -UserProperty @{ why = 'done' } -ReasonCode DisconnectWithWillMessage -SessionExpiry 9
        $body = (Wait-PeerPacket $stream 'DISCONNECT').Body
        $body[0] | Should -Be 4
        $at = 1
        $properties = Read-Property $body ([ref] $at)
        $properties[0x26] | Should -Be 'why=done'
        $properties[0x11] | Should -Be 9
    }
}

Describe 'what a parameter does to messages' {
    BeforeAll {
        $broker = Start-MqttBroker
        $main = Connect-Mqtt $broker.Uri -Name main
        $other = Connect-Mqtt $broker.Uri -Name other
    }

    AfterAll {
        Get-MqttSubscription -Connection main | Unregister-MqttSubscription
        Get-MqttConnection | Disconnect-Mqtt
        $broker | Stop-MqttBroker
    }

    It 'Invoke-MqttRequest -Encoding, -Retain, -MessageExpiry, -UserProperty, -PayloadFormat, -ContentType, -QoS: the request has them' {
        $requests = [Collections.Generic.List[object]]::new()
        $null = Register-MqttSubscription asked -QoS 2 -RetainAsPublished -Connection main -MessageData $requests -Action {
            $request = $EventArgs.Message
            $Event.MessageData.Add($request)
            Send-MqttMessage $request.ResponseTopic 'yes' -CorrelationData $request.CorrelationData -QoS 1 -Connection main
        }
        $parameters = @{
            Encoding = 'latin1'; Retain = $true; MessageExpiry = 60; UserProperty = @{ a = 'b' }; PayloadFormat = 'Unspecified'; ContentType = 'text/x'; QoS = 2
        }
        (Invoke-MqttRequest asked 'é' -TimeoutSeconds 30 -Connection other @parameters).Text | Should -Be 'yes'
        $requests[0].Payload | Should -Be 0xE9
        $requests[0].Retain | Should -BeTrue
        $requests[0].MessageExpiry.TotalSeconds | Should -BeGreaterThan 0
        "$($requests[0].UserProperties)" | Should -Be 'a=b'
        $requests[0].ContentType | Should -Be 'text/x'
        [int] $requests[0].QoS | Should -Be 2
        (Invoke-MqttRequest asked @{ a = @{ b = @{ c = 1 } } } -Depth 1 -TimeoutSeconds 30 -Connection other -WarningAction SilentlyContinue).Text | Should -Be 'yes'
        $requests[1].Text | Should -Not -Match '"c"'
        (Invoke-MqttRequest asked text -PayloadFormat Utf8 -TimeoutSeconds 30 -Connection other).Text | Should -Be 'yes'
        $requests[2].PayloadFormat | Should -Be 'Utf8'
        Unregister-MqttSubscription -Topic asked -Connection main
        Send-MqttMessage asked -Retain -QoS 1 -Connection other
    }

    It 'Send-MqttMessage -Depth, -UserProperty' {
        $subscription = Register-MqttSubscription depth -Connection main
        Send-MqttMessage depth @{ a = @{ b = @{ c = 1 } } } -Depth 1 -UserProperty @{ k = 'v' } -QoS 1 -Connection main -WarningAction SilentlyContinue
        $message = Receive-MqttMessage -Subscription $subscription -Count 1 -TimeoutSeconds 30 -Connection main
        $message.Text | Should -Not -Match '"c"'
        "$($message.UserProperties)" | Should -Be 'k=v'
        $subscription | Unregister-MqttSubscription
    }

    It 'Receive-MqttMessage -QoS <qos>: comes with <qos> at most' -ForEach @{ qos = 0 }, @{ qos = 1 }, @{ qos = 2 } {
        Send-MqttMessage kept/qos x -QoS 2 -Retain -Connection main
        [int] (Receive-MqttMessage kept/qos -QoS $qos -Count 1 -TimeoutSeconds 30 -Connection main).QoS | Should -Be $qos
    }

    It 'Receive-MqttMessage -RetainHandling DoNotSend: what is retained is not sent' {
        Send-MqttMessage kept/handling x -QoS 1 -Retain -Connection main
        Receive-MqttMessage kept/handling -RetainHandling SendAtSubscribe -Count 1 -TimeoutSeconds 30 -Connection main | Should -Not -BeNullOrEmpty
        Receive-MqttMessage kept/handling -RetainHandling DoNotSend -TimeoutSeconds 1 -Connection main | Should -BeNullOrEmpty
    }

    It 'Receive-MqttMessage -RetainAsPublished: the flag stays' {
        $runspace = New-OtherRunspace
        try {
            foreach ($kept in $true, $false) {
                $running = Start-Other $runspace '
                    param($connection, $kept)
                    (Receive-MqttMessage as/published -RetainAsPublished:$kept -Count 1 -TimeoutSeconds 60 -RetainHandling DoNotSend -Connection $connection).Retain' @($main, $kept)
                Wait-Until { (Send-MqttMessage as/published x -QoS 1 -Retain -Connection other -PassThru).ReasonCode -eq 'Success' }
                Wait-Other $running | Should -Be $kept
                Send-MqttMessage as/published -QoS 1 -Retain -Connection other
            }
        }
        finally { $runspace.Dispose() }
    }

    It 'Register-MqttSubscription -QueueByteLimit, -RetainHandling' {
        Send-MqttMessage kept/register x -QoS 1 -Retain -Connection main
        $subscription = Register-MqttSubscription kept/register -QueueByteLimit 10 -Overflow DropNewest -RetainHandling DoNotSend -Connection main
        '1aaaaaaaa', '2aaaaaaaa' | Send-MqttMessage kept/register -QoS 1 -Connection main
        Wait-Until { $subscription.ReceivedCount -eq 2 }
        (Receive-MqttMessage -Subscription $subscription -Connection main).Text | Should -Be '1aaaaaaaa'
        $subscription.DroppedCount | Should -Be 1
        $subscription | Unregister-MqttSubscription
    }

    It 'Confirm-MqttMessage -TimeoutSeconds' {
        $subscription = Register-MqttSubscription confirmed -ManualAcknowledge -Connection main
        Send-MqttMessage confirmed x -QoS 1 -Connection main
        $message = Receive-MqttMessage -Subscription $subscription -Count 1 -TimeoutSeconds 30 -Connection main
        $message | Confirm-MqttMessage -TimeoutSeconds 5 -Connection main
        $main.Counters.Unacknowledged | Should -Be 0
        { $message | Confirm-MqttMessage -TimeoutSeconds 0 -Connection main } | Should -Throw
        $subscription | Unregister-MqttSubscription
    }
}
