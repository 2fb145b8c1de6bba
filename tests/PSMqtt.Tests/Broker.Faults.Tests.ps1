# The faults of the embedded broker, and what the client makes of each.

BeforeAll {
    . "$PSScriptRoot/TestSetup.ps1"

    $quick = New-MqttConnectionOption -ReconnectDelay 0.01 -ReconnectDelayMaximum 0.05
}

Describe 'a broker that is told to' {
    BeforeAll { $broker = Start-MqttBroker }
    AfterAll { $broker | Stop-MqttBroker }
    AfterEach {
        $broker.ClearFaults()
        Get-MqttConnection | Disconnect-Mqtt
    }

    It 'refuse a connection with <code> over MQTT <version>' -ForEach @(
        @{ version = '5.0'; code = 'NotAuthorized'; id = 'MqttBadCredentials' }
        @{ version = '3.1.1'; code = 'NotAuthorized'; id = 'MqttBadCredentials' }
        @{ version = '5.0'; code = 'ServerBusy'; id = 'MqttConnectRefused' }
        @{ version = '3.1.1'; code = 'ServerBusy'; id = 'MqttConnectRefused' }
        @{ version = '5.0'; code = 'ClientIdentifierNotValid'; id = 'MqttClientIdRefused' }
    ) {
        $fault = $broker.RefuseConnection($code)
        $thrown = { Connect-Mqtt $broker.Uri -ProtocolVersion $version -ClientId mine -NoReconnect -ErrorAction Stop } | Should -Throw -ErrorId "$id,*" -PassThru
        if ($version -eq '5.0') { $thrown.Exception.ReasonCode | Should -Be $code }
        $fault.Hits | Should -Be 1
        $fault.End()
        (Connect-Mqtt $broker.Uri).State | Should -Be 'Connected'
    }

    It 'refuse as many connections as it says, those of one client alone' {
        $fault = $broker.RefuseConnection('Banned', 1, 'pump*')
        (Connect-Mqtt $broker.Uri -ClientId tank1).State | Should -Be 'Connected'
        { Connect-Mqtt $broker.Uri -ClientId pump1 -NoReconnect -ErrorAction Stop } | Should -Throw
        $fault.IsActive | Should -BeFalse
        (Connect-Mqtt $broker.Uri -ClientId pump1).State | Should -Be 'Connected'
    }

    It 'refuse a filter with a reason code, and those that it covers' {
        $null = $broker.RefuseFilter('secret/#', 'NotAuthorized')
        $null = Connect-Mqtt $broker.Uri
        foreach ($filter in 'secret/#', 'secret', 'secret/+/x', 'secret/a/b') {
            $thrown = { Register-MqttSubscription $filter -ErrorAction Stop } | Should -Throw -ErrorId 'MqttSubscribeRejected,*' -PassThru -Because $filter
            $thrown.Exception.ReasonCode | Should -Be 'NotAuthorized'
        }
        (Register-MqttSubscription secrets, '#').Topic.Count | Should -Be 2
    }

    It 'refuse messages with a reason code' {
        $null = Connect-Mqtt $broker.Uri
        $all = Register-MqttSubscription plant/#
        $null = $broker.RefuseMessage('plant/secret/#', 'QuotaExceeded')
        $thrown = { Send-MqttMessage plant/secret/x 1 -QoS 1 -ErrorAction Stop } | Should -Throw -ErrorId 'MqttPublishRejected,*' -PassThru
        $thrown.Exception.ReasonCode | Should -Be 'QuotaExceeded'
        Send-MqttMessage plant/open 2 -QoS 1
        (Receive-MqttMessage -Subscription $all -Count 1 -TimeoutSeconds 60).Text | Should -Be '2'
    }

    It 'drop a PUBACK: the message times out, and is sent again after a reconnect' {
        $null = Connect-Mqtt $broker.Uri -ClientId sender -Option $quick
        $fault = $broker.DropAcknowledgement('PubAck', 1)
        { Send-MqttMessage t lost -QoS 1 -TimeoutSeconds 1 -ErrorAction Stop } | Should -Throw -ErrorId 'MqttSendTimeout,*'
        $fault.Hits | Should -Be 1
        $before = $broker.PublishedCount
        $broker.CutOff('sender') | Should -Be 1
        Wait-Until { $broker.PublishedCount -eq $before + 1 }
        (Send-MqttMessage t next -QoS 1 -PassThru).ReasonCode | Should -BeLessThan 0x80
    }

    It 'drop a PUBREC: a message of QoS 2 is handed on once all the same' {
        $null = Connect-Mqtt $broker.Uri -Name watch
        $all = Register-MqttSubscription t -QoS 2
        $null = Connect-Mqtt $broker.Uri -ClientId sender -Option $quick
        $null = $broker.DropAcknowledgement('PubRec', 1)
        Send-MqttMessage t once -QoS 2 -NoWait
        Wait-Until { -not $broker.Faults.Count }
        $null = $broker.CutOff('sender')
        Send-MqttMessage t last -QoS 2
        (Receive-MqttMessage -Subscription $all -Count 2 -TimeoutSeconds 60 -Connection watch).Text | Should -Be 'once', 'last'
    }

    It 'drop a <_>: what waits for it times out' -ForEach 'SubAck', 'UnsubAck', 'PubComp' {
        $null = Connect-Mqtt $broker.Uri
        $subscription = Register-MqttSubscription before
        $fault = $broker.DropAcknowledgement($_, 1)
        switch ($_) {
            SubAck { { Register-MqttSubscription t -TimeoutSeconds 1 -ErrorAction Stop } | Should -Throw -ErrorId 'MqttSubscribeTimeout,*' }
            UnsubAck { { $subscription | Unregister-MqttSubscription -TimeoutSeconds 1 -ErrorAction Stop } | Should -Throw -ErrorId 'MqttUnsubscribeTimeout,*' }
            PubComp { { Send-MqttMessage t 1 -QoS 2 -TimeoutSeconds 1 -ErrorAction Stop } | Should -Throw -ErrorId 'MqttSendTimeout,*' }
        }
        $fault.Hits | Should -Be 1
        # What is not acknowledged is done again on a new connection.
        $null = $broker.CutOff()
    }

    It 'drop the CONNACK: connecting times out' {
        $fault = $broker.DropAcknowledgement('ConnAck', 1)
        { Connect-Mqtt $broker.Uri -TimeoutSeconds 3 -NoReconnect -ErrorAction Stop } | Should -Throw -ErrorId 'MqttNoResponse,*'
        $fault.Hits | Should -Be 1
    }

    It 'delay a PUBACK: the sender waits for it, and no longer than that' {
        $null = Connect-Mqtt $broker.Uri
        $fault = $broker.DelayAcknowledgement('PubAck', 0.5, 3)
        $results = 1..4 | Send-MqttMessage -Topic t -QoS 1 -PassThru
        $results.Count | Should -Be 4
        # It cannot be quicker, however slow the machine.
        $results.Where({ $_.Elapsed.TotalSeconds -gt 0.4 }).Count | Should -BeGreaterThan 2
        $fault.Hits | Should -Be 3
        $fault.IsActive | Should -BeFalse
    }

    It 'duplicate a <_>: nobody minds' -ForEach 'PubAck', 'PubRec', 'PubRel', 'PubComp', 'SubAck', 'UnsubAck' {
        $connection = Connect-Mqtt $broker.Uri -NoReconnect
        $fault = $broker.DuplicateAcknowledgement($_)
        $all = Register-MqttSubscription t -QoS 2
        1..3 | Send-MqttMessage -Topic t -QoS 1
        4..6 | Send-MqttMessage -Topic t -QoS 2
        (Receive-MqttMessage -Subscription $all -Count 6 -TimeoutSeconds 60).Text | Should -Be (1..6)
        $all | Unregister-MqttSubscription
        Wait-Until { $fault.Hits -ge 1 }
        $fault.End()
        (Send-MqttMessage t 7 -QoS 1 -PassThru).Topic | Should -Be 't'
        $connection.State | Should -Be 'Connected'
    }

    It 'cut a client off: its will is published, and it comes back' {
        $null = Connect-Mqtt $broker.Uri -Name watch
        $wills = Register-MqttSubscription wills
        $connection = Connect-Mqtt $broker.Uri -ClientId pump -Will (New-MqttMessage wills gone -QoS 1) -Option $quick
        $broker.CutOff('pum?') | Should -Be 1
        (Receive-MqttMessage -Subscription $wills -Count 1 -TimeoutSeconds 60 -Connection watch).Text | Should -Be 'gone'
        Wait-Until { $connection.State -eq 'Connected' -and $connection.Reconnects -eq 1 }
    }

    It 'disconnect a client with a reason' {
        $connection = Connect-Mqtt $broker.Uri -ClientId pump -NoReconnect
        $broker.DisconnectClient('pump', 'AdministrativeAction') | Should -Be 1
        Wait-Until { $connection.State -eq 'Disconnected' }
        $connection.LastError.Message | Should -Match 'AdministrativeAction|administrative action'
    }

    It 'go silent: the client finds out by its keep-alive, and comes back when that is over' {
        $connection = Connect-Mqtt $broker.Uri -ClientId pump -KeepAlive 1 -Option $quick
        $silence = $broker.GoSilent('pump')
        Wait-Until { $connection.State -ne 'Connected' }
        $silence.Hits | Should -BeGreaterThan 0
        $silence.End()
        Wait-Until { $connection.State -eq 'Connected' }
        (Send-MqttMessage t 1 -QoS 1 -PassThru).Topic | Should -Be 't'
    }

    It 'go silent: nothing is lost that waited' {
        $null = Connect-Mqtt $broker.Uri
        $all = Register-MqttSubscription t
        $silence = $broker.GoSilent()
        Send-MqttMessage t held -QoS 1 -NoWait
        Wait-Until { $silence.Hits -gt 0 }
        { Connect-Mqtt $broker.Uri -TimeoutSeconds 3 -NoReconnect -ErrorAction Stop } | Should -Throw -ErrorId 'MqttNoResponse,*'
        $silence.Dispose()
        (Receive-MqttMessage -Subscription $all -Count 1 -TimeoutSeconds 60).Text | Should -Be 'held'
    }

    It 'stop while it is silent' {
        $other = Start-MqttBroker
        $connection = Connect-Mqtt $other.Uri -NoReconnect
        $null = $other.GoSilent()
        $other | Stop-MqttBroker
        Wait-Until { $connection.State -eq 'Disconnected' }
        $other.Faults.Count | Should -Be 0
        { $other.GoSilent() } | Should -Throw '*has been stopped*'
    }
}

Describe 'the faults of a broker' {
    BeforeAll { $broker = Start-MqttBroker }
    AfterAll { $broker | Stop-MqttBroker }
    AfterEach { $broker.ClearFaults() }

    It 'are listed, and say what they do' {
        $null = $broker.RefuseFilter('a/#', 'NotAuthorized', 2, 'pump*')
        $null = $broker.DelayAcknowledgement('PubAck', 1.5)
        $broker.Faults.Count | Should -Be 2
        "$($broker.Faults[0])" | Should -Be "refuses the filter 'a/#' with NotAuthorized for 'pump*', 2 times"
        "$($broker.Faults[1])" | Should -Be 'delays PubAck by 1.5 s'
        $broker.Faults[1].End()
        $broker.Faults.Kind | Should -Be 'RefuseFilter'
        $broker.ClearFaults()
        $broker.Faults.Count | Should -Be 0
    }

    It 'refuse <call>, and say what would do' -ForEach @(
        @{ call = 'RefuseConnection(Success)'; script = { $broker.RefuseConnection('Success') }; says = '*cannot be refused with Success*NotAuthorized*' }
        @{ call = 'RefuseConnection(KeepAliveTimeout)'; script = { $broker.RefuseConnection('KeepAliveTimeout') }; says = '*cannot be refused with KeepAliveTimeout*' }
        @{ call = 'RefuseConnection(Nonsense)'; script = { $broker.RefuseConnection('Nonsense') }; says = '*Nonsense*' }
        @{ call = 'RefuseFilter(a/#/b)'; script = { $broker.RefuseFilter('a/#/b', 'NotAuthorized') }; says = "*'a/#/b' is no topic filter*" }
        @{ call = 'RefuseFilter(GrantedQoS1)'; script = { $broker.RefuseFilter('a', 'GrantedQoS1') }; says = '*cannot be refused with GrantedQoS1*' }
        @{ call = 'RefuseMessage(Banned)'; script = { $broker.RefuseMessage('a', 'Banned') }; says = '*cannot be refused with Banned*' }
        @{ call = 'DropAcknowledgement(Publish)'; script = { $broker.DropAcknowledgement('Publish') }; says = '*Publish*PubAck*' }
        @{ call = 'DropAcknowledgement(99)'; script = { $broker.DropAcknowledgement(99) }; says = '*99*' }
        @{ call = 'a count of -1'; script = { $broker.DropAcknowledgement('PubAck', -1) }; says = '*1 or more*' }
        @{ call = 'an empty client identifier'; script = { $broker.GoSilent('') }; says = '*Say which clients*' }
        @{ call = 'cutting off an empty client identifier'; script = { $broker.CutOff('') }; says = '*Say which clients*' }
        @{ call = 'a delay of 0'; script = { $broker.DelayAcknowledgement('PubAck', 0) }; says = '*in seconds*' }
        @{ call = 'cutting off nobody'; script = { $broker.CutOff('nobody') }; says = "*No client 'nobody' is connected*" }
        @{ call = 'disconnecting with Success'; script = { $broker.DisconnectClient('*', 'Success') }; says = '*cannot be disconnected with Success*' }
    ) {
        $thrown = $script | Should -Throw $says -PassThru
        "$thrown" | Should -Not -Match '\(Parameter '
        $broker.Faults.Count | Should -Be 0
    }

    It 'cut off nobody by a wildcard without a word' { $broker.CutOff() | Should -Be 0 }
}
