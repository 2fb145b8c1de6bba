# No password is in anything that a user, a log or a support ticket may get to see.

Describe 'secrets' {
    BeforeAll {
        . "$PSScriptRoot/TestSetup.ps1"
        . "$PSScriptRoot/Peers.ps1"

        $word = 'Xq7vB2pL9w'
        $secure = [securestring]::new()
        $word.ToCharArray().ForEach({ $secure.AppendChar($_) })
        $credential = [pscredential]::new('somebody', $secure)
        $wrong = [pscredential]::new('nobody', $secure)
        $broker = Start-MqttBroker -Credential $credential
        $folder = [IO.Directory]::CreateTempSubdirectory('psmqtt').FullName
        $trace = "$folder/trace.log"

        # Refuses every tunnel, after it was shown the proxy's password.
        $proxy = New-Peer
        $inUri = @{ Server = "mqtt://somebody:$word@127.0.0.1:$($broker.Port)" }
        $runs = [Collections.Generic.List[object]]::new()
        $errors = [Collections.Generic.List[object]]::new()

        # Everything that a run writes, on every stream, and the error that ends it.
        function Add-Run([scriptblock] $Run) {
            # Every word that PowerShell can be made to say.
            $VerbosePreference = $DebugPreference = $WarningPreference = $InformationPreference = 'Continue'
            $ErrorActionPreference = 'Stop'
            try { . $Run *>&1 | ForEach-Object { $runs.Add($_) } }
            catch { $errors.Add($_) }
        }

        $option = New-MqttConnectionOption -TracePath $trace
        Add-Run {
            $connection = Connect-Mqtt @inUri -Option $option -ClientId in-uri
            $connection
            $subscription = Register-MqttSubscription secret/#
            $subscription
            Send-MqttMessage secret/topic text -QoS 1 -PassThru
            Receive-MqttMessage -Subscription $subscription -Count 1 -TimeoutSeconds 20
            $connection.Client.Options
            $connection.Client.Options.Servers
            $connection.Client.ConnectResult
            Disconnect-Mqtt $connection
        }
        Add-Run {
            Connect-Mqtt "127.0.0.1:$($broker.Port)" -Credential $credential -Option $option -ClientId by-credential
            (Get-MqttConnection).Client.Options.Credential
            Get-MqttConnection | Disconnect-Mqtt
        }
        $accepted = $errors.Count -eq 0
        # Refused: by the broker, for what the URI is, for where it leads, by the way.
        Add-Run { Connect-Mqtt "127.0.0.1:$($broker.Port)" -Credential $wrong -Option $option -NoReconnect }
        Add-Run { $server = "mqtt://nobody:$word@127.0.0.1:$($broker.Port)"; Connect-Mqtt $server -Option $option -NoReconnect }
        Add-Run { $server = "mqtt://somebody:$word@127.0.0.1:99999"; Connect-Mqtt $server -Option $option }
        Add-Run { $server = "mqtt://somebody:$word@bad host"; Connect-Mqtt $server -Option $option }
        Add-Run { $server = "mqtts://somebody:$word@127.0.0.1:$($broker.Port)"; Connect-Mqtt $server -Option $option -TimeoutSeconds 10 }
        Add-Run { $server = "ws://somebody:$word@127.0.0.1:$($broker.Port)/?token=$word"; Connect-Mqtt $server -Option $option -TimeoutSeconds 10 }
        Add-Run { $server = "mqtt://somebody:$word@0.0.0.0:1"; Connect-Mqtt $server -Option $option -TimeoutSeconds 10 }
        Add-Run {
            $closed = New-Peer
            $port = $closed.LocalEndpoint.Port
            $closed.Stop()
            Connect-Mqtt @inUri -TimeoutSeconds 10 -Option (New-MqttConnectionOption -TracePath $trace -Proxy "http://somebody:$word@127.0.0.1:$port")
        }
        # Through a proxy that is there, and is shown the password before it refuses.
        $runspace = New-OtherRunspace
        $other = Start-Other $runspace '
            param($server, $proxy, $credential, $trace)
            $VerbosePreference = $DebugPreference = "Continue"
            try { Connect-Mqtt $server -TimeoutSeconds 20 -Option (New-MqttConnectionOption -TracePath $trace -Proxy $proxy -ProxyCredential $credential) *>&1 }
            catch { $_ }' $inUri.Server, "http://127.0.0.1:$($proxy.LocalEndpoint.Port)", $credential, $trace
        $stream = Get-PeerClient $proxy
        $request = [Text.StringBuilder]::new()
        while (-not $request.ToString().EndsWith("`r`n`r`n")) { $null = $request.Append([char] (Read-PeerBytes $stream 1)[0]) }
        Write-PeerBytes $stream ([Text.Encoding]::ASCII.GetBytes("HTTP/1.1 407 Proxy Authentication Required`r`nContent-Length: 0`r`n`r`n"))
        foreach ($item in Wait-Other $other) { if ($item -is [Management.Automation.ErrorRecord]) { $errors.Add($item) } else { $runs.Add($item) } }
        $runspace.Dispose()
        $shown = @(foreach ($item in $runs) { "$item"; $item | Format-List * -Force | Out-String -Width 4000 }) -join "`n"
        $failed = @(foreach ($item in $errors) {
                "$item $($item.Exception) $($item.TargetObject) $($item.ErrorDetails) $($item.Exception.Data.Values)"
                $item, $item.Exception | Format-List * -Force | Out-String -Width 4000
            }) -join "`n"
        $traced = [IO.File]::ReadAllText($trace)
    }

    AfterAll {
        Get-MqttConnection | Disconnect-Mqtt
        $broker | Stop-MqttBroker
        $proxy.Stop()
        [IO.Directory]::Delete($folder, $true)
    }

    It 'were used: two runs were accepted, the others failed each in its own way' {
        $accepted | Should -BeTrue
        $errors.Count | Should -Be 9
        foreach ($id in 'MqttBadCredentials', 'MqttInvalidServer', 'MqttPeerSpeaksNoTls', 'MqttProxyRefused', 'MqttProxyAuthenticationRequired') {
            $errors.FullyQualifiedErrorId | Should -Contain "$id,PSMqtt.Commands.ConnectMqttCommand"
        }
        # The proxy was shown it.
        $request.ToString() | Should -BeLike "*Proxy-Authorization: Basic $([Convert]::ToBase64String([Text.Encoding]::ASCII.GetBytes("somebody:$word")))*"
    }

    It 'are not in what was written, on any stream, with -Verbose and -Debug' {
        $shown | Should -BeLike '*Connected to*secret/topic*unencrypted*'
        $shown | Should -Not -BeLike "*$word*"
    }

    It 'are not in any error, nor in its exceptions' {
        $failed | Should -BeLike '*MqttConnectException*'
        $failed | Should -Not -BeLike "*$word*"
    }

    It 'are not in the trace' {
        $traced | Should -BeLike '*-> CONNECT*-> PUBLISH*-> DISCONNECT*'
        $traced | Should -Not -BeLike "*$word*"
    }

    It 'are in none of these in another form: <_>' -ForEach 'Base64', 'hexadecimal' {
        $bytes = [Text.Encoding]::UTF8.GetBytes($word)
        $forms = if ($_ -eq 'Base64') { [Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes("somebody:$word")), [Convert]::ToBase64String($bytes) }
        else { [Convert]::ToHexString($bytes), [BitConverter]::ToString($bytes), ($bytes -join ' ') }
        foreach ($form in $forms) { "$shown$failed$traced" | Should -Not -BeLike "*$form*" }
    }
}
