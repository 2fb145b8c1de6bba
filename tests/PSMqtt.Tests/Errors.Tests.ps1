# What every error has, and what -ErrorAction does about it.

Describe 'errors' {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        . "$PSScriptRoot/Peers.ps1"
        $broker = Start-MqttBroker
        $main = Connect-Mqtt $broker.Uri -Name main
        $queue = Register-MqttSubscription errors/queue -Connection main
        $folder = [IO.Directory]::CreateDirectory([IO.Path]::Combine([IO.Path]::GetTempPath(), "psmqtt-$([guid]::NewGuid().ToString('N'))")).FullName
        $noPem = "$folder/no.pem"
        [IO.File]::WriteAllText($noPem, 'text')
        $silent = New-Peer
        $free = New-Peer
        $nowhere = Get-PeerUri $free
        $free.Stop()

        # A broker of the test's own, whose faults touch nobody else.
        function New-Faulty([scriptblock] $Fault, [hashtable] $With = @{}) {
            $script:faulty = Start-MqttBroker
            $null = & $Fault $script:faulty
            if ($With.Connect) { $null = Connect-Mqtt $script:faulty.Uri -Name faulty }
            $script:faulty.Uri
        }
    }

    AfterEach {
        Get-MqttConnection | Where-Object { $_.Name -ne 'main' } | Disconnect-Mqtt -TimeoutSeconds 1 -WarningAction SilentlyContinue
        if ($script:faulty) { $script:faulty | Stop-MqttBroker; $script:faulty = $null }
    }

    AfterAll {
        Get-MqttConnection | Disconnect-Mqtt
        Get-MqttBroker | Stop-MqttBroker
        $silent.Stop()
        [IO.Directory]::Delete($folder, $true)
    }

    It 'has an identifier, a category, a target and an advice of its own: <id>' -ForEach @(
        @{ id = 'MqttConnectionRefused'; run = { Connect-Mqtt $nowhere } }
        @{ id = 'MqttConnectionRefused'; run = { Send-MqttMessage t x -Server $nowhere } }
        @{ id = 'MqttConnectionRefused'; run = { 'x' | Send-MqttMessage -Topic t -Server $nowhere } }
        @{ id = 'MqttNoResponse'; run = { Connect-Mqtt (Get-PeerUri $silent) -TimeoutSeconds 2 } }
        @{ id = 'MqttConnectRefused'; run = { Connect-Mqtt (New-Faulty { $args[0].RefuseConnection('ServerBusy') }) } }
        @{ id = 'MqttBadCredentials'; run = { Connect-Mqtt (New-Faulty { $args[0].RefuseConnection('NotAuthorized') }) } }
        @{ id = 'MqttClientIdRefused'; run = { Connect-Mqtt (New-Faulty { $args[0].RefuseConnection('ClientIdentifierNotValid') }) -ClientId x } }
        @{ id = 'MqttCredentialScriptFailed'; run = { Connect-Mqtt $broker.Uri -CredentialScript { throw 'no vault' } } }
        @{ id = 'MqttCredentialScriptFailed'; run = { Connect-Mqtt $broker.Uri -CredentialScript { $Host.UI.WriteErrorLine(''); $PSCmdlet.WriteError($null) } } }
        @{ id = 'MqttCredentialScriptFailed'; run = { Connect-Mqtt $broker.Uri -CredentialScript { 'a text' } } }
        @{ id = 'MqttAuthenticationScriptFailed'; run = { Connect-Mqtt $broker.Uri -Option (New-MqttConnectionOption -AuthenticationMethod m -AuthenticationScript { throw 'no key' }) } }
        @{ id = 'MqttPublishRejected'; run = { $null = New-Faulty { $args[0].RefuseMessage('#', 'QuotaExceeded') } @{ Connect = 1 }; Send-MqttMessage t x -QoS 1 -Connection faulty } }
        @{ id = 'MqttSubscribeRejected'; run = { $null = New-Faulty { $args[0].RefuseFilter('#', 'NotAuthorized') } @{ Connect = 1 }; Register-MqttSubscription '#' -Connection faulty } }
        @{ id = 'MqttSubscribeRejected'; run = { $null = New-Faulty { $args[0].RefuseFilter('#', 'NotAuthorized') } @{ Connect = 1 }; Receive-MqttMessage '#' -Connection faulty } }
        @{ id = 'MqttSendTimeout'; run = { $null = New-Faulty { $args[0].DropAcknowledgement('PubAck') } @{ Connect = 1 }; Send-MqttMessage t x -QoS 1 -TimeoutSeconds 0.1 -Connection faulty } }
        @{ id = 'MqttSubscribeTimeout'; run = { $null = New-Faulty { $args[0].DropAcknowledgement('SubAck') } @{ Connect = 1 }; Register-MqttSubscription t -TimeoutSeconds 0.1 -Connection faulty } }
        @{ id = 'MqttUnsubscribeTimeout'; run = {
                $null = New-Faulty { $args[0].DropAcknowledgement('UnsubAck') } @{ Connect = 1 }
                Register-MqttSubscription t -Connection faulty | Unregister-MqttSubscription -TimeoutSeconds 0.1
            }
        }
        @{ id = 'MqttReceiveTimeout'; run = { Receive-MqttMessage -Subscription $queue -Count 1 -TimeoutSeconds 0 } }
        @{ id = 'MqttReceiveTimeout'; run = { Receive-MqttMessage errors/none -Until { $true } -TimeoutSeconds 0.1 -Connection main } }
        @{ id = 'MqttReceiveTimeout'; run = { Receive-MqttMessage -Count 1 -TimeoutSeconds 0.1 -Connection main } }
        @{ id = 'MqttRequestTimeout'; run = { Invoke-MqttRequest errors/nobody x -TimeoutSeconds 1 -Connection main } }
        @{ id = 'MqttConnectionLost'; run = {
                $null = New-Faulty { } @{ Connect = 0 }
                $null = Connect-Mqtt $script:faulty.Uri -Name faulty -NoReconnect
                $there = Register-MqttSubscription t -Connection faulty
                $null = $script:faulty.CutOff()
                Receive-MqttMessage -Subscription $there -Count 1 -Connection faulty
            }
        }
        @{ id = 'MqttSubscriptionEnded'; run = {
                $ended = Register-MqttSubscription errors/ended -Connection main
                $ended | Unregister-MqttSubscription
                Receive-MqttMessage -Subscription $ended -Count 1
            }
        }
        @{ id = 'MqttNoCurrentConnection'; run = { Send-MqttMessage t x } }
        @{ id = 'MqttNoCurrentConnection'; run = { 'x' | Send-MqttMessage -Topic t } }
        @{ id = 'MqttNoCurrentConnection'; run = { Receive-MqttMessage t } }
        @{ id = 'MqttNoCurrentConnection'; run = { Register-MqttSubscription t } }
        @{ id = 'MqttNoCurrentConnection'; run = { Get-MqttSubscription } }
        @{ id = 'MqttNoCurrentConnection'; run = { Unregister-MqttSubscription -Topic t } }
        @{ id = 'MqttNoCurrentConnection'; run = { Invoke-MqttRequest t x } }
        @{ id = 'MqttNoCurrentConnection'; run = { New-MqttMessage a b | Confirm-MqttMessage } }
        @{ id = 'MqttNoCurrentConnection'; run = { Disconnect-Mqtt } }
        @{ id = 'MqttConnectionNotFound'; run = { Send-MqttMessage t x -Connection nowhere } }
        @{ id = 'MqttConnectionNotFound'; run = { Get-MqttConnection nowhere } }
        @{ id = 'MqttConnectionNameInUse'; run = { Connect-Mqtt $broker.Uri -Name main } }
        @{ id = 'MqttNotConnected'; run = { $gone = Connect-Mqtt $broker.Uri -Name gone; Disconnect-Mqtt gone; Send-MqttMessage t x -Connection $gone } }
        @{ id = 'MqttNotConnected'; run = { $null = Connect-Mqtt $nowhere -NoWait -Name later; Send-MqttMessage t x -Connection later } }
        @{ id = 'MqttPublishQueueFull'; run = {
                $null = Connect-Mqtt $nowhere -NoWait -Name later -Option (New-MqttConnectionOption -PublishQueueLimit 1)
                Send-MqttMessage t x -QoS 1 -NoWait -Connection later
                Send-MqttMessage t x -QoS 1 -NoWait -Connection later
            }
        }
        @{ id = 'MqttInvalidServer'; run = { Connect-Mqtt 'http://x' } }
        @{ id = 'MqttInvalidOption'; run = { Disconnect-Mqtt main -WithWill -ReasonCode ServerBusy } }
        @{ id = 'MqttInvalidOption'; run = { Send-MqttMessage t x -Server $nowhere -Connection main } }
        @{ id = 'MqttInvalidOption'; run = { Receive-MqttMessage -Server $nowhere } }
        @{ id = 'MqttInvalidOption'; run = { New-MqttConnectionOption -ProxyCredential ([pscredential]::new('a', [securestring]::new())) } }
        @{ id = 'MqttInvalidOption'; run = { Start-MqttBroker -CertificateKey x } }
        @{ id = 'MqttClientIdRequired'; run = { Connect-Mqtt $nowhere -PersistentSession } }
        @{ id = 'MqttRequiresTls'; run = { Connect-Mqtt $nowhere -SkipCertificateCheck } }
        @{ id = 'MqttRequiresMqtt5'; run = { Connect-Mqtt $nowhere -ProtocolVersion 3.1.1 -SessionExpiry 1 } }
        @{ id = 'MqttRequiresMqtt5'; run = { $null = Connect-Mqtt $broker.Uri -ProtocolVersion 3.1.1 -Name old; Send-MqttMessage t x -ContentType y -Connection old } }
        @{ id = 'MqttResponseTopicRequired'; run = { $null = Connect-Mqtt $broker.Uri -ProtocolVersion 3.1.1 -Name old; Invoke-MqttRequest t x -Connection old } }
        @{ id = 'MqttInvalidTopic'; run = { Send-MqttMessage a/# x -Connection main } }
        @{ id = 'MqttInvalidTopic'; run = { New-MqttMessage a/# x } }
        @{ id = 'MqttInvalidTopicFilter'; run = { Register-MqttSubscription a/#/b -Connection main } }
        @{ id = 'MqttInvalidTopicFilter'; run = { Test-MqttTopic a a/#/b } }
        @{ id = 'MqttTopicRequired'; run = { Send-MqttMessage -Payload x -Connection main } }
        @{ id = 'MqttTopicRequired'; run = { $null | Send-MqttMessage -Connection main } }
        @{ id = 'MqttTopicRequired'; run = { Test-MqttTopic } }
        @{ id = 'MqttInvalidMessage'; run = { [pscustomobject] @{ Topic = 't'; Payload = 'x'; QoS = 7 } | Send-MqttMessage -Connection main } }
        @{ id = 'MqttInvalidReasonCode'; run = { New-MqttMessage a b | Confirm-MqttMessage -ReasonCode ServerMoved -Connection main } }
        @{ id = 'MqttMessageOfOtherConnection'; run = {
                $null = Connect-Mqtt $broker.Uri -Name elsewhere
                $manual = Register-MqttSubscription errors/manual -ManualAcknowledge -Connection main
                Send-MqttMessage errors/manual x -QoS 1 -Connection main
                Receive-MqttMessage -Subscription $manual -Count 1 -TimeoutSeconds 30 | Confirm-MqttMessage -Connection elsewhere
            } }
        @{ id = 'MqttPayloadNotJson'; run = { Send-MqttMessage errors/queue 'no JSON' -QoS 1 -Connection main; Receive-MqttMessage -Subscription $queue -Count 1 -As Json -TimeoutSeconds 30 } }
        @{ id = 'MqttFileNotFound'; run = { Send-MqttMessage t -LiteralPath "$folder/none" -Connection main } }
        @{ id = 'MqttFileNotFound'; run = { Send-MqttMessage t -Path "$folder/none" -Connection main } }
        @{ id = 'MqttNoSubscription'; run = { $null = Connect-Mqtt $broker.Uri -Name bare; Receive-MqttMessage -Connection bare } }
        @{ id = 'MqttSubscriptionNotFound'; run = { Unregister-MqttSubscription -Topic none -Connection main } }
        @{ id = 'MqttSubscriptionNotFound'; run = { Get-MqttSubscription none -Connection main } }
        @{ id = 'MqttCertificateFileNotFound'; run = { Connect-Mqtt mqtts://localhost:1 -CACertificate "$folder/none.pem" } }
        @{ id = 'MqttNotACertificate'; run = { Connect-Mqtt mqtts://localhost:1 -CACertificate $noPem } }
        @{ id = 'MqttSessionInvalid'; run = { [IO.File]::WriteAllText("$folder/session.log", 'something else'); Connect-Mqtt $nowhere -SessionPath $folder } }
        @{ id = 'MqttSessionNotFound'; run = { Get-MqttOutbox "$folder/none" } }
        @{ id = 'MqttBrokerNotFound'; run = { Get-MqttBroker nowhere } }
        @{ id = 'MqttBrokerPortInUse'; run = { Start-MqttBroker -Port $broker.Port } }
        @{ id = 'MqttBrokerNameInUse'; run = { Start-MqttBroker -Name $broker.Name } }
        @{ id = 'MqttBrokerAmbiguous'; run = { $null = New-Faulty { }; Stop-MqttBroker } }
    ) {
        # No current connection.
        $null = Connect-Mqtt $broker.Uri -Name brief
        Disconnect-Mqtt brief
        $ErrorActionPreference = 'Stop'
        $problem = $null
        try { $null = & $run } catch { $problem = $_ }
        $problem.FullyQualifiedErrorId | Should -BeLike "$id,PSMqtt.Commands.*Command"
        [string] $problem.CategoryInfo.Category | Should -Not -Be 'NotSpecified'
        # One that is empty is there all the same.
        $null -eq $problem.TargetObject | Should -BeFalse
        $advice = $problem.ErrorDetails.RecommendedAction
        $advice | Should -Match '^\S.*\.$'
        $said = "$problem"
        foreach ($sentence in $advice -split '(?<=[.:;]) ') { $said.Contains($sentence.TrimEnd('.')) | Should -BeFalse -Because "the message says '$sentence' already" }
    }

    It 'has the script block''s own error as its inner exception: <parameter>' -ForEach @(
        @{ parameter = '-CredentialScript'; connect = { Connect-Mqtt $broker.Uri -CredentialScript { throw [InvalidOperationException]::new('no vault') } } }
        @{ parameter = '-AuthenticationScript'; connect = {
                Connect-Mqtt $broker.Uri -Option (New-MqttConnectionOption -AuthenticationMethod m -AuthenticationScript { throw [InvalidOperationException]::new('no vault') })
            }
        }
    ) {
        $ErrorActionPreference = 'Stop'
        try { $null = & $connect } catch { $problem = $_ }
        "$problem" | Should -Be "The script block of $parameter failed: no vault"
        $problem.Exception.GetBaseException().GetType().Name | Should -Be 'InvalidOperationException'
    }

    It 'ends on Ctrl+C while a script block sits in a call of .NET' {
        $runspace = New-OtherRunspace
        [Environment]::SetEnvironmentVariable('PSMQTT_TEST_ASKED', $null)
        try {
            $script = '
                param($uri)
                Connect-Mqtt $uri -CredentialScript {
                    [Environment]::SetEnvironmentVariable("PSMQTT_TEST_ASKED", "yes")
                    [Threading.Thread]::Sleep(120000)
                    [Environment]::SetEnvironmentVariable("PSMQTT_TEST_ASKED", "slept")
                }'
            $connecting = Start-Other $runspace $script $broker.Uri
            while (-not [Environment]::GetEnvironmentVariable('PSMQTT_TEST_ASKED')) { $null = [Threading.Thread]::Yield() }
            Stop-Other $connecting | Should -Be 'Stopped'
            # It did not wait for the script block, which nothing can end.
            [Environment]::GetEnvironmentVariable('PSMQTT_TEST_ASKED') | Should -Be 'yes'
        }
        finally {
            $runspace.Dispose()
            [Environment]::SetEnvironmentVariable('PSMQTT_TEST_ASKED', $null)
        }
    }

    It 'shows LastError as a sentence, without how it came about' {
        $later = Connect-Mqtt $nowhere -NoWait -Name later
        while (-not $later.LastError) { $null = [Threading.Thread]::Yield() }
        foreach ($text in ($later.LastError | Out-String -Width 200), ($later | Format-List LastError | Out-String -Width 200)) {
            $text | Should -Match 'refused the connection'
            $text | Should -Not -Match '(?m)^ *at |StackTrace'
        }
        $later.LastError.ToString() | Should -Match 'refused the connection'
        $later.LastError.StackTrace | Should -Match 'PSMqtt'
    }

    It 'is quiet with -ErrorAction SilentlyContinue, and the script goes on: <name>' -ForEach @(
        @{ name = 'a server that is not there'; run = { Connect-Mqtt $nowhere -ErrorAction SilentlyContinue } }
        @{ name = 'for one command alone'; run = { Send-MqttMessage t x -Server $nowhere -ErrorAction SilentlyContinue } }
        @{ name = 'no connection'; run = { Send-MqttMessage t x -ErrorAction SilentlyContinue } }
        @{ name = 'nothing to disconnect'; run = { Disconnect-Mqtt -ErrorAction SilentlyContinue } }
        @{ name = 'messages that do not come'; run = { Receive-MqttMessage errors/none -Count 1 -TimeoutSeconds 0.1 -Connection main -ErrorAction SilentlyContinue } }
        @{ name = 'a refused filter'; run = {
                $null = New-Faulty { $args[0].RefuseFilter('#', 'NotAuthorized') } @{ Connect = 1 }
                Register-MqttSubscription '#' -Connection faulty -ErrorAction SilentlyContinue
                Register-MqttSubscription '#' -Connection faulty -Action { } -ErrorAction SilentlyContinue
            }
        }
    ) {
        $null = Connect-Mqtt $broker.Uri -Name brief
        Disconnect-Mqtt brief
        $went = & { . $run; 'on' } 2>&1
        $went | Should -Be 'on'
    }

    It 'goes on with the next server from the pipeline' {
        $servers = [pscustomobject] @{ Server = $nowhere }, [pscustomobject] @{ Server = $broker.Uri }
        $connections = $servers | Connect-Mqtt -ErrorAction SilentlyContinue -ErrorVariable problem
        @($connections).Count | Should -Be 1
        $connections.State | Should -Be 'Connected'
        $problem.FullyQualifiedErrorId | Should -Be 'MqttConnectionRefused,PSMqtt.Commands.ConnectMqttCommand'
    }

    It 'ends a pipeline that has nowhere to send its input' {
        $null = Connect-Mqtt $broker.Uri -Name brief
        Disconnect-Mqtt brief
        $made = [Collections.Generic.List[int]]::new()
        { 1..1000 | ForEach-Object { $made.Add($_); $_ } | Send-MqttMessage -Topic t } | Should -Throw -ErrorId 'MqttNoCurrentConnection,*'
        $made.Count | Should -Be 0
    }

    It 'says that there is no connection, with every command that follows a Connect-Mqtt that has failed' {
        $runspace = New-OtherRunspace
        try {
            $script = '
                param($uri)
                $ErrorActionPreference = "SilentlyContinue"
                Connect-Mqtt $uri
                Send-MqttMessage t x
                Register-MqttSubscription t
                Receive-MqttMessage t -Count 1
                $found = @($Error)
                $Error.Clear()
                $found.ForEach({ "$_" })'
            $said = Wait-Other (Start-Other $runspace $script $nowhere)
            $said.Count | Should -Be 4
            $said[0..2] | Should -Be (@('There is no connection. Connect to a broker first: Connect-Mqtt <server>.') * 3)
        }
        finally { $runspace.Dispose() }
    }

    It 'names the subscription that holds up the connection: <name>' -ForEach @(
        @{ name = 'Receive-MqttMessage'; id = 'MqttReceiveTimeout'; run = { Receive-MqttMessage errors/other -Count 1 -TimeoutSeconds 1 -Connection held } }
        @{ name = 'Invoke-MqttRequest'; id = 'MqttRequestTimeout'; run = { Invoke-MqttRequest errors/nobody x -TimeoutSeconds 1 -Connection held } }
    ) {
        $held = Connect-Mqtt $broker.Uri -Name held -Option (New-MqttConnectionOption -ReceiveMaximum 2)
        $null = Register-MqttSubscription errors/unread -Name unread -Connection held
        1..5 | Send-MqttMessage errors/unread -QoS 1 -Connection main
        while (-not $held.BlockedBy) { $null = [Threading.Thread]::Yield() }
        $problem = $null
        try { $null = & { $ErrorActionPreference = 'Stop'; . $run 3>$null } } catch { $problem = $_ }
        $problem.FullyQualifiedErrorId | Should -BeLike "$id,*"
        "$problem" | Should -BeLike "*'held' is held up by its subscription 'unread'*"
    }
}
